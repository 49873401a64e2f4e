r"""Abundances in chemical equilibrium, of temperature, pressure, metallicity and C/O.

A Gibbs minimiser takes milliseconds a point and has no gradients, so its answers are tabulated
(:mod:`exosk.simulators.embedded.build`, with easychem: Lei & Molliere 2024, arXiv:2410.21364) and
log10 mixing ratios are interpolated linearly in :math:`1/T`, :math:`\log P`, :math:`\log Z` and
:math:`\log(\mathrm{C/O})`: between changes of regime an equilibrium abundance is close to a power
law in P, Z and C/O and to an exponential in 1/T.

All elements but H and He are scaled by the metallicity from solar (Asplund et al. 2009); then
oxygen is set to carbon over C/O, so that carbon stays and a low C/O means more oxygen (easychem's
and petitRADTRANS's convention). Condensates (silicates, iron, Na2S, KCl, water, ...) take their
elements out of the gas where they are stable, without rainout: layers know nothing of each other.

Between nodes, at 1500 random points of 100-2900 K, 1e-8-30 bar, the whole range of metallicity and
C/O of 0.1-1.6, abundances above 1e-8 err by 0.004 dex in the median and by less than 0.08 dex in 95
cases of 100. The others lie where CO gives way to CH4 or a condensate appears, whose corners the
table cuts off; the worst, by up to a dex, where C/O crosses the point at which H2O, CO2 and O2 fall
by orders of magnitude (1, or less down to 0.74 where silicates condense).

A model that fills up with H2 and He knows neither atomic hydrogen nor gases beyond those wanted (N2
above all). Its mean molecular mass is then too high by a fifth at 2000 K and 10 ubar, by four
fifths at 2500 K there, and too low by 5-18 % at 100 times solar metallicity (2-9 % at 30 times).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from exosk.exceptions import RangeError
from exosk.simulators.equilibrium_table import EquilibriumTable, load_equilibrium_table

__all__ = ["EquilibriumChemistry"]

# How far a value may lie outside the table by rounding alone, relative to it.
_SLACK = 1e-9


class EquilibriumChemistry:
    """log10 volume mixing ratios of a gas in chemical equilibrium.

    Batched and differentiable with respect to temperature, ``log_metallicity`` and ``c_o_ratio``.

    Parameters
    ----------
    molecules : sequence of str
        Species wanted, of :attr:`EquilibriumTable.species`; ``"H2"``, ``"He"`` and ``"H"`` are
        there too.
    pressure_range : tuple of float, optional
        Top and bottom of the atmosphere, in bar.
    table : EquilibriumTable, optional
        The one that comes with exosk by default.
    device : torch.device or str, default="cpu"
        Where tensors live.

    Attributes
    ----------
    molecules : tuple of str
        As the table spells them.
    ranges : dict of str to tuple of float
        What the table covers: ``temperature`` (K), ``pressure`` (bar), ``log_metallicity``,
        ``c_o_ratio``.

    Raises
    ------
    UnknownNameError
        If the table lacks a species.
    RangeError
        If the atmosphere reaches beyond its pressures.
    """

    #: Parameters that it needs.
    names = ("log_metallicity", "c_o_ratio")

    def __init__(
        self,
        molecules: Sequence[str],
        pressure_range: tuple[float, float] | None = None,
        *,
        table: EquilibriumTable | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        table = load_equilibrium_table() if table is None else table
        places = [table.index(name) for name in molecules]
        self.molecules = tuple(table.species[k] for k in places)
        self.ranges = {n: (float(x[0]), float(x[-1])) for n, x in table.axes.items()}
        if pressure_range is not None:
            self._refuse("pressure", np.array(pressure_range), " bar", "")
        self.provenance = dict(table.provenance)
        self._shape = table.log_x.shape[1:]
        cube = np.moveaxis(table.log_x[places], 0, -1).astype(float)
        self._rows = torch.tensor(cube.reshape(-1, len(places)), device=device)
        # Ascending, as a search needs them: 1/T with its sign turned.
        self._nodes = [
            torch.tensor(nodes, dtype=torch.float64, device=device)
            for nodes in (
                -1 / table.axes["temperature"],
                np.log10(table.axes["pressure"]),
                table.axes["log_metallicity"],
                np.log10(table.axes["c_o_ratio"]),
            )
        ]

    def __call__(
        self,
        value: Mapping[str, torch.Tensor],
        pressure: torch.Tensor,
        temperature: torch.Tensor,
    ) -> torch.Tensor:
        """Interpolate.

        Beyond the table the nearest abundance is returned: :meth:`check` refuses such values.

        Parameters
        ----------
        value : mapping of str to tensor of shape (n,)
            ``log_metallicity`` and ``c_o_ratio``.
        pressure : tensor of shape (n_levels,)
            In bar.
        temperature : tensor of shape (n, n_levels) or (n, 1)
            In K.

        Returns
        -------
        tensor of shape (n, n_levels, n_molecules), float64
            log10 mixing ratios among the gases, at least -14.
        """
        places = torch.broadcast_tensors(
            -1 / temperature.double(),
            pressure.double().log10(),
            value["log_metallicity"].double()[:, None],
            value["c_o_ratio"].double()[:, None].log10(),
        )
        first = torch.zeros(places[0].shape, dtype=torch.int64, device=self._rows.device)
        shares = []
        for place, nodes, size in zip(places, self._nodes, self._shape, strict=True):
            k = torch.searchsorted(nodes, place.detach().contiguous(), right=True) - 1
            k = k.clamp(0, size - 2)
            shares.append(((place - nodes[k]) / (nodes[k + 1] - nodes[k])).clamp(0, 1))
            first = first * size + k
        strides = [int(np.prod(self._shape[axis + 1 :])) for axis in range(4)]
        corners, weights = [], []
        for corner in itertools.product((0, 1), repeat=4):
            corners.append(first + sum(c * s for c, s in zip(corner, strides, strict=True)))
            weight = torch.ones_like(places[0])
            for upper, share in zip(corner, shares, strict=True):
                weight = weight * (share if upper else 1 - share)
            weights.append(weight)
        mixed = torch.nn.functional.embedding_bag(
            torch.stack(corners, -1).reshape(-1, 16),
            self._rows,
            per_sample_weights=torch.stack(weights, -1).reshape(-1, 16),
            mode="sum",
        )
        return mixed.reshape(*places[0].shape, len(self.molecules))

    def check(self, value: Mapping[str, Any], temperature: Any, first_row: int = 0) -> None:
        """Refuse what the table does not cover.

        Parameters
        ----------
        value : mapping of str to array-like of shape (n,)
            ``log_metallicity`` and ``c_o_ratio``.
        temperature : array-like of shape (n, n_levels) or (n, 1)
            In K.
        first_row : int, default=0
            Row of theta that the batch begins with, for messages.

        Raises
        ------
        RangeError
            Naming the parameter, its value, its row and the range.
        """
        for name in self.names:
            self._refuse(name, np.asarray(value[name]), "", " in row {row}", first_row)
        self._refuse("temperature", np.asarray(temperature), " K", " in row {row}", first_row)

    def _refuse(
        self, name: str, values: np.ndarray, unit: str, where: str, first_row: int = 0
    ) -> None:
        low, high = self.ranges[name]
        slack = _SLACK * max(abs(low), abs(high)) if low <= 0 else _SLACK * low
        outside = np.argwhere(~((values >= low - slack) & (values <= high * (1 + _SLACK) + slack)))
        if len(outside):
            found = values[tuple(outside[0])]
            place = where.format(row=first_row + int(outside[0][0]))
            raise RangeError(
                f"{name} = {found:g}{place} is outside {low:g} to {high:g}{unit}, the range of the "
                f"equilibrium chemistry; narrow its prior, or let abundances be free"
            )

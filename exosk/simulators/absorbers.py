"""Opacities as tensors, ready to be mixed for a batch of atmospheres.

The cross section of the mixture is interpolated linearly in log pressure. So it is enough to know
the mixture at some nodes of pressure, each at its own temperature and composition:
the slant columns are projected onto those (see :mod:`exosk.simulators.transmission`), and a batch
costs one small matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from exosk.exceptions import RangeError
from exosk.opacities import interpolation

if TYPE_CHECKING:
    from exosk.opacities import CollisionTable, OpacityTable

__all__ = [
    "NODES_PER_DECADE",
    "LineAbsorbers",
    "PairAbsorbers",
    "pressure_nodes",
    "pressure_weights",
]

# Base 2 throughout: torch.exp2 takes half the time of torch.exp, and does not slow down
# where the result underflows.
#: Nodes of pressure a decade: where nothing changes with height, where temperature does, and where
#: composition does, by steps of a tenth of a decade (some 3 ppm for a step of a thousandfold).
NODES_PER_DECADE = {"uniform": 2, "temperature": 5, "composition": 10}
# Points over which the interpolation's weights are averaged within a layer.
_POINTS_A_LAYER = 32
_LOG2_10 = math.log2(10.0)
# Far below any cross section that matters, and a normal float32: arithmetic on subnormal
# numbers is tens of times slower.
_LOG_TINY = math.log2(1e-37)


class LineAbsorbers(torch.nn.Module):
    """Cross sections of several species on one grid of temperature and pressure.

    Parameters
    ----------
    tables : sequence of OpacityTable
        With the same wavelengths and pressures.
    pressure : ndarray of shape (n_layers,)
        Where the mixture will be needed, in bar.
    samples : ndarray of bool, shape (n_table_wavelengths,)
        Which of the tables' wavelengths to keep.
    width : float, default=0
        ln P across a layer, over which the interpolation is averaged.

    Attributes
    ----------
    weights, slopes : tensor of shape (n_layers, n_pressures), float64
        What the layers take from each of the table's pressures that they need, and how that
        changes with ln P.
    pressure : tensor of shape (n_pressures,), float64
        Those pressures, in bar.
    temperature_range : tuple of float
        In K.
    """

    weights: torch.Tensor
    slopes: torch.Tensor
    pressure: torch.Tensor

    def __init__(
        self,
        tables: Sequence[OpacityTable],
        pressure: np.ndarray,
        samples: np.ndarray,
        width: float = 0.0,
    ) -> None:
        super().__init__()
        low = max(table.temperature[0] for table in tables)
        high = min(table.temperature[-1] for table in tables)
        self.temperature_range = (float(low), float(high))
        weights, slopes = pressure_weights(tables[0].pressure, pressure, width)
        used = np.flatnonzero(weights.any(axis=0))
        kept = slice(used[0], used[-1] + 1)
        self.register_buffer("weights", torch.from_numpy(weights[:, kept]))
        self.register_buffer("slopes", torch.from_numpy(slopes[:, kept]))
        self.register_buffer("pressure", torch.from_numpy(tables[0].pressure[kept].astype(float)))
        # Temperature leads, so that the two tables that bracket a temperature are two
        # contiguous blocks.
        for k, table in enumerate(tables):
            log_sigma = np.swapaxes(table.log_cross_section[kept][..., samples], 0, 1)
            log_sigma = np.maximum(log_sigma * np.float32(_LOG2_10), np.float32(_LOG_TINY))
            self.register_buffer(
                f"log_sigma_{k}", torch.from_numpy(np.ascontiguousarray(log_sigma))
            )
            self.register_buffer(
                f"inverse_temperature_{k}", torch.as_tensor(1 / table.temperature.astype(float))
            )
        self.n_species = len(tables)

    def forward(self, temperature: torch.Tensor, log_abundance: torch.Tensor) -> torch.Tensor:
        """Mix the species at the nodes of pressure.

        Parameters
        ----------
        temperature : tensor of shape (n, n_pressures) or (n, 1)
            In K, within the tables' range.
        log_abundance : tensor of shape (n, n_pressures, n_species) or (n, 1, n_species)
            log10 of the volume mixing ratios.

        Returns
        -------
        tensor of shape (n, n_pressures, n_wavelengths)
            Cross section per particle of the mixture, in cm^2.
        """
        abundance = torch.pow(10.0, log_abundance).to(torch.float32)
        mixed: torch.Tensor | None = None
        for k in range(self.n_species):
            sigma, share = self._one(k, temperature), abundance[:, :, k, None]
            mixed = sigma * share if mixed is None else mixed.addcmul_(sigma, share)
        if mixed is None:
            raise RangeError("at least one species is needed to mix")
        return mixed

    def _one(self, k: int, temperature: torch.Tensor) -> torch.Tensor:
        """Cross section of one species, interpolated in temperature."""
        table = getattr(self, f"log_sigma_{k}")
        n_pressures = table.shape[1]
        low, fraction = bracket(getattr(self, f"inverse_temperature_{k}"), 1 / temperature)
        if low.shape[1] == 1:
            table, rows, step = table.flatten(1), low.flatten(), 1
        else:
            own = torch.arange(n_pressures, device=low.device)
            table, step = table.flatten(0, 1), n_pressures
            rows = (low * n_pressures + own).flatten()
        fraction = fraction.to(torch.float32).flatten()
        # The weighted sum of the two rows that bracket a temperature, in one pass.
        log_sigma = torch.nn.functional.embedding_bag(
            torch.stack([rows, rows + step], -1),
            table,
            mode="sum",
            per_sample_weights=torch.stack([1 - fraction, fraction], -1),
        )
        return log_sigma.exp2_().view(len(low), n_pressures, -1)


class PairAbsorbers(torch.nn.Module):
    """Collision-induced absorption of several pairs, in 1/cm per amagat^2.

    Parameters
    ----------
    tables : sequence of CollisionTable
        With the same wavelengths; each may have its own temperatures.
    samples : ndarray of bool, shape (n_table_wavelengths,)
        Which of the tables' wavelengths to keep.
    """

    LOSCHMIDT = 2.686780111e19  # particles per cm^3 in one amagat (CODATA 2018)

    def __init__(self, tables: Sequence[CollisionTable], samples: np.ndarray) -> None:
        super().__init__()
        # In amagat the coefficient fits float32, which cm^5 does not.
        shift = 2 * math.log10(self.LOSCHMIDT)
        for k, table in enumerate(tables):
            log_alpha = (table.log_coefficient[:, samples].astype(float) + shift) * _LOG2_10
            self.register_buffer(f"log_alpha_{k}", torch.from_numpy(log_alpha.astype(np.float32)))
            self.register_buffer(f"inverse_temperature_{k}", torch.as_tensor(1 / table.temperature))
        self.n_pairs = len(tables)

    def forward(self, temperature: torch.Tensor, abundance: torch.Tensor) -> torch.Tensor:
        """Mix the pairs.

        Parameters
        ----------
        temperature : tensor of shape (n, n_pressures) or (n, 1)
            In K.
        abundance : tensor of shape (n, n_pressures, n_pairs) or (n, 1, n_pairs)
            Product of the volume mixing ratios of the two partners.

        Returns
        -------
        tensor of shape (n, n_pressures or 1, n_wavelengths)
            Absorption coefficient at one amagat, in 1/cm.
        """
        total: torch.Tensor | None = None
        for k in range(self.n_pairs):
            low, fraction = bracket(getattr(self, f"inverse_temperature_{k}"), 1 / temperature)
            table = getattr(self, f"log_alpha_{k}")
            weight = fraction.to(torch.float32)[:, :, None]
            alpha = torch.lerp(table[low], table[low + 1], weight).exp2()
            alpha = alpha * abundance[:, :, k, None].to(torch.float32)
            total = alpha if total is None else total + alpha
        if total is None:
            raise RangeError("at least one pair is needed to mix")
        return total


def bracket(nodes: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Find each value's place between descending nodes: left index and fraction from it."""
    low = (torch.searchsorted(-nodes, -values.detach(), right=True) - 1).clamp(0, len(nodes) - 2)
    fraction = (values - nodes[low]) / (nodes[low + 1] - nodes[low])
    return low, fraction


def pressure_nodes(pressure_range: tuple[float, float], per_decade: int = 2) -> np.ndarray:
    """Pressures between which cross sections are interpolated linearly, in bar.

    Two a decade where temperature and composition are constant: between a table's own decades, a
    cross section proportional to pressure would come out up to 74 % too large half-way, and
    depths up to 85 ppm; with half decades up to 20. Profiles need more.
    """
    top, bottom = pressure_range
    if not 0 < top < bottom:
        raise RangeError(f"need 0 < top < bottom pressure, got {top:g} to {bottom:g} bar")
    return np.geomspace(top, bottom, math.ceil(per_decade * math.log10(bottom / top)) + 1)


def pressure_weights(
    nodes: np.ndarray, pressure: np.ndarray, width: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of linear interpolation in log pressure, and their slopes.

    Parameters
    ----------
    nodes : ndarray of shape (n_nodes,)
        The tables' pressures, ascending, in bar.
    pressure : ndarray of shape (n_layers,)
        Where values are needed, in bar.
    width : float, default=0
        ln P across a layer: weights are averaged over it, because the interpolation has a kink
        at each node.

    Returns
    -------
    weights, slopes : ndarray of shape (n_layers, n_nodes)
        Rows of weights sum to one; slopes are their derivatives to ln P.
    """
    if pressure.min() < nodes[0] * (1 - 1e-9) or pressure.max() > nodes[-1] * (1 + 1e-9):
        raise RangeError(
            f"the atmosphere spans {pressure.min():.3g}-{pressure.max():.3g} bar but the opacity "
            f"tables {nodes[0]:.3g}-{nodes[-1]:.3g} bar; choose pressure_range within"
        )
    points = 1 if width == 0 else _POINTS_A_LAYER
    within = width * ((np.arange(points) + 0.5) / points - 0.5)
    log_pressure = (np.log(pressure)[:, None] + within).ravel()
    low, fraction = interpolation.bracket(np.log(nodes), log_pressure)
    weights, slopes = (np.zeros((log_pressure.size, len(nodes))) for _ in range(2))
    rows = np.arange(log_pressure.size)
    weights[rows, low] = 1 - fraction
    weights[rows, low + 1] += fraction
    slopes[rows, low + 1] = 1 / np.diff(np.log(nodes))[low]
    slopes[rows, low] = -slopes[rows, low + 1]
    weights, slopes = (a.reshape(len(pressure), points, -1).mean(1) for a in (weights, slopes))
    return weights, slopes

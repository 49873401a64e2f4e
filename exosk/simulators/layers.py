r"""The layers of an atmosphere, and integrals along lines of sight through them.

Shells are equally spaced in log pressure, and a ray passes through the middle of each. Within a
shell temperature is constant and density falls exponentially, which is integrated along the path
to second order of the layer's thickness in scale heights: the density at the middle of the
shell alone would overestimate the column where a ray only grazes its upper half (by several ppm
of depth at 100 layers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import special

from exosk.exceptions import RangeError
from exosk.simulators import atmosphere as hydro
from exosk.simulators.absorbers import PairAbsorbers
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["Layering", "Shells"]

_BAR = 1e6  # dyn cm^-2
_LN10 = math.log(10.0)
_LOG2_E = math.log2(math.e)
# Towards the top, where the atmosphere is cut off, columns fall as the root of the distance. The
# midpoint rule's sum over such an edge is -zeta(-1/2, 1/2) shells too large (Navot 1961, J. Math.
# Phys. 40, 271), which the last ray gives back.
_TOP_RAY = 1 - (1 / math.sqrt(2) - 1) * float(special.zeta(-0.5)) * math.sqrt(2)


class Shells(NamedTuple):
    """The layers of a batch of atmospheres, bottom first; lengths in cm.

    `scale` is (n, n_layers or 1), `potential` and `radius` (n, n_layers + 1) at the boundaries,
    `inverse_radius` (n, 1) at the reference pressure, `density` (n, n_layers) at the middles.
    """

    scale: torch.Tensor
    potential: torch.Tensor
    inverse_radius: torch.Tensor
    radius: torch.Tensor
    density: torch.Tensor


class Layering:
    """Shells equally spaced in log pressure.

    Parameters
    ----------
    n_layers : int
        Number of shells, at least 2.
    pressure_range : tuple of float
        Top and bottom, in bar; opaque below the bottom.
    reference_pressure : float
        Where the radius is the planet's, in bar.
    device : torch.device
        Where tensors live.

    Raises
    ------
    RangeError
        If there are too few layers or the reference pressure is not positive.
    """

    def __init__(
        self,
        n_layers: int,
        pressure_range: tuple[float, float],
        reference_pressure: float,
        device: torch.device,
    ) -> None:
        if not (n_layers >= 2 and reference_pressure > 0):
            raise RangeError(
                f"need at least 2 layers and a positive reference pressure; got {n_layers} layers "
                f"and {reference_pressure:g} bar"
            )

        def tensor(values: Any) -> torch.Tensor:
            return torch.as_tensor(values, dtype=torch.float64, device=device)

        top, bottom = pressure_range
        levels = np.geomspace(bottom, top, n_layers + 1)
        self.pressure = np.sqrt(levels[1:] * levels[:-1])
        self._pressure = tensor(self.pressure)
        self._log_levels = tensor(np.log(levels))
        self._log_reference = math.log(reference_pressure)
        mean, variance = hydro.path_moments(n_layers, math.log(bottom / top) / n_layers)
        # Averages of exp(-y), exp(-2y) and y exp(-y), to second order in y.
        second = mean**2 + variance
        cut = np.ones_like(mean)
        cut[-1, -1] = _TOP_RAY
        self._mean_density = tensor(cut * (1 - mean + second / 2))
        self._mean_square = tensor(cut * (1 - 2 * mean + 2 * second))
        self._mean_shift = tensor(cut * (mean - second))

    def shells(
        self,
        temperature: torch.Tensor,
        molecular_mass: torch.Tensor,
        value: Mapping[str, torch.Tensor],
    ) -> Shells:
        """Lay out atmospheres in hydrostatic equilibrium.

        Parameters
        ----------
        temperature : tensor of shape (n, n_layers) or (n, 1)
            In K.
        molecular_mass : tensor of shape (n, n_layers) or (n, 1)
            Mean mass of a particle, in g.
        value : mapping of str to tensor of shape (n,)
            ``planet_mass`` and ``planet_radius``, in Jupiter's.
        """
        planet_mass = (value["planet_mass"] * JUPITER_MASS)[:, None]
        scale = hydro.inverse_scale(temperature, molecular_mass, planet_mass)
        potential = hydro.potential(scale, self._log_levels, self._log_reference)
        inverse = 1 / (value["planet_radius"] * JUPITER_RADIUS)[:, None]
        density = self._pressure * _BAR / (hydro.BOLTZMANN * temperature)
        return Shells(scale, potential, inverse, 1 / (inverse + potential), density)

    def columns(
        self,
        shells: Shells,
        weights: torch.Tensor,
        slopes: torch.Tensor,
        *,
        one_pair_column: bool,
    ) -> torch.Tensor:
        """Columns to multiply cross sections with, in 1/cm^2.

        Parameters
        ----------
        shells : Shells
            Of n atmospheres.
        weights, slopes : tensor of shape (n_layers, n_nodes)
            What the layers take from each node of pressure, and its derivative to ln P.
        one_pair_column : bool
            Whether the absorption of pairs is the same at all nodes.

        Returns
        -------
        tensor of shape (n, n_layers, n_columns), float32
            For the nodes, then for pairs (one or all nodes, per amagat squared). Scaled so that 2
            to the power of their product with the cross sections is the transmission.
        """
        path = hydro.slant_paths(shells.radius) * (-_LOG2_E * shells.density[:, None, :])
        lines = (path * self._mean_density) @ weights - (path * self._mean_shift) @ slopes
        density = shells.density / PairAbsorbers.LOSCHMIDT**2
        if one_pair_column:
            pairs = (path * self._mean_square) @ density[:, :, None]
        else:
            pairs = (path * self._mean_square * density[:, None, :]) @ weights
        return torch.cat([lines, pairs], -1).to(torch.float32)

    def annuli(
        self, shells: Shells, value: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Areas of the opaque disc (n,) and of each ray (n, n_layers), in units of the star's.

        An opaque deck at ``log_p_cloud`` covers the share ``cloud_fraction`` of the terminator, or
        all of it; the light through both parts adds up (Line & Parmentier 2016, ApJ 820, 78).
        """
        star = (value["star_radius"] * SOLAR_RADIUS).square()[:, None]
        disc, area = _annuli_above(shells.radius)
        if "log_p_cloud" in value:
            potential = hydro.potential_at(
                value["log_p_cloud"] * _LN10, shells.potential, shells.scale, self._log_levels
            )
            deck = 1 / (shells.inverse_radius + potential[:, None])
            cloudy_disc, cloudy_area = _annuli_above(shells.radius, deck)
            if "cloud_fraction" in value:
                share = value["cloud_fraction"][:, None]
                disc, area = (
                    torch.lerp(disc, cloudy_disc, share),
                    torch.lerp(area, cloudy_area, share),
                )
            else:
                disc, area = cloudy_disc, cloudy_area
        return (disc / star)[:, 0], area / star


def _annuli_above(
    radius: torch.Tensor, deck: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Areas below and of the shells above an opaque deck, in cm^2, shared out among the rays.

    Shells below the deck shrink to nothing, and the one that it cuts keeps its upper part, whose
    transmission lies between those of its own ray and the next above.
    """
    edges = radius if deck is None else torch.maximum(radius, deck)
    square = edges.square()
    disc, area = square[:, :1], square[:, 1:] - square[:, :-1]
    if deck is None:
        return disc, area
    ray = (radius[:, 1:] + radius[:, :-1]) / 2
    middle = (edges[:, 1:] + edges[:, :-1]) / 2
    share = (middle - ray)[:, :-1] / (ray[:, 1:] - ray[:, :-1])
    moved = area[:, :-1] * share.clamp(max=1)
    kept = torch.cat([area[:, :-1] - moved, area[:, -1:]], -1)
    return disc, kept + torch.nn.functional.pad(moved, (1, 0))

r"""The layers of an atmosphere, and integrals along lines of sight through them.

Shells are equally spaced in log pressure, and a ray passes through the middle of each. Within a
shell temperature is constant and density falls exponentially, which is integrated along the path
to second order of the layer's thickness in scale heights: the density at the middle of the
shell alone would overestimate the column where a ray only grazes its upper half (by several ppm
of depth at 100 layers). Likewise the sum over rays is corrected where it ends, at the bottom, at a
cloud deck and at the top. Plain sums, each shell of one density, are there for comparison with
codes that take them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from exosk.exceptions import RangeError, UnknownNameError
from exosk.simulators import atmosphere as hydro
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["Layering", "Shells"]

_BAR = 1e6  # dyn cm^-2
_LN10 = math.log(10.0)


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
    density : {"exponential", "uniform"}
        Within a shell; with "uniform", integrals are plain sums.

    Raises
    ------
    UnknownNameError
        If there is no such density.
    RangeError
        If there are too few layers or the reference pressure is not positive.
    """

    def __init__(
        self,
        n_layers: int,
        pressure_range: tuple[float, float],
        reference_pressure: float,
        device: torch.device,
        density: str = "exponential",
    ) -> None:
        if density not in ("exponential", "uniform"):
            raise UnknownNameError.suggest(
                "density within a layer", density, ["exponential", "uniform"]
            )
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
        self.step = math.log(bottom / top) / n_layers
        self.plain = density == "uniform"

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

    def annuli(
        self, shells: Shells, value: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Areas of the opaque disc (n,) and of each ray (n, n_layers), in units of the star's.

        An opaque deck at ``log_p_cloud`` covers the share ``cloud_fraction`` of the terminator, or
        all of it; the light through both parts adds up (Line & Parmentier 2016, ApJ 820, 78).
        """
        star = (value["star_radius"] * SOLAR_RADIUS).square()[:, None]
        disc, area = _annuli_above(shells.radius, plain=self.plain)
        if "log_p_cloud" in value:
            potential = hydro.potential_at(
                value["log_p_cloud"] * _LN10, shells.potential, shells.scale, self._log_levels
            )
            deck = 1 / (shells.inverse_radius + potential[:, None])
            cloudy_disc, cloudy_area = _annuli_above(shells.radius, deck, plain=self.plain)
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
    radius: torch.Tensor, deck: torch.Tensor | None = None, *, plain: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Areas below and of the shells above an opaque deck, in cm^2, shared out among the rays.

    Shells below the deck shrink to nothing, and the one that it cuts keeps its upper part, whose
    transmission lies between those of its own ray and the next above. A sum over midpoints of
    shells of area A ends A f'/24 off where f does not end flat (Euler-Maclaurin), with f' the
    difference between neighbouring rays, here interpolated to the deck.
    """
    edges = radius if deck is None else torch.maximum(radius, deck)
    square = edges.square()
    disc, area = square[:, :1], square[:, 1:] - square[:, :-1]
    if plain:
        return disc, area
    square = radius.square()
    whole = square[:, 1:] - square[:, :-1]
    kept = area / whole
    slope = (1 - kept[:, :-1]) * kept[:, 1:]
    slope = torch.cat([slope[:, :1] + kept[:, :1], slope[:, 1:]], -1)
    moved = -slope * (whole[:, 1:] + whole[:, :-1]) / 48
    if deck is not None:
        ray = (radius[:, 1:] + radius[:, :-1]) / 2
        middle = (edges[:, 1:] + edges[:, :-1]) / 2
        share = (middle - ray)[:, :-1] / (ray[:, 1:] - ray[:, :-1])
        moved = moved + area[:, :-1] * share.clamp(max=1)
    pad = torch.nn.functional.pad
    return disc, area - pad(moved, (0, 1)) + pad(moved, (1, 0))

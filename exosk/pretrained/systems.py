r"""What a model is told of a planet's system, so that one serves every planet.

The priors of a retrieval (:func:`exosk.space_for_spectrum`) follow from four numbers: the smallest
radius that the planet has in transit, its mass with the error, and its equilibrium temperature. A
model that is told them, and learns where in these priors the truth lies, has the right priors for
any planet.

Depths are told in units of :math:`(R_\mathrm{ref} / R_\star)^2`, with :math:`R_\mathrm{ref}` the
smallest radius: so the star drops out, since without spots and dilution a depth is
:math:`(R_\mathrm{p}(\lambda) / R_\star)^2` and the planet's radii do not depend on the star's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from exosk.exceptions import RangeError
from exosk.parameters import Normal, ParameterSpace, Prior
from exosk.simulators.quantities import default_space
from exosk.simulators.system import (
    COLDEST,
    HOTTEST,
    LEAST_MASS,
    RADIUS_SHARE,
    TEMPERATURE_SHARE,
    planet_priors,
    reference_radius,
)
from exosk.spectra import Spectrum
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["COLUMNS", "Systems", "reference_depth"]

#: What stands behind depths and errors in a row.
COLUMNS = (
    "log10 reference radius (R_jup)",
    "log10 planet mass (M_jup)",
    "log10 relative error of the mass",
    "equilibrium temperature (1000 K)",
)
_SYSTEM = ("planet_radius", "planet_mass", "temperature")
# Of the equilibrium temperature: where a prior of temperature has its middle.
_MIDDLE = float(np.mean(TEMPERATURE_SHARE))


def reference_depth(radius: Any, star_radius: float) -> Any:
    """Return the depth of a radius in R_jup before a star in R_sun."""
    return (radius * JUPITER_RADIUS / (star_radius * SOLAR_RADIUS)) ** 2


@dataclass(frozen=True, eq=False)
class Systems:
    """Some planets.

    Parameters
    ----------
    radius : ndarray of shape (n,)
        Smallest radius in transit, in R_jup.
    mass, mass_error : ndarray of shape (n,)
        Published mass and its error, in M_jup.
    temperature : ndarray of shape (n,)
        Equilibrium temperature, in K.
    """

    radius: np.ndarray
    mass: np.ndarray
    mass_error: np.ndarray
    temperature: np.ndarray

    def __len__(self) -> int:
        return len(self.radius)

    def __getitem__(self, rows: np.ndarray) -> Systems:
        return Systems(
            self.radius[rows], self.mass[rows], self.mass_error[rows], self.temperature[rows]
        )

    @classmethod
    def of(cls, spectrum: Spectrum, star_radius: float, space: ParameterSpace) -> Systems:
        """Return the one planet that an observation is of.

        Parameters
        ----------
        spectrum : Spectrum
            The observation.
        star_radius : float
            In R_sun.
        space : ParameterSpace
            Its priors, from which mass and temperature are read: they hold what the user stated.

        Raises
        ------
        RangeError
            If a depth is zero or less, or the priors have other parameters.
        """
        radius = reference_radius(spectrum, star_radius)
        missing = [name for name in _SYSTEM if name not in space]
        if missing:
            raise RangeError(
                f"pretrained models are of isothermal atmospheres with free {', '.join(_SYSTEM)}; "
                f"these priors have no {' and no '.join(missing)}: choose another method"
            )
        mass, mass_error = _centre_and_width(space["planet_mass"].prior)
        temperature = spectrum.meta.get("equilibrium_temperature")
        if temperature is None:
            # Of a prior that was stated in its place.
            temperature = _centre_and_width(space["temperature"].prior)[0] / _MIDDLE
        return cls(*(np.array([float(x)]) for x in (radius, mass, mass_error, temperature)))

    def columns(self) -> np.ndarray:
        """Return what a row holds of them, shape (n, 4); see :data:`COLUMNS`."""
        return np.stack(
            [
                np.log10(self.radius),
                np.log10(self.mass),
                np.log10(self.mass_error / self.mass),
                self.temperature / 1000,
            ],
            axis=1,
        )

    def unit(self, star_radius: float = 1.0) -> np.ndarray:
        """Return the depth of the reference radius before a star in R_sun, shape (n,)."""
        return reference_depth(self.radius, star_radius)

    def space(self, molecules: Sequence[str]) -> ParameterSpace:
        """Return the priors of a single planet, with the default ones of all else."""
        if len(self) != 1:
            raise RangeError(f"these are {len(self)} planets; priors are those of one")
        prior = planet_priors(*(float(x[0]) for x in vars(self).values()))
        return default_space(molecules, prior)

    def priors(self) -> dict[str, Any]:
        """Return the distributions of radius (R_jup), mass (M_jup) and temperature (K), frozen.

        They are those that :func:`exosk.space_for_spectrum` chooses, of all planets at once.
        """
        low, high = (share * self.radius for share in RADIUS_SHARE)
        cold, hot = (share * self.temperature for share in TEMPERATURE_SHARE)
        cold, hot = np.maximum(cold, COLDEST), np.minimum(hot, HOTTEST)
        least = (LEAST_MASS - 1) * self.mass / self.mass_error
        return {
            "planet_radius": stats.uniform(low, high - low),
            "planet_mass": stats.truncnorm(least, np.inf, self.mass, self.mass_error),
            "temperature": stats.uniform(cold, hot - cold),
        }


def _centre_and_width(prior: Prior) -> tuple[float, float]:
    """Of a normal prior what it would be without limits, of others the median and deviation."""
    if isinstance(prior, Normal):
        return prior.mean, prior.std
    return float(prior.distribution.median()), float(prior.distribution.std())

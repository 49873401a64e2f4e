"""Priors for one planet, from its published parameters and its spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.parameters import Normal, ParameterSpace, Prior, Uniform
from exosk.simulators.inputs import atmosphere_names
from exosk.simulators.quantities import default_space
from exosk.spectra import Spectrum
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS, canonical

__all__ = [
    "COLDEST",
    "HOTTEST",
    "LEAST_MASS",
    "RADIUS_SHARE",
    "TEMPERATURE_SHARE",
    "planet_priors",
    "reference_radius",
    "space_for_spectrum",
]

# The radius at 10 bar lies some ten scale heights below the one seen in transit: for inflated
# hot Saturns up to a sixth of it.
RADIUS_SHARE = (0.80, 1.05)
# Retrieved terminator temperatures lie between half the equilibrium temperature and a little
# above it (MacDonald, Goyal & Lewis 2020, ApJL 893, L43).
TEMPERATURE_SHARE = (0.4, 1.4)
#: Of all priors of temperatures, in K: opacities end there.
COLDEST, HOTTEST = 100.0, 3000.0
#: Of the published mass: what the planet has at least.
LEAST_MASS = 0.25
_MASS_ERROR = 0.1


def space_for_spectrum(
    spectrum: Spectrum,
    molecules: Iterable[str],
    *,
    priors: Mapping[str, Prior] | None = None,
    fixed: Mapping[str, float] | None = None,
    **profiles: Any,
) -> tuple[ParameterSpace, dict[str, float]]:
    """Choose the priors of a simulator for one observation.

    What is stated wins; then ``spectrum.meta`` (``star_radius`` in R_sun, ``planet_mass`` and
    ``planet_mass_err`` in M_jup, ``equilibrium_temperature`` in K) is used: the star's radius is
    fixed, the mass gets a normal prior of its published error, temperatures (of any profile, but
    for the internal one) are uniform between 0.4 and 1.4 times the equilibrium temperature, and
    the radius at the reference pressure is uniform between 0.80 and 1.05 times the smallest
    transit radius. Abundances, cloud and haze keep their wide defaults.

    Parameters
    ----------
    spectrum : Spectrum
        The observation.
    molecules : iterable of str
        Absorbers of the model.
    priors : mapping of str to prior, optional
        Stated priors.
    fixed : mapping of str to float, optional
        Stated values.
    **profiles
        ``temperature_profile``, ``abundance_profiles`` and ``chemistry``, as the simulator takes
        them.

    Returns
    -------
    space : ParameterSpace
        The free parameters.
    fixed : dict of str to float
        The others.

    Raises
    ------
    RangeError
        If the star's radius, or the planet's mass or temperature, is neither stated nor in the
        spectrum's meta.
    """
    priors, fixed = dict(priors or {}), dict(fixed or {})
    meta = spectrum.meta
    stated = {*priors, *fixed}
    molecules = tuple(molecules)
    atmosphere = atmosphere_names(molecules, **profiles)
    if "star_radius" not in stated:
        fixed["star_radius"] = _from_meta(meta, "star_radius", "--star-radius (in solar radii)")
    if "planet_mass" not in stated:
        mass = _from_meta(meta, "planet_mass", "--planet-mass (in Jupiter masses)")
        error = float(meta.get("planet_mass_err") or _MASS_ERROR * mass)
        priors["planet_mass"] = _mass_prior(mass, error)
    temperatures = {n for n in atmosphere if n.startswith("temperature") or n == "t_irr"} - stated
    if temperatures:
        equilibrium = _from_meta(
            meta, "equilibrium_temperature", "--temperature (equilibrium temperature in K)"
        )
        priors |= dict.fromkeys(temperatures, _temperature_prior(equilibrium))
    if "planet_radius" not in stated:
        if "star_radius" not in fixed:
            raise RangeError("a free star radius needs a stated prior for planet_radius too")
        radius = reference_radius(spectrum, fixed["star_radius"])
        priors["planet_radius"] = _radius_prior(radius)
    return default_space(molecules, priors, fixed, atmosphere=atmosphere), fixed


def planet_priors(
    radius: float, mass: float, mass_error: float, equilibrium_temperature: float
) -> dict[str, Prior]:
    """Return the priors of an isothermal planet, as :func:`space_for_spectrum` chooses them.

    Parameters
    ----------
    radius : float
        The smallest in transit, in R_jup.
    mass, mass_error : float
        In M_jup.
    equilibrium_temperature : float
        In K.
    """
    return {
        "planet_radius": _radius_prior(radius),
        "planet_mass": _mass_prior(mass, mass_error),
        "temperature": _temperature_prior(equilibrium_temperature),
    }


def _radius_prior(smallest: float) -> Prior:
    return Uniform(*(share * smallest for share in RADIUS_SHARE))


def _mass_prior(mass: float, error: float) -> Prior:
    return Normal(mass, error, low=LEAST_MASS * mass)


def _temperature_prior(equilibrium: float) -> Prior:
    low, high = (share * equilibrium for share in TEMPERATURE_SHARE)
    return Uniform(max(low, COLDEST), min(high, HOTTEST))


def reference_radius(spectrum: Spectrum, star_radius: float) -> float:
    """Return the smallest radius that the planet has in transit, in R_jup, for a star in R_sun.

    Raises
    ------
    RangeError
        If a depth is not positive.
    """
    smallest = float(np.nanmin(spectrum.depth))
    if not smallest > 0:
        raise RangeError(
            f"the spectrum has a depth of {smallest:g}, zero or less, from which no radius "
            f"follows; leave that bin out, or state a prior of planet_radius"
        )
    return float(np.sqrt(smallest) * star_radius * SOLAR_RADIUS / JUPITER_RADIUS)


def _from_meta(meta: Mapping[str, Any], name: str, option: str) -> float:
    value = meta.get(name)
    if value is None:
        raise RangeError(
            f"the spectrum does not say the {name.replace('_', ' ')}; give it with {option}, in a "
            f"prior file, or as {name!r} in the ECSV file's meta"
        )
    kind = "temperature" if name == "equilibrium_temperature" else name
    return float(canonical(value, kind, name))

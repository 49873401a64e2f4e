r"""From exosk's parameters to petitRADTRANS's arguments, and back.

==========================  ==================================================================
exosk                       petitRADTRANS
==========================  ==================================================================
``planet_radius`` (R_jup)   ``planet_radius`` in cm, with the IAU's nominal equatorial radius
``planet_mass`` (M_jup)     ``reference_gravity`` :math:`GM/R^2` in cm/s^2 at ``planet_radius``
``star_radius`` (R_sun)     :math:`D = R(\lambda)^2 / R_\star^2`
pressures (bar)             ``pressures`` in bar, top first
``log_x_*`` (log10 VMR)     ``mass_fractions`` :math:`w_i = x_i m_i/\mu` at each level, of the
                            absorbers, H2 and He, and ``mean_molar_masses`` :math:`\mu`
``log_p_cloud``             ``opaque_cloud_top_pressure`` in bar
``log_haze, haze_slope``    opacity :math:`a\,\sigma_0 (\lambda/0.35)^\gamma x_{H_2}/(\mu m_u)` in
                            cm^2/g, with :math:`\sigma_0 = 5.31\times10^{-27}` cm^2
==========================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exosk.simulators.atmosphere import ATOMIC_MASS
from exosk.units import GRAVITATIONAL_CONSTANT, JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = [
    "background",
    "depth",
    "haze_opacity",
    "mass_fractions",
    "mean_molar_mass",
    "mixing_ratios",
    "planet_from_cgs",
    "planet_to_cgs",
    "radius",
]

# As in the built-in model (MacDonald & Madhusudhan 2017, eq. 6).
_HAZE_CROSS_SECTION = 5.31e-27  # cm^2
_HAZE_WAVELENGTH = 0.35  # um


def planet_to_cgs(mass: float, radius: float) -> tuple[float, float]:
    """Return gravity (cm/s^2) at the radius, and the radius (cm), of Jupiter's units."""
    in_cm = radius * JUPITER_RADIUS
    return GRAVITATIONAL_CONSTANT * mass * JUPITER_MASS / in_cm**2, in_cm


def planet_from_cgs(gravity: float, radius: float) -> tuple[float, float]:
    """Return mass and radius in Jupiter's, of gravity (cm/s^2) and radius (cm)."""
    mass = gravity * radius**2 / GRAVITATIONAL_CONSTANT
    return mass / JUPITER_MASS, radius / JUPITER_RADIUS


def depth(radius: np.ndarray, star_radius: float) -> np.ndarray:
    """Return transit depths of transit radii in cm and the star's in the Sun's."""
    return (radius / (star_radius * SOLAR_RADIUS)) ** 2


def radius(depth: np.ndarray, star_radius: float) -> np.ndarray:
    """Return transit radii in cm, of depths and the star's radius in the Sun's."""
    return np.sqrt(depth) * star_radius * SOLAR_RADIUS


def background(total: np.ndarray, he_h2_ratio: float) -> dict[str, np.ndarray]:
    """Return the volume mixing ratios of H2 and He, which fill up what `total` leaves.

    Parameters
    ----------
    total : ndarray of shape (n_levels,)
        Sum of the absorbers' volume mixing ratios.
    he_h2_ratio : float
        Number of He atoms per H2 molecule.
    """
    filled = np.maximum(1 - total, 0.0)  # not below by rounding
    return {"H2": filled / (1 + he_h2_ratio), "He": filled * he_h2_ratio / (1 + he_h2_ratio)}


def mean_molar_mass(ratios: Mapping[str, np.ndarray], masses: Mapping[str, float]) -> np.ndarray:
    """Return the mean molar mass of volume mixing ratios that add up to one, in `masses`' unit."""
    return sum(x * masses[name] for name, x in ratios.items())


def mass_fractions(
    ratios: Mapping[str, np.ndarray], masses: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Return mass fractions, of volume mixing ratios that add up to one.

    Parameters
    ----------
    ratios : mapping of str to ndarray of shape (n_levels,)
        By name.
    masses : mapping of str to float
        Molar masses.
    """
    mean = mean_molar_mass(ratios, masses)
    return {name: x * masses[name] / mean for name, x in ratios.items()}


def mixing_ratios(
    fractions: Mapping[str, np.ndarray], masses: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Return volume mixing ratios: the inverse of :func:`mass_fractions`."""
    moles = {name: w / masses[name] for name, w in fractions.items()}
    total = sum(moles.values())
    return {name: n / total for name, n in moles.items()}


def haze_opacity(
    wavelength: np.ndarray,
    log_haze: float,
    slope: float,
    h2_ratio: np.ndarray,
    mean_mass: np.ndarray,
) -> np.ndarray:
    """Return the haze's scattering opacity.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wavelengths,)
        In um.
    log_haze, slope : float
        log10 of the enhancement over H2's Rayleigh scattering at 0.35 um, and the power of
        wavelength.
    h2_ratio, mean_mass : ndarray of shape (n_levels,)
        Volume mixing ratio of H2, and mean molar mass.

    Returns
    -------
    ndarray of shape (n_wavelengths, n_levels)
        In cm^2/g.
    """
    cross_section = 10**log_haze * _HAZE_CROSS_SECTION * (wavelength / _HAZE_WAVELENGTH) ** slope
    return cross_section[:, None] * (h2_ratio / (mean_mass * ATOMIC_MASS))

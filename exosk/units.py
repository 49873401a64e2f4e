"""Canonical units, and the one place where other units are converted.

Inside exosk every number is a plain float in the unit given here: wavelength in um, transit
depth (Rp/Rs)^2 as a fraction, temperature in K, pressure in bar, planet radius and mass in
Jupiter's, star in the Sun's. A :class:`astropy.units.Quantity` is accepted wherever a number
with a unit is, and :func:`canonical` converts it once, at the border. A bare number is taken
to be canonical already, unless it lies so far out that it must be something else.

The radii are the IAU 2015 nominal ones (Prsa et al. 2016, AJ 152, 41): R_jup and R_sun are
equatorial, as in astropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u

from exosk.exceptions import UnitError

__all__ = [
    "CANONICAL",
    "GRAVITATIONAL_CONSTANT",
    "JUPITER_MASS",
    "JUPITER_RADIUS",
    "SOLAR_RADIUS",
    "Kind",
    "canonical",
]

# CGS values for the physics code, from astropy so that they are the same everywhere.
GRAVITATIONAL_CONSTANT: float = constants.G.cgs.value
JUPITER_MASS: float = constants.M_jup.cgs.value
JUPITER_RADIUS: float = constants.R_jup.cgs.value
SOLAR_RADIUS: float = constants.R_sun.cgs.value


@dataclass(frozen=True)
class Kind:
    """What is known of one kind of quantity.

    Attributes
    ----------
    unit : astropy.units.UnitBase
        The canonical unit.
    low, high : float
        Bare numbers outside [low, high] are refused.
    hint : tuple of (float, str)
        Above which bare value which other unit is the likely one, in ascending order; the
        last that applies is named in the error.
    """

    unit: u.UnitBase
    low: float
    high: float
    hint: tuple[tuple[float, str], ...] = ()


# The bounds are generous: they catch a wrong unit, not an unusual planet. A transit depth of
# a quarter is beyond any planet of a non-degenerate star, and a percent value below 0.25
# belongs to a planet whose spectrum is measured in tens of ppm; readers of files therefore
# ask for the unit instead of relying on this net.
CANONICAL: dict[str, Kind] = {
    "wavelength": Kind(u.um, 0.05, 200.0, ((200.0, "nm"), (3000.0, "nm or Angstrom"))),
    "depth": Kind(u.dimensionless_unscaled, -0.05, 0.25, ((0.25, "percent"), (15.0, "ppm"))),
    "temperature": Kind(u.K, 0.0, 1e5),
    "pressure": Kind(u.bar, 0.0, 1e5, ((1e5, "Pa"),)),
    "planet_radius": Kind(u.R_jup, 0.0, 10.0, ((10.0, "km, m or Earth radii"),)),
    "planet_mass": Kind(u.M_jup, 0.0, 100.0, ((100.0, "kg or Earth masses"),)),
    "star_radius": Kind(u.R_sun, 0.0, 1000.0, ((1000.0, "km or m"),)),
}


def canonical(value: Any, kind: str, name: str | None = None) -> np.ndarray:
    """Convert to a float array in the canonical unit.

    Parameters
    ----------
    value : float, array-like or astropy.units.Quantity
        A Quantity is converted; a bare number is taken as canonical. NaN passes.
    kind : str
        A key of :data:`CANONICAL`.
    name : str, optional
        What to call the value in errors; the kind by default.

    Returns
    -------
    numpy.ndarray
        A float64 array of the input's shape (0-d for a scalar).

    Raises
    ------
    UnitError
        If the unit cannot be converted, the values are not numbers, or a bare number lies in
        a range that belongs to another unit.

    Examples
    --------
    >>> from astropy import units as u
    >>> canonical(2100 * u.nm, "wavelength").item()
    2.1
    """
    entry = CANONICAL[kind]
    name = name or kind
    try:
        if isinstance(value, u.Quantity):
            array = np.asarray(value.to_value(entry.unit), dtype=float)
        else:
            array = np.asarray(value, dtype=float)
    except u.UnitConversionError as error:
        raise UnitError(
            f"{name} is in {value.unit}, which is no unit of {kind}; give it in {entry.unit!s}"
            if entry.unit != u.dimensionless_unscaled
            else f"{name} is in {value.unit}; give it as a plain fraction, percent or ppm"
        ) from error
    except (TypeError, ValueError) as error:
        raise UnitError(f"{name} is not a number: {value!r}") from error
    finite = array[~np.isnan(array)]
    outside = finite[(finite < entry.low) | (finite > entry.high)]
    if outside.size:
        worst = outside[np.argmax(np.abs(outside))]
        unit = str(entry.unit) or "a plain fraction"
        likely = [label for above, label in entry.hint if np.median(finite) > above]
        looks = (
            f"; it looks like {likely[-1]}: give an astropy Quantity or convert it"
            if likely
            else ""
        )
        raise UnitError(
            f"{name} = {worst:g} is outside {entry.low:g} to {entry.high:g} ({unit}){looks}"
        )
    return array

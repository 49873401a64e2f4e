"""What Exo.MAST knows of a planet and its star.

It has one set of values for each catalogue that it draws from, each value with upper and lower
error, unit, and who published it: ``Rs``, ``Rs_upper``, ``Rs_lower``, ``Rs_unit``, ``Rs_ref``.
Catalogues are asked in the order that ExoCTK, of the same institute, prefers them in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from astropy import units as u

from exosk.exceptions import UnitError, UnknownNameError
from exosk.units import canonical
from exosk_mast.orbit import Orbit

__all__ = ["describe_orbit", "describe_system"]

_PREFERRED = ("nexsci", "exoplanets.org")
_UNNAMED = "Exo.MAST, which names no publication"
# By the name in a spectrum's meta: Exo.MAST's, its unit, and the kind of exosk.units it is.
_QUANTITIES: dict[str, tuple[str, u.UnitBase, str]] = {
    "star_radius": ("Rs", u.R_sun, "star_radius"),
    "star_temperature": ("Teff", u.K, "temperature"),
    "planet_mass": ("Mp", u.M_jup, "planet_mass"),
    "planet_radius": ("Rp", u.R_jup, "planet_radius"),
    "equilibrium_temperature": ("Tp", u.K, "temperature"),
}
# Of the orbit: Exo.MAST's name and the unit.
_ORBIT: tuple[tuple[str, u.UnitBase], ...] = (
    ("orbital_period", u.d),
    ("a/Rs", u.dimensionless_unscaled),
    ("inclination", u.deg),
)
_MJD, _JD = 2400000.5, 2.4e6

Record = dict[str, Any]


def describe_system(records: Sequence[Record]) -> dict[str, Any]:
    """Return the parameters of a planet and its star.

    Parameters
    ----------
    records : sequence of dict
        One of each catalogue.

    Returns
    -------
    dict
        Under the names and in the units of :class:`exosk.sources.Source`, with ``references``.
        Upper and lower errors are averaged.
    """
    system: dict[str, Any] = {}
    references: dict[str, str] = {}
    for name, (key, unit, kind) in _QUANTITIES.items():
        for record in _ordered(records):
            value = _number(record, key, unit, record.get(f"{key}_unit"))
            if value is None or value <= 0:
                continue
            try:
                canonical(value, kind, name)
            except UnitError:
                continue  # a slip of the catalogue's; the next one may know better
            system[name] = value
            sides = [
                _number(record, f"{key}_{side}", unit, record.get(f"{key}_unit"))
                for side in ("upper", "lower")
            ]
            # A value and its error are one publication's: of one side alone there is no error.
            error = sum(abs(s) for s in sides if s is not None) / 2 if None not in sides else 0.0
            if error > 0:
                system[f"{name}_err"] = error
            references[name] = _said(record, key)
            break
    system["references"] = references
    return system


def describe_orbit(records: Sequence[Record], planet: str) -> Orbit:
    """Return a planet's orbit, from one catalogue that has all of it.

    Parameters
    ----------
    records : sequence of dict
        One of each catalogue.
    planet : str
        Whose, for errors.

    Raises
    ------
    UnknownNameError
        If no catalogue has period, transit time, a/Rs and inclination.
    """
    for record in _ordered(records):
        period, a_rs, inclination = (
            _number(record, k, unit, record.get(f"{k}_unit")) for k, unit in _ORBIT
        )
        time = _transit_time(record)
        if period is None or a_rs is None or inclination is None or time is None:
            continue
        eccentricity = _number(record, "eccentricity", u.dimensionless_unscaled, None) or 0.0
        omega = _number(record, "omega", u.deg, record.get("omega_unit"))
        return Orbit(
            period, time, a_rs, inclination, eccentricity, 90.0 if omega is None else omega
        )
    raise UnknownNameError(
        f"Exo.MAST has no complete orbit of {planet} (period, transit time, a/Rs, inclination); "
        f"give the published one as exosk_mast.Orbit"
    )


def _ordered(records: Sequence[Record]) -> list[Record]:
    """Return the catalogues, the preferred ones first."""
    ranks = {name: rank for rank, name in enumerate(_PREFERRED)}
    return sorted(records, key=lambda r: ranks.get(str(r.get("catalog_name")), len(ranks)))


def _number(record: Record, key: str, unit: u.UnitBase, stated: Any) -> float | None:
    """Return a value in a unit; None where it is absent, or in no unit that is known."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if stated in (None, ""):
        return float(value)
    # It writes R_Sun and M_jupiter, astropy R_sun and M_jupiter.
    text = str(stated)
    for spelling in (text[:1].upper() + text[1:].lower(), text, text.lower().rstrip("s")):
        try:
            return float((value * u.Unit(spelling)).to_value(unit))
        except (ValueError, TypeError, u.UnitConversionError):
            continue
    return None


def _transit_time(record: Record) -> float | None:
    """Return a mid-transit as a Julian date."""
    time = _number(record, "transit_time", u.d, None)
    if time is None or time <= 0:
        return None
    # Whatever the unit is called, a modified date lacks the first digits.
    return time if time > _JD else time + _MJD


def _said(record: Record, key: str) -> str:
    reference = str(record.get(f"{key}_ref") or "").strip()
    catalogue = str(record.get("catalog_name") or "").strip()
    if not reference:
        return f"{_UNNAMED} ({catalogue})" if catalogue else _UNNAMED
    return f"{reference} ({catalogue})" if catalogue else reference

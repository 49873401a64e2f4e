"""What is published of a planet and its star, from a row of the table `pscomppars`.

The table has one row a planet, filled from several publications; each value has a column of its own
for who published it. Three kinds of values are not measurements, and are told as what they are: a
limit is left out, a value that the archive calculated says so, and so does an equilibrium
temperature that is computed here.

References
----------
https://exoplanetarchive.ipac.caltech.edu/docs/API_PS_columns.html
https://exoplanetarchive.ipac.caltech.edu/docs/pscp_calc.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from astropy import units as u

from exosk.exceptions import UnitError
from exosk.units import canonical
from exosk_nasa_archive.references import is_calculated, reference_text
from exosk_nasa_archive.rows import Row

__all__ = ["Quantity", "describe_system", "read_quantity"]

# By the name in a spectrum's meta: the column, its unit, and the kind of exosk.units it is.
_QUANTITIES: dict[str, tuple[str, u.UnitBase, str]] = {
    "star_radius": ("st_rad", u.R_sun, "star_radius"),
    "star_temperature": ("st_teff", u.K, "temperature"),
    "planet_mass": ("pl_bmassj", u.M_jup, "planet_mass"),
    "planet_radius": ("pl_radj", u.R_jup, "planet_radius"),
    "equilibrium_temperature": ("pl_eqt", u.K, "temperature"),
    "orbital_period": ("pl_orbper", u.d, ""),
}
_SEMI_MAJOR_AXIS = ("pl_orbsmax", u.au, "")
_CALCULATED = {
    "planet_mass": "calculated by the NASA Exoplanet Archive from the radius, by the mass-radius "
    "relation of Chen & Kipping 2017; not measured",
    "planet_radius": "calculated by the NASA Exoplanet Archive from the mass, by the mass-radius "
    "relation of Chen & Kipping 2017; not measured",
}
# Of a mass, as a share: about the scatter of masses at one radius in Chen & Kipping 2017 (ApJ 834,
# 17), figure 3.
_CALCULATED_ERROR = 0.5
_UNNAMED = "NASA Exoplanet Archive, which names no publication"
_COMPUTED = (
    "computed from the temperature and radius of the star and the size of the orbit, for zero "
    "albedo and full redistribution of heat"
)


@dataclass(frozen=True)
class Quantity:
    """A value of the archive's.

    Attributes
    ----------
    value : float
        In the unit that was asked for.
    error : float or None
        Mean of upper and lower error; None unless both are there.
    reference : str
        Who published it.
    limit : str
        ``upper`` or ``lower`` if it is a limit and no value.
    """

    value: float
    error: float | None
    reference: str
    limit: str = ""


def read_quantity(row: Row, column: str, unit: u.UnitBase) -> Quantity | None:
    """Read one value with its errors, limit flag and reference.

    Parameters
    ----------
    row : Row
        Of `pscomppars`.
    column : str
        The value's; the others are called after it.
    unit : astropy unit
        To convert to.

    Returns
    -------
    Quantity or None
        None without a positive value.
    """
    value = row.number(column, unit)
    if value is None or value <= 0:
        return None
    # The lower error has a minus sign.
    sides = [row.number(f"{column}err{k}", unit) for k in (1, 2)]
    errors = [abs(side) for side in sides if side is not None]
    error = sum(errors) / 2 if len(errors) == 2 else 0.0
    flag = row.number(f"{column}lim") or 0.0
    markup = row.text(f"{column}_reflink")
    reference = reference_text(markup) or _UNNAMED
    if is_calculated(markup):
        reference = "calculated by the NASA Exoplanet Archive from other values"
    limit = "upper" if flag > 0 else "lower" if flag < 0 else ""
    return Quantity(value, error or None, reference, limit)


def describe_system(row: Row) -> dict[str, Any]:
    """Return the parameters of a planet and its star.

    Parameters
    ----------
    row : Row
        Of `pscomppars`.

    Returns
    -------
    dict
        Under the names and in the units of :class:`exosk.sources.Source`, with ``orbital_period``
        in days; ``references``; and ``notes`` on what was left out.
    """
    system: dict[str, Any] = {}
    references: dict[str, str] = {}
    notes: list[str] = []
    for name, (column, unit, kind) in _QUANTITIES.items():
        quantity = _usable(row, name, column, unit, kind, notes)
        if name == "equilibrium_temperature" and quantity is None:
            quantity = _equilibrium(row)
        if quantity is None:
            continue
        system[name] = quantity.value
        if quantity.error is not None:
            system[f"{name}_err"] = quantity.error
        references[name] = _with_provenance(row, name, quantity)
        if name == "planet_mass" and references[name] in _CALCULATED.values():
            # The relation's scatter, which the archive does not give: ten per cent, as a
            # retrieval takes without an error, would be a measurement's.
            error = system.setdefault("planet_mass_err", _CALCULATED_ERROR * quantity.value)
            notes.append(
                f"The planet's mass was not measured but follows from its radius; "
                f"{error:.2g} M_jup were taken for its error."
            )
    system["references"] = references
    if notes:
        system["notes"] = notes
    return system


def _usable(
    row: Row, name: str, column: str, unit: u.UnitBase, kind: str, notes: list[str]
) -> Quantity | None:
    """Return a value unless it is a limit, or impossible, which is noted."""
    quantity = read_quantity(row, column, unit)
    if quantity is None:
        return None
    label = name.replace("_", " ")
    if quantity.limit:
        notes.append(
            f"Of the {label} only the {quantity.limit} limit {quantity.value:g} {unit} is known "
            f"({quantity.reference}), which was left out."
        )
        return None
    try:
        if kind:
            canonical(quantity.value, kind, label)
    except UnitError as error:
        notes.append(f"The archive's {label} was left out: {error}.")
        return None
    return quantity


def _equilibrium(row: Row) -> Quantity | None:
    """Compute T_star sqrt(R_star / 2 a), with the error of what goes into it if that is known."""
    parts = [
        read_quantity(row, *which[:2])
        for which in (
            _QUANTITIES["star_temperature"],
            _QUANTITIES["star_radius"],
            _SEMI_MAJOR_AXIS,
        )
    ]
    known = [part for part in parts if part is not None and not part.limit]
    if len(known) < len(parts):
        return None
    star_temperature, star_radius, axis = (part.value for part in known)
    ratio = float((star_radius * u.R_sun / (2 * axis * u.au)).to_value(u.dimensionless_unscaled))
    value = star_temperature * math.sqrt(ratio)
    error = None
    if all(part.error is not None for part in known):
        powers = (1.0, 0.5, 0.5)
        shares = [p * (part.error or 0.0) / part.value for p, part in zip(powers, known)]
        error = value * math.hypot(*shares)
    named = dict.fromkeys(part.reference for part in known)
    return Quantity(value, error, f"{_COMPUTED} ({'; '.join(named)})")


def _with_provenance(row: Row, name: str, quantity: Quantity) -> str:
    """Add to a reference that a value is not a measurement of just that."""
    column = _QUANTITIES[name][0]
    provenance = row.text("pl_bmassprov").casefold() if name == "planet_mass" else ""
    if name in _CALCULATED and (
        is_calculated(row.text(f"{column}_reflink")) or "relation" in provenance
    ):
        return _CALCULATED[name]
    if provenance == "msini":
        return f"{quantity.reference}; the minimum mass, M sin i"
    return quantity.reference

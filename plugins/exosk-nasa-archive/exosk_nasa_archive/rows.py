"""One row of an answer: text and numbers, converted from the units that the archive states.

Its words for units are not those of the VOTable standard: ``days``, ``Rjupiter``, ``microns``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from astropy import units as u

from exosk.exceptions import DownloadError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Row", "known_unit", "rows_of"]

_WORDS = {
    "day": u.d,
    "days": u.d,
    "hour": u.h,
    "hours": u.h,
    "hrs": u.h,
    "degree": u.deg,
    "degrees": u.deg,
    "kelvin": u.K,
    "micron": u.um,
    "microns": u.um,
    "au": u.au,
    "rjupiter": u.R_jup,
    "r_j": u.R_jup,
    "jupiter radius": u.R_jup,
    "mjupiter": u.M_jup,
    "m_j": u.M_jup,
    "jupiter mass": u.M_jup,
    "rearth": u.R_earth,
    "earth radius": u.R_earth,
    "mearth": u.M_earth,
    "earth mass": u.M_earth,
    "rsun": u.R_sun,
    "solar radius": u.R_sun,
    "msun": u.M_sun,
    "solar mass": u.M_sun,
}
_NOTHING = ("", "none", "null", "nan", "--")


@lru_cache
def known_unit(stated: str) -> u.UnitBase | None:
    """Return a unit from what a column states, or None where that is nothing, or unknown."""
    text = " ".join(stated.split()).strip("[]")
    if text.casefold() in _NOTHING:
        return None
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    try:
        return u.Unit(text)
    except (ValueError, TypeError):
        return None


def rows_of(table: Table) -> list[Row]:
    """Return the rows of an answer to a query."""
    units = {name: str(table[name].unit or "") for name in table.colnames}
    columns = [table[name].tolist() for name in table.colnames]
    return [Row(dict(zip(table.colnames, cells)), units) for cells in zip(*columns)]


class Row:
    """One row of a table of the archive's.

    Parameters
    ----------
    cells : mapping
        By column; None for nothing.
    units : mapping of str to str
        By column, in the archive's words.
    """

    def __init__(self, cells: Mapping[str, Any], units: Mapping[str, str] | None = None) -> None:
        self._cells = cells
        self._units = units or {}

    def text(self, column: str) -> str:
        """Return a cell as text; empty where there is nothing, or no such column."""
        cell = self._cells.get(column)
        text = " ".join(str(cell).split()) if cell is not None else ""
        return "" if text.casefold() in _NOTHING else text

    def number(self, column: str, unit: u.UnitBase | None = None) -> float | None:
        """Return a cell as a number.

        Parameters
        ----------
        column : str
            Its name.
        unit : astropy unit, optional
            Convert to it. The column is taken to be in it already where the service states no
            unit, or one that is unknown: the archive's documentation has these units.

        Returns
        -------
        float or None
            None where there is nothing, or no such column.

        Raises
        ------
        DownloadError
            If it is no number, or in a unit of something else.
        """
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise DownloadError(
                f"the archive has {text!r} as {column}, which is no number; try again later"
            ) from None
        if not math.isfinite(value):
            return None
        stated = known_unit(self._units.get(column, ""))
        if unit is None or stated is None:
            return value
        try:
            return float((value * stated).to_value(unit))
        except u.UnitConversionError:
            raise DownloadError(
                f"the archive gives {column} in {stated}, which should be in {unit}; a newer "
                f"exosk-nasa-archive may know what has changed"
            ) from None

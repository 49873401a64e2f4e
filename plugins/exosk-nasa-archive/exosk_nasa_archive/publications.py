"""All published parameters of a planet, from the rows of the table `ps`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from exosk_nasa_archive.references import reference_text
from exosk_nasa_archive.rows import known_unit, rows_of

if TYPE_CHECKING:
    from astropy.table import QTable, Table

__all__ = ["tidy_publications"]


def tidy_publications(table: Table) -> QTable:
    """Give columns their units, references as text, and put the archive's default first.

    Parameters
    ----------
    table : astropy.table.Table
        Rows of `ps`.

    Returns
    -------
    astropy.table.QTable
        A unit that astropy has no linear one for, as that of a logarithm, is told by the column's
        description alone.
    """
    from astropy.table import QTable

    rows = rows_of(table)
    table = table.copy()
    for name in table.colnames:
        if name.endswith(("refname", "reflink")):
            table[name] = [reference_text(row.text(name)) for row in rows]
            continue
        column = table[name]
        stated = column.unit
        column.unit = known_unit(str(stated or "")) if column.dtype.kind in "fiu" else None
        if stated is not None and column.unit is None:
            column.description = f"{column.description or name} [{stated}]"
    if "default_flag" in table.colnames:
        first = [row.number("default_flag") == 1 for row in rows]
        table = table[np.argsort(~np.array(first, dtype=bool), kind="stable")]
    with warnings.catch_warnings():
        # Of columns that cannot be quantities, as masked ones in magnitudes.
        warnings.simplefilter("ignore")
        return QTable(table)

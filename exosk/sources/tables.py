"""Tables of astropy and pandas as named columns of cells; ECSV is read through them."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.utils.exceptions import AstropyWarning

from exosk.exceptions import FileFormatError
from exosk.sources.cells import CellTable

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["cells_of_frame", "cells_of_table", "parse_ecsv", "plain", "reason_of"]


def parse_ecsv(text: str, label: str) -> CellTable:
    """Read an ECSV table.

    Raises
    ------
    FileFormatError
        If it is not valid, or has no rows.
    """
    from astropy.table import Table  # a third of a second, which only ECSV should cost

    try:
        with warnings.catch_warnings():
            # Odd units of columns that are not used concern nobody; the others are refused.
            warnings.simplefilter("ignore", AstropyWarning)
            content = Table.read(text.lstrip().split("\n"), format="ascii.ecsv")
    except Exception as error:  # astropy and yaml raise a dozen kinds for a broken file
        raise FileFormatError(f"{label} is not valid ECSV: {reason_of(error)}") from error
    return cells_of_table(content, label)


def cells_of_table(
    content: Table,
    label: str,
    *,
    units: list[str | None] | None = None,
    meta: Mapping[str, Any] | None = None,
    first_row: int = 1,
) -> CellTable:
    """Turn an astropy Table into cells.

    Parameters
    ----------
    content : astropy.table.Table
        The columns; those that are not one number or text a row are kept as text.
    label : str
        What to call it in errors.
    units : list of (str or None), optional
        As the file writes them; those of the columns when not given.
    meta : mapping, optional
        Metadata; the table's own when not given.
    first_row : int, default=1
        The number of the first row in errors.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If there are no rows.
    """
    if not len(content):
        raise FileFormatError(f"{label} has a header but no rows")
    columns = [_cells(column, len(content)) for column in content.itercols()]
    if meta is None:
        meta = {key: value for key, value in content.meta.items() if key != "__attributes__"}
    return CellTable(
        label=label,
        names=list(content.colnames),
        columns=columns,
        rows=list(range(first_row, first_row + len(content))),
        row_word="row",
        units=[_unit(column) for column in content.itercols()] if units is None else units,
        meta=plain(meta),
    )


def cells_of_frame(frame: Any, label: str) -> CellTable:
    """Turn a pandas DataFrame into cells; an index with a name is a column.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns.
    label : str
        What to call it in errors.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If it has no rows, or more than one level of column names.
    """
    if frame.columns.nlevels > 1:
        raise FileFormatError(f"{label} has {frame.columns.nlevels} levels of column names; one do")
    if not len(frame):
        raise FileFormatError(f"{label} has a header but no rows")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns: list[list[str] | np.ndarray] = []
    for position in range(frame.shape[1]):
        series = frame.iloc[:, position]
        missing = series.isna().to_numpy()
        if getattr(series.dtype, "kind", "O") in "fiu":
            columns.append(series.to_numpy(dtype=float, na_value=np.nan))
        else:
            columns.append(["" if m else str(x) for x, m in zip(series, missing, strict=True)])
    return CellTable(
        label=label,
        names=[str(name) for name in frame.columns],
        columns=columns,
        rows=list(range(len(frame))),
        row_word="row",
        units=[None] * frame.shape[1],
        meta=plain(frame.attrs),
    )


def _cells(column: Any, n_rows: int) -> list[str] | np.ndarray:
    """Cells of one column: floats, or text."""
    values = getattr(column, "value", column)
    mask = np.array(getattr(column, "mask", False))
    # Times, coordinates and lists may stand beside a spectrum; they are kept as text.
    if getattr(values, "ndim", 1) == 1 and np.asarray(values).dtype.kind in "fiu":
        return np.where(mask, np.nan, np.asarray(values, dtype=float))
    masked = np.broadcast_to(mask.reshape(len(mask), -1).all(1) if mask.ndim else mask, n_rows)
    return ["" if m else str(v) for v, m in zip(values, masked, strict=True)]


def _unit(column: Any) -> str | None:
    """Return a column's unit as text; None where nothing is stated."""
    unit = column.info.unit
    if unit is None:
        return None
    if isinstance(column, u.Quantity) and unit == u.dimensionless_unscaled:
        return "fraction"
    # ECSV has no word for "a plain fraction": no unit means that nothing is stated.
    return str(unit) or None


def reason_of(error: Exception) -> str:
    """Say in a line why another library could not read something."""
    return (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(". ")


def plain(value: Any) -> Any:
    """Reduce metadata to what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, u.Quantity):
        return {"value": plain(value.value), "unit": str(value.unit)}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)

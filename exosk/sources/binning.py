"""The bins of a table of a spectrum, in um."""

from __future__ import annotations

import numpy as np

from exosk.exceptions import FileFormatError, GridError, UnitError
from exosk.sources.columns import WAVELENGTH_UNITS, Column
from exosk.sources.selection import LAYOUT, WIDTHS, Stated, unit_of
from exosk.sources.text import CellTable
from exosk.spectra import SpectralGrid

__all__ = ["read_bins"]

# Observed transmission spectra lie well within these wavelengths, in um.
_SHORTEST, _LONGEST = 0.1, 60.0


def read_bins(
    table: CellTable, columns: dict[str, Column], stated: Stated, notes: list[str]
) -> tuple[SpectralGrid, np.ndarray]:
    """Read the bins of a table.

    Parameters
    ----------
    table : CellTable
        The file's cells.
    columns : dict of str to Column
        Which column has which role.
    stated : Stated
        What the caller states.
    notes : list of str
        Decisions are appended to it.

    Returns
    -------
    grid : SpectralGrid
        The bins in ascending order, in um.
    order : ndarray of shape (n_bins,)
        Which row of the table each bin comes from.

    Raises
    ------
    FileFormatError
        If a column or a value is missing, or a bin occurs twice.
    UnitError
        If the unit of the wavelengths or the kind of width is not stated, or cannot be right.
    GridError
        If the bins make no sense.
    """
    centers, lower, upper = _edges(table, columns, stated, notes)
    order = np.argsort(centers, kind="stable")
    _refuse_duplicates(table, columns, order, centers, lower, upper)
    if (order != np.arange(order.size)).any():
        notes.append("The rows were not in order of wavelength; they were sorted.")
    try:
        if lower is not None and upper is not None:
            return SpectralGrid(lower[order], upper[order]), order
        if centers.size == 1:
            raise GridError("one bin and no width; add a column bin_half_width_um")
        grid = SpectralGrid.from_centers(centers[order])
    except GridError as error:
        raise GridError(f"{table.label}: {error}") from None
    notes.append(
        "The file gives no bin widths; edges were put half-way between neighbouring centres."
    )
    if grid.half_width.max() > 3 * np.median(grid.half_width):
        notes.append("Some of these bins span gaps in the data; give bin widths if known.")
    return grid, order


def _edges(
    table: CellTable, columns: dict[str, Column], stated: Stated, notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Centres and, where the file tells them, edges of the bins, in um, in the file's order."""
    edges = [columns.get(role) for role in ("low", "high")]
    if edges.count(None) == 1:
        there = next(edge for edge in edges if edge is not None)
        raise FileFormatError(
            f"{table.label} has the bin edge {there.header!r} but not the other; add "
            f"wavelength_low and wavelength_high"
        )
    main = columns.get("wavelength") or columns.get("low")
    if main is None:
        raise FileFormatError(
            f"{table.label} has no column of wavelengths; its columns are "
            f"{', '.join(map(repr, table.names))}; exosk's layout is {LAYOUT}"
        )
    if edges[0] is not None and edges[1] is not None:
        low, high = (_wavelengths(table, edge, main, stated) for edge in edges if edge)
        if "wavelength" in columns:
            center = _wavelengths(table, main, main, stated)
            outside = np.flatnonzero((center < low) | (center > high))
            if outside.size:
                raise GridError(
                    f"{table.label}: the wavelength in {table.where(outside)} lies outside its "
                    f"own bin edges; check the units of {main.header!r}"
                )
        if any(role in columns for role in WIDTHS):
            notes.append("The bins were taken from their edges; the column of widths is unused.")
        return (low + high) / 2, low, high
    center = _wavelengths(table, main, main, stated)
    width = next((columns[role] for role in WIDTHS if role in columns), None)
    if width is None:
        return center, None, None
    extent = table.numbers(width.index)
    blank = np.isnan(extent)
    if blank.all():
        return center, None, None
    if blank.any():
        raise FileFormatError(
            f"{table.label}: no bin width in {table.where(np.flatnonzero(blank))} while other rows "
            f"have one; fill in {width.header!r} or leave it blank everywhere"
        )
    narrow = np.flatnonzero(extent <= 0)
    if narrow.size:
        raise GridError(
            f"{table.label}: the bin width in {table.where(narrow)} is not positive "
            f"({extent[narrow[0]]:g})"
        )
    said = {"half_width": "half", "full_width": "full"}.get(width.role)
    if stated.width is None and said is None:
        raise UnitError(
            f"{table.label}: {width.header!r} does not say whether it is half or all of a bin; "
            f"give width='half' or width='full' (--width half, --width full)"
        )
    if stated.width is not None and said not in (None, stated.width):
        notes.append(f"Column {width.header!r} was read as {stated.width} widths, as stated.")
    extent = extent / WAVELENGTH_UNITS[unit_of(width, main, stated.wavelength_unit) or "um"]
    if np.median(extent) > np.median(center):
        raise UnitError(
            f"{table.label}: the widths {width.header!r} exceed the wavelengths, as if in another "
            f"unit; name their unit in the header, as in bin_half_width_um"
        )
    half = extent / 2 if (stated.width or said) == "full" else extent
    return center, center - half, center + half


def _wavelengths(table: CellTable, column: Column, main: Column, stated: Stated) -> np.ndarray:
    """One column of wavelengths in um."""
    values = table.numbers(column.index)
    missing = np.flatnonzero(np.isnan(values))
    if missing.size:
        raise FileFormatError(
            f"{table.label}: no wavelength in {table.where(missing)}; fill it in or delete the row"
        )
    unit = unit_of(column, main, stated.wavelength_unit)
    median = float(np.median(values))
    looks = _looks_like(median)
    seems = f"its values (near {median:g}) look like {' or '.join(looks) or 'no wavelength'}"
    likely = looks[0] if looks else "um"
    remedy = f"give wavelength_unit={likely!r} (--wavelength-unit {likely}) if they are"
    if unit is None:
        raise UnitError(f"{table.label}: {column.header!r} states no unit and {seems}; {remedy}")
    values = values / WAVELENGTH_UNITS[unit]
    if not _SHORTEST <= np.median(values) <= _LONGEST:
        raise UnitError(f"{table.label}: {column.header!r} cannot be in {unit}, {seems}; {remedy}")
    return values


def _looks_like(median: float) -> list[str]:
    """Units in which a typical wavelength would be this number, likeliest first."""
    return [
        unit
        for unit, per_um in WAVELENGTH_UNITS.items()
        if (_SHORTEST if unit in ("um", "nm") else 0.3) <= median / per_um <= _LONGEST
    ]


def _refuse_duplicates(
    table: CellTable,
    columns: dict[str, Column],
    order: np.ndarray,
    centers: np.ndarray,
    lower: np.ndarray | None,
    upper: np.ndarray | None,
) -> None:
    """Refuse two rows of one centre, which no grid can hold; say whether they are the same."""
    same = np.flatnonzero(np.diff(centers[order]) == 0)
    if not same.size:
        return
    pair = np.sort(order[same[0] : same[0] + 2])
    first, second = pair
    where = f"{table.label}: {table.where(pair)} are"
    instruments = table.text(columns["instrument"].index) if "instrument" in columns else None
    one = instruments is None or instruments[first] == instruments[second]
    bins = lower is None or upper is None or (lower[first], upper[first]) == (
        lower[second], upper[second]
    )  # fmt: skip
    if one and bins:
        raise FileFormatError(f"{where} the same bin ({centers[first]:g} um); keep one of them")
    raise GridError(
        f"{where} two bins centred on {centers[first]:g} um; put each instrument in a file of "
        f"its own"
    )

"""The bins of a table of a spectrum, in um."""

from __future__ import annotations

import numpy as np

from exosk.exceptions import FileFormatError, GridError, UnitError
from exosk.sources.cells import CellTable
from exosk.sources.columns import WAVELENGTH_UNITS, Column
from exosk.sources.selection import LAYOUT, WIDTHS, Stated, unit_of
from exosk.spectra import SpectralGrid

__all__ = ["read_bins"]

# Observed transmission spectra lie well within these wavelengths, in um.
_SHORTEST, _LONGEST = 0.1, 60.0
# Shift of bins of one centre, in units of it: far above the rounding by which two grids count as
# the same, far below the digits of any file.
_APART = 1e-6


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
    if (np.diff(centers[order]) == 0).any():
        if not (table.lenient and _are_measured_apart(table, columns, order, centers)):
            _refuse_duplicates(table, columns, order, centers, lower, upper)
        centers, lower, upper = _part(table, order, centers, lower, upper, notes)
    if (order != np.arange(order.size)).any():
        notes.append("The rows were not in order of wavelength; they were sorted.")
    try:
        if lower is not None and upper is not None:
            grid = SpectralGrid(lower[order], upper[order])
            _note_half_filled(columns, stated, grid, notes)
            return grid, order
        if centers.size == 1:
            raise GridError(
                "one bin and no width; add a column bin_half_width_um, or give the full width "
                "in um, as in bin_width=0.1 (--bin-width 0.1)"
            )
        grid = SpectralGrid.from_centers(centers[order])
    except GridError as error:
        raise GridError(f"{table.label}: {error}") from None
    notes.append(
        "The file gives no bin widths; edges were put half-way between neighbouring centres."
    )
    if grid.half_width.max() > 3 * np.median(grid.half_width):
        notes.append("Some of these bins span gaps in the data; give bin widths if known.")
    return grid, order


def _note_half_filled(
    columns: dict[str, Column], stated: Stated, grid: SpectralGrid, notes: list[str]
) -> None:
    """Note bins that leave half of the spectrum out: half widths under a name of full ones."""
    width = columns.get("full_width")
    if width is None or stated.width is not None or len(grid) < 3:
        return
    filled = float(np.median((2 * grid.half_width[:-1]) / np.diff(grid.wavelength)))
    if abs(filled - 0.5) < 0.02:
        notes.append(
            f"The widths {width.header!r} cover only half of the distance between bins, taken as "
            f"full widths. If they are half widths, give width='half' (--width half)."
        )


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
        if stated.bin_width is not None:
            raise FileFormatError(f"{table.label} gives the edges of bins; leave out bin_width")
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
    half = _half_widths(table, columns, main, stated, center, notes)
    return (center, None, None) if half is None else (center, center - half, center + half)


def _half_widths(
    table: CellTable,
    columns: dict[str, Column],
    main: Column,
    stated: Stated,
    center: np.ndarray,
    notes: list[str],
) -> np.ndarray | None:
    """Half of each bin's width in um; None where neither the file nor the caller tells it."""
    width = next((columns[role] for role in WIDTHS if role in columns), None)
    extent = np.full(center.size, np.nan) if width is None else table.numbers(width.index)
    blank = np.isnan(extent)
    if stated.bin_width is not None and not blank.any():
        raise FileFormatError(f"{table.label} gives the width of every bin; leave out bin_width")
    if blank.all() or width is None:
        if stated.bin_width is None:
            return None
        notes.append(f"The bins are {stated.bin_width:g} um wide, as stated.")
        return np.full(center.size, stated.bin_width / 2)
    narrow = np.flatnonzero(extent <= 0)
    if narrow.size:
        raise GridError(
            f"{table.label}: the bin width in {table.where(narrow)} is not positive "
            f"({extent[narrow[0]]:g})"
        )
    if blank.any() and stated.bin_width is None and not table.lenient:
        raise FileFormatError(
            f"{table.label}: no bin width in {table.where(np.flatnonzero(blank))} while other rows "
            f"have one; fill in {width.header!r}, leave it blank everywhere, or give the width of "
            f"these bins in um, as in bin_width=0.1 (--bin-width 0.1)"
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
    if np.nanmedian(extent) > np.median(center):
        raise UnitError(
            f"{table.label}: the widths {width.header!r} exceed the wavelengths, as if in another "
            f"unit; name their unit in the header, as in bin_half_width_um"
        )
    half = extent / 2 if (stated.width or said) == "full" else extent
    if blank.any():
        half = np.where(blank, _widths_for(table, stated, center, blank, notes), half)
    return half


def _widths_for(
    table: CellTable, stated: Stated, center: np.ndarray, blank: np.ndarray, notes: list[str]
) -> np.ndarray | float:
    """Half widths, in um, for the bins that have none, and a note on them."""
    where = table.where(np.flatnonzero(blank))
    if stated.bin_width is not None:
        notes.append(f"The width of {where} is {stated.bin_width:g} um, as stated.")
        return stated.bin_width / 2
    distinct = np.unique(center)
    if distinct.size == 1:
        raise GridError(f"{table.label}: no bin width in {where}; give bin_width (--bin-width)")
    # A quarter of the way from one neighbour to the other: edges half-way to both.
    step = np.diff(distinct)
    reach = np.concatenate([step[:1], step]) + np.concatenate([step, step[-1:]])
    notes.append(
        f"There is no bin width in {where}; edges were put half-way to the neighbours' centres."
    )
    return reach[np.searchsorted(distinct, center)] / 4


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


def _are_measured_apart(
    table: CellTable, columns: dict[str, Column], order: np.ndarray, centers: np.ndarray
) -> bool:
    """Whether rows of one centre differ in something, so that none is a copy of another."""
    cells = [table.text(column.index) for column in columns.values()]
    rows = [tuple(column[k] for column in cells) for k in order]
    return len(set(rows)) == len(rows)


def _part(
    table: CellTable,
    order: np.ndarray,
    centers: np.ndarray,
    lower: np.ndarray | None,
    upper: np.ndarray | None,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shift bins of one centre apart by less than files resolve: a grid needs them ascending."""
    if lower is None or upper is None:
        raise GridError(
            f"{table.label}: bins of one centre and no widths; give bin_width in um (--bin-width)"
        )
    shift = np.zeros(centers.size)
    moved: list[int] = []
    for center in np.unique(centers):
        same = order[centers[order] == center]
        shift[same] = (np.arange(same.size) - (same.size - 1) / 2) * _APART * center
        moved += same.tolist() if same.size > 1 else []
    notes.append(
        f"Bins of one centre ({table.where(sorted(moved))}) are kept as separate measurements, "
        f"shifted apart by a millionth of their wavelength."
    )
    return centers + shift, lower + shift, upper + shift


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

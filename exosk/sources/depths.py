"""Depths and errors of a table of a spectrum, as fractions."""

from __future__ import annotations

import numpy as np

from exosk.exceptions import FileFormatError, UnitError
from exosk.sources.cells import CellTable
from exosk.sources.columns import DEPTH_UNITS, Column
from exosk.sources.selection import LAYOUT, Stated, ambiguous, unit_of

__all__ = ["read_depths"]

# No planet of an ordinary star covers more of it than this (TOI-5205 b: 7 percent).
_DEEPEST = 0.12
# The Earth's transit of the Sun is 8e-5 deep; spectra of less than 1e-6 are in a wrong unit.
_SHALLOWEST = 1e-6


def read_depths(
    table: CellTable, columns: dict[str, Column], stated: Stated, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Read transit depths and their errors.

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
    depth, sigma : ndarray of shape (n_rows,)
        Fractions, in the order of the file; both NaN where the depth is blank.

    Raises
    ------
    FileFormatError
        If a column is missing, or a depth has no error.
    UnitError
        If the unit is not stated or cannot be right, or an error is not positive.
    """
    main = columns.get("depth") or columns.get("ratio")
    if main is None:
        raise FileFormatError(
            f"{table.label} has no column of transit depths; its columns are "
            f"{', '.join(map(repr, table.names))}; exosk's layout is {LAYOUT}"
        )
    values = table.numbers(main.index)
    missing = np.isnan(values)
    if missing.all():
        raise FileFormatError(f"{table.label}: every value of {main.header!r} is missing")
    is_ratio = _is_ratio(main, stated)
    values = values / DEPTH_UNITS[_unit(table, main, stated, values)]
    sigma, of_ratio = _errors(table, columns, main, stated, values)
    if is_ratio:
        # depth = k^2, so its error is 2 k sigma_k to first order.
        sigma = 2 * np.abs(values) * sigma if of_ratio else sigma
        values = values**2
        notes.append(f"Depths are the squares of {main.header!r}.")
    if any(role.endswith("err_up") for role in columns):
        notes.append("Upper and lower errors were averaged.")
    if missing.any():
        notes.append(f"{missing.sum()} of {missing.size} bins have no depth and count as missing.")
    for which, problem, error in (
        (np.isnan(sigma), "a depth but no error", FileFormatError),
        (sigma <= 0, "an error of zero", UnitError),
    ):
        rows = np.flatnonzero(~missing & which)
        if rows.size:
            raise error(
                f"{table.label}: {problem} in {table.where(rows)}; fill in the measured error, "
                f"or blank the depth to leave the bin out"
            )
    return values, np.where(missing, np.nan, sigma)


def _is_ratio(main: Column, stated: Stated) -> bool:
    """Whether the column holds Rp/Rs rather than its square."""
    return main.role == "ratio" or (stated.depth_unit or main.unit) == "rp_rs"


def _unit(table: CellTable, main: Column, stated: Stated, values: np.ndarray) -> str:
    """Find the unit of the depths, and refuse it when the numbers cannot be in it."""
    if main.role == "ratio" and stated.depth_unit not in (None, "rp_rs"):
        raise UnitError(
            f"{table.label}: {main.header!r} holds radius ratios, so there is no depth in "
            f"{stated.depth_unit}; leave out depth_unit (--depth-unit)"
        )
    is_ratio = _is_ratio(main, stated)
    unit = unit_of(main, main, stated.depth_unit)
    median = float(np.nanmedian(np.abs(values)))
    if unit is None and not main.implied:
        raise UnitError(
            f"{table.label}: {main.header!r} states no unit and its values (near {median:g}) "
            f"look like {_looks_like(median, is_ratio)} values; give depth_unit='fraction', "
            f"'percent', 'ppm' or 'rp_rs' (--depth-unit fraction, ...)"
        )
    divisor = unit if unit in DEPTH_UNITS else "fraction"
    typical = (median / DEPTH_UNITS[divisor]) ** (2 if is_ratio else 1)
    # A caller who states the unit may mean a white dwarf's transit.
    if _SHALLOWEST <= typical <= (_DEEPEST if stated.depth_unit is None else 1):
        return divisor
    looks = _looks_like(median, is_ratio)
    remedy = (
        "write the ratios as plain numbers, or put their unit into the header"
        if is_ratio
        else f"give depth_unit={looks!r} (--depth-unit {looks}) if they are"
    )
    claim = f"cannot be in {divisor}" if unit else "would be a plain fraction"
    raise UnitError(
        f"{table.label}: {main.header!r} {claim}, but its values (near {median:g}) look like "
        f"{looks} values; {remedy}"
    )


def _looks_like(median: float, is_ratio: bool) -> str:
    """Name what numbers of this size usually are, as the value of `depth_unit` if it is one."""
    if is_ratio:
        return "percent" if median > 1 else "other"
    return "fraction" if median < _DEEPEST else "percent" if median < 30 else "ppm"


def _errors(
    table: CellTable, columns: dict[str, Column], main: Column, stated: Stated, values: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Read errors in units of one; tell whether they belong to a radius ratio."""
    # Beside a ratio, an error that is named after the depth is unusual but clear.
    kinds = ("ratio_err", "err", "depth_err") if main.role == "ratio" else ("depth_err", "err")
    roles = [kind + side for kind in kinds for side in ("", "_up", "_low")]
    found = [columns[role] for role in roles if role in columns]
    if not found:
        raise FileFormatError(
            f"{table.label} has no column of errors for {main.header!r}; add transit_depth_err, "
            f"or name it with columns={{'error': ...}} (--column error=...)"
        )
    sides = [column.role.removeprefix("depth_").removeprefix("ratio_") for column in found]
    if len(set(sides)) < len(sides) or ("err" in sides and len(sides) > 1):
        raise ambiguous(table, *found[:2])
    if sides in (["err_up"], ["err_low"]):
        raise FileFormatError(
            f"{table.label}: {found[0].header!r} is one-sided and the other side is missing; add "
            f"it, or use it for both with columns={{'error': {found[0].header!r}}} "
            f"(--column error={found[0].header})"
        )
    parts = [
        _one_error(table, column, main, stated, values, signed=side == "err_low")
        for side, column in zip(sides, found, strict=True)
    ]
    of_depth = main.role == "ratio" and any(c.role.startswith("depth_err") for c in found)
    return np.mean(parts, axis=0), not of_depth


def _one_error(
    table: CellTable,
    column: Column,
    main: Column,
    stated: Stated,
    values: np.ndarray,
    signed: bool,
) -> np.ndarray:
    """Read one column of errors in units of one, NaN where it is blank."""
    error = table.numbers(column.index)
    present = ~np.isnan(error) & ~np.isnan(values)
    if signed and (error[present] <= 0).all():
        # Archives write the lower error with its sign.
        error = np.abs(error)
    negative = np.flatnonzero(present & (error < 0))
    if negative.size:
        raise UnitError(
            f"{table.label}: the error {column.header!r} is negative in "
            f"{table.where(negative)}; errors are positive, so check the columns and those rows"
        )
    unit = unit_of(column, main, stated.depth_unit)
    error = error / DEPTH_UNITS[unit if unit in DEPTH_UNITS else "fraction"]
    positive = present & (error > 0) & (values != 0)
    if column.unit is None and positive.any():
        typical = float(np.median(error[positive] / np.abs(values[positive])))
        if not 1e-6 < typical < 1:
            raise UnitError(
                f"{table.label}: the errors {column.header!r} are {typical:.2g} times the depths, "
                f"as if in another unit; name their unit in the header, as in "
                f"transit_depth_err_ppm"
            )
    return error

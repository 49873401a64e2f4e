"""Which column is which, and in whose words.

What the caller states wins over what the file says, and is noted. What neither says is asked
for: errors name the argument of :func:`exosk.sources.read_spectrum` and the option of the
command line that settle it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exosk.exceptions import FileFormatError, GridError, UnitError, UnknownNameError
from exosk.grids import wavelength_difference
from exosk.sources.cells import CellTable
from exosk.sources.columns import Column, classify, depth_unit, wavelength_unit

__all__ = ["LAYOUT", "WIDTHS", "Stated", "ambiguous", "choose_columns", "unit_of"]

LAYOUT = "wavelength_um, bin_half_width_um, transit_depth, transit_depth_err"
"""The layout that exosk documents, for errors."""

WIDTHS = ("half_width", "full_width", "width")
"""Roles of columns that give the extent of a bin."""

# The key of `columns=`, the role it gives, and the roles that it settles.
_ERRORS = tuple(
    f"{kind}{side}" for kind in ("err", "depth_err", "ratio_err") for side in ("", "_up", "_low")
)
_ASSIGNABLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "wavelength": ("wavelength", ("wavelength",)),
    "half_width": ("half_width", WIDTHS),
    "full_width": ("full_width", WIDTHS),
    "low": ("low", ("low",)),
    "high": ("high", ("high",)),
    "depth": ("depth", ("depth", "ratio")),
    "rp_rs": ("ratio", ("depth", "ratio")),
    "error": ("err", _ERRORS),
    "error_up": ("err_up", _ERRORS),
    "error_low": ("err_low", _ERRORS),
    "instrument": ("instrument", ("instrument",)),
}


@dataclass(frozen=True)
class Stated:
    """What the caller states about a file; None leaves it to the file.

    Attributes
    ----------
    depth_unit : str or None
        ``fraction``, ``percent``, ``ppm`` or ``rp_rs``.
    wavelength_unit : str or None
        ``um``, ``nm``, ``angstrom`` or ``m``.
    width : str or None
        ``half`` or ``full``.
    bin_width : float or None
        Full width of bins for which the file has none, in um.
    """

    depth_unit: str | None = None
    wavelength_unit: str | None = None
    width: str | None = None
    bin_width: float | None = None

    @classmethod
    def check(
        cls, depth: object, wavelength: object, width: str | None, bin_width: object = None
    ) -> Stated:
        """Understand the caller's words; raise UnitError or GridError if they cannot be."""
        if width not in (None, "half", "full"):
            raise UnitError(
                f"width={width!r} is not known; give 'half' or 'full' (a number is bin_width)"
            )
        return cls(
            None if depth is None else depth_unit(str(depth)),
            None if wavelength is None else wavelength_unit(str(wavelength)),
            width,
            None if bin_width is None else _checked_width(bin_width),
        )


def _checked_width(bin_width: object) -> float:
    """Return a width in um."""
    try:
        value = wavelength_difference(bin_width, "bin_width")
    except (TypeError, ValueError) as error:
        raise UnitError(f"bin_width={bin_width!r} is not a width; give a number in um") from error
    if value.shape != () or not 0 < value < 30:
        raise GridError(f"bin_width={bin_width!r} is not one positive width in um")
    return float(value)


def choose_columns(table: CellTable, assigned: Mapping[str, str] | None) -> dict[str, Column]:
    """Find the one column of each role.

    Parameters
    ----------
    table : CellTable
        The file's columns.
    assigned : mapping of str to str, optional
        Which header holds which quantity, where the headers do not tell.

    Returns
    -------
    dict of str to Column
        By role. Columns that are not understood are absent.

    Raises
    ------
    FileFormatError
        If two columns could be the same quantity, or `assigned` has an unknown key.
    UnknownNameError
        If `assigned` names a column that the file does not have.
    UnitError
        If a header states an unknown unit, or two.
    """
    assigned = _with_layout(table, assigned or {})
    columns = [
        classify(index, header, unit)
        for index, (header, unit) in enumerate(zip(table.names, table.units, strict=True))
    ]
    fixed: dict[str, Column] = {}
    settled: set[str] = set()
    for key, header in assigned.items():
        if key not in _ASSIGNABLE:
            raise FileFormatError(
                f"columns={{{key!r}: ...}} is not known; keys: {', '.join(_ASSIGNABLE)}"
            )
        if header not in table.names:
            raise UnknownNameError.suggest(f"column of {table.label}", header, table.names)
        role, settles = _ASSIGNABLE[key]
        index = table.names.index(header)
        fixed[role] = classify(index, header, table.units[index], assigned=role)
        settled.update(settles)
    taken = {column.index for column in fixed.values()}
    chosen: dict[str, Column] = {}
    for column in columns:
        rival = chosen.get(column.role)
        if not column.role or column.role in settled or column.index in taken:
            continue
        if rival is not None:
            raise ambiguous(table, rival, column)
        chosen[column.role] = column
    chosen |= fixed
    for family in (WIDTHS, ("depth", "ratio")):
        rivals = [chosen[role] for role in family if role in chosen]
        if len(rivals) > 1:
            raise ambiguous(table, *rivals[:2])
    return chosen


def _with_layout(table: CellTable, assigned: Mapping[str, str]) -> dict[str, str]:
    """Add what the file's layout says of its columns to what the caller says."""
    settled = {role for key in assigned for role in _ASSIGNABLE.get(key, ("", ()))[1]}
    if any(table.roles.get(k) != assigned[k] for k in ("depth", "rp_rs") if k in assigned):
        settled.update(_ERRORS)  # the errors of another quantity are not this one's
    known = {
        key: header
        for key, header in table.roles.items()
        if not settled & set(_ASSIGNABLE[key][1]) and header not in assigned.values()
    }
    return known | dict(assigned)


def ambiguous(table: CellTable, first: Column, second: Column) -> FileFormatError:
    """Build the error for two columns that could be the same quantity."""
    # The key that keeps the first column in its role.
    _, is_error, side = first.role.partition("err")
    plain = {"ratio": "rp_rs", "width": "half_width"}.get(first.role, first.role)
    key = f"error{side}" if is_error else plain
    return FileFormatError(
        f"{table.label}: columns {first.header!r} and {second.header!r} both look like the "
        f"{key.replace('_', ' ')}; say which with columns={{{key!r}: {first.header!r}}} "
        f"(--column {key}={first.header}), or rename one"
    )


def unit_of(column: Column, main: Column, stated: str | None) -> str | None:
    """Find a column's unit: the caller's word, else the file's, else that of the main column.

    The caller speaks of the main column and of those that share its unit; a column with a
    unit of its own keeps it.
    """
    if stated is not None and (column == main or column.unit in (None, main.unit)):
        return stated
    return column.unit or main.unit

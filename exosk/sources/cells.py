"""Named columns of cells: what every format is reduced to, before anything is known of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError

__all__ = ["CellTable", "is_number"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
# 1,234 is one thousand two hundred and thirty-four to some and 1.234 to others.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_MISSING = frozenset({"", "nan", "null", "none", "n/a", "na", "-", "--", "...", "masked"})


def is_number(cell: str) -> bool:
    """Whether a cell of text may stand in a column of numbers: it is one, or a blank."""
    return cell.casefold() in _MISSING or bool(
        _NUMBER.fullmatch(cell) or _COMMA_NUMBER.fullmatch(cell)
    )


@dataclass
class CellTable:
    """Named columns of a file or a table in memory, before anything is known of their meaning.

    Attributes
    ----------
    label : str
        The file's name, or what is in memory, for errors.
    names : list of str
        Column headers as written.
    columns : list of (list of str or ndarray)
        Cells of each column: text, or floats where the format has types (NaN is missing).
    rows : list of int
        Where each row stands in the file.
    row_word : str
        What the numbers in `rows` count, ``"line"`` or ``"row"``.
    units : list of (str or None)
        Units that the format itself states for each column.
    delimiter : str
        Field separator; empty where the format has none.
    meta : dict
        Metadata of the file.
    notes : list of str
        What the reader decided, for the spectrum's own notes.
    roles : dict of str to str
        What a known layout says of its columns: keys of ``columns=`` of
        :func:`exosk.sources.read_spectrum`, and headers. The caller's own win.
    lenient : bool
        Whether a bin without a width, and two bins of one centre, are kept with a note rather
        than refused: in files of an archive, which nobody is asked to mend.
    """

    label: str
    names: list[str]
    columns: list[list[str] | np.ndarray]
    rows: list[int]
    row_word: str = "line"
    units: list[str | None] = field(default_factory=list)
    delimiter: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    lenient: bool = False
    decimal_comma: bool = False

    def where(self, which: Iterable[int]) -> str:
        """Say which rows are meant, as in ``"lines 3, 7 and 9"``."""
        numbers = [str(self.rows[k]) for k in which]
        if len(numbers) > 5:
            return f"{self.row_word}s {', '.join(numbers[:4])} and {len(numbers) - 4} more"
        if len(numbers) > 1:
            return f"{self.row_word}s {', '.join(numbers[:-1])} and {numbers[-1]}"
        return f"{self.row_word} {numbers[0]}"

    def text(self, index: int) -> list[str]:
        """Cells of one column as text, stripped."""
        return [str(cell).strip() for cell in self.columns[index]]

    def find(self, name: str) -> int | None:
        """Return the position of a column by its name, whatever its case; None without it."""
        folded = [header.strip().casefold() for header in self.names]
        return folded.index(name.casefold()) if name.casefold() in folded else None

    def keep_rows(self, kept: np.ndarray) -> None:
        """Keep the rows of a mask, shape (n_rows,)."""
        which = np.flatnonzero(kept)
        self.columns = [
            column[kept] if isinstance(column, np.ndarray) else [column[k] for k in which]
            for column in self.columns
        ]
        self.rows = [self.rows[k] for k in which]

    def blank(self, index: int, which: np.ndarray) -> None:
        """Make the cells of one column missing where a mask says so, shape (n_rows,)."""
        column = self.columns[index]
        if isinstance(column, np.ndarray):
            self.columns[index] = np.where(which, np.nan, column)
        else:
            self.columns[index] = ["" if k else cell for cell, k in zip(column, which, strict=True)]

    def accept_decimal_commas(self, used: Iterable[int]) -> None:
        """Decide whether the numbers of the `used` columns have decimal commas.

        Raises
        ------
        FileFormatError
            If they have commas that could mean something else.
        """
        cells = [
            cell
            for index in used
            if not isinstance(self.columns[index], np.ndarray)
            for cell in self.text(index)
        ]
        commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
        if not commas:
            return
        remedy = "write decimal points, or separate the columns by ';' with every number in commas"
        if self.delimiter not in (";", "\t"):
            raise FileFormatError(
                f"{self.label}: {commas[0]!r} looks like a number with a decimal comma, which "
                f"cannot be told from a separator here; {remedy}"
            )
        points = [cell for cell in cells if "." in cell and _NUMBER.fullmatch(cell)]
        if points:
            raise FileFormatError(
                f"{self.label}: decimal commas ({commas[0]!r}) and decimal points "
                f"({points[0]!r}) are mixed; {remedy}"
            )
        if all(_THOUSANDS.fullmatch(cell) for cell in commas):
            raise FileFormatError(
                f"{self.label}: {commas[0]!r} may have a decimal comma or separate thousands, "
                f"and no number in the file tells which; write decimal points"
            )
        self.decimal_comma = True
        self.notes.append("Decimal commas were read as decimal points.")

    def numbers(self, index: int) -> np.ndarray:
        """One column as floats, shape (n_rows,), NaN where a cell is blank.

        Raises
        ------
        FileFormatError
            If a cell is not a number.
        """
        column = self.columns[index]
        if isinstance(column, np.ndarray):
            values = column
        else:
            values = np.array([self._number(cell) for cell in self.text(index)])
        bad = np.flatnonzero(np.isinf(values))
        if bad.size:
            cell = str(column[bad[0]]).strip()
            raise FileFormatError(
                f"{self.label}: {cell!r} in column {self.names[index]!r} "
                f"({self.where(bad[:1])}) is not a number; leave a missing value blank"
            )
        return values

    def _number(self, cell: str) -> float:
        """Return a cell's value; infinity, which no file may hold, marks what is no number."""
        if cell.casefold() in _MISSING:
            return np.nan
        cell = cell.replace("\u2212", "-")  # the typographic minus of typeset tables
        if self.decimal_comma:
            cell = cell.replace(",", ".")
        # float() alone would also take 1_000 and the digits of other scripts.
        return float(cell) if _NUMBER.fullmatch(cell) else np.inf

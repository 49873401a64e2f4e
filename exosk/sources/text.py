"""From the bytes of a file to named columns of cells, without guessing.

The formats that astronomers exchange are not quite CSV: there are comments, commas inside
an instrument's name, decimal commas, headers that hide in a comment. Each is read when it can
mean one thing only, and otherwise refused in one sentence that names the line. Tables that
describe themselves (ECSV) are left to astropy.
"""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError, UnknownNameError

__all__ = ["CellTable", "decode", "parse_table", "read_bytes"]

# A spectrum has some thousands of rows at most; a file of this size is something else, and
# reading it only to say so would take the machine's memory.
_MAX_BYTES = 64 * 1024 * 1024

_MAGIC = (
    (b"SIMPLE  =", "a FITS file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"CDF\x01", "a netCDF file"),
    (b"CDF\x02", "a netCDF file"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
)
_MARKUP = re.compile(r"\s*<(!doctype|html|\?xml|votable)", re.IGNORECASE)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
# 1,234 is one thousand two hundred and thirty-four to some and 1.234 to others.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_MISSING = frozenset({"", "nan", "null", "none", "n/a", "na", "-", "--", "...", "masked"})

_LAYOUT = "wavelength_um,bin_half_width_um,transit_depth,transit_depth_err"


@dataclass
class CellTable:
    """Named columns of a file, before anything is known of their meaning.

    Attributes
    ----------
    label : str
        The file's name, for errors.
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

    def accept_decimal_commas(self, used: Iterable[int]) -> None:
        """Decide whether the numbers of the `used` columns have decimal commas.

        Raises
        ------
        FileFormatError
            If they have commas that could mean something else.
        """
        cells = [cell for index in used for cell in self.text(index)]
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


def read_bytes(path: Path) -> bytes:
    """Read a file whole, or say in one sentence why not.

    Raises
    ------
    UnknownNameError
        If there is no such file; the nearest names in its folder are suggested.
    FileFormatError
        If it is a folder, unreadable, empty, or not text.
    """
    # Not Path.is_dir, which raises when the folder above may not be searched.
    if os.path.isdir(path):
        raise FileFormatError(f"{path} is a folder; give one file in it")
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnknownNameError(_missing_path(path)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileFormatError(f"{path.name} cannot be read: {reason.lower()}") from error
    if len(data) > _MAX_BYTES:
        limit = _MAX_BYTES / 1e6
        raise FileFormatError(
            f"{path.name} is larger than {limit:.0f} MB, too large for a spectrum"
        )
    if not data.strip():
        raise FileFormatError(f"{path.name} is empty")
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            raise FileFormatError(
                f"{path.name} is {kind}, not a text table; export the spectrum as CSV or ECSV"
            )
    return data


def _missing_path(path: Path) -> str:
    folder = path.parent
    if not os.path.isdir(folder):
        return f"there is no folder {str(folder)!r}, so no file {path.name!r} in it"
    try:
        names = {entry.name.casefold(): entry.name for entry in folder.iterdir()}
    except OSError:
        names = {}
    near = difflib.get_close_matches(path.name.casefold(), names, n=3, cutoff=0.6)
    hint = "; did you mean " + " or ".join(repr(names[match]) for match in near) + "?"
    return f"there is no file {str(path)!r}" + (hint if near else "")


def decode(data: bytes, label: str) -> tuple[str, list[str]]:
    """Turn bytes into text with plain newlines; return it with notes on how.

    Raises
    ------
    FileFormatError
        If the bytes are not text, or are a web page or a table in XML.
    """
    notes = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig"]
        if b"\0" in data:
            raise FileFormatError(f"{label} is not text but binary data; export it as CSV or ECSV")
    try:
        text = data.decode(encodings[0])
    except UnicodeDecodeError:
        if encodings == ["utf-16"]:
            raise FileFormatError(
                f"{label} starts like UTF-16 text but is not; save it as UTF-8"
            ) from None
        # Every byte is some latin-1 character, so control characters are the only clue left.
        text = data.decode("latin-1")
        if re.search(r"[\x00-\x08\x0e-\x1f]", text):
            raise FileFormatError(
                f"{label} is not text but binary data; export it as CSV or ECSV"
            ) from None
        notes.append("The file is not UTF-8; it was read as latin-1.")
    if _MARKUP.match(text):
        raise FileFormatError(
            f"{label} is a web page or XML, not a text table; download the table as CSV"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def parse_table(text: str, label: str) -> CellTable:
    """Split delimited text with a header line into columns.

    The separator is what the header line contains: a semicolon, else a tab, else a comma,
    else white space.

    Parameters
    ----------
    text : str
        Content, with plain newlines.
    label : str
        The file's name, for errors.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If there is no header, no row, or a row does not fit the header.
    """
    comments, lines = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip().startswith("#"):
            comments.append((number, line.lstrip().lstrip("#").strip()))
        elif line.strip():
            lines.append((number, line))
    if any(line.startswith(("\\", "|")) for _, line in lines[:1]):
        raise FileFormatError(
            f"{label} is an IPAC table, as the NASA Exoplanet Archive gives them; load it with "
            f"the plugin exosk-nasa-archive, or convert it to CSV"
        )
    header = _take_header(lines, comments, label)
    delimiter = next((mark for mark in ";\t," if mark in header), " ")
    if delimiter == " ":
        # "wavelength (um)" is one name, although names are separated by blanks.
        header = re.sub(r"\s+([\[(][^\[\]()]*[\])])", r"\1", header)
    names = _split(header, delimiter, label, lines[0][0] if lines else 1)
    while names and not names[-1]:
        names.pop()
    notes: list[str] = []
    rows = {}
    for number, line in lines:
        cells = _split(line, delimiter, label, number)
        if any(cells):  # spreadsheets end in rows of separators
            rows[number] = _fit(cells, names, delimiter, label, number, notes)
    if not rows:
        raise FileFormatError(f"{label} has a header but no rows")
    return CellTable(
        label=label,
        names=names,
        columns=[list(column) for column in zip(*rows.values(), strict=True)],
        rows=list(rows),
        units=[None] * len(names),
        delimiter=delimiter,
        meta={"comments": [line for _, line in comments if line]} if comments else {},
        notes=notes,
    )


def _is_number(cell: str) -> bool:
    return cell.casefold() in _MISSING or bool(
        _NUMBER.fullmatch(cell) or _COMMA_NUMBER.fullmatch(cell)
    )


def _take_header(lines: list[tuple[int, str]], comments: list[tuple[int, str]], label: str) -> str:
    """Return the header line, removing it from `lines` or `comments`."""
    if not lines:
        raise FileFormatError(f"{label} has comments but no table")
    number, first = lines[0]
    cells = re.split(r"[;,\s]+", first.strip())
    if not all(_is_number(cell.strip("\"'")) for cell in cells):
        return lines.pop(0)[1]
    # numpy.savetxt puts its header into the comment right above the numbers.
    if comments and comments[-1][0] == number - 1:
        above = comments[-1][1]
        if any(
            len(re.split(cut, above)) == len(re.split(cut, first.strip())) > 1
            for cut in (";", "\t", ",", r"\s+")
        ):
            return comments.pop()[1]
    raise FileFormatError(
        f"{label} has no line of column names above its numbers; put one first, such as {_LAYOUT!r}"
    )


def _split(line: str, delimiter: str, label: str, number: int) -> list[str]:
    if delimiter == " ":
        line = " ".join(line.split())
    try:
        fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
    except (csv.Error, StopIteration) as error:
        raise FileFormatError(
            f"{label}: line {number} has a quotation mark that does not close, or text after it"
        ) from error
    return [cell.strip() for cell in fields]


def _fit(
    cells: list[str], names: list[str], delimiter: str, label: str, number: int, notes: list[str]
) -> list[str]:
    """Make a row as long as the header, where only one reading is possible."""
    extra = cells[len(names) :]
    if not any(extra):
        cells = cells[: len(names)]
    elif (
        len(cells) > len(names)
        and not _is_number(cells[len(names) - 1])
        and not any(_is_number(cell) for cell in extra if cell)
    ):
        # An unquoted comma or blank in a text such as "HST STIS, Spitzer", in the last column.
        joint = f"{delimiter} " if delimiter != " " else " "
        cells = [*cells[: len(names) - 1], joint.join(cells[len(names) - 1 :])]
        note = f"Text in column {names[-1]!r} contains unquoted separators; it was joined again."
        if note not in notes:
            notes.append(note)
    if len(cells) != len(names):
        hint = (
            "decimal commas need ';' between the columns"
            if delimiter == "," and len(cells) >= 1.5 * len(names)
            else "quote text that contains the separator, and leave no field out"
        )
        raise FileFormatError(
            f"{label}: line {number} has {len(cells)} fields but the header has {len(names)}; "
            f"{hint}"
        )
    return cells

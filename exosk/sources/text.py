"""From the bytes of a file to named columns of cells, without guessing.

The formats that astronomers exchange are not quite CSV: there are comments, commas inside
an instrument's name, decimal commas, headers that hide in a comment. Each is read when it can
mean one thing only, and otherwise refused in one sentence that names the line. Tables that
describe themselves (ECSV) are left to astropy.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from exosk.exceptions import FileFormatError
from exosk.sources.cells import CellTable, is_number
from exosk.sources.contents import kind_of, read_contents

__all__ = ["decode", "parse_table", "read_bytes"]

_MARKUP = re.compile(r"\s*<(!doctype|html|\?xml|votable)", re.IGNORECASE)

_LAYOUT = "wavelength_um,bin_half_width_um,transit_depth,transit_depth_err"


def read_bytes(path: Path) -> bytes:
    """Read a file of text whole, or say in one sentence why not.

    Raises
    ------
    UnknownNameError
        If there is no such file; the nearest names in its folder are suggested.
    FileFormatError
        If it is a folder, unreadable, empty, too large, or not text.
    """
    data = read_contents(path)
    if kind := kind_of(data):
        raise FileFormatError(
            f"{path.name} is {kind}, not a text table; export the spectrum as CSV or ECSV"
        )
    return data


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
    header = _take_header(lines, comments, label)
    delimiter = next((mark for mark in ";\t," if mark in header), " ")
    if delimiter == " ":
        # "wavelength (um)" is one name, although names are separated by blanks.
        header = re.sub(r"\s+([\[(][^\[\]()]*[\])])", r"\1", header)
    names = _split(header, delimiter, label, lines[0][0] if lines else 1)
    while names and not names[-1]:
        names.pop()
    if delimiter == "," and lines and _is_mixed(names, lines[0][1]):
        delimiter = " "
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


def _is_mixed(names: list[str], first: str) -> bool:
    """Whether names are separated by commas and numbers by blanks, as Tiberius writes them."""
    return "," not in first and len(first.split()) == len(names) > 1


def _take_header(lines: list[tuple[int, str]], comments: list[tuple[int, str]], label: str) -> str:
    """Return the header line, removing it from `lines` or `comments`."""
    if not lines:
        raise FileFormatError(f"{label} has comments but no table")
    number, first = lines[0]
    cells = re.split(r"[;,\s]+", first.strip())
    if not all(is_number(cell.strip("\"'")) for cell in cells):
        return lines.pop(0)[1]
    # numpy.savetxt puts its header into the comment right above the numbers.
    if comments and comments[-1][0] == number - 1:
        above = comments[-1][1]
        if any(
            len(re.split(cut, above)) == len(re.split(cut, first.strip())) > 1
            for cut in (";", "\t", ",", r"\s+")
        ) or _is_mixed(above.split(","), first):
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
        and not is_number(cells[len(names) - 1])
        and not any(is_number(cell) for cell in extra if cell)
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

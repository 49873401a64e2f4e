"""Exo.MAST's curated spectra: what their files are called, and how they are laid out.

A file is called ``HAT-P-26b_transmission_Wakeford2017.txt``. It has lines of comment that start
with ``#``, which name the columns and their units, and then rows of wavelength, width of the bin
(both in microns), transit depth and its error, separated by blanks. The names have blanks and
brackets in them, so that no reader of tables can tell them apart; their order is always the same.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exosk.exceptions import ExoskError, FileFormatError
from exosk.sources import read_spectrum
from exosk.spectra import Spectrum

__all__ = ["CuratedFile", "parse_name", "read_curated"]

_NAME = re.compile(r"(?P<planet>.+?)_transmission(?:_(?P<reference>.+?))?\.(?:txt|dat|csv)", re.I)
_AUTHOR = re.compile(r"(?P<author>\D+?)[_ ]?(?P<year>(?:19|20)\d\d)(?P<rest>.*)")
_SQUARED = re.compile(r"\(\s*r_?p\s*/\s*r_?(?:s|\*|star)\s*\)\s*(?:\^|\*\*)\s*\{?2|depth", re.I)
_RATIO = re.compile(r"r_?p\s*/\s*r_?(?:s|\*|star)", re.I)
_HEADER = "wavelength,bin_full_width,value,value_err"


@dataclass(frozen=True)
class CuratedFile:
    """A curated transmission spectrum, as its name describes it.

    Attributes
    ----------
    name : str
        The file's.
    reference : str
        Who published it, as ``"Wakeford 2017"``.
    year : int
        When; 0 where that is not told.
    """

    name: str
    reference: str
    year: int


def parse_name(name: str) -> CuratedFile | None:
    """Understand a file's name; None of what is no transmission spectrum, as of an eclipse."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    stem = found["reference"] or "unnamed"
    author = _AUTHOR.fullmatch(stem)
    if author is None:
        return CuratedFile(name, stem.replace("_", " "), 0)
    said = f"{author['author']} {author['year']}{author['rest']}"
    return CuratedFile(name, " ".join(said.replace("_", " ").split()), int(author["year"]))


def read_curated(path: Path, planet: str, file: CuratedFile) -> Spectrum:
    """Read a curated spectrum.

    Parameters
    ----------
    path : Path
        The file.
    planet : str
        Whose.
    file : CuratedFile
        What its name says.

    Returns
    -------
    Spectrum

    Raises
    ------
    FileFormatError
        If it is not laid out as such a file, or does not say whether its values are depths or
        Rp/Rs.
    ExoskError
        If its numbers cannot be a spectrum.
    """
    text = path.read_text("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines()]
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    rows = [re.split(r"[\s,]+", line) for line in lines if line and not line.startswith("#")]
    if rows and not _are_numbers(rows[0]):
        comments.append(" ".join(rows.pop(0)))  # a line of names that is no comment
    bad = next((row for row in rows if len(row) != 4 or not _are_numbers(row)), None)
    if bad is not None or not rows:
        raise FileFormatError(
            f"{path.name}: {' '.join(bad) if bad else 'nothing'!r} is not the four numbers "
            f"(wavelength, width, depth, error) of Exo.MAST's files; read {path} with "
            f"exosk.read_spectrum, which can be told the columns"
        )
    said = " ".join(comments)
    notes = ["Widths of bins are taken to be full ones, and wavelengths in microns."]
    try:
        with tempfile.TemporaryDirectory() as folder:
            tidy = Path(folder) / path.name
            tidy.write_text("\n".join([_HEADER, *(",".join(row) for row in rows)]), "utf-8")
            spectrum = read_spectrum(
                tidy,
                depth_unit=_unit(said, path),
                wavelength_unit="um",
                width="full",
                columns={"full_width": "bin_full_width"} | _columns(said),
                name=planet,
                reference=f"{file.reference} (curated by Exo.MAST, {file.name})",
            )
    except ExoskError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{error} (the file is {path})") from error
    meta = {k: v for k, v in spectrum.meta.items() if k != "comments"}
    if comments := [line for line in comments if line]:
        meta["comments"] = comments
    return spectrum.replace(meta=meta | {"notes": [*notes, *meta.get("notes", [])]})


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _columns(said: str) -> dict[str, str]:
    kind = "depth" if _SQUARED.search(said) else "rp_rs"
    return {kind: "value", "error": "value_err"}


def _unit(said: str, path: Path) -> str:
    """Return the unit of the values, by what the comments say."""
    if _SQUARED.search(said):
        if "ppm" in said.casefold():
            return "ppm"
        return "percent" if "%" in said or "percent" in said.casefold() else "fraction"
    if _RATIO.search(said):
        return "rp_rs"
    raise FileFormatError(
        f"{path.name} does not say whether its values are (Rp/Rs)^2 or Rp/Rs; read {path} with "
        f"exosk.read_spectrum, which can be told by depth_unit"
    )

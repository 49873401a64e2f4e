"""The archive's index of transmission spectra: what there is, and what each is called here.

A spectrum is called by its planet and the two last numbers of its file, the publication's and its
own within that: ``WASP_39_b_3.11466_5087_1.tbl`` is ``WASP-39 b 5087.1``. Other things that the
index says of a spectrum may be corrected some day; the file's name stays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

from exosk.sources import Listing, fold_name
from exosk.spectra import Spectrum
from exosk_nasa_archive.references import author_text, reference_text
from exosk_nasa_archive.rows import Row, rows_of

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["COLUMNS", "QUERY", "IndexEntry", "best", "compare", "of_planet", "read_index"]

COLUMNS = (
    "pl_name",
    "spec_type",
    "authors",
    "bibcode",
    "num_datapoints",
    "instrument",
    "facility",
    "minwavelng",
    "maxwavelng",
    "note",
    "spec_path",
)
QUERY = f"select {', '.join(COLUMNS)} from spectra where spec_type = 'Transmission'"

# Two numbers, or two numbers with words, at the end of a file's name.
_NUMBERS = re.compile(r"_(\d+)_(\d+)$")
_YEAR = re.compile(r"(?:19|20)\d\d")
# In um; the index rounds.
_ROUNDED = 2e-3
# An abbreviation has two capitals at least, and may be followed by more: "... (NIRCam) - F322W2".
_ABBREVIATED = re.compile(r"^.*?\((\w*[A-Z]\w*[A-Z]\w*)\)[\s-]*(.*)$")
_SHORT = {
    "hubble space telescope": "HST",
    "james webb space telescope": "JWST",
    "spitzer space telescope": "Spitzer",
    "kepler space telescope": "Kepler",
    "very large telescope": "VLT",
    "wide field camera 3": "WFC3",
    "space telescope imaging spectrograph": "STIS",
    "advanced camera for surveys": "ACS",
    "cosmic origins spectrograph": "COS",
}


@dataclass(frozen=True)
class IndexEntry:
    """One transmission spectrum.

    Attributes
    ----------
    name : str
        What :meth:`NasaArchiveSource.load` takes.
    planet, authors, bibcode, instrument, facility, note : str
        As the index has them; empty where it has nothing.
    n_points : int or None
        How many points.
    low, high : float or None
        Shortest and longest wavelength, in um.
    spec_path : str
        Its file.
    """

    name: str
    planet: str
    authors: str
    bibcode: str
    n_points: int | None
    instrument: str
    facility: str
    low: float | None
    high: float | None
    note: str
    spec_path: str

    @property
    def stem(self) -> str:
        """The file's name without the ending."""
        return PurePosixPath(self.spec_path).stem

    @property
    def reference(self) -> str:
        """Authors and bibcode."""
        return ", ".join(text for text in (self.authors, self.bibcode) if text)

    @property
    def observed_with(self) -> str:
        """Facility and instrument, by the names that people call them."""
        parts = (_shortened(self.facility), _shortened(self.instrument))
        return " ".join(part for part in parts if part)

    @property
    def year(self) -> int:
        """Of the publication; 0 where it is not told."""
        found = _YEAR.match(self.bibcode) or _YEAR.search(self.authors)
        return int(found[0]) if found else 0

    def listing(self) -> Listing:
        """Describe it; the note tells reductions of one publication apart."""
        about = "; ".join(text for text in (self.reference, self.note) if text)
        return Listing(
            self.name, self.planet, self.observed_with, about, self.n_points, self.low, self.high
        )


def read_index(table: Table) -> list[IndexEntry]:
    """Return the spectra of an answer to :data:`QUERY`, sorted by name.

    Each file once; other kinds of spectra, and rows without a planet or a file, are left out.
    """
    entries = {}
    for row in rows_of(table):
        entry = _entry(row)
        if entry is not None:
            entries[entry.spec_path] = entry
    return sorted(_told_apart(entries.values()), key=lambda entry: entry.name)


def _entry(row: Row) -> IndexEntry | None:
    planet, spec_path = row.text("pl_name"), row.text("spec_path")
    if row.text("spec_type").casefold() != "transmission" or not planet or not spec_path:
        return None
    n_points = row.number("num_datapoints")
    return IndexEntry(
        f"{planet} {_number(PurePosixPath(spec_path).stem)}",
        planet,
        author_text(reference_text(row.text("authors"))),
        row.text("bibcode"),
        None if n_points is None else int(n_points),
        row.text("instrument"),
        row.text("facility"),
        row.number("minwavelng", u.um),
        row.number("maxwavelng", u.um),
        row.text("note"),
        spec_path,
    )


def _number(stem: str) -> str:
    found = _NUMBERS.search(stem)
    return f"{int(found[1])}.{int(found[2])}" if found else _without_points(stem)


def _without_points(path: str) -> str:
    """Make a name of a path: exosk would take what follows a point for a file's suffix."""
    return path.removesuffix(".tbl").replace(".", "-").replace("/", "-")


def _told_apart(entries: Iterable[IndexEntry]) -> list[IndexEntry]:
    """Call entries by their whole path where the short name is not theirs alone."""
    entries = list(entries)
    planets = {fold_name(entry.planet) for entry in entries}
    names = Counter(fold_name(entry.name) for entry in entries)
    return [
        entry
        if names[folded := fold_name(entry.name)] == 1 and folded not in planets
        else replace(entry, name=f"{entry.planet} {_without_points(entry.spec_path)}")
        for entry in entries
    ]


def of_planet(entries: Sequence[IndexEntry], planet: str) -> list[IndexEntry]:
    """Return the spectra of a planet, in any spelling."""
    folded = fold_name(planet)
    return [entry for entry in entries if fold_name(entry.planet) == folded]


def best(entries: Sequence[IndexEntry]) -> IndexEntry:
    """Return the spectrum with the most points; of several, the newest; of these, the last."""
    return max(entries, key=lambda entry: (entry.n_points or 0, entry.year, entry.name))


def compare(entry: IndexEntry, spectrum: Spectrum) -> list[str]:
    """Say where a spectrum is not what the index says of it.

    Parameters
    ----------
    entry : IndexEntry
        From the index.
    spectrum : Spectrum
        From the file.

    Returns
    -------
    list of str
        One sentence for each disagreement.
    """
    notes = []
    n_depths = int(spectrum.observed.sum())
    if entry.n_points is not None and entry.n_points != n_depths:
        notes.append(
            f"The archive's index has {entry.n_points} points of this spectrum, its file "
            f"{n_depths} depths."
        )
    for which, stated, found in (
        ("shortest", entry.low, float(spectrum.wavelength.min())),
        ("longest", entry.high, float(spectrum.wavelength.max())),
    ):
        if stated is not None and not np.isclose(stated, found, rtol=0, atol=_ROUNDED):
            notes.append(
                f"The archive's index has {stated:g} um as the {which} wavelength of this "
                f"spectrum, its file {found:g} um."
            )
    return notes


def _shortened(text: str) -> str:
    found = _ABBREVIATED.match(text)
    if found:
        return f"{found[1]} {found[2]}".strip() if _is_mode(found[2]) else found[1]
    known = [short for long, short in _SHORT.items() if long in text.casefold()]
    return known[0] if known else text


def _is_mode(text: str) -> bool:
    """Whether it is a disperser or filter, as PRISM or G395H, and not "Satellite Mission"."""
    return bool(text) and text == text.upper()

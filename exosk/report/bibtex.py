"""References as BibTeX has them: those that exosk knows, and those made from a line of text.

Data, opacities and simulators say what to cite in a line such as "Kreidberg et al. 2015, ApJ 814,
66 (WFC3)". A line names a known reference (``references.bib``) by its digital object identifier,
by its number at arXiv, or by year, volume and first page. Any other becomes an entry of what the
line itself says, and no more.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

__all__ = ["Reference", "find_references", "known_references", "references_of"]

_ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s;,)\"']+")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})", re.IGNORECASE)
# "2016, JOSS 1, 24", "2024, JOSS 9(96), 7028", "(2001, ApJ 553, 1006".
_PLACE = re.compile(
    r"\b(?P<year>(?:19|20)\d\d)[a-z]?\)?,\s+(?P<journal>[^;,()\d]+?)\s+"
    r"(?P<volume>\d+)(?:\((?P<number>\d+)\))?,\s+(?P<pages>[A-Z]?\d+)"
)
_NAMES = re.compile(r"(?P<names>[^\d();:]{2,120}?),?\s+\(?(?P<year>(?:19|20)\d\d)[a-z]?\b")
_BETWEEN_NAMES = re.compile(r",\s+|\s+&\s+|\s+and\s+")
_SPECIAL = {
    **{c: f"\\{c}" for c in "&%$#_"},
    # BibTeX counts braces, those behind a backslash too.
    "{": r"\textbraceleft ",
    "}": r"\textbraceright ",
    "~": r"\textasciitilde ",
    "^": r"\textasciicircum ",
    "\\": r"\textbackslash ",
}


@dataclass(frozen=True)
class Reference:
    """One entry of a bibliography.

    Attributes
    ----------
    key : str
        What LaTeX cites it by.
    kind : str
        ``article``, ``misc`` and so on.
    fields : dict of str to str
        As they stand in the file, in LaTeX.
    """

    key: str
    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def bibtex(self) -> str:
        """The entry as text."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    def with_fields(self, **fields: str) -> Reference:
        """Return the entry with more fields, given as plain text."""
        new = {name: _latex(value) for name, value in fields.items()}
        return Reference(self.key, self.kind, {**self.fields, **new})


@cache
def known_references() -> dict[str, Reference]:
    """Return the references of ``references.bib``, by key."""
    text = resources.files("exosk.report").joinpath("references.bib").read_text("utf-8")
    return {
        key: Reference(key, kind, dict(_FIELD.findall(body)))
        for kind, key, body in _ENTRY.findall(text)
    }


def find_references(text: str) -> list[Reference]:
    """Return the known references that a line names, in their order there."""
    known = _by_mark()
    # Several marks may be of one reference.
    found = {known[mark].key: known[mark] for _, mark in sorted(_marks(text)) if mark in known}
    return list(found.values())


def references_of(text: str) -> list[Reference]:
    """Return the references of a line: known ones, or as much as the line says of them.

    Parameters
    ----------
    text : str
        One or several references, with semicolons between.

    Returns
    -------
    list of Reference
        At least one, unless the line is empty.
    """
    known = find_references(text)
    made = [
        _made(part.strip())
        for part in text.split(";")
        if _marks(part) and not find_references(part)
    ]
    if not known and not made and text.strip():
        made = [_made(text.strip())]
    return known + made


def _marks(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Where and how a line says which paper it means."""
    marks: list[tuple[int, tuple[str, ...]]] = [
        (m.start(), ("doi", m[0].rstrip(".").lower())) for m in _DOI.finditer(text)
    ]
    marks += [(m.start(), ("arxiv", m[1])) for m in _ARXIV.finditer(text)]
    marks += [(m.start(), (m["year"], m["volume"], m["pages"])) for m in _PLACE.finditer(text)]
    return marks


@cache
def _by_mark() -> dict[tuple[str, ...], Reference]:
    found: dict[tuple[str, ...], Reference] = {}
    for reference in known_references().values():
        fields = reference.fields
        if "doi" in fields:
            found["doi", fields["doi"].lower()] = reference
        if "eprint" in fields:
            found["arxiv", fields["eprint"]] = reference
        if {"year", "volume", "pages"} <= fields.keys():
            found[fields["year"], fields["volume"], fields["pages"]] = reference
    return found


def _made(text: str) -> Reference:
    """Make an entry of what a line says, without guessing more."""
    fields: dict[str, str] = {}
    names, place = _NAMES.match(text), _PLACE.search(text)
    if names and names["names"][0].isupper():
        fields["author"] = _authors(names["names"])
        fields["year"] = names["year"]
    kind = "article" if place and fields else "misc"
    if kind == "article" and place:
        parts = {name: place[name] for name in ("journal", "volume", "number", "pages")}
        fields.update({name: _latex(value) for name, value in parts.items() if value})
    if doi := _DOI.search(text):
        fields["doi"] = _latex(doi[0].rstrip("."))
    if arxiv := _ARXIV.search(text):
        fields.update(eprint=arxiv[1], archiveprefix="arXiv")
    fields["note"] = _latex(text)
    return Reference(_key(text, fields), kind, fields)


def _authors(names: str) -> str:
    """Turn "Aas, Jullum & Løland" or "Kreidberg et al." into BibTeX's list."""
    names = names.strip()
    if re.search(r"\bet al\b\.?$", names):
        return _latex(re.sub(r",?\s*\bet al\b\.?$", "", names)) + " and others"
    return " and ".join(_latex(name) for name in _BETWEEN_NAMES.split(names) if name)


def _key(text: str, fields: Mapping[str, str]) -> str:
    """Name an entry by its first author and year, or by its text; the same text, the same key."""
    # Not by chance that of another entry, and no later one of the same author and year.
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    surname = _plain(fields.get("author", "").partition(" and ")[0])
    return f"{surname}{fields['year']}-{digest}" if surname else f"note-{digest}"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z]", "", folded)


def _latex(text: str) -> str:
    """Escape what LaTeX would take for its own."""
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))

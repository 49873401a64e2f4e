r"""What an author must still write, and what a text includes: read from its LaTeX.

``\authormustwrite{...}`` prints in colour what is missing there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Mark", "find_marks", "included", "macros_in", "words_in"]

_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_MARK = re.compile(r"\\authormustwrite\s*\{")
_INCLUDED = re.compile(r"\\result(figure|table)\*?\s*(?:\[[^\]]*\])?\{([^}]*)\}")
_RESULT = re.compile(r"\\res[A-Z][A-Za-z]*")


@dataclass(frozen=True)
class Mark:
    """One place.

    Attributes
    ----------
    line : int
        In the file, from 1.
    text : str
        What to write there.
    """

    line: int
    text: str


def find_marks(text: str) -> list[Mark]:
    """Return the marks of a manuscript, in order, without those in comments."""
    text = _bare(text)
    found = []
    for match in _MARK.finditer(text):
        inside = _braced(text, match.end())
        found.append(Mark(text.count("\n", 0, match.start()) + 1, " ".join(inside.split())))
    return found


def included(text: str) -> set[tuple[str, str]]:
    """Return what a manuscript includes: (``figure`` or ``table``, its name)."""
    return {(m[1], m[2]) for m in _INCLUDED.finditer(_bare(text))}


def macros_in(text: str) -> set[str]:
    r"""Return the names of the numbers that it uses, as ``\resTasks``."""
    return set(_RESULT.findall(_bare(text)))


def words_in(text: str) -> int:
    """Count the words of a manuscript's body, as an editor would: no macros, no bibliography."""
    body = _bare(text).partition(r"\begin{document}")[2]
    body = re.sub(r"\\(?:cite[a-z]*|bibliography\w*|label|ref|begin|end|email|orcid)\*?"
                  r"(?:\[[^\]]*\])*\{[^}]*\}", " ", body)  # fmt: skip
    # A number is a word; other macros are none.
    body = re.sub(r"\\res[A-Z][A-Za-z]*", " 1 ", body)
    body = re.sub(r"\\[a-zA-Z]+", " ", body)
    return len(re.findall(r"[A-Za-z0-9][\w'.,/-]*", body))


def _bare(text: str) -> str:
    return _COMMENT.sub("", text)


def _braced(text: str, start: int) -> str:
    depth = 1
    for k in range(start, len(text)):
        if text[k] in "{}" and text[k - 1] != "\\":
            depth += 1 if text[k] == "{" else -1
        if depth == 0:
            return text[start:k]
    return text[start:]

"""What a text cites, out of the references that exosk has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from exosk.exceptions import UnknownNameError
from exosk.report.bibtex import Reference, known_references

__all__ = ["cited_keys", "keys_of", "merged_bibliography", "references_for"]

_CITED = re.compile(r"\\cite[a-z]*\*?(?:\[[^\]]*\])*\{([^}]*)\}")
_KEY = re.compile(r"^\s*@\w+\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)
_COMMENT = re.compile(r"(?<!\\)%.*")
_HEAD = """% References that `exosk paper` knows. Add your own: a later run appends what is lacking
% and changes nothing of the rest.
"""


def cited_keys(text: str) -> list[str]:
    r"""Return the keys of a text's ``\cite``, ``\citep``, ``\citet`` and so on, each once."""
    found = (m[1] for m in _CITED.finditer(_COMMENT.sub("", text)))
    return list(dict.fromkeys(key.strip() for keys in found for key in keys.split(",")))


def references_for(
    keys: Iterable[str], more: Mapping[str, Reference], own: Iterable[str] = ()
) -> list[Reference]:
    """Look references up.

    Parameters
    ----------
    keys : iterable of str
        What is cited.
    more : mapping of str to Reference
        Beside exosk's own, as of an observation; they win.
    own : iterable of str, optional
        Keys that the author's file has already.

    Returns
    -------
    list of Reference
        Of those keys that are not the author's.

    Raises
    ------
    UnknownNameError
        If a key is known to neither.
    """
    known = {**known_references(), **more}
    own = set(own)
    wanted = [key for key in keys if key not in own]
    for key in wanted:
        if key not in known:
            raise UnknownNameError.suggest("reference", key, known)
    return [known[key] for key in wanted]


def merged_bibliography(text: str | None, references: Iterable[Reference]) -> str:
    """Add entries to a file's text, where it lacks them.

    Parameters
    ----------
    text : str or None
        Of the file; None where there is none yet.
    references : iterable of Reference
        What it shall hold.

    Returns
    -------
    str
        The text as it was, and behind it what it lacked.
    """
    text = _HEAD if text is None else text
    there = set(_KEY.findall(text))
    lacking = [reference.bibtex for reference in references if reference.key not in there]
    if not lacking:
        return text
    return text.rstrip("\n") + "\n\n" + "\n\n".join(lacking) + "\n"


def keys_of(text: str) -> set[str]:
    """Return the keys of a BibTeX file's entries."""
    return set(_KEY.findall(text))

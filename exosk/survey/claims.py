"""What publications say of molecules, sorted into seen, weakly seen and not seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["CLAIMS", "NOTHING_SAID", "read_claims"]

#: Kinds of claims: a mark for tables, and words.
CLAIMS = {
    "yes": ("+", "seen"),
    "weak": ("~", "weak, muted or contested"),
    "no": ("-", "not seen"),
}
NOTHING_SAID = "nothing said"

_NOT_SEEN = re.compile(r"not detected|no detection|non-?detection|upper limit|ruled out")
_WEAK = re.compile(r"muted|weak|tentative|claimed|contested|hint|^reported")
_SIGMA = re.compile(r"[<>~]?\s*([\d.]+)\s*-?\s*sigma")
_WEAKEST = 3.0  # sigma


def read_claims(reported: Mapping[str, str], molecules: Iterable[str]) -> dict[str, str]:
    """Sort what is reported of each molecule.

    Parameters
    ----------
    reported : mapping of str to str
        From molecules to words, as ``{"H2O": "33 sigma", "CH4": "not detected"}``. An entry that
        says "no molecule" stands for all.
    molecules : iterable of str
        Which to look for.

    Returns
    -------
    dict of str to str
        A key of :data:`CLAIMS` for each molecule that something is said of. Fewer than three sigma
        are weak.

    Examples
    --------
    >>> read_claims({"H2O": "33 sigma", "SO2": "2.7 sigma", "CH4": "not detected"},
    ...             ["H2O", "SO2", "CH4", "CO"])
    {'H2O': 'yes', 'SO2': 'weak', 'CH4': 'no'}
    """
    molecules = list(molecules)
    if any("no molecule" in text.casefold() for text in reported.values()):
        return dict.fromkeys(molecules, "no")
    return {m: _kind(reported[m].casefold()) for m in molecules if m in reported}


def _kind(text: str) -> str:
    if _NOT_SEEN.search(text):
        return "no"
    sigma = _SIGMA.match(text.strip())
    if _WEAK.search(text) or (sigma and float(sigma[1]) < _WEAKEST):
        return "weak"
    return "yes"

"""Plain text and names as LaTeX has them: escaped, units upright, formulae set as such.

For a font encoding that every TeX has (OT1), in which even ``<`` is another sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

__all__ = ["distinct", "latex_text", "latex_unit", "macro_name"]

_SIGNS = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "∞": r"$\infty$",
    "°": r"$^\circ$",
    "√": r"$\surd$",
    "→": r"$\rightarrow$",
    "⊙": r"$\odot$",
    "⊕": r"$\oplus$",
    "–": "--",
    "—": "---",
    "‐": "-",
    "‑": "-",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "\u202f": r"\,",
    "\u2009": r"\,",
}
_SMALL_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): f"$\\{name}$" for name in _SMALL_GREEK
}
_GREEK |= {
    unicodedata.lookup("GREEK SMALL LETTER LAMDA"): r"$\lambda$",
    "µ": r"$\mu$",
    **{
        unicodedata.lookup(f"GREEK CAPITAL LETTER {name.upper()}"): f"$\\{name}$"
        for name in ["Gamma", "Delta", "Theta", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"]
    },
    unicodedata.lookup("GREEK CAPITAL LETTER LAMDA"): r"$\Lambda$",
}
_SIGNS |= _GREEK
_SIGNS |= {chr(0x2080 + k): f"$_{k}$" for k in range(10)}
_SIGNS |= {c: f"$^{k}$" for k, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}

# What is set as a formula, found before signs are escaped.
_SPECIAL = re.compile(
    r"(?P<molecule>\b(?:H2O|CO2|CH4|NH3|SO2|H2S|C2H2|PH3|O2|O3|H2|N2)(?![A-Za-z0-9]))"
    r"|(?P<square>\b(?:R|chi)2\b|\bR²|\bchi-squared\b)"
    r"|(?P<micron>(?<=[\d ])[uµμ]m\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d\b)"
    r"|(?P<dash>(?<=\d)-(?=\d))"
    r"|(?P<power>\b1e(?P<exponent>-?\d+)\b)",
    re.ASCII,
)
_SQUARES = {"R2": "$R^2$", "R²": "$R^2$", "chi2": r"$\chi^2$", "chi-squared": r"$\chi^2$"}

_UNITS = {
    "um": r"\micron",
    "R_jup": r"$R_{\mathrm{Jup}}$",
    "M_jup": r"$M_{\mathrm{Jup}}$",
    "R_sun": r"$R_\odot$",
    "log VMR": r"$\log_{10}$ VMR",
    "log bar": r"$\log_{10}$ bar",
    "%": r"\%",
}

# Grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute, caron and
# cedilla.
_ACCENTS = {chr(0x300 + k) for k in (0, 1, 2, 3, 4, 6, 7, 8, 0xA, 0xB, 0xC, 0x27)}
_LETTERS = "ßæÆøØœŒłŁ"
# Of Latin Extended-A; of what comes after it LaTeX has some letters only.
_LAST = 0x17F

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def latex_text(text: str) -> str:
    r"""Escape plain text; molecules get subscripts, and ``R2`` and ``chi2`` are powers.

    Parameters
    ----------
    text : str
        Plain text, no LaTeX.

    Returns
    -------
    str
        LaTeX of ASCII and Latin letters. What TeX's usual fonts lack is named by its code, as
        ``[U+6F22]``: a page that says what is missing, and not a run of TeX that fails.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split(" "))
    parts, end = [], 0
    for found in _SPECIAL.finditer(text):
        parts.append(_escape(text[end : found.start()]))
        parts.append(_formula(found))
        end = found.end()
    parts.append(_escape(text[end:]))
    return "".join(parts)


def latex_unit(unit: str) -> str:
    """Return a unit, upright, or nothing for none."""
    return _UNITS.get(unit, latex_text(unit)) if unit else ""


def macro_name(*words: str) -> str:
    r"""Return a macro's name of letters alone, digits in words: ``\resHelaMeanRTwo``.

    Parameters
    ----------
    *words : str
        As the task, the method and the score.
    """
    text = " ".join(words)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"(?<=\d)\.(?=\d)", " point ", text)
    text = re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit[0])]} ", text)
    return "\\res" + "".join(w[0].upper() + w[1:] for w in re.findall("[A-Za-z]+", text))


def distinct(name: str, taken: Collection[str]) -> str:
    """Return the name, with a letter more if there is one like it."""
    letters = (letter * n for n in range(1, 100) for letter in "BCDEFGHIJKLMNOPQRSTUVWXYZ")
    return next(n for n in (name, *(name + more for more in letters)) if n not in taken)


def _formula(found: re.Match[str]) -> str:
    if found["molecule"]:
        return re.sub(r"(\d+)", r"$_{\1}$", found[0])
    if found["square"]:
        return _SQUARES[found[0]]
    if found["date"]:
        return found[0]
    if found["micron"]:
        return r"\micron{}"
    return "--" if found["dash"] else f"$10^{{{found['exponent']}}}$"


def _escape(text: str) -> str:
    return "".join(_sign(character) for character in text)


def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if character.isspace():
        return " "
    if " " < character <= "~" or _is_latin(character):
        return character
    return f"[U+{ord(character):04X}]"


def _is_latin(character: str) -> bool:
    """Whether LaTeX itself makes the letter in OT1, by an accent that has a command there."""
    if ord(character) > _LAST:
        return False
    parts = unicodedata.normalize("NFD", character)
    base, accents = parts[0], parts[1:]
    return (base in _LETTERS or (base.isascii() and base.isalpha())) and set(accents) <= _ACCENTS

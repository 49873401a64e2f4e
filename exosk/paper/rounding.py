"""Numbers with as many digits as they deserve, in LaTeX."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

from exosk.benchmark import Score
from exosk.paper.latex import latex_unit

__all__ = [
    "latex_bound",
    "latex_exact",
    "latex_interval",
    "latex_number",
    "latex_score",
    "latex_seconds",
]

# Significant digits of a number without an error, and of an error.
_DIGITS, _OF_ERROR = 3, 2
# A rounded number must not look as if it met what it missed; so many digits tell.
_MOST_DIGITS = 10
_SMALL, _LARGE = 1e-3, 1e6


def latex_number(value: float, digits: int = _DIGITS) -> str:
    r"""Round to significant digits, and write large and small numbers with a power of ten.

    Parameters
    ----------
    value : float
        Whole numbers (of Python's or NumPy's integers) are written out.
    digits : int, default=3
        Significant ones. Shares just below one keep what tells them from one, as .9998.

    Returns
    -------
    str
        Mathematics between dollars.
    """
    return f"${_bare(value, digits)}$"


def latex_exact(value: float) -> str:
    """Write a number that was chosen and not measured, without zeros behind it."""
    return f"${_bare(value, 6, exact=True)}$"


def latex_score(score: Score, *, unit: bool = True) -> str:
    r"""Write a score with its error, and the unit behind it.

    Parameters
    ----------
    score : Score
        Its error decides the digits. Without one there are three, or as many as it takes to see
        that a bound was missed or met.
    unit : bool, default=True
        Whether the unit follows.

    Returns
    -------
    str
        LaTeX; ``\nodata`` where it could not be measured.
    """
    if score.value is None:
        return r"\nodata"
    end = f"\\,{latex_unit(score.unit)}" if unit and score.unit else ""
    if score.error:
        return _with_error(score) + end
    digits = _DIGITS
    while digits < _MOST_DIGITS and _met(score, _rounded(score.value, digits)) != score.met:
        digits += 1
    return latex_number(score.value, digits) + end


def latex_bound(score: Score, *, unit: bool = True) -> str:
    r"""Write what was asked for, as ``$\geq 0.672$``; nothing where nothing was."""
    end = f"\\,{latex_unit(score.unit)}" if unit and score.unit else ""
    low, high = (
        None if bound is None else _bare(bound, 6, exact=True)
        for bound in (score.at_least, score.at_most)
    )
    if low is not None and high is not None:
        return f"${low}$--${high}${end}"
    if low is not None:
        return f"$\\geq {low}${end}"
    return f"$\\leq {high}${end}" if high is not None else ""


def latex_interval(median: float, low: float, high: float) -> str:
    """Write a median with the distances to both ends of its interval."""
    below, above = median - low, high - median
    scale = min(d for d in (below, above, math.inf) if d > 0)
    if scale == math.inf:
        return latex_number(median)
    places = _places(scale)
    text = [f"{_plain(v, places)}" for v in (median, below, above)]
    return f"${text[0]}_{{-{text[1]}}}^{{+{text[2]}}}$"


def latex_seconds(seconds: float | None) -> str:
    r"""Write a duration in a unit that suits it; ``\nodata`` where it is not known."""
    if seconds is None:
        return r"\nodata"
    if seconds >= 5400:
        return f"{latex_number(seconds / 3600)}\\,h"
    if seconds >= 90:
        return f"{latex_number(seconds / 60)}\\,min"
    if 0 < seconds < 0.1:
        return f"{latex_number(seconds * 1000)}\\,ms"
    return f"{latex_number(seconds)}\\,s"


def _with_error(score: Score) -> str:
    assert score.value is not None
    assert score.error is not None
    places = _places(score.error)
    size = max(abs(score.value), score.error)
    if size >= _LARGE or size < _SMALL:
        power = math.floor(math.log10(size))
        value, error = score.value / 10.0**power, score.error / 10.0**power
        places = _places(error)
        both = f"{_plain(value, places)} \\pm {_plain(error, places)}"
        return f"$({both}) \\times 10^{{{power}}}$"
    return f"${_plain(score.value, places)} \\pm {_plain(score.error, places)}$"


def _places(error: float) -> int:
    """Decimals that show an error's first two digits; negative for tens and hundreds."""
    return _OF_ERROR - 1 - math.floor(math.log10(float(f"{error:.{_OF_ERROR - 1}e}")))


def _bare(value: Any, digits: int, *, exact: bool = False) -> str:
    if isinstance(value, Integral):
        return f"{int(value):,}".replace(",", "{,}")
    value = _rounded(value, digits)
    if value == 0:
        return "0"
    if exact:
        return f"{value:,.{digits}g}".replace(",", "{,}") if abs(value) >= _SMALL else _power(
            value, 1
        )  # fmt: skip
    if abs(value) >= _LARGE or abs(value) < _SMALL:
        return _power(value, digits)
    return _plain(value, _decimals(value, digits))


def _rounded(value: float, digits: int) -> float:
    return round(value, _decimals(value, digits)) if value else 0.0


def _decimals(value: float, digits: int) -> int:
    """Decimals that show a number's first digits, and how far below one a share is."""
    places = digits - 1 - math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")))
    if 0.99 < value < 1:
        places = max(places, min(-math.floor(math.log10(1 - value)), 6))
    if abs(value) >= _SMALL:
        # Numbers are kept to some decimals, and zeros behind those would say too much.
        places = min(places, max(_DIGITS, len(f"{value!r}".partition(".")[2])))
    return places


def _power(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa} \\times 10^{{{int(exponent)}}}"


def _plain(value: float, places: int) -> str:
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.replace(",", "{,}")


def _met(score: Score, value: float) -> bool | None:
    return Score(score.name, value, at_least=score.at_least, at_most=score.at_most).met

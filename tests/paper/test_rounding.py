"""Numbers with the digits that they deserve."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exosk.benchmark import Score
from exosk.paper.rounding import (
    latex_bound,
    latex_interval,
    latex_number,
    latex_score,
    latex_seconds,
)


def read(latex: str) -> float:
    """Read a number back from LaTeX."""
    text = latex.strip("$").replace("{,}", "")
    found = re.fullmatch(r"(-?[\d.]+)(?: \\times 10\^\{(-?\d+)\})?", text)
    assert found, latex
    return float(found[1]) * 10.0 ** int(found[2] or 0)


@given(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-30))
def test_a_number_is_read_back_to_three_digits(value):
    assert read(latex_number(value)) == pytest.approx(value, rel=0.0051)


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_are_written_out(value):
    assert read(latex_number(value)) == value


@given(st.floats(0.01, 1e5), st.floats(0.01, 1e5), st.booleans())
def test_rounding_meets_what_the_value_meets(value, bound, up):
    assume(abs(value / bound - 1) > 1e-7)
    score = Score("s", value, **{"at_least" if up else "at_most": bound})
    shown = read(latex_score(score))
    assert Score("s", shown, at_least=score.at_least, at_most=score.at_most).met == score.met


def test_a_near_miss_shows():
    assert latex_score(Score("s", 0.67198, at_least=0.672)) == "$0.67198$"
    assert latex_score(Score("s", 0.67198, at_least=0.5)) == "$0.672$"


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e3))
def test_an_error_has_two_digits_and_decides_those_of_the_value(value, error):
    assume(max(abs(value), error) >= 1e-3)
    latex = latex_score(Score("s", value, error=error))
    left, _, right = latex.strip("$").partition(r" \pm ")
    assert read(right) == pytest.approx(error, rel=0.051)
    assert abs(read(left) - value) <= 0.051 * error + 1e-9 * abs(value)
    assert len(left.partition(".")[2]) == len(right.partition(".")[2])


def test_what_was_not_measured_is_no_number():
    assert latex_score(Score("s", None, "s")) == r"\nodata"
    assert latex_seconds(None) == r"\nodata"


def test_bounds_intervals_and_durations():
    assert latex_bound(Score("s", 1.0, at_least=0.66, at_most=0.7)) == "$0.66$--$0.7$"
    assert latex_bound(Score("s", 1.0, "ppm", at_most=20.0)) == r"$\leq 20$\,ppm"
    assert latex_bound(Score("s", 1.0)) == ""
    assert latex_interval(1.2948, 1.2912, 1.2978) == "$1.2948_{-0.0036}^{+0.0030}$"
    assert latex_interval(5.0, 5.0, 5.0) == "$5.00$"
    assert latex_seconds(7200.0) == r"$2.00$\,h"
    assert latex_seconds(0.0) == r"$0$\,s"


def test_shares_near_one_are_not_rounded_to_it():
    assert latex_number(0.9998) == "$0.9998$"

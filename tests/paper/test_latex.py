"""Text as LaTeX has it, and names of macros."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exosk.paper.latex import distinct, latex_text, latex_unit, macro_name


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 50 % #1 $", r"a\_b \& 50 \% \#1 \$"),
        (r"\x{y}~^", r"\textbackslash{}x\{y\}\textasciitilde{}\textasciicircum{}"),
        ("H2O and CO2, not CO2x", "H$_{2}$O and CO$_{2}$, not CO2x"),
        ("mean R2 of chi-squared", r"mean $R^2$ of $\chi^2$"),
        ("0.3-30 um", r"0.3--30 \micron{}"),
        ("5 µm, 3σ, ±1, ≥2", r"5 \micron{}, 3$\sigma$, $\pm$1, $\geq$2"),
        ("above 1e-8", "above $10^{-8}$"),
        ("2026-11-28, WASP-39 b", "2026-11-28, WASP-39 b"),
        ("Mollière & Bézard <x>", r"Mollière \& Bézard $<$x$>$"),
        ("漢", "[U+6F22]"),
    ],
)
def test_plain_text_is_escaped(text, latex):
    assert latex_text(text) == latex


@given(st.text())
def test_no_text_breaks_out(text):
    latex = latex_text(text)
    # Without the escapes there is no sign that TeX takes for its own, and braces match.
    bare = re.sub(r"\\[&%$#_{}]", "", latex)
    assert not set("%&#~") & set(bare)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "\n" not in latex


@given(st.lists(st.text(), max_size=4))
def test_names_of_macros_are_of_letters(words):
    assert re.fullmatch(r"\\[A-Za-z]+", macro_name(*words))


def test_names_that_are_alike_are_told_apart():
    assert macro_name("hela", "3 members", "R2") == r"\resHelaThreeMembersRTwo"
    taken: list[str] = []
    for _ in range(60):
        taken.append(distinct("\\resA", taken))
    assert len(set(taken)) == 60


def test_units_are_upright():
    assert latex_unit("ppm") == "ppm"
    assert latex_unit("um") == r"\micron"
    assert r"\mathrm{Jup}" in latex_unit("R_jup")
    assert latex_unit("") == ""

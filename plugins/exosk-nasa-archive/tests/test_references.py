"""References of the archive's become plain text."""

from __future__ import annotations

import pytest
from exosk_nasa_archive.references import ads_link, author_text, is_calculated, reference_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            "<a refstr=TRIAUD_ET_AL__2013 href=https://ui.adsabs.harvard.edu/abs/"
            "2013A%26A...551A..80T/abstract target=ref> Triaud et al. 2013 </a>",
            "Triaud et al. 2013 (2013A&A...551A..80T)",
        ),
        (
            "<a refstr=BONOMO href=https://ui.adsabs.harvard.edu/abs/2017A&A...602A.107B/abstract"
            " target=ref>Bonomo et al. 2017</a>",
            "Bonomo et al. 2017 (2017A&A...602A.107B)",
        ),
        (
            '<a refstr="X" href="https://ui.adsabs.harvard.edu/abs/2017A&amp;A...602A.107B/abstract"'
            ">G&amp;aacute;rc&iacute;a 2017</a>",
            "G&aacute;rcía 2017 (2017A&A...602A.107B)",
        ),
        ("<a refstr=EXOFOP href=https://exofop.example/x target=ref>ExoFOP</a>", "ExoFOP"),
        ("Ricci-et-al.-2015", "Ricci et al. 2015"),
        ("Wakeford-et-al. 2018", "Wakeford et al. 2018"),
        ("JWST Transiting Exoplanet Community ERS Team 2022",) * 2,
        ("<a href=https://ui.adsabs.harvard.edu/abs/2020ApJ/abstract></a>", "2020ApJ"),
        ("<a href=", "<a href="),
        ("", ""),
    ],
)
def test_an_anchor_says_who_and_where(markup, text):
    assert reference_text(markup) == text


def test_plain_text_stays_itself():
    for text in ("Carter et al. 2024", "Smith & Jones 2011", "Müller 2020"):
        assert author_text(reference_text(text)) == text


def test_what_was_calculated_is_told():
    assert is_calculated(
        "<a refstr=CALCULATED_VALUE href=/docs/pscp_calc.html target=_blank>Calculated Value</a>"
    )
    assert not is_calculated("<a href=x>Somebody 2020</a>")
    assert not is_calculated("")


def test_a_bibcode_becomes_an_address():
    assert ads_link("2012A&A...546A..27B") == (
        "https://ui.adsabs.harvard.edu/abs/2012A%26A...546A..27B/abstract"
    )

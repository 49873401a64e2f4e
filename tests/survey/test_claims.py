"""Words of publications are sorted as an astronomer would."""

from __future__ import annotations

import json

import pytest

from exosk.survey import CLAIMS, read_claims


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("33 sigma", "yes"),
        (">30 sigma", "yes"),
        ("detected (ADI>3)", "yes"),
        ("core detected", "yes"),
        ("5 sigma (transmission, Kreidberg 2014)", "yes"),
        ("2.7 sigma", "weak"),
        ("weak/muted (WFC3)", "weak"),
        ("Tentative", "weak"),
        ("reported", "weak"),
        ("3.6 sigma claimed (later attributed to CH4 with JWST)", "weak"),
        ("not detected", "no"),
        ("not detected (cloudy)", "no"),
        ("upper limit", "no"),
    ],
)
def test_words(text, claim):
    assert read_claims({"H2O": text}, ["H2O", "CO"]) == {"H2O": claim}


def test_no_molecule_at_all():
    assert read_claims({"none": "no molecule in transmission"}, ["H2O", "CO"]) == {
        "H2O": "no",
        "CO": "no",
    }


def test_nothing_said():
    assert read_claims({}, ["H2O"]) == {}


def test_all_of_the_manifest_is_understood(shared_data):
    entries = json.loads((shared_data / "spectra" / "manifest.json").read_text())
    for entry in entries:
        claims = read_claims(entry["reported_detections"], ["H2O", "CO2", "CO", "CH4", "Na", "K"])
        assert set(claims.values()) <= set(CLAIMS)

"""The real archive still answers as the others of these tests have it answer."""

from __future__ import annotations

import pytest
from astropy import units as u
from exosk_nasa_archive import NasaArchiveSource

from exosk.exceptions import UnknownNameError

pytestmark = pytest.mark.live


@pytest.fixture
def live(cache):
    return NasaArchiveSource(cache=cache)


def test_the_index_lists_hundreds_of_spectra(live):
    listings = live.listings()
    assert len(listings) > 900
    assert len({listing.planet for listing in listings}) > 150
    assert all(0.05 < listing.low <= listing.high < 200 for listing in listings if listing.low)


def test_spectra_load_as_the_index_describes_them(live):
    """By two files of one workspace."""
    for name in ("WASP-39 b 5078.1", "WASP-39 b"):
        spectrum = live.load(name)
        assert spectrum.name == "WASP-39 b"
        assert spectrum.depth.mean() == pytest.approx(0.0213, abs=0.001)
        assert spectrum.meta["bibcode"]
        assert not [note for note in spectrum.meta["notes"] if "index has" in note]


def test_parameters_have_errors_and_references(live):
    system = live.system("wasp-39b")
    assert system["planet_mass"] == pytest.approx(0.28, abs=0.05)
    assert 0 < system["planet_mass_err"] < 0.1
    assert system["star_radius"] == pytest.approx(0.92, abs=0.06)
    assert system["equilibrium_temperature"] == pytest.approx(1140, abs=60)
    assert system["orbital_period"] == pytest.approx(4.0553, abs=0.001)
    assert all("et al" in text for text in system["references"].values())


def test_publications_have_units(live):
    table = live.published("K2-18 b")
    assert table["default_flag"][0] == 1
    assert len(table) >= 9
    assert table["pl_bmassj"].unit == u.M_jup


def test_another_name_is_known_to_the_archive(live):
    assert live.system("HD 39060 b")["planet_mass"] > 5
    with pytest.raises(UnknownNameError):
        live.system("no such planet")

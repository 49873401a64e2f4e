"""Observations are found by the ways people write names; systems come from who knows them."""

from __future__ import annotations

import pytest

from exosk.exceptions import DownloadError, UnknownNameError
from exosk.sources import EmbeddedSource, Listing, complete_system, load_spectrum, search_spectra
from exosk.spectra import Spectrum


class Catalogue:
    """Knows names and systems, and has no spectra."""

    citation = "a test"

    def __init__(self, listings=(), systems=None, error=None):
        self._listings, self._systems, self._error = list(listings), systems or {}, error

    def names(self):
        return sorted(listing.name for listing in self._listings)

    def listings(self):
        if self._error:
            raise self._error
        return self._listings

    def load(self, name):
        raise UnknownNameError.suggest("spectrum", name, self.names())

    def system(self, planet):
        if self._error:
            raise self._error
        if planet not in self._systems:
            raise UnknownNameError.suggest("planet", planet, self._systems)
        return self._systems[planet]


LISTED = [
    Listing("a", "WASP-96 b", "NIRISS", "Radica et al. 2023", 100, 0.6, 2.8),
    Listing("b", "WASP-9 b", "WFC3"),
    Listing("c", "WASP-96 b", "FORS2", "Nikolov et al. 2018"),
    Listing("d", "HD 209458 b", "WFC3", "Deming et al. 2013"),
]


def found(text):
    listed, failures = search_spectra(text, [("test", Catalogue(LISTED))])
    assert failures == []
    return [listing.name for _, listing in listed]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["a", "b", "c", "d"]),
        ("WASP-96", ["a", "c"]),
        ("wasp 96 b", ["a", "c"]),
        ("wasp_096b", ["a", "c"]),
        ("WASP-9", ["b"]),
        ("wasp-96 niriss", ["a"]),
        ("nikolov", ["c"]),
        ("wfc3", ["b", "d"]),
        ("hd209458b deming", ["d"]),
        ("HD 209458", ["d"]),
        ("kepler", []),
    ],
)
def test_search_tolerates_spelling(text, names):
    assert found(text) == names


def test_a_source_that_fails_does_not_hide_the_others():
    broken = Catalogue(error=DownloadError("the archive is down"))
    listed, failures = search_spectra("", [("x", broken), ("test", Catalogue(LISTED))])
    assert len(listed) == 4
    assert failures == ["x could not be asked: the archive is down"]


def test_embedded_observations_are_found():
    listed, _ = search_spectra("wasp 39")
    label, listing = listed[0]
    assert (label, listing.planet, listing.n_bins) == ("embedded", "WASP-39 b", 112)
    assert len(load_spectrum(listing.name)) == listing.n_bins


def bare(**meta):
    return Spectrum.from_arrays([1.0, 2.0], [0.02, 0.02], [1e-4, 1e-4], name="X b", meta=meta)


SYSTEM = {
    "star_radius": 0.9,
    "star_radius_err": 0.1,
    "planet_mass": 0.3,
    "planet_mass_err": 0.03,
    "star_temperature": 5000.0,
    "references": {"star_radius": "Someone 2020", "planet_mass": "Other 2021"},
    "origin": "the test catalogue",
}


def test_a_system_is_filled_in_and_said():
    done = complete_system(bare(), [("test", Catalogue(systems={"X b": SYSTEM}))])
    assert done.meta["planet_mass"] == 0.3
    assert done.meta["star_temperature"] == 5000
    assert "references" not in done.meta
    (note,) = done.meta["notes"]
    assert "test catalogue" in note
    assert "0.9 (Someone 2020)" in note


def test_what_the_spectrum_says_stays_without_anothers_error():
    mine = bare(planet_mass=0.5, notes=["mine"])
    done = complete_system(mine, [("test", Catalogue(systems={"X b": SYSTEM}))])
    assert done.meta["planet_mass"] == 0.5
    assert "planet_mass_err" not in done.meta
    assert done.meta["star_radius_err"] == 0.1
    assert done.meta["notes"][0] == "mine"
    assert len(done.meta["notes"]) == 2
    assert mine.meta == {"planet_mass": 0.5, "notes": ["mine"]}


def test_a_second_catalogue_adds_what_the_first_lacks():
    other = {"equilibrium_temperature": 1000.0, "star_radius": 9.0, "origin": "another"}
    catalogues = [Catalogue(systems={"X b": SYSTEM}), Catalogue(systems={"X b": other})]
    done = complete_system(bare(), [(str(k), one) for k, one in enumerate(catalogues)])
    assert done.meta["equilibrium_temperature"] == 1000
    assert done.meta["star_radius"] == 0.9
    assert len(done.meta["notes"]) == 2


def test_nothing_is_asked_where_nothing_is_missing():
    whole = EmbeddedSource().load("wasp-39b")
    failing = Catalogue(error=DownloadError("down"))
    assert complete_system(whole, [("x", failing)]) is whole


def test_who_could_not_be_asked_is_noted():
    spectrum = bare()
    assert complete_system(spectrum, [("x", Catalogue())]) is spectrum
    failed = complete_system(spectrum, [("x", Catalogue(error=DownloadError("it is down")))])
    assert "it is down" in failed.meta["notes"][0]

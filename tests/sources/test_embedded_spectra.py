"""The embedded observations, and asking sources by name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from exosk.exceptions import ExoskError, FileFormatError, UnknownNameError
from exosk.sources import EmbeddedSource, Source, fold_name, load_spectrum, read_spectrum
from exosk.sources.embedded import build
from exosk.spectra import Spectrum

NAMES = EmbeddedSource().names()


def test_it_is_a_source():
    assert isinstance(EmbeddedSource(), Source)
    assert NAMES == ["wasp-12b", "wasp-39b"]


@pytest.mark.parametrize("name", NAMES)
def test_each_has_what_a_retrieval_needs(name):
    spectrum = EmbeddedSource().load(name)
    assert fold_name(spectrum.name) == fold_name(name)
    assert spectrum.instrument
    assert spectrum.reference
    assert spectrum.observed.all()
    for key in ("star_radius", "planet_mass", "planet_radius", "equilibrium_temperature"):
        assert spectrum.meta[key] > 0
        assert 0 < spectrum.meta[f"{key}_err"] < 0.2 * spectrum.meta[key]
        for about in ("parameter_references", "parameter_units", "parameter_checks"):
            assert spectrum.meta[about][key]
    for key in ("planet", "facility", "bibcode", "licence", "provenance"):
        assert spectrum.meta[key]
    assert "notes" not in spectrum.meta
    json.dumps(spectrum.meta)


@pytest.mark.parametrize(
    "spelling", ["wasp-39b", "WASP-39 b", "wasp39b", "WASP-39b", "Wasp_39_B", "WASP-039b"]
)
def test_spellings(spelling):
    assert EmbeddedSource().load(spelling).name == "WASP-39 b"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("HAT-P-38 b", "HATP-38b", True),
        ("GJ-0436b", "GJ 436 b", True),
        ("HD 209458 b", "HD209458b", True),
        ("HD 209458 b", "HD 29458 b", False),
        ("WASP-39 b", "WASP-39 c", False),
        ("TOI-1234.01", "TOI-123 401", False),
    ],
)
def test_folded_names(one, other, same):
    assert (fold_name(one) == fold_name(other)) is same


def test_unknown_name_suggests():
    with pytest.raises(UnknownNameError, match=r"embedded observation 'wasp-38b'.*wasp-39b"):
        EmbeddedSource().load("wasp-38b")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("wasp-39b", "WASP-39b_NIRSpec-PRISM_Carter2024.csv"),
        ("wasp-12b", "WASP-12b_WFC3_Kreidberg2015.csv"),
    ],
)
def test_same_numbers_as_an_independent_copy(shared_data, name, file):
    ours, theirs = EmbeddedSource().load(name), read_spectrum(shared_data / "spectra" / file)
    np.testing.assert_allclose(
        ours.wavelength, theirs.wavelength, rtol=5e-3 if "12b" in name else 1e-6
    )
    np.testing.assert_allclose(ours.depth, theirs.depth, rtol=1e-6)
    np.testing.assert_allclose(ours.sigma, theirs.sigma, rtol=1e-5)
    if name == "wasp-39b":
        np.testing.assert_allclose(ours.half_width, theirs.half_width, rtol=1e-5)


def test_wasp12b_bins_touch_and_have_the_published_centres():
    spectrum = EmbeddedSource().load("wasp-12b")
    np.testing.assert_array_equal(spectrum.grid.lower[1:], spectrum.grid.upper[:-1])
    np.testing.assert_allclose(spectrum.wavelength, [row[0] for row in build._KREIDBERG_2015])
    assert spectrum.grid.range == (0.838, 1.666)


def test_build_gives_the_files_that_are_embedded(tmp_path):
    folder = Path(build.__file__).parent
    sdist = os.environ.get("EXOSK_PETITRADTRANS_SDIST")
    assert build.main(["--out", str(tmp_path), *(["--sdist", sdist] if sdist else [])]) == 0
    made = {path.name for path in tmp_path.iterdir()}
    assert made >= {"wasp-12b.ecsv"}
    for name in made:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_build_refuses_another_sdist(tmp_path, capsys):
    path = tmp_path / "petitradtrans-3.4.0.tar.gz"
    path.write_bytes(b"something else")
    assert build.main(["--out", str(tmp_path), "--sdist", str(path)]) == 2
    assert "sha256" in capsys.readouterr().err


def test_build_refuses_another_table():
    with pytest.raises(FileFormatError, match="112"):
        build.build_wasp39b("1.0 0.1 0.01 0.0001\n1.2 0.1 0.01 0.0001\n")


class Shelf:
    """A source with given contents, or one that cannot be reached."""

    citation = "none"

    def __init__(self, *names: str, failure: Exception | None = None) -> None:
        self.contents, self.failure = names, failure

    def names(self) -> list[str]:
        if self.failure:
            raise self.failure
        return sorted(self.contents)

    def load(self, name: str) -> Spectrum:
        if self.failure:
            raise self.failure
        if name not in self.contents:
            raise UnknownNameError.suggest("thing", name, self.contents)
        return EmbeddedSource().load("wasp-12b").replace(name=f"{name} of the shelf")


def test_sources_are_asked_in_order():
    sources = [Shelf("b"), Shelf("a", "b"), EmbeddedSource()]
    assert load_spectrum("a", sources).name == "a of the shelf"
    assert load_spectrum("wasp39b", sources).name == "WASP-39 b"
    assert load_spectrum("wasp39b").name == "WASP-39 b"


def test_unknown_everywhere_suggests_from_all():
    with pytest.raises(UnknownNameError, match=r"observation 'wasp-39'.*wasp-39c.*") as caught:
        load_spectrum("wasp-39", [Shelf("wasp-39c"), EmbeddedSource()])
    assert "wasp-39b" in str(caught.value)


@pytest.mark.parametrize("failure", [ExoskError("no network"), ConnectionError("no network")])
def test_a_source_out_of_reach_does_not_hide_the_next(failure):
    sources = [Shelf(failure=failure), EmbeddedSource()]
    assert load_spectrum("wasp39b", sources).name == "WASP-39 b"
    with pytest.raises(UnknownNameError, match="Shelf could not be asked: no network"):
        load_spectrum("kepler-1b", sources)


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "wavelength_um,transit_depth,sigma\n1,1,.01\n1.1,1,.01\n"
    (tmp_path / "mine.csv").write_text(text)
    assert load_spectrum("mine.csv", depth_unit="percent").depth[0] == 0.01
    assert load_spectrum(tmp_path / "mine.csv", depth_unit="percent").name == "mine"
    # A folder of results that is called like the planet does not shadow it; a file does.
    (tmp_path / "wasp-39b").mkdir()
    assert load_spectrum("wasp-39b").name == "WASP-39 b"
    (tmp_path / "wasp-12b").write_text(text)
    assert len(load_spectrum("wasp-12b", depth_unit="percent")) == 2
    with pytest.raises(UnknownNameError, match="no file"):
        load_spectrum("other.csv")
    with pytest.raises(UnknownNameError, match="observation"):
        load_spectrum("TOI-1234.01")

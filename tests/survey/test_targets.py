"""Folders, files and names become observations; what is not understood is said."""

from __future__ import annotations

import json

import pytest

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.survey import gather_targets, read_systems


def test_a_folder_with_its_manifest(spectra):
    targets, failures = gather_targets([spectra])
    assert failures == []
    assert [target.label for target in targets] == ["dry.ecsv", "wet.ecsv"]
    dry = targets[0].load()
    assert dry.instrument == "WFC3 G141"
    assert dry.grid.range[1] <= 1.6
    assert targets[1].reported == {"H2O": "10 sigma"}
    assert len({target.slug for target in targets}) == 2


def test_a_file_alone_has_its_manifest_too(spectra):
    (target,), _ = gather_targets([spectra / "dry.ecsv"])
    assert target.reading == {"range": [1.1, 1.6]}


def test_each_once(spectra):
    targets, _ = gather_targets([spectra, spectra / "wet.ecsv", str(spectra)])
    assert len(targets) == 2


def test_names(spectra):
    (target,), _ = gather_targets(["WASP 39b"])
    assert (target.source, target.label) == ("embedded", "wasp-39b")
    assert target.load().name == "WASP-39 b"


def test_all_that_is_at_hand(spectra):
    targets, _ = gather_targets()
    assert {target.label for target in targets} >= {"wasp-39b", "wasp-12b"}


def test_published_by_name(spectra):
    (target,), _ = gather_targets(
        ["wasp-39b"], {"wasp-39b": {"reported_detections": {"CO2": "28 sigma"}}}
    )
    assert target.reported == {"CO2": "28 sigma"}
    assert target.load().instrument


def test_an_unknown_name(spectra):
    with pytest.raises(UnknownNameError, match="WASP-39 b"):
        gather_targets(["WASP-38 b"])
    with pytest.raises(UnknownNameError, match="no file"):
        gather_targets([spectra / "none.csv"])


def test_a_folder_without_spectra(tmp_path):
    with pytest.raises(FileFormatError, match="holds no spectra"):
        gather_targets([tmp_path])


@pytest.mark.parametrize("text", ["", "{}", '[{"planet": "x"}]', "[1]"])
def test_a_manifest_that_is_none(spectra, text):
    (spectra / "manifest.json").write_text(text)
    if text == "{}":
        assert all(not target.reported for target in gather_targets([spectra])[0])
        return
    with pytest.raises(FileFormatError, match=r"manifest\.json"):
        gather_targets([spectra])


def test_a_reading_that_is_not_known(spectra):
    (spectra / "manifest.json").write_text(
        json.dumps([{"file": "wet.ecsv", "reading": {"wdith": "full"}}])
    )
    with pytest.raises(RangeError, match="wdith"):
        gather_targets([spectra])


def test_systems(tmp_path):
    path = tmp_path / "systems.csv"
    path.write_text("planet,star_radius,planet_mass,planet_mass_err,note\nWASP-39 b,0.9,0.28,,x\n")
    assert read_systems(path) == {"wasp39b": {"star_radius": 0.9, "planet_mass": 0.28}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "no column"), ("name,x\na,1\n", "no column"), ("planet,star_radius\na,big\n", "'big'")],
)
def test_systems_that_are_none(tmp_path, text, reason):
    path = tmp_path / "systems.csv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=reason):
        read_systems(path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_systems(tmp_path)

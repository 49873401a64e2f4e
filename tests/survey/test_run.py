"""A survey keeps what it finds, goes on where it was, and is not stopped by one bad file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.table import Table

import exosk
from exosk.sources import write_spectrum
from exosk.survey import (
    agreement,
    gather_targets,
    run_survey,
    survey_figure,
    survey_table,
    to_markdown,
)
from exosk.survey.table import odds_gain

MOLECULES = ("H2O",)


@pytest.fixture(scope="module")
def rows(tmp_path_factory, observed):
    folder = tmp_path_factory.mktemp("survey") / "spectra"
    for name, spectrum in observed.items():
        write_spectrum(spectrum, folder / name)
    (folder / "broken.csv").write_text("this,is\nno,spectrum\n")
    (folder / "manifest.json").write_text(
        json.dumps([{"file": "wet.ecsv", "reported_detections": {"H2O": "9 sigma", "CO": "no"}}])
    )
    targets, _ = gather_targets([folder])
    found = run_survey(targets, folder / "out", MOLECULES, progress=lambda *_: None)
    return {row["label"]: row for row in found}


def test_water_is_found_where_it_is(rows):
    wet, dry = rows["wet.ecsv"], rows["dry.ecsv"]
    assert wet["method"] == dry["method"] == "pretrained"
    assert wet["probability"]["H2O"] > 0.99
    assert dry["probability"]["H2O"] < 0.7
    assert wet["published"] == {"H2O": "yes", "CO": "yes"}
    assert wet["planet"] == "Wet b"
    assert wet["n_bins"] == 18


def test_a_broken_file_is_a_row(rows):
    assert "broken.csv" in rows["broken.csv"]["problem"]
    assert "probability" not in rows["broken.csv"]


def test_what_was_done_is_not_done_again(spectra, tmp_path, monkeypatch):
    targets, _ = gather_targets([spectra / "wet.ecsv"])
    first = run_survey(targets, tmp_path / "out", MOLECULES)
    (kept,) = (tmp_path / "out" / "observations").iterdir()
    written = kept.stat().st_mtime_ns
    assert run_survey(targets, tmp_path / "out", MOLECULES) == first
    assert kept.stat().st_mtime_ns == written
    # Another seed, other data, or a damaged file is another question.
    other = run_survey(targets, tmp_path / "out", MOLECULES, random_state=1)
    assert other[0]["probability"] != first[0]["probability"]
    spectrum = exosk.load_spectrum(spectra / "wet.ecsv")
    write_spectrum(spectrum.replace(depth=spectrum.depth * 1.01), spectra / "wet.ecsv")
    changed = run_survey(targets, tmp_path / "out", MOLECULES)
    assert changed[0]["parameters"] != first[0]["parameters"]
    kept.write_text("{")
    assert run_survey(targets, tmp_path / "out", MOLECULES)[0]["seconds"] > 0


def test_a_seed_and_processes_change_nothing(spectra, tmp_path):
    targets, _ = gather_targets([spectra])
    one = run_survey(targets, tmp_path / "one", MOLECULES)
    two = run_survey(targets, tmp_path / "two", MOLECULES, n_jobs=2)
    for row in (*one, *two):
        row.pop("seconds")
    assert one == two


def test_a_system_that_is_not_known_is_a_row(spectra, tmp_path):
    spectrum = exosk.load_spectrum(spectra / "wet.ecsv")
    write_spectrum(spectrum.replace(meta={}), spectra / "wet.ecsv")
    targets, _ = gather_targets([spectra / "wet.ecsv"])
    (row,) = run_survey(targets, tmp_path / "out", MOLECULES)
    assert "star radius" in row["problem"]
    stated = {"wetb": {"star_radius": 1.0, "planet_mass": 0.5, "equilibrium_temperature": 1300.0}}
    (row,) = run_survey(targets, tmp_path / "out", MOLECULES, systems=stated)
    assert "problem" not in row


@pytest.mark.parametrize("prior", [0.1, 0.5, 0.9])
def test_odds_that_data_do_not_change(prior):
    assert odds_gain(prior, prior) == pytest.approx(1)
    assert odds_gain(1.0, prior) > 100 > 1 > odds_gain(0.0, prior)
    p = np.linspace(0, 1, 50)
    assert np.all(np.diff([odds_gain(x, prior) for x in p]) >= 0)


def test_table_figure_and_counts(rows, tmp_path):
    found = list(rows.values())
    table = survey_table(found)
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    again = Table.read(tmp_path / "t.ecsv", format="ascii.ecsv")
    assert list(again["observation"]) == [row["label"] for row in found]
    assert again["p_h2o"][2] == pytest.approx(rows["wet.ecsv"]["probability"]["H2O"])
    counts = agreement(found)
    assert sum(count["n"] for count in counts.values()) == 12
    for count in counts.values():
        assert count["for"] + count["against"] + count["open"] == count["n"]
    assert counts["yes"]["for"] >= 1
    text = to_markdown(found)
    assert "**Wet b**" in text
    assert "broken.csv" in text
    survey_figure(found).savefig(tmp_path / "t.png")

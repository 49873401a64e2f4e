"""`exosk survey` from a shell."""

from __future__ import annotations

import json

import exosk
from exosk.sources import write_spectrum


def test_a_survey(program, tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    spectrum = exosk.load_spectrum("wasp-12b")
    write_spectrum(spectrum, tmp_path / "spectra" / "a.ecsv")
    published = tmp_path / "published.json"
    published.write_text('[{"file": "a.ecsv", "reported_detections": {"H2O": "7 sigma"}}]')
    arguments = ("survey", "spectra", "--published", str(published), "--jobs", "1")
    done = program(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (row,) = document["observations"]
    assert row["published"] == {"H2O": "yes"}
    assert document["agreement"]["yes"]["n"] == 1
    assert all((tmp_path / path).exists() for path in document["files"].values())
    again = program(*arguments)
    assert "WASP-12 b" in again.stdout
    assert "seen: 1 molecules" in again.stdout


def test_nothing_to_survey(program):
    done = program("survey", "no such planet")
    assert done.returncode == 2
    assert "unknown planet or file" in done.stderr

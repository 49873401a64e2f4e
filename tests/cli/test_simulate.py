"""`exosk simulate` from a shell."""

from __future__ import annotations

import json

import numpy as np

import exosk


def test_writes_a_data_set_that_loads(run, tmp_path):
    done = run("simulate", "--n", "40", "--like", "wasp-12b", "--json", "--out", "set")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    data = exosk.Dataset.load(tmp_path / document["files"]["dataset"])
    assert len(data) == document["n_spectra"] == 40
    assert data.grid == exosk.load_spectrum("wasp-12b").grid
    assert data.space.to_dict() == document["parameters"]
    assert data.provenance["seed"] == 0


def test_an_instrument_and_a_seed(run, tmp_path):
    for name in ("a", "b"):
        arguments = ("--n", "20", "--instrument", "hst-wfc3-g141", "--molecules", "H2O")
        done = run("simulate", *arguments, "--seed", "3", "--out", name)
        assert done.returncode == 0, done.stderr
        assert "20 spectra" in done.stdout
    a, b = (exosk.Dataset.load(tmp_path / name / "dataset.h5") for name in ("a", "b"))
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.Y, b.Y)


def test_bins_must_be_named_once(run):
    for arguments in ((), ("--like", "wasp-12b", "--instrument", "hst-wfc3-g141")):
        done = run("simulate", "--n", "5", *arguments)
        assert done.returncode == 2
        assert "--like" in done.stderr


def test_an_unknown_instrument_is_suggested(run):
    done = run("simulate", "--n", "5", "--instrument", "nirspec-prysm")
    assert done.returncode == 2
    assert "nirspec-prism" in done.stderr

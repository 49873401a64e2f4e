"""`exosk simulate` from a shell."""

from __future__ import annotations

import json

import numpy as np

import exosk


def test_writes_a_data_set_that_loads(run, tmp_path):
    """From a shell, where it is another process."""
    done = run("simulate", "--n", "40", "--like", "wasp-12b", "--json", "--out", "set")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    data = exosk.Dataset.load(tmp_path / document["files"]["dataset"])
    assert len(data) == document["n_spectra"] == 40
    assert data.grid == exosk.load_spectrum("wasp-12b").grid
    assert data.space.to_dict() == document["parameters"]
    assert data.provenance["seed"] == 0


def test_an_instrument_and_a_seed(program, tmp_path):
    for name in ("a", "b"):
        arguments = ("--n", "20", "--instrument", "hst-wfc3-g141", "--molecules", "H2O")
        done = program("simulate", *arguments, "--seed", "3", "--out", name)
        assert done.returncode == 0, done.stderr
        assert "20 spectra" in done.stdout
    a, b = (exosk.Dataset.load(tmp_path / name / "dataset.h5") for name in ("a", "b"))
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.Y, b.Y)


def test_how_detectable_molecules_are(program, tmp_path):
    arguments = ("--n", "30", "--instrument", "hst-wfc3-g141", "--molecules", "H2O,CO")
    done = program("simulate", *arguments, "--detectability", "--json", "--out", "set")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    data = exosk.Dataset.load(tmp_path / "set" / "dataset.h5")
    assert data.delta_chi2.shape == (30, 2)
    for k, (molecule, share) in enumerate(document["molecules"].items()):
        assert molecule == data.molecules[k]
        assert share["present"] == data.presence()[:, k].mean()
        assert share["detectable"] == data.presence(delta_chi2=9)[:, k].mean()
    shown = program("simulate", *arguments, "--detectability", "--out", "set")
    assert "and delta chi2 > 9" in shown.stdout
    assert f"{document['molecules']['H2O']['detectable']:.1%}" in shown.stdout


def test_bins_must_be_named_once(program):
    for arguments in ((), ("--like", "wasp-12b", "--instrument", "hst-wfc3-g141")):
        done = program("simulate", "--n", "5", *arguments)
        assert done.returncode == 2
        assert "--like" in done.stderr


def test_an_unknown_instrument_is_suggested(program):
    done = program("simulate", "--n", "5", "--instrument", "nirspec-prysm")
    assert done.returncode == 2
    assert "nirspec-prism" in done.stderr


def test_a_file_chooses_the_simulator_s_profiles(program, tmp_path):
    (tmp_path / "system.toml").write_text(
        'molecules = ["H2O", "CH4"]\n'
        "[simulator]\n"
        'temperature_profile = "guillot"\n'
        'abundance_profiles = { H2O = "two-layer" }\n'
        "[priors]\n"
        't_irr = { kind = "uniform", low = 800, high = 1500 }\n'
        'cloud_fraction = { kind = "uniform", low = 0, high = 1 }\n'
    )
    arguments = ("--n", "5", "--like", "wasp-12b", "--priors", "system.toml", "--out", "set")
    done = program("simulate", *arguments)
    assert done.returncode == 0, done.stderr
    data = exosk.Dataset.load(tmp_path / "set" / "dataset.h5")
    expected = {"t_irr", "log_gamma", "log_x_h2o_top", "log_p_h2o", "log_x_ch4", "cloud_fraction"}
    assert expected <= set(data.space.names)
    assert data.provenance["settings"]["temperature_profile"] == "guillot"


def test_an_unknown_simulator_or_option_is_a_mistake(program, tmp_path):
    done = program("simulate", "--n", "5", "--like", "wasp-12b", "--simulator", "bultin")
    assert done.returncode == 2
    assert "did you mean 'builtin'" in done.stderr
    (tmp_path / "system.toml").write_text("[simulator]\ntemperature_profil = 'guillot'\n")
    done = program("simulate", "--n", "5", "--like", "wasp-12b", "--priors", "system.toml")
    assert done.returncode == 2
    assert "temperature_profil" in done.stderr
    assert "Traceback" not in done.stderr


# --- large sets ------------------------------------------------------------------------------

SMALL = ("simulate", "--n", "50", "--instrument", "hst-wfc3-g141", "--molecules", "H2O")
STORE = ("--shard-size", "20", "--jobs", "1", "--out", "set")


def test_options_of_a_large_set_make_a_store(program, tmp_path):
    done = program(*SMALL, *STORE, "--seed", "3", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "kB are needed in set, " in done.stderr
    store = exosk.datasets.Store(tmp_path / document["files"]["store"])
    assert len(store) == document["n_spectra"] == 50
    assert len(store.shards) == 3
    assert store.space.to_dict() == document["parameters"]
    assert document["molecules"]["H2O"]["present"] == store[:].presence().mean()
    assert document["provenance"]["seed"] == 3


def test_the_same_command_goes_on_with_a_store(program, tmp_path):
    assert program(*SMALL, *STORE).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()}
    (tmp_path / "set" / "shard-000001.h5").unlink()
    done = program(*SMALL, *STORE)
    assert done.returncode == 0, done.stderr
    assert "30 of 50 spectra are there; " in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == before
    done = program(*SMALL, *STORE, "--seed", "1")
    assert done.returncode == 2
    assert "holds another set (seed: 0 there, 1 here)" in done.stderr


def test_a_store_takes_part_where_a_file_does(program, tmp_path):
    assert program(*SMALL, *STORE).returncode == 0
    done = program("train", "set", "--model", "forest", "--noise", "50", "--out", "model")
    assert done.returncode == 0, done.stderr
    assert program(*SMALL, "--out", "set").returncode == 2, "a file in the folder of a store"


def test_too_many_spectra_for_the_disk(program):
    many = (*SMALL[:2], "90_000_000_000", *SMALL[3:])
    done = program(*many, "--shard-size", "1_000_000_000", "--out", "set")
    assert done.returncode == 2
    assert "GB are needed in" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_is_not_there(program):
    done = program(*SMALL, "--scheduler", "scheduler.json", "--out", "set")
    assert done.returncode == 2
    assert "neither an address as tcp://10.0.0.1:8786 nor a scheduler file" in done.stderr

"""`exosk check` from a shell."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.models.persistence import save_model


@pytest.fixture
def folder(tmp_path):
    """A held-out set and two small models, in the folder that the program runs in."""
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
    spectrum = exosk.load_spectrum("wasp-12b")
    data = exosk.simulate_dataset(simulator, 120, like=spectrum, random_state=0)
    noisy = exosk.NoiseInjector(spectrum.sigma, random_state=0).fit_transform(data.X)
    for name, model, y in (
        ("retriever", exosk.ForestRetriever(5, random_state=0), data.Y),
        ("detector", exosk.MoleculeDetector(5, random_state=0), data.presence()),
    ):
        save_model(model.fit(noisy, y), tmp_path / name, data, sigma=spectrum, seed=0)
    test = exosk.simulate_dataset(simulator, 110, like=spectrum, random_state=1)
    test.save(tmp_path / "test.h5")
    return tmp_path


def test_checks_are_printed_and_written(program, folder):
    done = program("check", "retriever", "--data", "test.h5", "--out", "checks", "--missing", "0.2")
    assert done.returncode == 0, done.stderr
    for text in ("110 spectra", "ranks (SBC)", "TARP", "x 1", "20 % missing", "Note:"):
        assert text in done.stdout
    assert max(map(len, done.stdout.split("Note:")[0].splitlines())) <= 80
    written = json.loads((folder / "checks" / "checks.json").read_text())
    assert len(written["rows"]) == 8

    arguments = ("--missing", "0.2", "--out", "again", "--json")
    done = program("check", "retriever", "--data", "test.h5", *arguments)
    document = json.loads(done.stdout)
    assert document["rows"] == written["rows"], "the same seed, the same checks"
    for file in document["files"].values():
        assert (folder / file).stat().st_size > 0
    fewer = program("check", "retriever", "--data", "test.h5", "--n", "40", "--seed", "1", "--json")
    assert json.loads(fewer.stdout)["data"]["n_spectra"] == 40


def test_what_cannot_be_checked_is_a_mistake(program, folder):
    data = exosk.Dataset.load(folder / "test.h5")
    few = exosk.Dataset(data.X[:, 1:], np.asarray(data.Y), data.grid[1:], data.space)
    few.save(folder / "few.h5")
    (folder / "taken").write_text("")
    for arguments, match in (
        (("detector", "--data", "test.h5"), "detects molecules"),
        (("retriever", "--data", "few.h5"), "bins"),
        (("retriever", "--data", "none.h5"), "there is no file"),
        (("retriever",), "--data"),
        (("none", "--data", "test.h5"), "is not a model"),
        (("retriever", "--data", "test.h5", "--n", "1"), "decide nothing"),
        (("retriever", "--data", "test.h5", "--noise-scale", "5", "9"), "trained for"),
        (("retriever", "--data", "test.h5", "--out", "taken"), "cannot be the folder"),
    ):
        done = program("check", *arguments)
        assert done.returncode == 2, arguments
        assert match in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr

"""`exosk evaluate` from a shell."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.models.persistence import save_model


@pytest.fixture
def folder(tmp_path):
    """A test set and two small models, in the folder that the program runs in."""
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["retriever", "detector"])
def test_scores_are_printed_and_written(run, folder, name):
    done = run("evaluate", name, "test.h5", "--out", "scores")
    assert done.returncode == 0, done.stderr
    assert "110 spectra" in done.stdout
    assert "temperature" in done.stdout if name == "retriever" else "H2O" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    written = json.loads((folder / "scores" / "metrics.json").read_text())
    assert written["kind"] == name

    done = run("evaluate", name, "test.h5", "--out", "again", "--json")
    document = json.loads(done.stdout)
    assert document["scores"] == written["scores"], "the same seed, the same scores"
    for file in document["files"].values():
        assert (folder / file).stat().st_size > 0


def test_a_data_set_in_other_bins_is_a_mistake(run, folder):
    data = exosk.Dataset.load(folder / "test.h5")
    few = exosk.Dataset(data.X[:, 1:], np.asarray(data.Y), data.grid[1:], data.space)
    few.save(folder / "few.h5")
    done = run("evaluate", "retriever", "few.h5")
    assert done.returncode == 2
    assert "bins" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_files_that_are_neither_model_nor_data_are_mistakes(run, folder):
    (folder / "empty").mkdir()
    for arguments, match in (
        (("empty", "test.h5"), "is not a model"),
        (("retriever", "none.h5"), "there is no file"),
        (("retriever", "test.h5", "--noise-scale", "5", "9"), "trained for"),
    ):
        done = run("evaluate", *arguments)
        assert done.returncode == 2
        assert match in done.stderr.replace("\n", " ")
        assert "Traceback" not in done.stderr

"""`exosk evaluate` from a shell."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.models.persistence import save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A test set and two small models."""
    folder = tmp_path_factory.mktemp("models")
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
    spectrum = exosk.load_spectrum("wasp-12b")
    data = exosk.simulate_dataset(simulator, 120, like=spectrum, random_state=0)
    noisy = exosk.NoiseInjector(spectrum.sigma, random_state=0).fit_transform(data.X)
    for name, model, y in (
        ("retriever", exosk.ForestRetriever(5, random_state=0), data.Y),
        ("detector", exosk.MoleculeDetector(5, random_state=0), data.presence()),
    ):
        save_model(model.fit(noisy, y), folder / name, data, sigma=spectrum, seed=0)
    test = exosk.simulate_dataset(simulator, 110, like=spectrum, random_state=1)
    test.save(folder / "test.h5")
    return folder


@pytest.fixture
def evaluate(program, folder):
    def call(model, data, *arguments):
        return program("evaluate", str(folder / model), str(folder / data), *arguments)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("name", ["retriever", "detector"])
def test_scores_are_printed_and_written(evaluate, tmp_path, name):
    done = evaluate(name, "test.h5", "--out", "scores")
    assert done.returncode == 0, done.stderr
    assert "110 spectra" in done.stdout
    assert "temperature" in done.stdout if name == "retriever" else "H2O" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    written = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert written["kind"] == name

    done = evaluate(name, "test.h5", "--out", "again", "--json")
    document = json.loads(done.stdout)
    assert document["scores"] == written["scores"], "the same seed, the same scores"
    for file in document["files"].values():
        assert (tmp_path / file).stat().st_size > 0


def test_from_a_shell(run, folder, tmp_path):
    done = run("evaluate", str(folder / "detector"), str(folder / "test.h5"), "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    document = json.loads(done.stdout)
    written = json.loads((tmp_path / document["files"]["metrics"]).read_text())
    assert written["scores"] == document["scores"]


def test_a_data_set_in_other_bins_is_a_mistake(evaluate, folder, tmp_path):
    data = exosk.Dataset.load(folder / "test.h5")
    few = exosk.Dataset(data.X[:, 1:], np.asarray(data.Y), data.grid[1:], data.space)
    few.save(tmp_path / "few.h5")
    done = evaluate("retriever", tmp_path / "few.h5")
    assert done.returncode == 2
    assert "bins" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_that_are_neither_model_nor_data_are_mistakes(evaluate, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, match in (
        ((tmp_path / "empty", "test.h5"), "is not a model"),
        (("retriever", "none.h5"), "there is no file"),
        (("retriever", "test.h5", "--noise-scale", "5", "9"), "trained for"),
    ):
        done = evaluate(*arguments)
        assert done.returncode == 2
        assert match in done.stderr.replace("\n", " ")
        assert "Traceback" not in done.stderr

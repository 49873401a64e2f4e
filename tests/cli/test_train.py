"""`exosk train` from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import exosk
from exosk.models.final_step import FinalStep
from exosk.models.persistence import load_model
from exosk.models.recipes import NoiseRange

QUICK_NETWORK = ("--epochs", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Training sets: one for an observation, one for bins alone, one with detectability."""
    folder = tmp_path_factory.mktemp("sets")
    spectrum = exosk.load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    seen = exosk.simulate_dataset(simulator, 120, spectrum, random_state=0, detectability=True)
    seen.save(folder / "seen.h5")
    exosk.simulate_dataset(simulator, 60, spectrum.grid, random_state=0).save(folder / "bare.h5")
    gone = np.arange(len(spectrum)) == 4
    gappy = spectrum.replace(depth=np.where(gone, np.nan, spectrum.depth))
    exosk.simulate_dataset(simulator, 60, gappy, random_state=0).save(folder / "gappy.h5")
    return folder


@pytest.fixture
def train(program, folder):
    def call(name: str, *arguments: str):
        return program("train", str(folder / name), "--jobs", "1", *arguments)

    return call


def test_from_a_shell(run, folder, tmp_path):
    done = run("train", str(folder / "seen.h5"), "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    document = json.loads(done.stdout)
    assert load_model(tmp_path / document["files"]["model"]).card.metrics == document["metrics"]


@pytest.mark.parametrize("task", ["retrieve", "detect"])
@pytest.mark.parametrize("model", ["forest", "mlp", "cnn"])
def test_a_model_of_each_kind_is_trained_scored_and_written(train, tmp_path, task, model):
    quick = () if model == "forest" else QUICK_NETWORK
    done = train("seen.h5", "--task", task, "--model", model, "--json", *quick)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["n_training"], document["n_test"]) == (84, 18)
    restored = load_model(tmp_path / document["files"]["model"])
    card, spectrum = restored.card, exosk.load_spectrum("wasp-12b")
    assert card.kind == {"retrieve": "retriever", "detect": "detector"}[task]
    assert card.metrics == document["metrics"]
    assert card.metrics["n"] == 18
    assert card.grid == spectrum.grid
    np.testing.assert_allclose(card.sigma, spectrum.sigma)
    assert (card.n_training, card.seed, card.has_sigma) == (84, 0, False)
    assert card.provenance["simulator"] == "builtin"
    answers = restored.predict(spectrum)
    scored = "parameters" if task == "retrieve" else "molecules"
    assert list(answers) == list(document["metrics"][scored])


def test_tables_for_people(train):
    done = train("seen.h5")
    assert done.returncode == 0, done.stderr
    for word in ("log_x_h2o", "R_jup", "R2", "in 95 %", "84 spectra", "51 ppm", "The model: model"):
        assert word in done.stdout
    done = train("seen.h5", "--task", "detect", "--noise-scale", "0.5", "4")
    for word in ("H2O", "CH4", "ROC-AUC", "51 ppm x 0.5 to 4"):
        assert word in done.stdout


def test_a_seed_reproduces_and_another_differs(train, tmp_path):
    documents = []
    for seed in ("1", "1", "2"):
        done = train("seen.h5", "--seed", seed, "--json", "--out", f"{len(documents)}")
        documents.append(json.loads(done.stdout)["metrics"])
    assert documents[0] == documents[1] != documents[2]
    spectrum = exosk.load_spectrum("wasp-12b")
    first, again = (load_model(tmp_path / name).predict(spectrum) for name in "01")
    assert first == again


@pytest.mark.parametrize("model", ["forest", "mlp"])
def test_with_a_range_of_noise_the_model_is_told_the_errors(train, tmp_path, model):
    arguments = ("--model", model, "--noise-scale", "0.5", "4", "--epochs", "5")
    done = train("seen.h5", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["noise"]["errors_are_told"]
    restored = load_model(tmp_path / "model")
    assert restored.card.has_sigma
    assert restored.card.sigma_scale == (0.5, 4)
    spectrum = exosk.load_spectrum("wasp-12b")
    noisier = spectrum.replace(sigma=3 * spectrum.sigma)
    assert restored.predict(spectrum) != restored.predict(noisier)


def test_one_factor_other_than_one_scales_the_noise(train, tmp_path):
    done = train("seen.h5", "--noise-scale", "3", "3")
    assert done.returncode == 0, done.stderr
    restored = load_model(tmp_path / "model")
    assert not restored.card.has_sigma
    spectrum = exosk.load_spectrum("wasp-12b")
    assert restored.noise_factor(spectrum.replace(sigma=3 * spectrum.sigma)) == pytest.approx(3)
    restored.rows(spectrum.replace(sigma=3 * spectrum.sigma))
    with pytest.raises(exosk.ExoskError, match="trained for 3 times"):
        restored.rows(spectrum)


@pytest.mark.parametrize(
    ("noise", "ppm"),
    [("100", 100), ("wasp-12b", None), ("mine.csv", None), ("hst-wfc3-g141", None)],
)
def test_noise_by_number_observation_file_or_instrument(train, tmp_path, folder, noise, ppm):
    from exosk.sources import write_spectrum

    spectrum = exosk.load_spectrum("wasp-12b")
    name, expected = "bare.h5", spectrum.sigma
    if noise == "mine.csv":
        noise = "mine.ecsv"
        write_spectrum(spectrum, tmp_path / noise)
    if noise == "hst-wfc3-g141":  # an instrument's errors are carried to other bins
        grid = exosk.SpectralGrid.from_edges(np.linspace(1.2, 1.6, 6))
        data = exosk.Dataset.load(folder / "bare.h5")
        exosk.Dataset(data.X[:, :5], data.Y, grid, data.space).save(folder / "narrow.h5")
        name, expected = "narrow.h5", exosk.get_instrument(noise).rebinned(grid).sigma
    if ppm is not None:
        expected = np.full(len(spectrum), 1e-6 * ppm)
    done = train(name, "--noise", noise)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(load_model(tmp_path / "model").card.sigma, expected)


@pytest.mark.parametrize("model", ["forest", "mlp"])
@pytest.mark.parametrize("scale", [("1", "1"), ("1", "2")])
def test_a_bin_that_the_observation_lacks_is_left_out(train, tmp_path, model, scale):
    done = train("gappy.h5", "--model", model, "--noise-scale", *scale, *QUICK_NETWORK)
    assert done.returncode == 0, done.stderr
    restored = load_model(tmp_path / "model")
    spectrum = exosk.load_spectrum("wasp-12b")
    gone = np.arange(len(spectrum)) == 4
    gappy = spectrum.replace(depth=np.where(gone, np.nan, spectrum.depth))
    # What stands there has no bearing.
    assert restored.predict(gappy) == restored.predict(spectrum)
    assert np.isnan(restored.card.sigma).nonzero()[0].tolist() == [4]


@pytest.mark.parametrize("scale", [("1", "1"), ("0.5", "8")])
def test_labels_of_what_is_detectable(train, tmp_path, folder, scale):
    arguments = ("--task", "detect", "--detectable", "--noise-scale", *scale, "--json")
    done = train("seen.h5", *arguments)
    assert done.returncode == 0, done.stderr
    card = load_model(tmp_path / "model").card
    assert card.presence == {"threshold": -8.0, "delta_chi2": 9.0}
    _, _, held_out = exosk.Dataset.load(folder / "seen.h5").split(random_state=0)
    _, factors = NoiseRange(held_out.sigma, *map(float, scale)).observe(held_out, 0)
    presence = held_out.presence(**card.presence, scale=factors)
    for k, scores in enumerate(card.metrics["molecules"].values()):
        assert scores["prevalence"] == pytest.approx(presence[:, k].mean())
    assert (presence.sum() < held_out.presence().sum()).all()


def test_noise_does_not_reach_the_scores_twice(folder):
    """Held-out rows have the errors that they are said to have."""
    data = exosk.Dataset.load(folder / "seen.h5")
    for low, high in ((1, 1), (2, 2), (0.5, 4)):
        noise = NoiseRange(data.sigma, low, high)
        X, factors = noise.observe(data, random_state=0)
        pull = (X[:, : data.grid.n_bins] - data.X) / (factors[:, None] * data.sigma)
        assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(2 * pull.size))
        assert (factors >= low * 0.999).all()
        assert (factors <= high * 1.001).all()
        if noise.is_told:
            np.testing.assert_allclose(
                X[:, data.grid.n_bins :], factors[:, None] * data.sigma, rtol=1e-6
            )


def test_the_forest_sees_several_draws_of_noise(train, tmp_path):
    assert train("seen.h5").returncode == 0
    model = FinalStep(load_model(tmp_path / "model").estimator).estimator
    assert model.n_replicates == 5


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("nowhere.h5", (), ["nowhere.h5"]),
        ("bare.h5", (), ["--noise"]),
        ("seen.h5", ("--noise", "-5"), ["--noise", "-5"]),
        ("seen.h5", ("--noise", "wasp-39b"), ["112 bins", "--like wasp-39b"]),
        ("seen.h5", ("--noise", "hst-wfc3-g114"), ["hst-wfc3-g114"]),
        ("seen.h5", ("--noise", "nirspec-prism", "--detectable", "--task", "detect"), ["--noise"]),
        ("seen.h5", ("--noise-scale", "2", "1"), ["low <= high"]),
        ("seen.h5", ("--noise-scale", "0", "1"), ["positive"]),
        ("seen.h5", ("--task", "detects"), ["did you mean 'detect'"]),
        ("seen.h5", ("--model", "forrest"), ["did you mean 'forest'"]),
        ("seen.h5", ("--model", "gan", "--task", "detect"), ["forest, mlp or cnn"]),
        ("seen.h5", ("--detectable",), ["--task detect"]),
        ("gappy.h5", ("--detectable", "--task", "detect"), ["--detectability"]),
        ("seen.h5", ("--out", "work"), ["thesis.tex", "another folder"]),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(train, tmp_path, name, arguments, words):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years")
    done = train(name, *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["work"]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A set in shards, enough of them to be split."""
    spectrum = exosk.load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    folder = tmp_path_factory.mktemp("store") / "set"
    exosk.simulate_store(
        simulator, 400, spectrum, folder, 0, shard_size=40, n_jobs=1, detectability=True
    )
    return folder


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "forest"),
        ("--model", "flow", "--noise-scale", "0.5", "4"),
        ("--model", "mlp", "--task", "detect", "--noise-scale", "1", "3", "--detectable"),
    ],
    ids=lambda options: options[1],
)
def test_a_store_is_trained_on_as_it_lies(train, program, tmp_path, store, options):
    quick = () if "forest" in options else QUICK_NETWORK
    done = train(store, *options, *quick, "--json", "--out", "model")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["n_training"], document["n_test"]) == (240, 80)
    model = load_model(tmp_path / "model")
    assert model.card.n_training == 240
    assert model.card.space == exosk.Store(store).space
    # Which were held out is known from the card.
    done = program("evaluate", "model", str(store), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["n_spectra"] == 80


def test_a_training_goes_on_from_its_checkpoint(train, tmp_path):
    options = ("--model", "mlp", *QUICK_NETWORK, "--json")
    documents = [
        json.loads(train("seen.h5", *options, *more, "--out", f"model{k}").stdout)
        for k, more in enumerate([(), ("--checkpoint", "kept"), ("--checkpoint", "kept")])
    ]
    assert (tmp_path / "kept" / "member-0.pt").exists()
    assert documents[0]["metrics"] == documents[1]["metrics"] == documents[2]["metrics"]
    done = train("seen.h5", *options, "--checkpoint", "kept", "--seed", "1")
    assert done.returncode == 2
    assert "is of a training with other" in done.stderr


def test_a_forest_has_no_checkpoint(train):
    done = train("seen.h5", "--checkpoint", "kept")
    assert done.returncode == 2
    assert "a forest does not go on from a checkpoint" in done.stderr

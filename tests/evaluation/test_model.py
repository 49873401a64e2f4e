"""A model from disk against a data set: what it is shown, and what it must refuse."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from exosk.augmentation.errors import scale_height_depth
from exosk.datasets import Dataset, merge_stores
from exosk.evaluation.model import evaluate_model
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.models import ForestRetriever, MoleculeDetector
from exosk.models.persistence import load_model, save_model
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.preprocessing import SpectrumScaler

GRID = SpectralGrid.from_edges(np.linspace(1.1, 1.7, 7))
SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(0.9, 1.3), "R_jup"),
        Parameter("planet_mass", Uniform(0.5, 1.5), "M_jup"),
        Parameter("temperature", Uniform(500, 1500), "K"),
        Parameter("log_x_h2o", Uniform(-12, -2), "log VMR"),
        Parameter("log_x_ch4", Uniform(-12, -2), "log VMR"),
    ]
)
SIGMA = np.full(6, 1e-5)


def make_data(n, seed, space=SPACE):
    """Depths in which each molecule has two bins of its own."""
    Y = space.sample(n, seed)
    X = np.repeat(0.01 * Y[:, :1] ** 2, 6, axis=1)
    for k, column in enumerate((3, 4)):
        X[:, 2 * k : 2 * k + 2] += 2e-5 * np.clip(Y[:, column : column + 1] + 8, 0, None)
    change = (X[:, [0, 2]] - X[:, [4, 4]]) ** 2 / SIGMA[0] ** 2
    provenance = {"simulator": "by hand", "seed": seed, "n_spectra": n, "fixed": {"star_radius": 1}}
    return Dataset(X, Y, GRID, space, ("H2O", "CH4"), None, provenance, change, SIGMA)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A retriever that takes depths, and a detector that is told errors, from disk."""
    folder = tmp_path_factory.mktemp("models")
    data = make_data(600, 0)
    trained = data.split(random_state=3)[0]
    noise = np.random.default_rng(0).standard_normal(trained.X.shape) * SIGMA
    forest = make_pipeline(SpectrumScaler(grid=GRID), ForestRetriever(10, random_state=0))
    forest.fit(trained.X + noise, trained.Y)
    save_model(forest, folder / "retriever", trained, sigma=SIGMA, seed=3)
    X = trained.with_sigma(SIGMA)
    X[:, :6] += noise
    detector = make_pipeline(SpectrumScaler(grid=GRID), MoleculeDetector(10, random_state=0))
    rule = {"threshold": -9.0, "delta_chi2": 9.0}
    detector.fit(X, trained.presence(**rule))
    save_model(
        detector,
        folder / "detector",
        trained,
        sigma=SIGMA,
        sigma_scale=(0.5, 4),
        presence=rule,
        seed=3,
    )
    return {name: load_model(folder / name) for name in ("retriever", "detector")}


def test_scores_come_with_strata_and_context(models):
    data = make_data(400, 1)
    for name, model in models.items():
        found = evaluate_model(model, data)
        document = found.to_dict()
        json.dumps(document, allow_nan=False)
        assert document["kind"] == found.kind == name
        assert document["data"]["n_spectra"] == len(found.evaluation) == 400
        assert len(document["by_signal_to_noise"]) == 6
        assert sum(record["n"] for record in document["by_signal_to_noise"]) == 400
        assert not found.notes
    assert set(evaluate_model(models["detector"], data).by_abundance) == {"H2O", "CH4"}
    assert set(evaluate_model(models["retriever"], data).by_abundance) == {
        "log_x_h2o",
        "log_x_ch4",
    }


def test_the_model_sees_noise_of_the_size_it_is_told(models):
    """Through an estimator that hands its input on."""

    class Spy:
        def predict_proba(self, X):
            self.X = X
            return np.full((len(X), 2), 0.5)

    data, spy = make_data(3000, 1), Spy()
    model = dataclasses.replace(models["detector"], estimator=spy)
    found = evaluate_model(model, data, noise_scale=(2, 4))
    depth, sigma = np.split(spy.X, 2, axis=1)
    factors = sigma[:, 0] / SIGMA[0]
    assert factors.min() >= 2
    assert factors.max() <= 4
    assert np.log(factors).mean() == pytest.approx(np.log(8) / 2, abs=0.02)
    standard = (depth - data.X) / sigma
    assert standard.std() == pytest.approx(1, abs=0.02)
    expected = scale_height_depth(data.Y, SPACE, {"star_radius": 1}) / sigma[:, 0]
    np.testing.assert_allclose(found.signal_to_noise, expected)
    # The labels are those at the noise of each spectrum.
    labels = data.presence(threshold=-9, delta_chi2=9, scale=factors)
    np.testing.assert_array_equal(found.evaluation.presence, labels)


def test_seeds_repeat_and_differ(models):
    data = make_data(100, 1)
    one, same, other = (
        evaluate_model(models["detector"], data, random_state=seed).evaluation.probability
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_of_the_training_set_only_what_was_held_out_is_used(models):
    data = make_data(600, 0)
    found = evaluate_model(models["retriever"], data)
    held_out = data.split(random_state=3)[2]
    np.testing.assert_array_equal(found.evaluation.truth, held_out.Y)
    assert "only the 90 spectra that were held out" in found.notes[0]
    part = evaluate_model(models["retriever"], data[:100])
    assert "too good" in part.notes[0]


def test_parameters_and_molecules_are_matched_by_name(models):
    order = [4, 3, 2, 1, 0]
    data = make_data(200, 1)
    turned = Dataset(
        data.X,
        np.asarray(data.Y)[:, order],
        GRID,
        ParameterSpace([SPACE[k] for k in order]),
        ("CH4", "H2O"),
        None,
        data.provenance,
        data.delta_chi2[:, ::-1],
        SIGMA,
    )
    for model in models.values():
        straight = evaluate_model(model, data).evaluation.to_dict()
        assert evaluate_model(model, turned).evaluation.to_dict() == straight


def test_other_priors_are_noted(models):
    data = make_data(60, 1, SPACE.replace(temperature=Uniform(900, 1100)))
    assert "priors" in evaluate_model(models["retriever"], data).notes[0]


def test_a_system_that_is_not_known_has_no_signal_to_noise(models):
    data = make_data(60, 1)
    few = Dataset(data.X, np.asarray(data.Y)[:, 3:], GRID, SPACE[3:], data.molecules)
    card = dataclasses.replace(models["detector"].card, presence={"threshold": -9.0})
    found = evaluate_model(dataclasses.replace(models["detector"], card=card), few)
    assert found.signal_to_noise is None
    assert found.by_signal_to_noise == []
    assert "no signal-to-noise per scale height" in found.notes[0]


def test_what_the_model_was_not_made_for_is_refused(models):
    data = make_data(60, 1)
    moved = SpectralGrid.from_edges(np.linspace(1.2, 1.8, 7))
    with pytest.raises(GridError, match=r"6 bins of 1\.2-1\.8 um"):
        evaluate_model(models["retriever"], dataclasses.replace(data, grid=moved))
    with pytest.raises(RangeError, match=r"not within the 0\.5 to 4 times"):
        evaluate_model(models["detector"], data, noise_scale=(0.1, 1))
    with pytest.raises(RangeError, match="not within"):
        evaluate_model(models["detector"], data, noise_scale=(3, 1))
    fewer = Dataset(data.X, np.asarray(data.Y)[:, :4], GRID, SPACE[:4], ("H2O",))
    with pytest.raises(RangeError, match="retrieves log_x_ch4"):
        evaluate_model(models["retriever"], fewer)
    with pytest.raises(RangeError, match="detects CH4"):
        evaluate_model(models["detector"], fewer)
    blind = dataclasses.replace(data, delta_chi2=None, sigma=None)
    with pytest.raises(RangeError, match="--detectability"):
        evaluate_model(models["detector"], blind)
    other = dataclasses.replace(data, sigma=SIGMA * np.arange(1, 7))
    with pytest.raises(RangeError, match="another shape"):
        evaluate_model(models["detector"], other)


def test_spectra_are_evaluated_a_part_at_a_time(models, monkeypatch, tmp_path):
    """With the noise that they have when all are in memory at once, from a store too."""
    data = make_data(130, 1)
    store = merge_stores([data], tmp_path / "set", shard_size=40)
    for model in models.values():
        shares = []
        whole = evaluate_model(model, store.read(), random_state=5)
        monkeypatch.setattr("exosk.evaluation.model._AT_ONCE", 50)
        parts = evaluate_model(model, store, random_state=5, progress=shares.append)
        monkeypatch.undo()
        assert len(parts.evaluation) == 130
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)
        one, other = whole.to_dict(), parts.to_dict()
        assert one["data"] == other["data"]
        np.testing.assert_allclose(parts.signal_to_noise, whole.signal_to_noise)
        np.testing.assert_array_equal(parts.log_abundance, whole.log_abundance)
        answers = "mean" if whole.kind == "retriever" else "probability"
        np.testing.assert_allclose(
            getattr(parts.evaluation, answers), getattr(whole.evaluation, answers)
        )

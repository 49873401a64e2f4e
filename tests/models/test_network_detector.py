"""A network's probabilities against those that are a formula."""

import copy
import dataclasses
import itertools
import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline

from exosk.augmentation import BinDropout, NoiseInjector
from exosk.exceptions import FileFormatError, GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.models import CNNDetector, MLPDetector
from exosk.rows import join_rows

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))
SMALL = {"max_epochs": 20, "batch_size": 128, "dropout": 0, "random_state": 0}
TINY = {"max_epochs": 3, "batch_size": 64, "random_state": 0}
# A molecule is there where its parameter is above: half of the spectra hold the first, and one in
# fourteen the second.
THRESHOLD = np.array([0.0, 1.5])


def presence(Y):
    return (np.asarray(Y) > THRESHOLD).astype(int)


def clean(toy, n, random_state):
    X, Y = dataclasses.replace(toy, sigma=0.0).sample(n, random_state)
    return X, presence(Y)


def exact(toy, X):
    """Probability that the parameter is above, given the spectrum."""
    return stats.norm.sf(THRESHOLD, toy.mean(X), np.sqrt(np.diag(toy.covariance)))


@pytest.fixture(scope="module")
def training(toy):
    return clean(toy, 5000, 0)


@pytest.fixture(scope="module")
def held_out(toy):
    X, Y = toy.sample(3000, 1)
    return X, presence(Y)


@pytest.fixture(scope="module")
def detector(toy, training):
    return MLPDetector((32, 32), augmentation=NoiseInjector(toy.sigma), **SMALL).fit(*training)


@pytest.fixture(scope="module")
def balanced(toy, training):
    model = MLPDetector(
        (32, 32), class_weight="balanced", augmentation=NoiseInjector(toy.sigma), **SMALL
    )
    return model.fit(*training)


@pytest.fixture(scope="module")
def data(toy):
    X, Y = toy.sample(300, 0)
    return X, presence(Y)


@pytest.fixture(scope="module")
def quick(data):
    return MLPDetector((16,), **TINY).fit(*data)


# --- against the exact probability -----------------------------------------------------------


@pytest.mark.parametrize("name", ["detector", "balanced"])
def test_probabilities_are_the_exact_ones(name, request, toy, held_out):
    """Weighting rare molecules in training leaves them at the training set's own share."""
    X, y = held_out
    probability, expected = request.getfixturevalue(name).predict_proba(X), exact(toy, X)
    assert (abs(probability - expected).mean(axis=0) < [0.04, 0.02]).all()
    assert (abs((probability - expected).mean(axis=0)) < [0.02, 0.01]).all()
    for k in range(2):
        loss = [log_loss(y[:, k], p[:, k]) for p in (probability, expected)]
        assert loss[0] < loss[1] + 0.015


@pytest.mark.parametrize("name", ["detector", "balanced"])
def test_ranks_are_nearly_the_best_there_are(name, request, toy, held_out):
    X, y = held_out
    probability = request.getfixturevalue(name).predict_proba(X)
    for k in range(2):
        best = roc_auc_score(y[:, k], exact(toy, X)[:, k])
        assert roc_auc_score(y[:, k], probability[:, k]) > best - 0.006


@pytest.mark.parametrize("name", ["detector", "balanced"])
def test_probabilities_are_calibrated(name, request, held_out):
    """Of the spectra given a probability near p, a share near p hold the molecule."""
    p, y = request.getfixturevalue(name).predict_proba(held_out[0]), held_out[1]
    for k, edges in enumerate(([0, 0.05, 0.3, 0.7, 0.95, 1], [0, 0.02, 0.2, 0.6, 1])):
        for low, high in itertools.pairwise(edges):
            chosen = (p[:, k] >= low) & (p[:, k] < high)
            mean = p[chosen, k].mean()
            error = 4 * np.sqrt(mean * (1 - mean) / chosen.sum())
            assert abs(y[chosen, k].mean() - mean) < error + 0.03


def test_weights_change_the_order_of_what_is_in_doubt_by_no_more_than_scatter(
    toy, detector, balanced, held_out
):
    one, other = (model.predict_proba(held_out[0]) for model in (detector, balanced))
    doubtful = abs(exact(toy, held_out[0]) - 0.5) < 0.48
    for k, which in enumerate(doubtful.T):
        assert stats.spearmanr(one[which, k], other[which, k]).statistic > 0.95


def test_one_network_serves_a_range_of_noise(toy, training):
    noise = NoiseInjector("columns", scale=(0.3, 3), grid=GRID)
    model = MLPDetector((32, 32), grid=GRID, augmentation=noise, **SMALL)
    model.fit(join_rows(training[0], np.full(8, toy.sigma)), training[1])
    for factor in (0.5, 2.0):
        at = dataclasses.replace(toy, sigma=factor * toy.sigma)
        X, _ = at.sample(1000, 1)
        probability = model.predict_proba(join_rows(X, np.full(8, at.sigma)))
        assert (abs(probability - exact(at, X)).mean(axis=0) < 0.05).all()


def test_a_missing_bin_costs_information_and_no_more(toy, training):
    gappy = make_pipeline(NoiseInjector(toy.sigma), BinDropout((0, 0.5), 0))
    model = MLPDetector((32, 32), augmentation=gappy, **SMALL).fit(*training)
    X, _ = toy.sample(1000, 1)
    seen = np.array([0, 2, 3, 6, 7])
    X[:, np.setdiff1d(np.arange(8), seen)] = np.nan
    expected = exact(dataclasses.replace(toy, A=toy.A[seen]), X[:, seen])
    assert (abs(model.predict_proba(X) - expected).mean(axis=0) < 0.05).all()


# --- convolutions ----------------------------------------------------------------------------


def test_convolutions_know_lines_wherever_they_are():
    """Two lines of which one is the other's neighbour, at any place: what only a CNN learns."""
    random = np.random.default_rng(0)
    n, bins = 1500, 30
    y, place = random.integers(2, size=n), random.integers(3, bins - 8, size=n)
    X = 0.02 + 1e-5 * random.standard_normal((n, bins))
    rows = np.arange(n)
    X[rows, place] += 1e-4
    X[rows, place + np.where(y, 2, 5)] += 1e-4
    shift = {"max_epochs": 30, "batch_size": 64, "learning_rate": 0.01, "random_state": 0}
    convolutional = CNNDetector((16, 16), kernel_size=7, hidden=(32,), **shift)
    seen = place[:1000] % 3 > 0  # at a third of the places no line is seen in training
    new = np.flatnonzero(place[1000:] % 3 == 0) + 1000
    area = []
    for model in (convolutional, MLPDetector((32, 32), **shift)):
        model.fit(X[:1000][seen], y[:1000][seen][:, None])
        area.append(roc_auc_score(y[new], model.predict_proba(X[new])[:, 0]))
    assert area[0] > 0.9 > 0.7 > area[1]


@pytest.mark.parametrize("bins", range(1, 10))
@pytest.mark.parametrize("with_sigma", [False, True])
def test_any_number_of_bins_will_do(bins, with_sigma):
    random = np.random.default_rng(0)
    grid = SpectralGrid.from_edges(np.linspace(1, 2, bins + 1))
    X = 0.02 + 1e-4 * random.standard_normal((40, bins))
    X = join_rows(X, np.full(bins, 1e-4)) if with_sigma else X
    y = random.integers(2, size=(40, 2))
    settings = TINY | {"max_epochs": 1}
    model = CNNDetector((4, 4), hidden=(8,), n_attention=1, grid=grid, **settings).fit(X, y)
    assert model.predict_proba(X).shape == (40, 2)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"residual": False},
        {"n_attention": 2},
        {"normalization": "batch"},
        {"normalization": None, "dropout": 0.3},
        {"kernel_size": 1},
        {"kernel_size": 31},
    ],
)
def test_every_kind_of_block_learns(settings, toy):
    X, y = clean(toy, 600, 0)
    longer = TINY | {"max_epochs": 12}
    model = CNNDetector((8, 8), hidden=(16,), **longer | settings).fit(X, y[:, :1])
    assert roc_auc_score(y[:, 0], model.predict_proba(X)[:, 0]) > 0.9


# --- what holds for every network ------------------------------------------------------------


def test_labels_follow_from_probabilities(quick, data):
    probability = quick.predict_proba(data[0])
    assert probability.shape == (300, 2)
    assert ((probability > 0) & (probability < 1)).all()
    np.testing.assert_array_equal(quick.predict(data[0]), probability > 0.5)
    assert [list(classes) for classes in quick.classes_] == [[0, 1], [0, 1]]


def test_a_single_molecule_is_a_table_of_one_column(data):
    model = MLPDetector((16,), **TINY).fit(data[0], data[1][:, :1])
    assert model.predict_proba(data[0]).shape == model.predict(data[0]).shape == (300, 1)
    assert roc_auc_score(data[1][:, 0], model.predict_proba(data[0])[:, 0]) > 0.8


@pytest.mark.parametrize("names", [["no", "yes"], [3, 7]])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_classes_are_an_ordinary_classification(data, names, class_weight):
    y = np.array(names)[data[1][:, 0]]
    model = MLPDetector((16,), class_weight=class_weight, **TINY).fit(data[0], y)
    assert model.classes_.tolist() == names
    probability = model.predict_proba(data[0])
    assert probability.shape == (300, 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert model.score(data[0], y) > 0.75


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_label_with_one_class(data, value, class_weight):
    """A molecule that all training spectra hold, or none, is expected in all others."""
    y = np.column_stack([data[1][:, 0], np.full(300, value)])
    settings = TINY | {"max_epochs": 30, "learning_rate": 0.01}
    model = MLPDetector((16,), class_weight=class_weight, **settings).fit(data[0], y)
    assert (abs(model.predict_proba(data[0])[:, 1] - value) < 0.05).all()
    np.testing.assert_array_equal(model.predict(data[0])[:, 1], value)
    assert roc_auc_score(y[:, 0], model.predict_proba(data[0])[:, 0]) > 0.9
    alone = MLPDetector((16,), class_weight=class_weight, **settings).fit(data[0], y[:, 1:])
    assert (abs(alone.predict_proba(data[0]) - value) < 0.05).all()
    one = MLPDetector((16,), **TINY).fit(data[0], y[:, 1])
    np.testing.assert_array_equal(one.predict(data[0]), value)
    np.testing.assert_array_equal(one.predict_proba(data[0]), np.ones((300, 1)))


def test_an_ensemble_averages_logits(data):
    model = MLPDetector((16,), n_members=3, **TINY).fit(*data)
    logit = []
    for member in model.members_:
        alone = copy.copy(model)
        alone.members_ = [member]
        probability = alone.predict_proba(data[0])
        logit.append(np.log(probability / (1 - probability)))
    together = model.predict_proba(data[0])
    np.testing.assert_allclose(np.log(together / (1 - together)), np.mean(logit, axis=0), rtol=1e-6)


def test_one_spectrum_does_not_know_of_the_others(quick, data):
    alone = np.vstack([quick.predict_proba(row[None]) for row in data[0][:7]])
    np.testing.assert_allclose(quick.predict_proba(data[0][:7]), alone, rtol=1e-12)


# --- seeds, copies, processes ----------------------------------------------------------------


def test_a_seed_reproduces_and_leaves_other_generators_alone(quick, data):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = clone(quick).fit(*data)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(again.predict_proba(data[0]), quick.predict_proba(data[0]))
    other = clone(quick).set_params(random_state=1).fit(*data)
    assert (other.predict_proba(data[0]) != quick.predict_proba(data[0])).any()


def test_a_copy_through_pickle_or_weights_predicts_the_same(detector, data):
    expected = detector.predict_proba(data[0])
    restored = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(restored.predict_proba(data[0]), expected)
    blank = copy.copy(detector)
    blank.members_ = None
    blank.import_weights(detector.export_weights())
    np.testing.assert_array_equal(blank.predict_proba(data[0]), expected)


def test_weights_of_another_network_are_refused(quick, detector):
    with pytest.raises(FileFormatError, match="another network's weights"):
        quick.import_weights(detector.export_weights())


def test_other_processes_train_the_same(data):
    models = [MLPDetector((16,), **TINY | {"random_state": seed}) for seed in range(2)]
    serial = [clone(model).fit(*data).predict_proba(data[0]) for model in models]
    parallel = joblib.Parallel(n_jobs=2)(joblib.delayed(model.fit)(*data) for model in models)
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_allclose(other.predict_proba(data[0]), one, rtol=1e-6)


# --- what is given ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 12])
def test_a_handful_of_spectra_will_do(data, n):
    X, y = data[0][:n], np.eye(n, 2, dtype=int)
    for model in (MLPDetector((16,), **TINY), CNNDetector((4,), hidden=(16,), **TINY)):
        assert np.isfinite(model.fit(X, y).predict_proba(X)).all()


def test_rare_molecules_that_no_validation_row_holds_keep_their_logits(toy):
    X, _ = toy.sample(200, 0)
    y = np.zeros((200, 2), dtype=int)
    y[:3, 0] = 1
    y[::2, 1] = 1
    model = MLPDetector((16,), class_weight="balanced", **TINY).fit(X, y)
    probability = model.predict_proba(X)
    assert np.isfinite(probability).all()
    assert probability[:, 0].mean() < 0.2


def test_gaps_are_taken(quick, data):
    X = data[0].copy()
    X[:, 1] = np.nan
    assert np.isfinite(quick.predict_proba(X)).all()
    gappy = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.3, np.nan, data[0])
    gappy[:, 0] = data[0][:, 0]
    model = MLPDetector((16,), **TINY).fit(gappy, data[1])
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("model", [MLPDetector, CNNDetector])
def test_spectra_that_are_none_are_refused(data, quick, model):
    X, y = data
    wild, empty = X.copy(), X.copy()
    wild[1, 2], empty[1] = np.inf, np.nan
    sigma = np.full_like(X, 1e-4)
    sigma[1, 2] *= -1
    for bad, error, says in (
        (wild, ValueError, "infinity"),
        (empty, RangeError, "spectrum 1 has no bin that is not missing"),
        (join_rows(X, sigma), RangeError, "the error of bin 2 of spectrum 1 is -0.0001"),
        (X[:, :5], GridError, "X has 5 columns"),
    ):
        with pytest.raises(error, match=says):
            model(grid=GRID, **TINY).fit(bad, y)
    for bad, says in ((wild, "infinity"), (empty, "spectrum 1"), (X[:, :5], "5 features")):
        with pytest.raises(ValueError, match=says):
            quick.predict_proba(bad)


def test_weights_of_molecules_are_balanced_or_none(data):
    with pytest.raises(RangeError, match="class_weight must be 'balanced' or None"):
        MLPDetector(class_weight={0: 1, 1: 2}, **TINY).fit(*data)


@pytest.mark.parametrize("y", [-8.0, 0.5, 2])
def test_abundances_are_no_labels(data, y):
    with pytest.raises(ValueError):
        MLPDetector(**TINY).fit(data[0], np.where(data[1], y, 0.0))

"""The forest's posterior is the training set, weighted by shared leaves."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from exosk.evaluation import interval_coverage
from exosk.models import ForestRetriever
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform


@pytest.fixture(scope="module")
def data(toy):
    return toy.sample(1500, random_state=0)


@pytest.fixture(scope="module")
def held_out(toy):
    return toy.sample(300, random_state=1)


@pytest.fixture(scope="module")
def forest(data):
    return ForestRetriever(n_estimators=40, random_state=0).fit(*data)


# --- the weights -----------------------------------------------------------------------------


def test_weights_are_a_distribution_over_the_training_set(forest, data, held_out):
    weights = forest.weights(held_out[0])
    assert weights.shape == (300, 1500)
    assert (weights.data > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)


def test_the_prediction_is_the_weighted_mean(forest, data, held_out):
    X, Y = held_out[0], np.asarray(data[1])
    np.testing.assert_allclose(forest.predict(X), forest.weights(X) @ Y, rtol=1e-9)
    means = [posterior.mean for posterior in forest.posterior(X)]
    np.testing.assert_allclose(forest.predict(X), means, rtol=1e-9)


def test_weights_are_shared_leaves(forest, data, held_out):
    """Meinshausen's formula, written out for one spectrum."""
    leaves, mine = forest.forest_.apply(data[0]), forest.forest_.apply(held_out[0][:1])
    together = leaves == mine
    expected = (together / together.sum(axis=0)).mean(axis=1)
    np.testing.assert_allclose(forest.weights(held_out[0][:1]).toarray()[0], expected)


def test_one_spectrum_does_not_know_of_the_others(forest, held_out):
    X = held_out[0][:7]
    alone = np.vstack([forest.weights(row[None]).toarray() for row in X])
    np.testing.assert_array_equal(forest.weights(X).toarray(), alone)


# --- the posterior against a known truth -----------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.68, 0.95])
def test_intervals_hold_the_truth(forest, held_out, level):
    X, Y = held_out
    coverage = interval_coverage(forest.posterior(X), Y, level)
    assert (coverage >= level - 0.05).all()


def test_the_mean_is_near_the_exact_one_and_the_spread_not_below(toy, forest, held_out):
    X = held_out[0]
    exact, spread = toy.mean(X), np.sqrt(np.diag(toy.covariance))
    distance = np.sqrt(((forest.predict(X) - exact) ** 2).mean(axis=0))
    assert (distance < 0.5).all(), "in units of the prior's spread"
    for k in range(2):
        assert np.corrcoef(forest.predict(X)[:, k], exact[:, k])[0, 1] > 0.9
    # Leaves have a finite size, so the posterior is broader than the exact one, not narrower.
    widths = np.mean([posterior.std for posterior in forest.posterior(X)], axis=0)
    assert (widths > spread).all()
    assert (widths < 0.9).all(), "it has learned something: the prior's is 1"


def test_more_training_spectra_bring_it_closer(toy, held_out):
    X = held_out[0]
    distance = []
    for n in (100, 3000):
        forest = ForestRetriever(n_estimators=20, random_state=0).fit(*toy.sample(n, 3))
        distance.append(((forest.predict(X) - toy.mean(X)) ** 2).mean())
    assert distance[1] < 0.7 * distance[0]


def test_samples_have_the_posteriors_moments(forest, held_out):
    X = held_out[0][:3]
    samples = forest.sample_posterior(X, 20_000, random_state=0)
    assert samples.shape == (3, 20_000, 2)
    for drawn, posterior in zip(samples, forest.posterior(X)):
        error = 5 * posterior.std / 20_000**0.5
        assert (abs(drawn.mean(axis=0) - posterior.mean) < error).all()
        np.testing.assert_allclose(drawn.std(axis=0), posterior.std, rtol=0.05)
    assert np.isin(samples, np.asarray(forest.posterior(X)[0].samples)).any()


# --- seeds -----------------------------------------------------------------------------------


def test_a_seed_reproduces(data, held_out, forest):
    X = held_out[0]
    again = clone(forest).fit(*data)
    np.testing.assert_array_equal(again.predict(X), forest.predict(X))
    other = clone(forest).set_params(random_state=1).fit(*data)
    assert (other.predict(X) != forest.predict(X)).any()
    draws = [forest.sample_posterior(X[:2], 50, random_state=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_jobs_and_pickle_change_nothing(data, held_out, forest):
    X = held_out[0]
    parallel = clone(forest).set_params(n_jobs=2).fit(*data)
    np.testing.assert_array_equal(parallel.predict(X), forest.predict(X))
    restored = pickle.loads(pickle.dumps(forest))
    np.testing.assert_array_equal(restored.predict(X), forest.predict(X))
    assert restored.space_ == forest.space_


# --- y ---------------------------------------------------------------------------------------


def test_the_space_is_learned_from_y(toy, data, forest):
    assert forest.space_ == toy.space
    assert forest.posterior(data[0][:1])[0].space == toy.space
    assert ForestRetriever(2).fit(data[0][::2], data[1][::2]).space_ == toy.space


def test_a_bare_array_gets_unnamed_parameters(data):
    X, Y = data[0], np.asarray(data[1])
    space = ForestRetriever(2).fit(X, Y).space_
    assert space.names == ["parameter_0", "parameter_1"]
    np.testing.assert_allclose(space.bounds, np.stack([Y.min(axis=0), Y.max(axis=0)], 1))
    assert (
        ForestRetriever(2).fit(X, data[1][:, ::-1]).space_
        == ForestRetriever(2).fit(X, Y[:, ::-1]).space_
    )


@pytest.mark.parametrize("column", [True, False])
def test_one_parameter(data, column):
    """A column gives columns, a flat y gives a flat prediction; the numbers are the same."""
    X, y = data[0], np.asarray(data[1])[:, 0]
    flat = ForestRetriever(5, random_state=0).fit(X, y)
    assert flat.predict(X).shape == (len(X),)
    assert flat.sample_posterior(X[:2], 3).shape == (2, 3, 1)
    single = ForestRetriever(5, random_state=0).fit(X, y[:, None])
    assert single.predict(X).shape == (len(X), 1)
    np.testing.assert_array_equal(single.predict(X)[:, 0], flat.predict(X))


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e9, 1e17])
def test_a_constant_parameter_is_known_and_has_no_say(data, forest, constant, held_out):
    X, Y = data[0], np.asarray(data[1])
    padded = np.column_stack([Y, np.full(len(Y), constant)])
    model = clone(forest).fit(X, padded)
    predicted = model.predict(held_out[0])
    np.testing.assert_allclose(predicted[:, 2], constant, rtol=1e-9)
    np.testing.assert_allclose(predicted[:, :2], forest.predict(held_out[0]), rtol=1e-9)


def test_units_have_no_say(data, forest, held_out):
    """Temperatures in the thousands must not outvote abundances."""
    scale = np.array([1024, 1 / 128])  # powers of two, so that not even rounding differs
    model = clone(forest).fit(data[0], np.asarray(data[1]) * scale)
    np.testing.assert_array_equal(model.predict(held_out[0]), forest.predict(held_out[0]) * scale)


def test_one_training_spectrum_is_all_there_is():
    space = ParameterSpace([Parameter("a", Uniform(0, 9)), Parameter("b", Uniform(0, 9))])
    y = ParameterArray([[3.0, 4.0]], space)
    model = ForestRetriever(3).fit([[0.01, 0.02]], y)
    np.testing.assert_array_equal(model.predict([[0.5, 0.5], [0.1, 0.1]]), [[3, 4], [3, 4]])


def test_a_missing_bin_costs_information_and_no_more(data, held_out, toy):
    X, Y = data[0].copy(), data[1]
    X[np.random.default_rng(0).uniform(size=X.shape) < 0.3] = np.nan
    gappy = ForestRetriever(n_estimators=40, random_state=0).fit(X, Y)
    observed = held_out[0].copy()
    observed[:, ::2] = np.nan
    mean, std = gappy.predict(observed, return_std=True)
    whole = gappy.predict(held_out[0], return_std=True)[1]
    assert np.isfinite(mean).all()
    assert (std.mean(axis=0) > whole.mean(axis=0)).all()


def test_the_standard_deviation_is_the_posteriors(forest, held_out):
    X = held_out[0][:20]
    mean, std = forest.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, forest.predict(X))
    np.testing.assert_allclose(std, [p.std for p in forest.posterior(X)], rtol=1e-9)

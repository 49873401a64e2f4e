"""Platt's scaling makes probabilities honest, and never worse than they were."""

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from exosk.models.calibration import PlattScaling


def labels(logit, seed=0):
    return (np.random.default_rng(seed).uniform(size=logit.shape) < special.expit(logit)).astype(
        int
    )


def test_slopes_and_intercepts_are_found():
    true = np.random.default_rng(1).normal(0, 2, (40_000, 2))
    y = labels(true)
    # A network twice as sure as it should be, and one that leans to one side.
    platt = PlattScaling.fit(np.column_stack([2 * true[:, 0], true[:, 1] + 1]), y)
    np.testing.assert_allclose(platt.slope, [0.5, 1], rtol=0.05)
    np.testing.assert_allclose(platt.intercept, [0, -1], atol=0.05)


def test_it_is_logistic_regression():
    logit = np.random.default_rng(2).normal(0, 1.5, (20_000, 1))
    y = labels(0.7 * logit + 0.3)
    platt, model = PlattScaling.fit(logit, y), LogisticRegression(C=np.inf).fit(logit, y[:, 0])
    np.testing.assert_allclose(platt.slope, model.coef_[0], rtol=0.01)
    np.testing.assert_allclose(platt.intercept, model.intercept_, atol=0.01)


def test_new_spectra_are_judged_better():
    true = np.random.default_rng(3).normal(0, 2, (6000, 1))
    wild, y = 3 * true + 1, labels(true)
    platt = PlattScaling.fit(wild[:3000], y[:3000])
    loss = [log_loss(y[3000:], special.expit(one[3000:])) for one in (platt(wild), wild, true)]
    assert loss[0] < loss[1] - 0.1
    assert loss[0] < loss[2] + 0.01


def test_probabilities_are_scaled_as_their_logits_are():
    p = np.linspace(0.01, 0.99, 300)[:, None]
    y = labels(special.logit(p))
    by_p, by_logit = PlattScaling.fit_probability(p, y), PlattScaling.fit(special.logit(p), y)
    np.testing.assert_allclose(by_p.of_probability(p), special.expit(by_logit(special.logit(p))))


def test_certainty_is_no_longer_certain():
    platt = PlattScaling.fit_probability(np.repeat([[0.0], [1.0]], 50, axis=0), _half(50))
    p = platt.of_probability(np.array([[0.0], [1.0]]))[:, 0]
    assert 0 < p[0] < 0.1
    assert 0.9 < p[1] < 1


def _half(n):
    return np.repeat([[0], [1]], n, axis=0)


def test_classes_that_separate_keep_a_finite_slope():
    platt = PlattScaling.fit(np.where(_half(20), 3.0, -3.0), _half(20))
    assert 0 < platt.slope[0] < 10
    # Platt's targets: of 20 seen at one logit, one more of each kind.
    np.testing.assert_allclose(special.expit(platt(np.array([[3.0]]))), 21 / 22, rtol=1e-3)


@pytest.mark.parametrize("y", [np.zeros((50, 1), int), np.ones((50, 1), int)])
def test_one_class_leaves_logits_as_they_are(y):
    logit = np.random.default_rng(0).normal(size=(50, 1))
    np.testing.assert_array_equal(PlattScaling.fit(logit, y)(logit), logit)


def test_logits_that_mislead_are_not_turned_round():
    logit = np.random.default_rng(0).normal(size=(500, 1))
    np.testing.assert_array_equal(PlattScaling.fit(logit, labels(-3 * logit))(logit), logit)


def test_the_identity_changes_nothing():
    logit = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(PlattScaling.identity(3)(logit), logit)

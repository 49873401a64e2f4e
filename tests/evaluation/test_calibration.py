"""Reliability: equal bins, ties together, and what chance alone would show."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from exosk.evaluation import reliability
from exosk.exceptions import RangeError


def calibrated(n, seed=0):
    random = np.random.default_rng(seed)
    p = random.beta(0.7, 0.7, n)
    return (random.uniform(size=n) < p).astype(int), p


def test_the_curve_is_scikit_learn_s():
    y, p = calibrated(1000)
    curve = reliability(y, p, 8)
    observed, predicted = calibration_curve(y, p, n_bins=8, strategy="quantile")
    np.testing.assert_allclose(curve.observed, observed)
    np.testing.assert_allclose(curve.predicted, predicted)
    assert curve.count.tolist() == [125] * 8
    assert curve.ece == pytest.approx(np.abs(observed - predicted).mean())
    assert (curve.lower < curve.observed).all()
    assert (curve.observed < curve.upper).all()


def test_the_floor_is_the_mean_error_of_calibrated_probabilities():
    found = [reliability(*calibrated(400, seed)) for seed in range(200)]
    ece = [curve.ece for curve in found]
    assert np.mean(ece) == pytest.approx(np.mean([c.ece_floor for c in found]), rel=0.05)


def test_overconfidence_shows():
    y, p = calibrated(2000)
    extreme = p**3 / (p**3 + (1 - p) ** 3)
    curve = reliability(y, extreme)
    assert curve.ece > 5 * curve.ece_floor


def test_equal_probabilities_stay_together():
    p = np.repeat([0.0, 1.0], [90, 10])
    curve = reliability(p > 0.5, p)
    assert curve.count.sum() == 100
    assert set(curve.predicted) == {0.0, 1.0}
    assert curve.ece == 0
    single = reliability([1, 0, 1], [0.5, 0.5, 0.5])
    assert single.count.tolist() == [3]
    assert single.ece == pytest.approx(1 / 6)


def test_what_does_not_match_is_refused():
    with pytest.raises(RangeError, match="labels"):
        reliability([], [])
    with pytest.raises(RangeError, match="labels"):
        reliability([1, 0], [0.5])

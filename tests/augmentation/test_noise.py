"""Noise in training, and never in prediction."""

import numpy as np
import pytest
from astropy import units as u
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.exceptions import RangeError, UnitError

SIGMA = np.array([1e-5, 5e-5, 2e-4])
X = np.random.default_rng(0).uniform(0.01, 0.03, (4000, 3))


def test_the_noise_is_gaussian_of_the_errors_given():
    noise = NoiseInjector(SIGMA, random_state=0).fit_transform(X) - X
    pulls = noise / SIGMA
    assert stats.kstest(pulls.ravel(), stats.norm.cdf).pvalue > 0.01
    np.testing.assert_allclose(pulls.std(axis=0), 1, atol=5 / 8000**0.5)
    np.testing.assert_allclose(np.corrcoef(pulls.T), np.eye(3), atol=5 / 4000**0.5)


def test_transform_leaves_observations_alone():
    injector = NoiseInjector(SIGMA, random_state=0).fit(X)
    transformed = injector.transform(X)
    np.testing.assert_array_equal(transformed, X)
    transformed[0] = 0
    assert X[0].all()


def test_in_a_pipeline_only_fit_adds_noise():
    seen = []

    class Spy(LinearRegression):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

        def predict(self, X):
            seen.append(X)
            return super().predict(X)

    model = make_pipeline(NoiseInjector(SIGMA, random_state=0), Spy()).fit(X, X[:, 0])
    model.predict(X)
    fitted, predicted = seen
    assert (fitted != X).all()
    np.testing.assert_array_equal(predicted, X)


def test_seeds():
    first, again, other = (NoiseInjector(SIGMA, seed).fit_transform(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    fresh = NoiseInjector(SIGMA)
    assert (fresh.fit_transform(X) != fresh.fit_transform(X)).all()


def test_one_error_serves_all_bins_and_zero_adds_nothing():
    np.testing.assert_array_equal(NoiseInjector(1e-4).fit(X).sigma_, [1e-4] * 3)
    np.testing.assert_array_equal(NoiseInjector(0).fit_transform(X), X)


def test_missing_bins():
    """NaN in X stays; NaN in sigma, where the observation has no bin, adds no noise."""
    gappy = X.copy()
    gappy[::2, 1] = np.nan
    noisy = NoiseInjector([1e-4, 1e-4, np.nan], random_state=0).fit_transform(gappy)
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(gappy))
    np.testing.assert_array_equal(noisy[:, 2], gappy[:, 2])
    assert (noisy[:, 0] != gappy[:, 0]).all()


def test_units_are_converted():
    ppm = u.def_unit("ppm", 1e-6 * u.dimensionless_unscaled)
    np.testing.assert_allclose(NoiseInjector(SIGMA * 1e6 * ppm).fit(X).sigma_, SIGMA)


@pytest.mark.parametrize(
    ("sigma", "error", "message"),
    [
        (np.ones(4) * 1e-4, RangeError, r"sigma has shape \(4,\) but the spectra have 3 bins"),
        ([[1e-4] * 3], RangeError, "give one error for each bin, or a single number"),
        (-1e-4, RangeError, "sigma must not be negative, got -0.0001"),
        (np.inf, UnitError, "sigma = inf"),
        (50.0, UnitError, "sigma = 50 .* looks like ppm"),
        ("small", UnitError, "sigma is not a number"),
    ],
)
def test_nonsense_is_refused_in_fit_not_before(sigma, error, message):
    injector = clone(NoiseInjector(sigma))
    with pytest.raises(error, match=message):
        injector.fit(X)

"""Weighted samples: moments, quantiles, and files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior

SPACE = ParameterSpace(
    [Parameter("temperature", Uniform(0, 3000), "K"), Parameter("log_x_h2o", Normal(-4, 2))]
)


@pytest.fixture
def weighted() -> Posterior:
    """Draws from a wide normal, weighted into a narrow one: the truth is N(1, 0.5) twice."""
    random = np.random.default_rng(0)
    samples = random.normal(0, 2, (40_000, 2))
    weights = np.exp(stats.norm(1, 0.5).logpdf(samples) - stats.norm(0, 2).logpdf(samples))
    return Posterior(samples, SPACE, weights.prod(axis=1))


def test_weighted_samples_stand_for_the_target(weighted):
    error = 5 * 0.5 / weighted.effective_size**0.5
    np.testing.assert_allclose(weighted.mean, 1, atol=error)
    np.testing.assert_allclose(weighted.std, 0.5, atol=error)
    np.testing.assert_allclose(weighted.median, 1, atol=2 * error)
    truth = stats.norm(1, 0.5).ppf([[0.16], [0.84]])
    np.testing.assert_allclose(weighted.interval(0.68), [[*x, *x] for x in truth], atol=2 * error)


def test_quantiles_are_those_of_the_resampled(weighted):
    q = np.linspace(0.05, 0.95, 7)
    resampled = weighted.resample(50_000, random_state=0)
    np.testing.assert_allclose(weighted.quantiles(q), np.quantile(resampled, q, axis=0), atol=0.05)
    assert stats.kstest(resampled[:2000, 0], stats.norm(1, 0.5).cdf).pvalue > 0.001


def test_equal_weights_change_nothing():
    samples = np.random.default_rng(1).random((101, 2))
    posterior = Posterior(samples, SPACE)
    assert posterior.effective_size == pytest.approx(101)
    np.testing.assert_allclose(posterior.mean, samples.mean(axis=0))
    np.testing.assert_allclose(posterior.std, samples.std(axis=0))
    np.testing.assert_allclose(posterior.median, np.median(samples, axis=0))


@given(
    weights=arrays(float, 12, elements=st.floats(0, 1)), scale=st.sampled_from([1e-300, 3, 1e300])
)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_the_scale_of_weights_does_not_matter(weights, scale):
    weights[3] = 1
    samples = np.random.default_rng(2).random((12, 2))
    posterior = Posterior(samples, SPACE, weights * scale)
    assert posterior.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(posterior.weights, weights / weights.sum(), atol=1e-15)
    assert posterior.effective_size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert posterior.effective_size >= 1 - 1e-12
    assert posterior.effective_size <= 12 * (1 + 1e-12)
    q = posterior.quantiles([0, 0.3, 0.7, 1])
    assert (np.diff(q, axis=0) >= 0).all()
    assert np.isin(q, samples).all()


def test_samples_without_weight_do_not_count():
    samples = np.array([[0.0, 0], [1, 1], [2, 2], [1e9, 1e9]])
    posterior = Posterior(samples, SPACE, [1, 1, 1, 0])
    assert posterior.quantiles(1.0).tolist() == [2, 2]
    assert posterior.resample(200, random_state=0).max() == 2
    assert posterior.effective_size == pytest.approx(3)


def test_shapes(weighted):
    assert weighted.quantiles(0.5).shape == (2,)
    assert weighted.quantiles([0.16, 0.5, 0.84]).shape == (3, 2)
    assert weighted["log_x_h2o"].shape == (len(weighted),)
    assert weighted.resample(7).shape == (7, 2)
    with pytest.raises(UnknownNameError, match="did you mean 'log_x_h2o'"):
        weighted["log_x_h20"]


def test_a_seed_reproduces(weighted):
    first = weighted.resample(50, random_state=3)
    np.testing.assert_array_equal(first, weighted.resample(50, random_state=3))
    assert (first != weighted.resample(50, random_state=4)).any()


def test_the_summary_is_the_interval(weighted):
    summary = weighted.summary(0.9)
    assert list(summary) == SPACE.names
    lower, upper = weighted.interval(0.9)
    assert summary["temperature"] == {
        "median": weighted.median[0],
        "lower": lower[0],
        "upper": upper[0],
        "unit": "K",
    }
    assert "effective size" in repr(weighted)


def test_the_callers_weights_stay_theirs():
    weights = np.array([0.5, 0.5])
    posterior = Posterior([[0, 0], [1, 1]], SPACE, weights)
    weights[0] = 9
    assert posterior.weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("meta", [{}, {"seed": 1, "name": "τ", "long": "x" * 200_000}])
def test_a_file_gives_back_every_bit(tmp_path, weighted, meta):
    posterior = Posterior(weighted.samples[:5000], SPACE, weighted.weights[:5000], meta)
    posterior.save(tmp_path / "a.h5")
    loaded = Posterior.load(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.samples, posterior.samples)
    np.testing.assert_array_equal(loaded.weights, posterior.weights)
    assert loaded.space == SPACE
    assert loaded.meta == meta
    loaded.save(str(tmp_path / "b.h5"))
    np.testing.assert_array_equal(Posterior.load(tmp_path / "b.h5").weights, posterior.weights)


@pytest.mark.parametrize(
    ("samples", "weights", "message"),
    [
        (np.zeros((0, 2)), None, "at least one row"),
        (np.zeros((3, 1)), None, r"shape \(n_samples, 2\)"),
        (np.zeros(2), None, r"got \(2,\)"),
        ([[0, np.nan]], None, "finite"),
        ([[0, 1]], [1, 1], "1 samples but weights of shape"),
        ([[0, 1], [0, 1]], [1, -1], "not negative"),
        ([[0, 1], [0, 1]], [0, 0], "not all zero"),
        ([[0, 1], [0, 1]], [1, np.inf], "must be finite"),
    ],
)
def test_nonsense_is_refused(samples, weights, message):
    with pytest.raises(RangeError, match=message):
        Posterior(samples, SPACE, weights)


@pytest.mark.parametrize("level", [0, 1, 68])
def test_a_level_is_a_probability(weighted, level):
    with pytest.raises(RangeError, match="between 0 and 1"):
        weighted.interval(level)

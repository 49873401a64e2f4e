"""An honest posterior's interval holds the truth as often as its level says."""

import numpy as np
import pytest

from exosk.evaluation import binomial_error, interval_coverage, pit_coverage
from exosk.exceptions import RangeError
from exosk.parameters import Normal, Parameter, ParameterSpace
from exosk.posterior import Posterior

SPACE = ParameterSpace([Parameter("a", Normal(0, 1)), Parameter("b", Normal(0, 1))])


def posteriors(width):
    """Truth ~ N(0, 1), x = truth + N(0, 1): the posterior is N(x / 2, 1 / 2), times a width."""
    random = np.random.default_rng(0)
    truth = random.standard_normal((400, 2))
    x = truth + random.standard_normal(truth.shape)
    noise = random.standard_normal((400, 600, 2)) * 0.5**0.5 * width
    return [Posterior(mean / 2 + row, SPACE) for mean, row in zip(x, noise)], truth


@pytest.mark.parametrize("level", [0.5, 0.68, 0.95])
def test_the_exact_posterior_covers_its_level(level):
    error = 4 * (level * (1 - level) / 400) ** 0.5
    np.testing.assert_allclose(interval_coverage(*posteriors(1), level), level, atol=error)


def test_a_narrow_posterior_is_too_sure_and_a_wide_one_too_cautious():
    exact = interval_coverage(*posteriors(1))
    assert (interval_coverage(*posteriors(0.5)) < exact - 0.1).all()
    assert (interval_coverage(*posteriors(2)) > exact + 0.1).all()


def test_each_parameter_has_its_own():
    samples = np.linspace(-1, 1, 101)[:, None] * [1, 1]
    answer = interval_coverage([Posterior(samples, SPACE)] * 4, [[0, 0], [0, 9], [0, 9], [0, 0]])
    assert answer.tolist() == [1, 0.5]


def test_what_does_not_match_is_refused():
    posterior = Posterior(np.zeros((3, 2)), SPACE)
    with pytest.raises(RangeError, match="1 posteriors but 2 true parameters"):
        interval_coverage([posterior], np.zeros((2, 2)))
    with pytest.raises(RangeError, match="0 posteriors"):
        interval_coverage([], [])
    with pytest.raises(RangeError, match="between 0 and 1"):
        interval_coverage([posterior], [[0, 0]], level=68)


def test_the_transform_tells_coverage_at_every_level():
    pit = (np.arange(1000) + 0.5)[:, None] / 1000 * [1, 1]
    levels = [0.1, 0.5, 0.95]
    np.testing.assert_allclose(pit_coverage(pit, levels), np.transpose([levels, levels]), atol=2e-3)
    assert pit_coverage([0.01, 0.5], 0.9) == 0.5


def test_coverage_scatters_as_a_binomial_share():
    random = np.random.default_rng(0)
    shares = [pit_coverage(random.uniform(size=50), 0.68) for _ in range(2000)]
    assert np.std(shares) == pytest.approx(binomial_error(0.68, 50), rel=0.05)

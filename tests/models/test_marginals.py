"""Marginals: quantiles, transforms and scores of weighted samples, against their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from exosk.models import ForestRetriever
from exosk.models.marginals import Marginals, marginals_of
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior

SPACE = ParameterSpace([Parameter("a", Uniform(-9, 9)), Parameter("b", Uniform(-9, 9))])


@pytest.fixture(scope="module")
def posteriors():
    """Of different sizes and weights, with repeated samples and samples without weight."""
    random = np.random.default_rng(0)
    made = []
    for size in (1, 7, 40, 12):
        samples = random.standard_normal((size, 2)).round(1)
        weights = random.exponential(size=size) * (random.uniform(size=size) > 0.2)
        weights[0] = 1.0
        made.append(Posterior(samples, SPACE, weights))
    return made


@pytest.mark.parametrize("q", [0.0, 0.025, 0.3, 0.5, 0.841, 1.0])
def test_quantiles_moments_and_sizes_are_the_posteriors(posteriors, q):
    marginals = Marginals(posteriors)
    if 0 < q < 1:
        expected = [posterior.quantiles(q) for posterior in posteriors]
    else:
        reduce = np.min if q == 0 else np.max
        expected = [reduce(p.samples[p.weights > 0], axis=0) for p in posteriors]
    np.testing.assert_array_equal(marginals.quantile(q), expected)
    np.testing.assert_allclose(marginals.mean, [p.mean for p in posteriors], atol=1e-14)
    np.testing.assert_allclose(marginals.std, [p.std for p in posteriors], atol=1e-14)
    np.testing.assert_allclose(
        marginals.effective_size[:, 0], [p.effective_size for p in posteriors]
    )


def test_the_upper_quantile_is_the_other_end_of_a_step():
    marginals = Marginals([Posterior([[0.0], [1.0], [2.0], [3.0]], SPACE[:1])])
    assert marginals.quantile(0.5) == 1
    assert marginals.quantile(0.5, upper=True) == 2
    assert marginals.quantile(0.6) == marginals.quantile(0.6, upper=True) == 2
    assert marginals.quantile(1.0, upper=True) == 3


def test_crps_is_the_integral_of_the_squared_distance_of_distributions(posteriors):
    truth = np.array([[0.3, -0.2], [0.0, 5.0], [-4.0, 0.1], [0.7, 0.7]])
    found = Marginals(posteriors).crps(truth)
    for posterior, y, row in zip(posteriors, truth, found):
        for k in range(2):
            samples = posterior.samples[:, k]

            def square(z, samples=samples, weights=posterior.weights, y=y[k]):
                return ((weights * (samples <= z)).sum() - (y <= z)) ** 2

            points = np.unique([*samples, y[k]])
            pieces = [integrate.quad(square, a, b)[0] for a, b in pairwise(points)]
            assert row[k] == pytest.approx(sum(pieces), abs=1e-9)


def test_crps_of_many_samples_is_that_of_the_normal_distribution():
    """Gneiting & Raftery 2007, equation 5 of section 4.2."""
    samples = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    y = 0.8
    exact = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)
    assert Marginals([Posterior(samples, SPACE[:1])]).crps([[y]])[0, 0] == pytest.approx(
        exact, abs=1e-4
    )


def test_the_transform_of_an_exact_posterior_is_uniform_atoms_included():
    """Truths are draws of the posterior itself, of which a third is one value."""
    random = np.random.RandomState(0)
    values = np.concatenate([np.full(100, -3.0), random.standard_normal(200)])
    posterior = Posterior(values[:, None], SPACE[:1])
    truth = random.choice(values, size=(2000, 1))
    pit = np.concatenate([Marginals([posterior]).pit(y[None], random) for y in truth])
    assert stats.kstest(pit.ravel(), "uniform").pvalue > 0.01
    below, up_to = Marginals([posterior]).cdf([[-3.0]])
    assert (below, up_to) == (0.0, pytest.approx(1 / 3))


def test_truths_beyond_all_samples_have_0_and_1():
    marginals = Marginals([Posterior([[0.1], [0.2], [0.3]], SPACE[:1])])
    random = np.random.RandomState(0)
    assert marginals.pit([[-1.0]], random) == 0
    assert marginals.pit([[1.0]], random) == 1


def test_batches_make_no_difference():
    random = np.random.default_rng(0)
    X = random.standard_normal((23, 4))
    forest = ForestRetriever(10, random_state=0).fit(X, X[:, :2])
    whole = Marginals(forest.posterior(X))
    parts = list(marginals_of(forest, X, batch_size=10))
    assert [rows.indices(23) for rows, _ in parts] == [(0, 10, 1), (10, 20, 1), (20, 23, 1)]
    for rows, part in parts:
        np.testing.assert_array_equal(part.quantile(0.4), whole.quantile(0.4)[rows])
        np.testing.assert_allclose(part.crps(X[rows, :2]), whole.crps(X[:, :2])[rows], rtol=1e-12)

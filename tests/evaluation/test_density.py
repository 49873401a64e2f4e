"""The kernel density of samples, against the density that they were drawn from."""

import numpy as np
import pytest
from scipy import integrate, stats

from exosk.evaluation.density import kernel_log_density
from exosk.models.marginals import Marginals
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior


def density(samples, space, y, weights=None):
    marginals = Marginals([Posterior(np.reshape(samples, (-1, 1)), space, weights)])
    return float(np.exp(kernel_log_density(marginals, np.array([[y]]), space))[0, 0])


def test_it_is_a_density():
    space = ParameterSpace([Parameter("a", Uniform(0, 2))])
    samples = np.random.default_rng(0).beta(0.9, 3, 50) * 2
    total, _ = integrate.quad(lambda y: density(samples, space, y), 0, 2, limit=200)
    assert total == pytest.approx(1, abs=1e-3), "reflected at both bounds, nothing leaks out"


@pytest.mark.parametrize("y", [0.05, 0.5, 1.0])
def test_samples_of_the_prior_give_its_density_up_to_the_bounds(y):
    space = ParameterSpace([Parameter("a", Uniform(0, 1))])
    assert density((np.arange(1000) + 0.5) / 1000, space, y) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("y", [-1.0, 0.0, 2.0])
def test_weights_count(y):
    """Uniform samples with normal weights are normal, but for the width of the kernels."""
    space = ParameterSpace([Parameter("a", Normal(0, 5))])
    samples = np.linspace(-6, 6, 3001)
    found = density(samples, space, y, stats.norm.pdf(samples))
    assert found == pytest.approx(stats.norm.pdf(y), rel=0.1)


def test_a_truth_beyond_all_samples_costs_the_log_of_their_number():
    space = ParameterSpace([Parameter("a", Uniform(0, 1))])
    assert density(np.full(99, 0.2), space, 0.9) == pytest.approx(1 / 100)

"""Mixtures of Gaussians against SciPy's."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from exosk.models.mixture import Mixture

N = 3


def mixture(d: int, k: int, seed: int = 0) -> Mixture:
    random = np.random.default_rng(seed)
    factor = np.tril(random.normal(0, 0.7, (N, k, d, d)), -1)
    factor += random.uniform(0.5, 2, (N, k, d, 1)) * np.eye(d)
    parts = special.log_softmax(random.normal(size=(N, k)), 1), random.normal(size=(N, k, d))
    return Mixture(*(torch.tensor(part) for part in (*parts, factor)))


def covariance(m: Mixture) -> np.ndarray:
    factor = m.factor.numpy()
    return np.linalg.inv(factor @ factor.swapaxes(-1, -2))


each_size = pytest.mark.parametrize(("d", "k"), [(1, 1), (1, 4), (2, 3), (4, 2)])


@each_size
def test_the_density_is_scipys(d, k):
    m = mixture(d, k)
    z = np.random.default_rng(1).normal(0, 2, (N, d))
    expected = [
        special.logsumexp(
            [
                stats.multivariate_normal(mean, cov).logpdf(z[row])
                for mean, cov in zip(m.mean[row].numpy(), covariance(m)[row])
            ],
            b=np.exp(m.log_weight[row].numpy()),
        )
        for row in range(N)
    ]
    np.testing.assert_allclose(m.log_prob(torch.tensor(z)), expected, rtol=1e-9)


@each_size
def test_marginals_are_the_diagonals(d, k):
    m = mixture(d, k)
    weight, mean, std = m.marginals()
    np.testing.assert_allclose(weight.sum(axis=1), 1)
    np.testing.assert_array_equal(mean, m.mean)
    np.testing.assert_allclose(std**2, np.diagonal(covariance(m), axis1=-2, axis2=-1), rtol=1e-9)


@each_size
def test_samples_have_the_moments(d, k):
    m = mixture(d, k)
    samples = m.sample(40_000, np.random.RandomState(0))
    assert samples.shape == (N, 40_000, d)
    weight, mean, _ = m.marginals()
    for row in range(N):
        center = weight[row] @ mean[row]
        offset = mean[row] - center
        spread = (
            np.tensordot(weight[row], covariance(m)[row], 1) + (weight[row] * offset.T) @ offset
        )
        error = 5 * np.sqrt(np.diag(spread) / 40_000)
        assert (abs(samples[row].mean(axis=0) - center) < error).all()
        size = np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
        assert (abs(np.cov(samples[row].T).reshape(d, d) - spread) < 0.06 * size).all()


def test_samples_follow_the_distribution():
    """By Kolmogorov and Smirnov, in one dimension where the distribution function is known."""
    m = mixture(1, 4)
    samples = m.sample(20_000, np.random.RandomState(0))[..., 0]
    weight, mean, std = (part.reshape(N, 4) for part in m.marginals())
    for row in range(N):

        def cdf(z, row=row):
            return stats.norm.cdf(z[:, None], mean[row], std[row]) @ weight[row]

        assert stats.kstest(samples[row], cdf).pvalue > 1e-3


def test_a_component_without_weight_is_never_drawn():
    m = mixture(1, 3)
    log_weight = torch.tensor([[0.0, -torch.inf, -torch.inf]] * N, dtype=torch.float64)
    sure = Mixture(log_weight, torch.tensor([[[0.0], [50.0], [90.0]]] * N).double(), m.factor)
    assert sure.sample(5000, np.random.RandomState(0)).max() < 20


def test_an_ensemble_believes_the_mean_of_its_members():
    parts = [mixture(2, 3, seed) for seed in range(3)]
    z = torch.tensor(np.random.default_rng(5).normal(size=(N, 2)))
    both = Mixture.average(parts).log_prob(z).numpy()
    each = np.stack([part.log_prob(z).numpy() for part in parts])
    np.testing.assert_allclose(both, special.logsumexp(each, axis=0) - np.log(3), rtol=1e-12)
    assert len(Mixture.average(parts)) == N


def test_a_seed_repeats_the_samples():
    m = mixture(2, 3)
    draws = [m.sample(9, np.random.RandomState(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


# --- probabilities of intervals --------------------------------------------------------------

POINTS = stats.qmc.Sobol(4, scramble=True, rng=0).random(256)


@each_size
def test_intervals_of_no_width_are_densities(d, k):
    m, z = mixture(d, k), np.random.default_rng(1).normal(0, 2, (N, d))
    expected = m.log_prob(torch.tensor(z)).numpy()
    np.testing.assert_allclose(m.log_mass(z, z, POINTS[:1, :d]), expected, rtol=1e-9)
    weight, mean, std = m.marginals()
    density = special.logsumexp(stats.norm.logpdf(z[:, None], mean, std), 1, weight[..., None])
    np.testing.assert_allclose(m.marginal_log_mass(z, z), density, rtol=1e-9)


@each_size
def test_the_whole_space_has_probability_one(d, k):
    m, infinite = mixture(d, k), np.full((N, d), np.inf)
    np.testing.assert_allclose(m.log_mass(-infinite, infinite, POINTS[:, :d]), 0, atol=1e-12)
    np.testing.assert_allclose(m.marginal_log_mass(-infinite, infinite), 0, atol=1e-12)


@each_size
def test_the_probability_of_a_box_is_the_share_of_samples_in_it(d, k):
    m = mixture(d, k)
    low, high = np.full((N, d), -np.inf), np.full((N, d), 0.8)
    low[:, -1] = -0.7
    inside = m.sample(100_000, np.random.RandomState(0))
    inside = (inside > low[:, None]) & (inside < high[:, None])
    np.testing.assert_allclose(
        np.exp(m.log_mass(low, high, POINTS[:, :d])), inside.all(-1).mean(1), atol=0.008
    )
    np.testing.assert_allclose(np.exp(m.marginal_log_mass(low, high)), inside.mean(1), atol=0.008)


@pytest.mark.parametrize("interval", [0, 1])
def test_density_and_probability_go_together(interval):
    """In two dimensions: the density of one times the probability of the other given it."""
    m = mixture(2, 3)
    low = np.random.default_rng(3).normal(size=(N, 2))
    high = low + np.eye(2)[interval]
    at = np.repeat(low[:, None], 4001, axis=1)
    at[..., interval] += np.linspace(0, 1, 4001)
    density = np.exp([m.log_prob(torch.tensor(at[:, j])).numpy() for j in range(4001)])
    expected = np.trapezoid(density, dx=1 / 4000, axis=0)
    np.testing.assert_allclose(np.exp(m.log_mass(low, high, POINTS[:, :2])), expected, rtol=0.01)


@pytest.mark.parametrize("far", [-30.0, 30.0])
def test_probabilities_far_out_are_small_and_no_zero(far):
    m = Mixture(*(torch.tensor(x).double() for x in ([[0.0]], [[[0.0]]], [[[[1.0]]]])))
    low, high = np.array([[far]]), np.array([[far + 1]])
    expected = stats.norm.logcdf(-abs(far) + (far < 0))
    for found in (m.log_mass(low, high, POINTS[:, :1])[0], m.marginal_log_mass(low, high)[0, 0]):
        assert found == pytest.approx(expected, rel=1e-6)

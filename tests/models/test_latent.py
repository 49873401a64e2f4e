"""The sampler against posteriors that are formulas: spectra linear in normal variables."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats

from exosk.models.latent import GeneratorLikelihood, row_generators, sample_latent
from exosk.models.mixture import Mixture


@dataclass(frozen=True)
class Linear:
    """x = 0.02 + A z + noise, z ~ N(0, 1), noise ~ N(0, diag(sigma^2 + v) + F^T F)."""

    A: np.ndarray
    depth: np.ndarray
    sigma: np.ndarray
    factor: np.ndarray
    variance: np.ndarray

    def __len__(self) -> int:
        return len(self.depth)

    def decode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.02 + z @ torch.as_tensor(self.A).to(z).T, z

    def likelihood(self, dtype: torch.dtype = torch.float64) -> GeneratorLikelihood:
        parts = (self.depth, self.sigma, self.factor, self.variance)
        return GeneratorLikelihood(self.decode, *(torch.tensor(p, dtype=dtype) for p in parts))

    def seen(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Bins that spectrum k has, and the covariance of their errors."""
        seen = ~np.isnan(self.depth[k])
        F = self.factor[:, seen]
        return seen, np.diag(self.sigma[k, seen] ** 2 + self.variance[seen]) + F.T @ F

    def exact(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and precision of the posterior of spectrum k."""
        seen, C = self.seen(k)
        pull = np.linalg.solve(C, self.A[seen]).T
        precision = np.eye(self.A.shape[1]) + pull @ self.A[seen]
        return np.linalg.solve(precision, pull @ (self.depth[k, seen] - 0.02)), precision

    def proposal(self, shift: float = 0.0, width: float = 1.0) -> Mixture:
        """The posterior, shifted in all directions, and wider or narrower, in its own units."""
        means, factors = [], []
        for k in range(len(self)):
            mean, precision = self.exact(k)
            factor = np.linalg.cholesky(precision)
            means.append(mean + np.linalg.solve(factor.T, np.full(len(mean), shift)))
            factors.append(factor / width)
        return one_component(np.array(means), np.array(factors))

    def whitened(self, z: torch.Tensor, k: int) -> np.ndarray:
        """Samples of spectrum k in coordinates in which they should be standard normal."""
        mean, precision = self.exact(k)
        return (z.double().numpy() - mean) @ np.linalg.cholesky(precision)


def one_component(means: np.ndarray, factors: np.ndarray) -> Mixture:
    zero = torch.zeros(len(means), 1, dtype=torch.float64)
    return Mixture(zero, torch.tensor(means)[:, None], torch.tensor(factors)[:, None])


def linear(n: int = 5, d: int = 3, n_bins: int = 12, narrow: float = 1.0) -> Linear:
    """Spectra of which the second lacks every other bin, and the third all but one."""
    random = np.random.default_rng(0)
    A = 1e-4 * random.standard_normal((n_bins, d))
    if narrow > 1:
        basis = np.linalg.qr(A)[0] * np.geomspace(1, narrow, d)
        A = 1e-4 * basis @ np.linalg.qr(random.standard_normal((d, d)))[0]
    sigma = 5e-5 * random.uniform(0.7, 1.5, (n, n_bins))
    factor = 3e-5 * random.standard_normal((2, n_bins))
    z = random.standard_normal((n, d))
    noise = sigma * random.standard_normal((n, n_bins)) + random.standard_normal((n, 2)) @ factor
    depth = 0.02 + z @ A.T + noise
    depth[1, ::2] = sigma[1, ::2] = np.nan
    depth[2, 1:] = np.nan  # whose errors may be there
    return Linear(A, depth, sigma, factor, np.full(n_bins, 1e-11))


@pytest.fixture(scope="module")
def toy() -> Linear:
    return linear()


def seeded(n: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, k]) for k in range(n)]


# --- the likelihood --------------------------------------------------------------------------


def test_differences_of_the_likelihood_are_those_of_the_dense_covariance(toy):
    z = np.random.default_rng(1).standard_normal((len(toy), 7, 3))
    found = toy.likelihood().log_prob(torch.tensor(z)).numpy()
    assert found.shape == (len(toy), 7)
    for k in range(len(toy)):
        seen, C = toy.seen(k)
        exact = [stats.multivariate_normal(0.02 + toy.A[seen] @ one, C) for one in z[k]]
        exact = np.array([p.logpdf(toy.depth[k, seen]) for p in exact])
        np.testing.assert_allclose(found[k] - found[k, 0], exact - exact[0], rtol=1e-8, atol=1e-8)


def test_missing_bins_and_endless_errors_have_no_influence(toy):
    z = torch.randn(len(toy), 4, 3, dtype=torch.float64, generator=torch.Generator())
    expected = toy.likelihood().log_prob(z)
    other = replace(toy, sigma=np.where(np.isnan(toy.depth), 3.0, toy.sigma))
    torch.testing.assert_close(other.likelihood().log_prob(z), expected, rtol=0, atol=0)
    hidden = np.isnan(toy.depth)
    endless = replace(
        toy, depth=np.where(hidden, 0.7, toy.depth), sigma=np.where(hidden, 1e6, toy.sigma)
    )
    torch.testing.assert_close(endless.likelihood().log_prob(z), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rank", [0, 1, 12])
def test_errors_may_go_together_in_any_number_of_ways(toy, rank):
    factor = 2e-5 * np.random.default_rng(2).standard_normal((rank, 12))
    some = replace(toy, factor=factor)
    z = np.random.default_rng(1).standard_normal((len(toy), 2, 3))
    found = some.likelihood().log_prob(torch.tensor(z)).numpy()
    seen, C = some.seen(0)
    exact = [
        stats.multivariate_normal.logpdf(some.depth[0], 0.02 + some.A @ one, C) for one in z[0]
    ]
    assert seen.all()
    assert found[0, 1] - found[0, 0] == pytest.approx(exact[1] - exact[0])


def test_some_of_the_spectra_are_as_all_of_them(toy):
    z = torch.randn(len(toy), 4, 3, dtype=torch.float64, generator=torch.Generator())
    likelihood, rows = toy.likelihood(), torch.tensor([3, 1])
    assert len(likelihood[rows]) == 2
    torch.testing.assert_close(likelihood[rows].log_prob(z[rows]), likelihood.log_prob(z)[rows])


def test_the_likelihood_is_smooth(toy):
    z = torch.zeros(len(toy), 1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(toy.likelihood().log_prob, (z,))


# --- the posterior ---------------------------------------------------------------------------

PROPOSALS = {
    "exact": (0, 1),
    "shifted": (3, 1),
    "far": (12, 1),
    "wide": (0, 3),
    "narrow": (0, 0.3),
    "shifted and narrow": (2, 0.4),
}


@pytest.mark.parametrize("name", PROPOSALS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_samples_are_the_posteriors_whatever_the_proposal_is(toy, name, dtype):
    proposal = toy.proposal(*PROPOSALS[name])
    found = sample_latent(toy.likelihood(dtype), proposal, seeded(len(toy)), 3000)
    assert found.z.shape == (len(toy), 3000, 3)
    assert found.z.dtype == dtype
    for k in range(len(toy)):
        z = toy.whitened(found.z[k], k)
        # Samples of one round are drawn with each other's help, so somewhat less than independent.
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=5 / np.sqrt(3000))
        np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.12)
    if name == "exact":
        np.testing.assert_allclose(found.efficiency, 1, atol=1e-3)
        assert (found.n_steps == 1).all()


def test_samples_are_normal_and_not_only_of_the_right_moments(toy):
    found = sample_latent(toy.likelihood(), toy.proposal(1, 1.5), seeded(len(toy)), 2000)
    for k in range(len(toy)):
        z = toy.whitened(found.z[k], k)
        assert max(stats.kstest(column, "norm").statistic for column in z.T) < 1.95 / np.sqrt(2000)


def test_a_worse_proposal_takes_more_steps(toy):
    def steps(*bad: float) -> tuple[np.ndarray, np.ndarray]:
        found = sample_latent(toy.likelihood(), toy.proposal(*bad), seeded(len(toy)), 1)
        return found.n_steps, found.efficiency

    shifted = [steps(shift) for shift in (0.0, 1.0, 3.0, 9.0)]
    for (n, share), (more, less) in itertools.pairwise(shifted):
        assert (more > n).all()
        assert (less <= share).all()
    assert (steps(0.0, 0.1)[0] > steps(0.0, 0.5)[0]).all()


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_a_posterior_a_thousand_times_narrower_one_way_than_another_is_sampled(shift):
    """Along no axis: parameters that stand in for each other."""
    tied = linear(4, d=5, n_bins=20, narrow=1000.0)
    whole = replace(tied, depth=0.02 + 0 * tied.depth, sigma=np.full(tied.sigma.shape, 5e-5))
    whole = replace(whole, depth=np.where(np.isnan(whole.depth), 0.02, whole.depth))
    found = sample_latent(whole.likelihood(), whole.proposal(shift, 1.2), seeded(4), 2000)
    for k in range(4):
        z = whole.whitened(found.z[k], k)
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.2)
        np.testing.assert_allclose(z.std(axis=0), 1, atol=0.15)


@pytest.mark.parametrize("n_particles", [16, 64, 256])
def test_few_or_many_move_together(toy, n_particles):
    """Over many repetitions, since few particles tell little at a time."""
    n, repeats = len(toy), 4096 // n_particles
    depth, sigma = (np.tile(part, (repeats, 1)) for part in (toy.depth, toy.sigma))
    several = replace(toy, depth=depth, sigma=sigma)
    generators = seeded(n * repeats)
    found = sample_latent(
        several.likelihood(), several.proposal(1), generators, n_particles, n_particles
    )
    for k in range(n):
        z = toy.whitened(found.z[k::n].reshape(-1, 3), k)
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.12)
        np.testing.assert_allclose(z.std(axis=0), 1, atol=0.12)


@dataclass(frozen=True)
class Square:
    """x = 0.02 + 1e-4 z^2: z and -z fit a spectrum equally well."""

    def decode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.02 + 1e-4 * z**2 * torch.ones(3).to(z), z


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_two_modes_keep_their_proportion(share):
    """Where the proposal has both, though not in the right proportion."""
    n, depth = 30, torch.full((30, 3), 0.02 + 2.25e-4, dtype=torch.float64)
    likelihood = GeneratorLikelihood(
        Square().decode,
        depth,
        torch.full_like(depth, 3e-5),
        torch.zeros(0, 3, dtype=torch.float64),
        torch.full((3,), 1e-14, dtype=torch.float64),
    )
    weight = torch.tensor([share, 1 - share], dtype=torch.float64).log().expand(n, 2)
    mean = torch.tensor([[-1.5], [1.5]], dtype=torch.float64).expand(n, 2, 1)
    factor = torch.full((n, 2, 1, 1), 1 / 0.1, dtype=torch.float64)
    z = sample_latent(likelihood, Mixture(weight, mean, factor), seeded(n), 512).z.numpy()
    # The exact posterior on a fine grid.
    at = np.linspace(0.5, 2.5, 20_001)
    density = np.exp(-0.5 * at**2 - 1.5 * (1e-4 * (at**2 - 2.25) / 3e-5) ** 2)
    density /= density.sum()
    exact = (density * at).sum()
    assert abs((z < 0).mean() - 0.5) < 0.03
    assert abs(z).mean() == pytest.approx(exact, abs=0.003)
    spread = np.sqrt((density * (at - exact) ** 2).sum())
    assert abs(z).std() == pytest.approx(spread, rel=0.05)


# --- randomness ------------------------------------------------------------------------------


def test_one_spectrum_does_not_know_of_the_others(toy):
    proposal = toy.proposal(2.0, 0.7)
    together = sample_latent(toy.likelihood(), proposal, seeded(len(toy)), 600)
    for rows in ([2], [4, 0], [1, 2, 3]):
        part = Mixture(*(p[rows] for p in (proposal.log_weight, proposal.mean, proposal.factor)))
        generators = [seeded(len(toy))[k] for k in rows]
        alone = sample_latent(toy.likelihood()[torch.tensor(rows)], part, generators, 600)
        torch.testing.assert_close(alone.z, together.z[rows], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(alone.efficiency, together.efficiency[rows], rtol=1e-9)
        np.testing.assert_array_equal(alone.n_steps, together.n_steps[rows])


def test_seeds_reproduce(toy):
    one, same, other = (
        sample_latent(toy.likelihood(), toy.proposal(1), seeded(len(toy), seed), 300).z
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert (one != other).any()


def test_samples_of_later_rounds_are_new_ones(toy):
    z = sample_latent(toy.likelihood(), toy.proposal(), seeded(len(toy)), 512, 256).z
    first, second = z[:, :256], z[:, 256:]
    assert (first != second).double().mean() > 0.95
    for k in range(len(toy)):
        a, b = (toy.whitened(part[k], k)[:, 0] for part in (first, second))
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.25


def test_each_row_has_random_numbers_of_its_own_content():
    rows = np.random.default_rng(0).standard_normal((4, 3))
    rows[3] = rows[1]
    drawn = [g.random() for g in row_generators(rows)]
    assert drawn[3] == drawn[1]
    assert len(set(drawn)) == 3
    again = [g.random() for g in row_generators(rows[[2, 0]])]
    assert again == [drawn[2], drawn[0]]
    gappy = rows.copy()
    gappy[0, 0] = np.nan
    assert row_generators(gappy)[0].random() != drawn[0]
    single = rows.astype(np.float32)
    assert row_generators(single)[1].random() == row_generators(single.astype(float))[1].random()

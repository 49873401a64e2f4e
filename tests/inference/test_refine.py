"""Sequential Monte Carlo against posteriors and evidences that are formulas."""

import numpy as np
import pytest
from scipy import special, stats

from exosk.exceptions import ExoskError
from exosk.inference import refine_posterior
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior

N = 1500
DESIGN = np.array([[1.0, 0.5, -0.3], [0.2, 1.0, 0.4], [0.0, 0.3, 1.0], [1.0, -1.0, 0.5]])
SIGMA = np.array([0.3, 0.2, 0.4, 0.25])
DATA = np.array([1.1, -0.4, 0.6, 1.7])


class LinearGaussian:
    """Data = DESIGN @ theta + noise, with a normal or a wide uniform prior."""

    def __init__(self, kind: str) -> None:
        d = DESIGN.shape[1]
        if kind == "normal":
            priors = [Normal(m, s) for m, s in ((0.5, 1.0), (-0.5, 0.7), (0.0, 1.5))]
        else:
            priors = [Uniform(-6.0, 6.0)] * d
        self.space = ParameterSpace([Parameter(f"p{k}", p) for k, p in enumerate(priors)])
        precision = DESIGN.T @ np.diag(SIGMA**-2) @ DESIGN
        linear = DESIGN.T @ (DATA / SIGMA**2)
        if kind == "normal":
            mean = np.array([p.mean for p in priors])
            variance = np.array([p.std for p in priors]) ** 2
            covariance = DESIGN @ np.diag(variance) @ DESIGN.T + np.diag(SIGMA**2)
            self.log_evidence = stats.multivariate_normal(DESIGN @ mean, covariance).logpdf(DATA)
            precision += np.diag(1 / variance)
            linear += mean / variance
        self.covariance = np.linalg.inv(precision)
        self.mean = self.covariance @ linear
        if kind != "normal":  # the posterior lies well inside the box
            peak = self.log_likelihood(self.mean[None])[0]
            volume = np.log(2 * np.pi) * d / 2 + np.linalg.slogdet(self.covariance)[1] / 2
            self.log_evidence = peak + volume - d * np.log(12.0)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        residual = (theta @ DESIGN.T - DATA) / SIGMA
        constant = np.log(2 * np.pi * SIGMA**2).sum()
        return -0.5 * ((residual**2).sum(axis=1) + constant)

    def proposal(self, quality: str) -> Posterior:
        random = np.random.default_rng(1)
        if quality == "good":
            samples = random.multivariate_normal(self.mean, 1.5 * self.covariance, 800)
        elif quality == "prior":
            samples = self.space.sample(800, 1)
        else:  # far too narrow, and four standard deviations off
            shift = 4 * np.sqrt(np.diag(self.covariance))
            samples = random.multivariate_normal(self.mean + shift, 0.1 * self.covariance, 800)
        return Posterior(samples, self.space, meta={"kept": True})


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("quality", ["good", "prior", "wrong"])
def test_a_linear_model_has_its_exact_posterior_and_evidence(kind, quality):
    problem = LinearGaussian(kind)
    result = refine_posterior(
        problem.proposal(quality), problem.log_likelihood, n_particles=N, random_state=0
    )
    assert len(result) == N
    deviation = np.sqrt(np.diag(problem.covariance))
    # Particles repeat after resampling: as good as some hundreds of independent ones.
    assert np.abs((result.mean - problem.mean) / deviation).max() < 0.2
    assert np.allclose(result.std, deviation, rtol=0.15)
    correlation = np.corrcoef(result.samples.T)
    expected = problem.covariance / np.outer(deviation, deviation)
    assert np.abs(correlation - expected).max() < 0.15
    assert result.meta["log_evidence"] == pytest.approx(problem.log_evidence, abs=0.3)
    assert result.meta["kept"]
    assert result.meta["n_simulations"] >= N
    assert result.meta["n_stages"] >= 1
    assert 0 < result.meta["acceptance"] <= 1


@pytest.mark.slow
def test_over_many_seeds_nothing_is_biased():
    """Means and evidences scatter around the truth, not around something near it."""
    problem = LinearGaussian("uniform")
    deviation = np.sqrt(np.diag(problem.covariance))
    errors, evidences, spreads = [], [], []
    for seed in range(20):
        result = refine_posterior(
            problem.proposal("wrong"), problem.log_likelihood, n_particles=500, random_state=seed
        )
        errors.append((result.mean - problem.mean) / deviation)
        spreads.append(result.std / deviation)
        evidences.append(result.meta["log_evidence"] - problem.log_evidence)
    standard_error = np.std(errors, axis=0, ddof=1) / np.sqrt(20)
    assert (np.abs(np.mean(errors, axis=0)) < 4 * standard_error + 0.01).all()
    assert np.allclose(np.mean(spreads, axis=0), 1.0, atol=0.05)
    assert abs(np.mean(evidences)) < 0.1


def test_both_modes_are_found_though_the_proposal_saw_one():
    """The share of the prior in the proposal keeps all that the prior allows within reach."""
    space = ParameterSpace([Parameter(name, Uniform(-4.0, 4.0)) for name in "ab"])

    def log_likelihood(theta):
        left, right = (
            stats.norm(centre, 0.35).logpdf(theta[:, 0]) + stats.norm(0, 0.5).logpdf(theta[:, 1])
            for centre in (-2.0, 2.0)
        )
        return np.logaddexp(np.log(0.3) + left, np.log(0.7) + right)

    seen = np.random.default_rng(0).normal([2.0, 0.0], [0.35, 0.5], (500, 2))
    shares = [
        (
            refine_posterior(
                Posterior(seen, space), log_likelihood, n_particles=1000, random_state=seed
            )["a"]
            < 0
        ).mean()
        for seed in range(5)
    ]
    assert min(shares) > 0.1
    assert np.mean(shares) == pytest.approx(0.3, abs=0.1)


def test_the_same_seed_gives_the_same_posterior():
    problem = LinearGaussian("normal")
    first, again, other = (
        refine_posterior(
            problem.proposal("good"), problem.log_likelihood, n_particles=200, random_state=seed
        )
        for seed in (4, 4, 5)
    )
    assert np.array_equal(first.samples, again.samples)
    assert first.meta == again.meta
    assert not np.array_equal(first.samples, other.samples)


def test_samples_stay_within_the_prior():
    """Though the data would have them beyond it."""
    space = ParameterSpace([Parameter("a", Uniform(0.0, 1.0))])
    proposal = Posterior(space.sample(300, 0), space)
    result = refine_posterior(
        proposal, lambda theta: stats.norm(1.3, 0.1).logpdf(theta[:, 0]), random_state=0
    )
    assert ((result["a"] >= 0) & (result["a"] <= 1)).all()
    truth = stats.truncnorm(-13, -3, 1.3, 0.1)
    assert result.mean[0] == pytest.approx(truth.mean(), abs=0.005)
    inside = np.log(special.ndtr(-3.0))
    assert result.meta["log_evidence"] == pytest.approx(inside, abs=0.3)


def test_progress_rises_to_one():
    problem = LinearGaussian("normal")
    told = []
    refine_posterior(
        problem.proposal("wrong"),
        problem.log_likelihood,
        n_particles=200,
        random_state=0,
        progress=told.append,
    )
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert told[0] > 0


def test_a_weighted_proposal_counts_by_its_weights():
    problem = LinearGaussian("normal")
    good = problem.proposal("good").samples
    junk = good + 50.0
    weights = np.r_[np.ones(len(good)), np.zeros(len(junk))]
    result = refine_posterior(
        Posterior(np.vstack([good, junk]), problem.space, weights),
        problem.log_likelihood,
        n_particles=500,
        random_state=0,
    )
    assert np.abs((result.mean - problem.mean) / np.sqrt(np.diag(problem.covariance))).max() < 0.3


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_a_likelihood_that_is_never_finite(value):
    problem = LinearGaussian("normal")
    with pytest.raises(ExoskError, match=r"no draw .* finite likelihood; check"):
        refine_posterior(
            problem.proposal("good"), lambda theta: np.full(len(theta), value), n_particles=100
        )


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_where_the_likelihood_fails_it_is_zero(value):
    """Half of the parameter space cannot be simulated: no particle ends there."""
    space = ParameterSpace([Parameter("a", Uniform(-1.0, 1.0))])

    def log_likelihood(theta):
        return np.where(theta[:, 0] > 0, stats.norm(0.2, 0.3).logpdf(theta[:, 0]), value)

    proposal = Posterior(space.sample(300, 0), space)
    result = refine_posterior(proposal, log_likelihood, n_particles=800, random_state=0)
    truth = stats.truncnorm((0 - 0.2) / 0.3, (1 - 0.2) / 0.3, 0.2, 0.3)
    assert (result["a"] > 0).all()
    assert result.mean[0] == pytest.approx(truth.mean(), abs=0.03)
    inside = stats.norm(0.2, 0.3).cdf(1) - stats.norm(0.2, 0.3).cdf(0)
    assert result.meta["log_evidence"] == pytest.approx(np.log(inside / 2), abs=0.2)

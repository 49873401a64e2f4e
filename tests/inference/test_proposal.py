"""Proposals: their draws have the density that they say."""

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exosk.exceptions import RangeError
from exosk.inference.proposal import (
    MixtureProposal,
    PriorProposal,
    RetrieverProposal,
    mixture_proposal,
    proposal_of,
)
from exosk.models import ForestRetriever, MLPRetriever
from exosk.parameters import LogUniform, Normal, Parameter, ParameterArray, ParameterSpace, Uniform

SPACE = ParameterSpace(
    [
        Parameter("a", Uniform(-5.0, 3.0)),
        Parameter("b", LogUniform(1.0, 1000.0)),
        Parameter("c", Normal(1.0, 0.5, low=0.2)),
    ]
)


class Known(BaseEstimator):
    """Retrieves a normal distribution around the first columns of X, with its density."""

    def __init__(self, std=0.3):
        self.std = std

    def fit(self, X, y):
        self.space_ = y.space
        return self

    def score(self, X, y):
        return -self.std

    def sample_posterior(self, X, n, random_state=None):
        random = np.random.RandomState(random_state)
        return X[:, None, :] + self.std * random.standard_normal((len(X), n, X.shape[1]))

    def log_prob(self, X, Y):
        return stats.norm(X[:, None, :], self.std).logpdf(Y).sum(axis=-1)


def posterior_samples(n, seed=0):
    """Something correlated and skewed, well within the prior."""
    random = np.random.default_rng(seed)
    a = random.normal(-1.0, 0.4, n)
    b = np.exp(3.0 + 0.8 * a + 0.3 * random.standard_normal(n))
    return np.stack([a, b, 1.0 + 0.1 * random.standard_normal(n)], axis=1)


def all_proposals():
    samples = posterior_samples(1500)
    return {
        "prior": PriorProposal(SPACE),
        "mixture": mixture_proposal(samples, None, SPACE, random_state=0),
        "weighted": mixture_proposal(samples, samples[:, 0] ** 2, SPACE, random_state=0),
        "one sample": mixture_proposal(samples[:1], None, SPACE, random_state=0),
    }


@pytest.mark.parametrize("name", ["prior", "mixture", "weighted", "one sample"])
def test_draws_lie_within_the_prior_and_a_seed_reproduces_them(name):
    proposal = all_proposals()[name]
    first, again, other = (proposal.sample(500, seed) for seed in (3, 3, 4))
    assert first.shape == (500, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isfinite(SPACE.log_prior(first)).all()
    assert np.isfinite(proposal.log_density(first)).all()


@pytest.mark.parametrize("name", ["prior", "mixture", "weighted"])
def test_a_density_integrates_to_one(name):
    """By quasi-random points of the prior."""
    unit = stats.qmc.Sobol(3, rng=0).random(2**14)
    theta = SPACE.from_unit_cube(unit)
    ratio = np.exp(all_proposals()[name].log_density(theta) - SPACE.log_prior(theta))
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", ["prior", "mixture", "weighted"])
def test_draws_have_the_density(name):
    """For any normalised h narrower than q, h / q averages to one over draws of q."""
    proposal = all_proposals()[name]
    theta = proposal.sample(40_000, 0)
    log_h = (
        stats.norm(-1.0, 0.15).logpdf(theta[:, 0])
        + stats.lognorm(0.15, scale=np.exp(2.2)).logpdf(theta[:, 1])
        + stats.norm(1.0, 0.06).logpdf(theta[:, 2])
    )
    ratio = np.exp(log_h - proposal.log_density(theta))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))
    assert ratio.std() / np.sqrt(len(ratio)) < 0.2


def test_the_density_is_zero_outside_the_prior():
    outside = np.array([[4.0, 10.0, 1.0], [0.0, 0.5, 1.0], [0.0, 10.0, 0.1]])
    for proposal in all_proposals().values():
        assert np.isneginf(proposal.log_density(outside)).all()


@pytest.mark.parametrize("width", [1e-4, 1e-2, 1.0])
def test_a_fit_is_as_narrow_as_its_samples(width):
    """What regularises it is in units of the samples, not of the prior."""
    random = np.random.default_rng(0)
    covariance = width**2 * np.array([[1.0, 0.95], [0.95, 1.0]])
    samples = random.multivariate_normal([1.0, -2.0], covariance, 2000)
    space = ParameterSpace([Parameter(name, Uniform(-10.0, 10.0)) for name in "ab"])
    drawn = mixture_proposal(samples, None, space, random_state=0).sample(20_000, 0)
    assert np.allclose(drawn.mean(axis=0), [1.0, -2.0], atol=0.1 * width)
    assert np.allclose(np.cov(drawn.T), 1.38 * covariance, rtol=0.15)  # 0.8 x 1.1 + 0.2 x 2.5


def test_both_modes_are_fitted():
    space = ParameterSpace([Parameter("a", Uniform(-10.0, 10.0))])
    samples = np.random.default_rng(0).normal(np.repeat([-4.0, 4.0], [900, 100]), 0.2)[:, None]
    drawn = mixture_proposal(samples, None, space, random_state=0).sample(4000, 0)
    assert (drawn < 0).mean() == pytest.approx(0.9, abs=0.04)
    assert (np.abs(drawn) < 2).mean() < 0.01


def test_samples_of_no_weight_and_outside_the_prior_do_not_count():
    good = posterior_samples(600)
    junk = good + np.array([2.0, 100.0, 0.5])
    outside = good + np.array([0.0, 5000.0, 0.0])
    samples = np.vstack([good, junk, outside])
    weights = np.repeat([1.0, 0.0, 1.0], 600)
    plain = mixture_proposal(good, None, SPACE, random_state=0)
    mixed = mixture_proposal(samples, weights, SPACE, random_state=0)
    assert np.allclose(mixed.log_density(good), plain.log_density(good), atol=1e-9)
    with pytest.raises(RangeError, match="no sample lies within the priors of a, b, c"):
        mixture_proposal(outside, None, SPACE)


def training_set():
    Y = ParameterArray(SPACE.sample(400, 0), SPACE)
    unit = SPACE.to_unit_cube(np.asarray(Y))
    return unit @ np.random.default_rng(0).normal(size=(3, 6)), Y


def test_a_forest_is_fitted_and_what_knows_its_density_is_not():
    X, Y = training_set()
    forest = make_pipeline(StandardScaler(), ForestRetriever(n_estimators=30, random_state=0))
    fitted = proposal_of(forest.fit(X, Y), X[:1], random_state=0)
    assert isinstance(fitted, MixtureProposal)
    posterior = forest[-1].posterior(forest[:-1].transform(X[:1]))[0]
    z = SPACE.to_unit_cube(fitted.sample(4000, 0)).mean(axis=0)
    assert np.allclose(z, posterior.weights @ SPACE.to_unit_cube(posterior.samples), atol=0.05)

    exact = proposal_of(make_pipeline(StandardScaler(), Known()).fit(X[:, :3], Y), X[:1, :3])
    assert isinstance(exact, RetrieverProposal)
    assert exact.space == SPACE


def test_a_model_is_asked_through_the_steps_before_it():
    X, Y = training_set()
    X = X[:, :3]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Known()), {"known__std": [0.2, 0.4]}, cv=2
    ).fit(X, Y)
    proposal = proposal_of(search, X[:1])
    theta = proposal.sample(5, 0)
    centre = StandardScaler().fit(X).transform(X[:1])[0]
    assert np.allclose(theta, Known(0.2).sample_posterior(centre[None], 5, 0)[0])
    expected = stats.norm(centre, 0.2).logpdf(theta).sum(axis=1)
    assert np.allclose(proposal.log_density(theta), expected)


@pytest.mark.parametrize("shape", [(2, 6), (6,), (0, 6)])
def test_a_proposal_is_of_one_spectrum(shape):
    X, Y = training_set()
    model = Known().fit(X, Y)
    with pytest.raises(RangeError, match="one spectrum"):
        proposal_of(model, np.zeros(shape))


def test_a_networks_draws_have_its_density():
    X, Y = training_set()
    network = MLPRetriever(max_epochs=3, n_members=2, random_state=0).fit(X, Y)
    proposal = proposal_of(network, X[:1])
    assert isinstance(proposal, RetrieverProposal)
    unit = stats.qmc.Sobol(3, rng=0).random(2**12)
    theta = SPACE.from_unit_cube(unit)
    ratio = np.exp(proposal.log_density(theta) - SPACE.log_prior(theta))
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)

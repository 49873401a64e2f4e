"""Importance sampling against posteriors and evidences that are formulas."""

import json

import numpy as np
import pytest
from scipy import stats

from exosk.augmentation import NoiseInjector
from exosk.datasets import simulate_dataset
from exosk.exceptions import ExoskError, RangeError
from exosk.inference import gaussian_log_likelihood, refine_posterior
from exosk.inference.importance import importance_sample
from exosk.inference.proposal import PriorProposal, mixture_proposal, proposal_of
from exosk.models import MLPRetriever
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid, Spectrum

DESIGN = np.array([[1.0, 0.5, -0.3], [0.2, 1.0, 0.4], [0.0, 0.3, 1.0], [1.0, -1.0, 0.5]])
SIGMA = np.array([0.3, 0.2, 0.4, 0.25])
DATA = np.array([1.1, -0.4, 0.6, 1.7])
SPACE = ParameterSpace(
    [
        Parameter(f"p{k}", Normal(m, s))
        for k, (m, s) in enumerate([(0.5, 1.0), (-0.5, 0.7), (0.0, 1.5)])
    ]
)
PRIOR_MEAN = np.array([p.prior.mean for p in SPACE])
PRIOR_VARIANCE = np.array([p.prior.std for p in SPACE]) ** 2

# Data = DESIGN @ theta + noise has a normal posterior, and a normal evidence.
COVARIANCE = np.linalg.inv(DESIGN.T @ np.diag(SIGMA**-2) @ DESIGN + np.diag(1 / PRIOR_VARIANCE))
MEAN = COVARIANCE @ (DESIGN.T @ (DATA / SIGMA**2) + PRIOR_MEAN / PRIOR_VARIANCE)
STD = np.sqrt(np.diag(COVARIANCE))
LOG_EVIDENCE = stats.multivariate_normal(
    DESIGN @ PRIOR_MEAN, DESIGN @ np.diag(PRIOR_VARIANCE) @ DESIGN.T + np.diag(SIGMA**2)
).logpdf(DATA)


def log_likelihood(theta):
    return stats.norm(DATA, SIGMA).logpdf(theta @ DESIGN.T).sum(axis=1)


class Gaussian:
    """A proposal around the posterior: `shift` in its standard deviations, `width` in them."""

    def __init__(self, shift=0.0, width=1.0, space=SPACE):
        self.space = space
        self._normal = stats.multivariate_normal(MEAN + shift * STD, width**2 * COVARIANCE)

    def sample(self, n, random_state=None):
        return self._normal.rvs(n, random_state=random_state).reshape(n, 3)

    def log_density(self, theta):
        return self._normal.logpdf(theta)


PROPOSALS = {
    "wide": Gaussian(width=2.0),
    "shifted": Gaussian(shift=1.0),
    "narrow": Gaussian(width=0.8),
    "fitted": mixture_proposal(Gaussian().sample(1000, 0), None, SPACE, random_state=0),
    "prior": PriorProposal(SPACE),
}


@pytest.mark.parametrize("n_rounds", [1, 3])
@pytest.mark.parametrize("name", PROPOSALS)
def test_a_linear_model_has_its_exact_posterior_and_evidence(name, n_rounds):
    result = importance_sample(
        PROPOSALS[name], log_likelihood, SPACE, n=6000, n_rounds=n_rounds, random_state=0
    )
    meta = result.meta
    error = max(meta["log_evidence_error"], 0.003)
    assert abs(meta["log_evidence"] - LOG_EVIDENCE) < 3 * error
    scatter = 4 / np.sqrt(result.effective_size)
    assert np.abs((result.mean - MEAN) / STD).max() < scatter
    assert np.allclose(result.std, STD, rtol=1.5 * scatter)
    assert len(result) == meta["n_simulations"] == 6000
    assert meta["n_effective"] == pytest.approx(result.effective_size, rel=1e-6)
    assert meta["efficiency"] == pytest.approx(result.effective_size / 6000, rel=1e-6)
    assert meta["verdict"] in ("good", "usable")
    json.dumps(meta, allow_nan=False)


def test_with_the_exact_posterior_every_draw_counts():
    meta = importance_sample(
        Gaussian(), log_likelihood, SPACE, n=500, prior_share=0.0, random_state=0
    ).meta
    assert meta["efficiency"] == pytest.approx(1.0)
    assert meta["log_evidence"] == pytest.approx(LOG_EVIDENCE, abs=1e-9)
    assert meta["log_evidence_error"] < 1e-6
    assert meta["verdict"] == "good"


def test_a_share_of_the_prior_costs_its_share():
    for share in (0.01, 0.2):
        meta = importance_sample(
            Gaussian(), log_likelihood, SPACE, n=4000, prior_share=share, random_state=0
        ).meta
        assert 1 - 1.5 * share < meta["efficiency"] < 1.0


def test_the_share_of_the_prior_bounds_the_weights():
    """By the likelihood over the share, even where the proposal has hardly any density."""
    result = importance_sample(
        Gaussian(width=0.3), log_likelihood, SPACE, n=4000, prior_share=0.05, random_state=0
    )
    log_weights = np.log(result.weights) + np.log(4000) + result.meta["log_evidence"]
    bound = log_likelihood(result.samples) - np.log(0.05)
    assert (log_weights <= bound + 1e-9).all()


@pytest.mark.parametrize("width", [0.7, 2.5])
def test_the_evidence_is_unbiased_at_any_number_of_draws(width):
    evidence = np.exp(
        [
            importance_sample(
                Gaussian(width=width), log_likelihood, SPACE, n=100, random_state=seed
            ).meta["log_evidence"]
            - LOG_EVIDENCE
            for seed in range(300)
        ]
    )
    assert abs(evidence.mean() - 1) < 3 * evidence.std() / np.sqrt(300)


def test_learning_raises_the_efficiency_and_does_not_bias_the_evidence():
    results = [
        importance_sample(
            Gaussian(shift=1.0, width=2.0),
            log_likelihood,
            SPACE,
            n=1500,
            n_rounds=3,
            random_state=seed,
        ).meta
        for seed in range(10)
    ]
    for meta in results:
        assert meta["method"] == "adaptive importance sampling"
        assert meta["efficiency_first"] < 0.25
        assert meta["efficiency_last"] > 2.5 * meta["efficiency_first"]
        assert meta["efficiency"] > 1.5 * meta["efficiency_first"]
    deviation = np.array(
        [(meta["log_evidence"] - LOG_EVIDENCE) / meta["log_evidence_error"] for meta in results]
    )
    assert abs(deviation.mean()) < 3 / np.sqrt(10)
    assert np.sqrt((deviation**2).mean()) < 1.6


def test_learning_does_not_spoil_a_good_proposal():
    meta = importance_sample(
        Gaussian(), log_likelihood, SPACE, n=2000, n_rounds=3, random_state=0
    ).meta
    assert meta["efficiency"] > 0.9


FAR = Gaussian(shift=40.0, width=0.5)


def test_a_proposal_that_is_far_off_fails_and_says_so():
    meta = importance_sample(FAR, log_likelihood, SPACE, n=1000, random_state=0).meta
    assert meta["verdict"] == "failed"
    assert meta["verdict_text"].startswith("1,000 draws are worth")


def test_where_it_fails_the_tempered_sampler_goes_on():
    told = []
    result = importance_sample(
        FAR,
        log_likelihood,
        SPACE,
        n=1000,
        fall_back=True,
        random_state=0,
        progress=told.append,
    )
    meta = result.meta
    assert "tempered" in meta["method"]
    assert meta["importance"]["verdict"] == "failed"
    assert "importance sampling failed" in meta["verdict_text"]
    assert meta["log_evidence"] == pytest.approx(LOG_EVIDENCE, abs=0.3)
    assert meta["n_simulations"] > meta["importance"]["n_simulations"] == 1000
    assert np.abs((result.mean - MEAN) / STD).max() < 0.25
    assert np.allclose(result.std, STD, rtol=0.2)
    assert told == sorted(told)
    assert told[-1] == 1.0
    json.dumps(meta, allow_nan=False)


def test_where_it_does_not_fail_there_is_no_need_to_fall_back():
    plain, ready = (
        importance_sample(
            Gaussian(width=1.5), log_likelihood, SPACE, n=2000, fall_back=choice, random_state=0
        )
        for choice in (False, True)
    )
    assert np.array_equal(plain.samples, ready.samples)
    assert plain.meta == ready.meta


def test_a_mode_that_the_proposal_missed_is_announced_once_the_prior_met_it():
    space = ParameterSpace([Parameter(name, Uniform(-4.0, 4.0)) for name in "ab"])

    def two_modes(theta):
        left, right = (
            stats.norm(centre, 0.35).logpdf(theta[:, 0]) + stats.norm(0, 0.5).logpdf(theta[:, 1])
            for centre in (-2.0, 2.0)
        )
        return np.logaddexp(np.log(0.3) + left, np.log(0.7) + right)

    seen = np.random.default_rng(0).normal([2.0, 0.0], [0.35, 0.5], (500, 2))
    proposal = mixture_proposal(seen, None, space, random_state=0)
    first = importance_sample(proposal, two_modes, space, n=4000, prior_share=0.05, random_state=0)
    assert first.meta["verdict"] == "failed"
    # A round later both modes are known.
    learned = importance_sample(
        proposal, two_modes, space, n=8000, n_rounds=4, prior_share=0.05, random_state=0
    )
    assert learned.weights @ (learned["a"] < 0) == pytest.approx(0.3, abs=0.05)
    assert learned.meta["log_evidence"] == pytest.approx(-np.log(64.0), abs=0.05)


@pytest.mark.parametrize("n_rounds", [1, 3])
def test_a_seed_reproduces_and_batches_do_not_matter(n_rounds):
    first, again, batched, other = (
        importance_sample(
            Gaussian(width=2.0),
            log_likelihood,
            SPACE,
            n=1000,
            n_rounds=n_rounds,
            batch_size=size,
            random_state=seed,
        )
        for size, seed in ((500, 4), (500, 4), (33, 4), (500, 5))
    )
    assert np.array_equal(first.samples, again.samples)
    assert np.array_equal(first.weights, again.weights)
    assert first.meta == again.meta
    assert np.allclose(first.samples, batched.samples, rtol=1e-9)
    assert np.allclose(first.weights, batched.weights, rtol=1e-6, atol=1e-12)
    assert not np.array_equal(first.samples, other.samples)


def test_progress_rises_to_one():
    told = []
    importance_sample(
        Gaussian(),
        log_likelihood,
        SPACE,
        n=1000,
        n_rounds=2,
        batch_size=100,
        random_state=0,
        progress=told.append,
    )
    assert told == sorted(told)
    assert told[0] == pytest.approx(0.1)
    assert told[-1] == 1.0


@pytest.mark.parametrize("how", ["nan", "minus infinity", "refused"])
def test_where_the_likelihood_fails_it_is_zero(how):
    """Half of the posterior cannot be simulated: the evidence is halved, and no sample is there."""

    def half(theta):
        values, bad = log_likelihood(theta), theta[:, 0] > MEAN[0]
        if how == "refused" and bad.any():
            raise RangeError("p0 is too large")
        return np.where(bad, np.nan if how == "nan" else -np.inf, values)

    result = importance_sample(Gaussian(), half, SPACE, n=4000, random_state=0)
    assert (result["p0"][result.weights > 0] <= MEAN[0]).all()
    error = result.meta["log_evidence_error"]
    assert abs(result.meta["log_evidence"] - LOG_EVIDENCE + np.log(2)) < 3 * error
    count = {"nan": "n_not_finite", "refused": "n_refused"}.get(how)
    for name in ("n_not_finite", "n_refused"):
        assert (result.meta[name] > 1500) == (name == count)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
@pytest.mark.parametrize("n_rounds", [1, 2])
def test_a_likelihood_that_is_never_finite(value, n_rounds):
    with pytest.raises(ExoskError, match=r"no draw .* finite likelihood; check"):
        importance_sample(
            Gaussian(), lambda theta: np.full(len(theta), value), SPACE, n=200, n_rounds=n_rounds
        )


def test_the_simulators_own_reason_is_told():
    def refuse(theta):
        raise RangeError("abundances add up to 3")

    with pytest.raises(ExoskError, match="the simulator said: abundances add up to 3"):
        importance_sample(Gaussian(), refuse, SPACE, n=100)


def test_the_priors_may_be_others_than_the_proposals():
    """A narrower prior cuts draws off, which are not simulated, and the evidence is its own."""
    narrow = SPACE.replace(p0=Uniform(MEAN[0], MEAN[0] + 5.0))
    asked = []

    def likelihood(theta):
        asked.append(theta)
        return log_likelihood(theta)

    result = importance_sample(Gaussian(width=1.5), likelihood, narrow, n=6000, random_state=0)
    theta = narrow.sample(400_000, 1)
    reference = np.exp(log_likelihood(theta))
    expected, scatter = np.log(reference.mean()), reference.std() / reference.mean() / 400_000**0.5
    error = np.hypot(result.meta["log_evidence_error"], scatter)
    assert abs(result.meta["log_evidence"] - expected) < 3 * error
    assert (np.concatenate(asked)[:, 0] >= MEAN[0]).all()
    assert result.meta["n_simulations"] < 4000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 50}, "50 draws are too few"),
        ({"n": 300, "n_rounds": 4}, "use 400 or more"),
        ({"n": 1000.5}, "n must be a whole number"),
        ({"n_rounds": 0}, "n_rounds must be"),
        ({"prior_share": 1.0}, "prior_share"),
        ({"prior_share": -0.1}, "prior_share"),
        ({"batch_size": 0}, "batch_size"),
        ({"space": SPACE[:2]}, "trained for these parameters"),
    ],
)
def test_numbers_out_of_range(change, message):
    with pytest.raises(RangeError, match=message):
        importance_sample(
            **{"proposal": Gaussian(), "log_likelihood": log_likelihood, "space": SPACE, **change}
        )


def test_nine_skewed_parameters_with_a_proposal_that_is_too_wide():
    """A banana of nine parameters, a hundred times longer than thick, in a wide box."""
    d = 9
    space = ParameterSpace([Parameter(f"p{k}", Uniform(-10.0, 10.0)) for k in range(d)])
    scale = np.geomspace(1.5, 0.015, d)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]

    def bend(y, sign):
        y = y.copy()
        y[:, 1] += sign * 0.5 * (y[:, 0] ** 2 - 1)
        return y

    def banana(theta):
        return stats.norm.logpdf(bend(theta @ turn / scale, -1)).sum(axis=1) - np.log(scale).sum()

    exact = (bend(np.random.default_rng(1).standard_normal((2000, d)), 1) * scale) @ turn.T
    wide = exact.mean(axis=0) + 1.8 * (exact - exact.mean(axis=0))
    proposal = mixture_proposal(wide, None, space, random_state=0)
    result = importance_sample(proposal, banana, space, n=8000, n_rounds=4, random_state=0)
    meta = result.meta
    assert meta["efficiency_first"] < 0.1
    assert meta["efficiency"] > 3 * meta["efficiency_first"]
    assert meta["verdict"] != "failed"
    error = max(meta["log_evidence_error"], 0.01)
    assert abs(meta["log_evidence"] + d * np.log(20.0)) < 3 * error
    assert np.allclose(result.mean, exact.mean(axis=0), atol=0.2 * exact.std(axis=0).max())
    assert np.allclose(result.std, exact.std(axis=0), rtol=0.15)


def test_a_network_with_the_built_in_simulator_agrees_with_the_tempered_sampler():
    grid = SpectralGrid.from_edges(np.linspace(1.1, 1.7, 13))
    simulator = TransmissionModel(molecules=("H2O",)).restrict(grid)
    space = simulator.space
    data = simulate_dataset(simulator, 1500, grid, random_state=0)
    sigma = np.full(grid.n_bins, 8e-5)
    network = MLPRetriever(
        (64, 64), augmentation=NoiseInjector(sigma, 0), max_epochs=15, random_state=0
    ).fit(data.X, data.Y)
    noise = sigma * np.random.default_rng(3).standard_normal(grid.n_bins)
    spectrum = Spectrum(grid, data.X[0] + noise, sigma)
    log_likelihood = gaussian_log_likelihood(simulator, spectrum)
    X = spectrum.to_row(sigma=False)
    result = importance_sample(
        proposal_of(network, X), log_likelihood, space, n=4000, n_rounds=4, random_state=0
    )
    samples = network.sample_posterior(X, 1000, 0)[0]
    tempered = refine_posterior(Posterior(samples, space), log_likelihood, random_state=0)
    assert result.meta["verdict"] != "failed"
    assert result.meta["log_evidence"] == pytest.approx(tempered.meta["log_evidence"], abs=0.3)
    assert np.abs((result.mean - tempered.mean) / result.std).max() < 0.3
    assert np.allclose(result.std, tempered.std, rtol=0.3)

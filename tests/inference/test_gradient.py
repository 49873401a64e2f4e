"""Hamiltonian moves against posteriors that are formulas, and against the other samplers."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from exosk.exceptions import ExoskError, FileFormatError, RangeError
from exosk.inference import gaussian_log_likelihood, refine_posterior
from exosk.inference.gradient import hmc_sample
from exosk.inference.nested import nested_sample
from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid, Spectrum

DESIGN = np.array([[1.0, 0.5, -0.3], [0.2, 1.0, 0.4], [0.0, 0.3, 1.0], [1.0, -1.0, 0.5]])
SIGMA = np.array([0.3, 0.2, 0.4, 0.25])
DATA = np.array([1.1, -0.4, 0.6, 1.7])


class Linear:
    """Data = DESIGN @ theta + noise, with a uniform prior that holds the whole posterior."""

    space = ParameterSpace([Parameter(name, Uniform(-6.0, 6.0)) for name in "abc"])
    covariance = np.linalg.inv(DESIGN.T @ np.diag(SIGMA**-2) @ DESIGN)
    mean = covariance @ DESIGN.T @ (DATA / SIGMA**2)
    deviation = np.sqrt(np.diag(covariance))

    def __call__(self, theta):
        residual = (theta @ DESIGN.T - DATA) / SIGMA
        return -0.5 * ((residual**2).sum(axis=1) + np.log(2 * np.pi * SIGMA**2).sum())

    def value_and_gradient(self, theta):
        return self(theta), -((theta @ DESIGN.T - DATA) / SIGMA**2) @ DESIGN

    @property
    def log_evidence(self):
        volume = 1.5 * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(self.covariance)[1]
        return self(self.mean[None])[0] + volume - 3 * np.log(12.0)

    def start(self, quality):
        random = np.random.default_rng(1)
        if quality == "prior":
            return self.space
        if quality == "good":
            samples = random.multivariate_normal(self.mean, 1.5 * self.covariance, 800)
        else:  # far too narrow, and four standard deviations off
            samples = random.multivariate_normal(
                self.mean + 4 * self.deviation, 0.1 * self.covariance, 800
            )
        return Posterior(samples, self.space, meta={"kept": True})


@pytest.mark.parametrize("quality", ["good", "prior", "wrong"])
def test_a_linear_model_has_its_exact_posterior_and_evidence(quality):
    problem = Linear()
    result = hmc_sample(problem, problem.start(quality), n_particles=800, random_state=0)
    assert len(result) == 800
    # Moves that forget make particles as good as independent ones.
    assert np.abs((result.mean - problem.mean) / problem.deviation).max() < 0.15
    assert np.allclose(result.std, problem.deviation, rtol=0.1)
    correlation = np.corrcoef(result.samples.T)
    expected = problem.covariance / np.outer(problem.deviation, problem.deviation)
    assert np.abs(correlation - expected).max() < 0.1
    error = result.meta["log_evidence_error"]
    assert 0 < error < 0.2
    assert abs(result.meta["log_evidence"] - problem.log_evidence) < 3 * error
    assert result.meta["acceptance"] > 0.6
    assert result.meta.get("kept") == (None if quality == "prior" else True)
    json.dumps(result.meta)


def test_the_stated_error_of_the_evidence_is_its_scatter():
    problem = Linear()
    metas = [
        hmc_sample(problem, problem.space, n_particles=100, random_state=seed).meta
        for seed in range(30)
    ]
    errors = [meta["log_evidence"] - problem.log_evidence for meta in metas]
    stated = np.mean([meta["log_evidence_error"] for meta in metas])
    assert np.std(errors) == pytest.approx(stated, rel=0.5)
    assert abs(np.mean(errors)) < 4 * stated / np.sqrt(30)


@pytest.mark.parametrize(
    "prior",
    [Normal(0.5, 0.7), Normal(0.0, 1.0, low=-0.2, high=3.0), LogUniform(0.1, 10), Uniform(0, 2)],
    ids=["normal", "cut", "loguniform", "uniform"],
)
def test_each_kind_of_prior_is_sampled(prior):
    """Against numerical integration over the one parameter."""
    space = ParameterSpace([Parameter("a", prior), Parameter("b", Uniform(0, 1))])

    class Measured:
        def value_and_gradient(self, theta):
            value = stats.norm(0.8, 0.5).logpdf(theta[:, 0])
            slope = np.stack([(0.8 - theta[:, 0]) / 0.25, np.zeros(len(theta))], axis=1)
            return value, slope

    result = hmc_sample(Measured(), space, n_particles=1500, random_state=0)
    grid = prior.distribution.ppf((np.arange(20_000) + 0.5) / 20_000)
    weight = stats.norm(0.8, 0.5).pdf(grid)
    mean = np.average(grid, weights=weight)
    std = np.sqrt(np.average((grid - mean) ** 2, weights=weight))
    assert result["a"].mean() == pytest.approx(mean, abs=0.1 * std)
    assert result["a"].std() == pytest.approx(std, rel=0.1)
    assert result["b"].mean() == pytest.approx(0.5, abs=0.03)
    assert result.meta["log_evidence"] == pytest.approx(np.log(weight.mean()), abs=0.1)


def test_where_the_likelihood_fails_it_is_zero():
    class Half(Linear):
        def value_and_gradient(self, theta):
            value, slope = super().value_and_gradient(theta)
            bad = theta[:, 0] < self.mean[0]
            return np.where(bad, -np.inf, value), np.where(bad[:, None], np.nan, slope)

    problem = Half()
    result = hmc_sample(problem, problem.space, n_particles=800, random_state=0)
    assert (result["a"] >= problem.mean[0]).all()
    half = problem.log_evidence - np.log(2)
    assert result.meta["log_evidence"] == pytest.approx(half, abs=0.4)


def test_the_same_seed_gives_the_same_posterior():
    problem = Linear()
    first, again, other = (
        hmc_sample(problem, problem.start("good"), n_particles=100, random_state=seed)
        for seed in (4, 4, 5)
    )
    assert np.array_equal(first.samples, again.samples)
    assert first.meta == again.meta
    assert not np.array_equal(first.samples, other.samples)


def test_progress_rises_to_one():
    problem, told = Linear(), []
    hmc_sample(problem, problem.space, n_particles=100, random_state=0, progress=told.append)
    assert told == sorted(told)
    assert told[0] > 0
    assert told[-1] == 1.0


def test_what_cannot_be_sampled_is_refused():
    problem = Linear()
    with pytest.raises(RangeError, match="5 particles are too few"):
        hmc_sample(problem, problem.space, n_particles=5)
    with pytest.raises(ExoskError, match="value_and_gradient"):
        hmc_sample(lambda theta: problem(theta), problem.space)
    shuffled = ParameterSpace([problem.space[k] for k in (1, 0, 2)])
    with pytest.raises(RangeError, match="takes a, b, c"):
        hmc_sample(problem, shuffled)


def test_a_likelihood_that_is_never_finite():
    class Never:
        refusal = "not bound"

        def value_and_gradient(self, theta):
            return np.full(len(theta), -np.inf), np.zeros(theta.shape)

    with pytest.raises(ExoskError, match=r"finite likelihood; .* says: not bound"):
        hmc_sample(Never(), Linear.space, n_particles=50)


KILLED = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_gradient import Linear
from exosk.inference.gradient import hmc_sample

def die(beta):
    if beta > float(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

problem = Linear()
start = problem.start(sys.argv[3])
hmc_sample(problem, start, n_particles=100, checkpoint=sys.argv[1], random_state=7, progress=die)
"""


@pytest.mark.parametrize("quality", ["prior", "wrong"])
def test_a_killed_run_goes_on_with_the_same_numbers(tmp_path, quality):
    problem, path = Linear(), tmp_path / "run.h5"
    start = problem.start(quality)
    whole = hmc_sample(problem, start, n_particles=100, random_state=7)
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), "0.001", quality], check=False, env=os.environ,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL, run.stderr
    stages = []
    resumed = hmc_sample(problem, start, n_particles=100, checkpoint=path, progress=stages.append)
    assert np.array_equal(resumed.samples, whole.samples)
    assert resumed.meta == whole.meta
    assert 0 < len(stages) < whole.meta["n_stages"]
    again = hmc_sample(problem, start, n_particles=100, checkpoint=path, progress=pytest.fail)
    assert np.array_equal(again.samples, whole.samples)


def test_a_checkpoint_of_something_else_or_damaged_is_refused(tmp_path):
    problem, path = Linear(), tmp_path / "run"
    options = {"n_particles": 60, "checkpoint": path, "problem": "mine", "random_state": 0}
    hmc_sample(problem, problem.space, **options)
    content = path.read_bytes()
    with pytest.raises(FileFormatError, match="another problem"):
        hmc_sample(problem, problem.space, **options | {"problem": "yours"})
    with pytest.raises(FileFormatError, match="other settings"):
        hmc_sample(problem, problem.space, **options | {"n_particles": 61})
    with pytest.raises(FileFormatError, match="other priors"):
        hmc_sample(problem, problem.space.replace(a=Normal(0, 1)), **options)
    with pytest.raises(FileFormatError, match="no exosk nested-sampling-checkpoint"):
        nested_sample(problem, problem.space, checkpoint=path, problem="mine")
    for damaged in (b"", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="run"):
            hmc_sample(problem, problem.space, **options)
    assert len(hmc_sample(problem, problem.space, **options, resume=False)) == 60


@pytest.mark.slow
def test_three_samplers_agree_on_an_atmosphere():
    """Evidences within their errors, and posteriors, of a small spectrum."""
    grid = SpectralGrid.from_edges(np.linspace(1.1, 1.7, 9))
    space = ParameterSpace(
        [
            Parameter("planet_radius", Uniform(1.0, 1.2)),
            Parameter("temperature", Uniform(600.0, 1800.0)),
            Parameter("log_x_h2o", Uniform(-8.0, -1.0)),
        ]
    )
    simulator = TransmissionModel(
        ("H2O",), space=space, fixed={"planet_mass": 1.0}, grid=grid, n_layers=30
    )
    depth = grid.averaging_matrix(simulator.wavelength) @ simulator.simulate([[1.1, 1200, -4]])[0]
    noise = np.random.default_rng(0).normal(0, 5e-5, 8)
    spectrum = Spectrum(grid, depth + noise, np.full(8, 5e-5))
    log_likelihood = gaussian_log_likelihood(simulator, spectrum)
    nested = nested_sample(
        log_likelihood, space, n_live=300, n_eff=2000, n_networks=0, random_state=0
    )
    moved = hmc_sample(log_likelihood, space, n_particles=250, random_state=0)
    prior = Posterior(space.sample(1000, 0), space)
    refined = refine_posterior(prior, log_likelihood, n_particles=500, random_state=0)
    expected = nested.meta["log_evidence"]
    error = np.hypot(nested.meta["log_evidence_error"], moved.meta["log_evidence_error"])
    assert abs(moved.meta["log_evidence"] - expected) < 3 * error
    assert refined.meta["log_evidence"] == pytest.approx(expected, abs=0.4)
    for other in (moved, refined):
        assert np.abs((other.mean - nested.mean) / nested.std).max() < 0.3
        assert np.allclose(other.std, nested.std, rtol=0.25)

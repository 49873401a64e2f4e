"""Nested sampling against evidences that are formulas, and through kills and damage."""

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
from exosk.inference import gaussian_log_likelihood
from exosk.inference.nested import nested_sample
from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform
from exosk.simulators import get_simulator
from exosk.spectra import SpectralGrid, Spectrum

# Ellipsoids are enough for these problems, and quick.
QUICK = {"n_live": 100, "n_eff": 600, "n_networks": 0}
SPACE = ParameterSpace(
    [Parameter("a", Normal(0.5, 1.0)), Parameter("b", Uniform(-3, 3)), Parameter("c", Normal(0, 2))]
)
CENTRE, SIGMA = np.array([0.2, 0.5, -1.0]), np.array([0.3, 0.2, 0.5])


def separable(theta):
    """Independent measurements of each parameter."""
    return stats.norm(CENTRE, SIGMA).logpdf(theta).sum(axis=1)


def log_evidence_of_separable() -> float:
    found = 0.0
    for centre, sigma, parameter in zip(CENTRE, SIGMA, SPACE, strict=True):
        prior = parameter.prior
        if isinstance(prior, Normal):
            found += stats.norm(prior.mean, np.hypot(prior.std, sigma)).logpdf(centre)
        else:
            found -= np.log(prior.high - prior.low)
    return found


@pytest.mark.parametrize("n_networks", [0, 1])
def test_the_evidence_and_the_posterior_are_known(n_networks):
    result = nested_sample(separable, SPACE, **QUICK | {"n_networks": n_networks}, random_state=0)
    meta = result.meta
    error = meta["log_evidence"] - log_evidence_of_separable()
    assert abs(error) < min(3 * meta["log_evidence_error"], 0.1)
    assert 0 < meta["log_evidence_error"] < 0.1
    precision = SIGMA**-2 + np.array([1.0, 0.0, 0.25])
    mean = (CENTRE / SIGMA**2 + [0.5, 0.0, 0.0]) / precision
    assert np.abs((result.mean - mean) * np.sqrt(precision)).max() < 0.15
    assert np.allclose(result.std * np.sqrt(precision), 1, atol=0.1)
    assert result.effective_size >= 550
    assert meta["efficiency"] == pytest.approx(
        result.effective_size / meta["n_simulations"], rel=0.05
    )
    json.dumps(meta)


def test_one_parameter_is_enough():
    space = ParameterSpace([Parameter("a", LogUniform(0.1, 10.0))])
    result = nested_sample(
        lambda theta: stats.norm(0.0, 0.2).logpdf(np.log10(theta[:, 0])), space, **QUICK,
        random_state=0,
    )  # fmt: skip
    assert result.meta["log_evidence"] == pytest.approx(np.log(0.5), abs=0.1)
    assert result.samples.shape[1] == 1
    assert np.average(np.log10(result["a"]), weights=result.weights) == pytest.approx(0, abs=0.03)


def test_both_modes_have_their_share():
    space = ParameterSpace([Parameter(name, Uniform(-4.0, 4.0)) for name in "ab"])

    def log_likelihood(theta):
        left, right = (stats.norm(c, 0.2).logpdf(theta).sum(axis=1) for c in (-2.0, 2.0))
        return np.logaddexp(np.log(0.3) + left, np.log(0.7) + right)

    result = nested_sample(log_likelihood, space, **QUICK, random_state=1)
    assert result.weights @ (result["a"] < 0) == pytest.approx(0.3, abs=0.06)
    assert result.meta["log_evidence"] == pytest.approx(-2 * np.log(8), abs=0.1)


def test_the_same_seed_gives_the_same_posterior():
    first, again, other = (
        nested_sample(separable, SPACE, **QUICK, random_state=seed) for seed in (4, 4, 5)
    )
    assert np.array_equal(first.samples, again.samples)
    assert np.array_equal(first.weights, again.weights)
    assert first.meta == again.meta
    assert not np.array_equal(first.samples, other.samples)


def test_progress_rises_to_one():
    told = []
    nested_sample(separable, SPACE, **QUICK, random_state=0, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    # It is of use on the way too.
    assert min(abs(share - 0.5) for share in told) < 0.2


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_where_the_likelihood_fails_it_is_zero(value):
    def log_likelihood(theta):
        return np.where(theta[:, 1] > 1, separable(theta), value)

    result = nested_sample(log_likelihood, SPACE, **QUICK, random_state=0)
    assert (result["b"] > 1).all()
    inside = log_evidence_of_separable() + stats.norm(0.5, 0.2).logsf(1.0)
    assert result.meta["log_evidence"] == pytest.approx(inside, abs=0.1)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_a_likelihood_that_is_never_finite_is_no_endless_run(value):
    calls = []

    def log_likelihood(theta):
        calls.append(len(theta))
        return np.full(len(theta), value)

    log_likelihood.refusal = "temperature = 9000 is outside the tables"
    with pytest.raises(
        ExoskError, match=r"draws from the prior none .* \(the simulator says: temp"
    ):
        nested_sample(log_likelihood, SPACE, **QUICK)
    assert sum(calls) <= 10_000


def test_a_run_that_does_not_end_is_given_up_and_can_go_on(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(ExoskError, match="has not ended after 800 calls"):
        nested_sample(separable, SPACE, **QUICK, n_like_max=800, checkpoint=path, random_state=2)
    resumed = nested_sample(separable, SPACE, **QUICK, checkpoint=path, random_state=9)
    whole = nested_sample(separable, SPACE, **QUICK, random_state=2)
    assert np.array_equal(resumed.samples, whole.samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_live": 20}, "20 live points are too few"),
        ({"n_eff": 0}, "n_eff > 0"),
        ({"checkpoint": "unused", "problem": object()}, "JSON"),
    ],
)  # fmt: skip
def test_bad_settings(options, message):
    with pytest.raises(RangeError, match=message):
        nested_sample(separable, SPACE, **QUICK | options)


@pytest.mark.parametrize(
    "log_likelihood",
    [lambda theta: 0.0, lambda theta: theta, lambda theta: np.full(len(theta), np.inf)],
    ids=["scalar", "matrix", "infinite"],
)  # fmt: skip
def test_a_likelihood_that_makes_no_sense(log_likelihood):
    with pytest.raises(RangeError, match="log likelihood"):
        nested_sample(log_likelihood, SPACE, **QUICK)


def test_parameters_in_another_order_are_refused():
    class Knowing:
        space = ParameterSpace([SPACE[k] for k in (2, 0, 1)])

        def __call__(self, theta):
            return separable(theta)

    with pytest.raises(RangeError, match="takes c, a, b"):
        nested_sample(Knowing(), SPACE, **QUICK)


KILLED = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_nested import QUICK, SPACE, separable
from exosk.inference.nested import nested_sample

calls = 0

def mortal(theta):
    global calls
    calls += len(theta)
    if calls > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return separable(theta)

nested_sample(mortal, SPACE, **QUICK, checkpoint=sys.argv[1], save_every=0, random_state=7)
"""


@pytest.mark.slow
def test_a_killed_run_loses_nothing(tmp_path):
    """Killed three times, while it explores and while it samples, it ends as if it never was."""
    whole = nested_sample(separable, SPACE, **QUICK, random_state=7)
    path = tmp_path / "run.h5"
    for n_calls in (900, 700, 500):
        run = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(n_calls)], check=False,
            env=os.environ, capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == -signal.SIGKILL, run.stderr
    calls = []

    def counted(theta):
        calls.append(len(theta))
        return separable(theta)

    resumed = nested_sample(counted, SPACE, **QUICK, checkpoint=path)
    assert np.array_equal(resumed.samples, whole.samples)
    assert np.array_equal(resumed.weights, whole.weights)
    assert resumed.meta == whole.meta
    assert sum(calls) == whole.meta["n_simulations"] - 900 - 700 - 500
    again = nested_sample(lambda theta: 1 / 0, SPACE, **QUICK, checkpoint=path)
    assert np.array_equal(again.samples, whole.samples)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> bytes:
    """Give the checkpoint of a run that has ended."""
    path = tmp_path_factory.mktemp("nested") / "run"
    nested_sample(
        separable, SPACE, n_live=60, n_eff=50, n_networks=0, checkpoint=path, problem="mine",
        random_state=0,
    )  # fmt: skip
    return path.read_bytes()


SAME = {"n_live": 60, "n_eff": 50, "n_networks": 0, "problem": "mine"}


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (SPACE.replace(b=Uniform(-2, 3)), {}, "other priors"),
        (SPACE, {"problem": "another"}, "another problem"),
        (SPACE, {"n_live": 70}, "other settings"),
    ],
    ids=["priors", "problem", "settings"],
)
def test_a_checkpoint_of_something_else_is_refused(finished, tmp_path, space, options, message):
    path = tmp_path / "run"
    path.write_bytes(finished)
    with pytest.raises(FileFormatError, match=message):
        nested_sample(separable, space, **SAME | options, checkpoint=path)
    assert path.read_bytes() == finished
    fresh = nested_sample(
        separable, space, **SAME | options, checkpoint=path, resume=False, random_state=1
    )
    assert len(fresh)


@pytest.mark.parametrize("damage", ["empty", "foreign", "cut", "flipped"])
def test_a_damaged_checkpoint_is_refused(finished, tmp_path, damage):
    middle = len(finished) // 2
    content = {
        "empty": b"",
        "foreign": b"not a run at all",
        "cut": finished[:middle],
        "flipped": finished[:middle] + bytes([finished[middle] ^ 255]) + finished[middle + 1 :],
    }[damage]
    path = tmp_path / "run"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="run"):
        nested_sample(separable, SPACE, **SAME, checkpoint=path)


def test_another_code_is_driven_through_the_same_interface():
    """TauREx and the built-in model have the same evidence for a small spectrum."""
    pytest.importorskip("taurex")
    grid = SpectralGrid.from_edges([1.3, 1.35, 1.4, 1.45])
    space = ParameterSpace(
        [
            Parameter("planet_radius", Uniform(1.05, 1.15)),
            Parameter("log_x_h2o", Uniform(-8.0, -2.0)),
        ]
    )
    fixed = {"planet_mass": 1.0, "temperature": 1300.0}
    taurex, builtin = (
        get_simulator(name, molecules=("H2O",), space=space, fixed=fixed, grid=grid, n_layers=20)
        for name in ("taurex", "builtin")
    )
    depth = grid.averaging_matrix(taurex.wavelength) @ taurex.simulate([[1.1, -4.0]])[0]
    spectrum = Spectrum(grid, depth, np.full(3, 2e-4))
    one, other = (
        nested_sample(
            gaussian_log_likelihood(simulator, spectrum), space, n_live=60, n_eff=200,
            n_networks=0, random_state=0,
        )
        for simulator in (taurex, builtin)
    )  # fmt: skip
    assert one.meta["log_evidence"] == pytest.approx(other.meta["log_evidence"], abs=0.2)
    assert np.abs((one.mean - other.mean) / other.std).max() < 0.3

"""What weights say, where it is known."""

import json

import numpy as np
import pytest
from scipy import stats

from exosk.inference.weights import appraise, effective_size, pareto_k, temper


def lognormal(spread, n=20_000, seed=0):
    return np.random.default_rng(seed).normal(0.0, spread, n)


def pareto(shape, n=20_000):
    """Weights at even quantiles of a generalised Pareto distribution."""
    return stats.genpareto(shape).ppf((np.arange(n) + 0.5) / n)


def test_equal_weights_are_perfect():
    found = appraise(np.full(5000, -700.0))
    assert found["log_evidence"] == pytest.approx(-700.0)
    assert found["efficiency"] == pytest.approx(1.0)
    assert found["log_evidence_error"] == pytest.approx(0.0, abs=1e-9)
    assert found["pareto_k"] == 0.0
    assert found["verdict"] == "good"


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_normal_log_weights_have_a_formula(spread):
    """Mean weight exp(s^2 / 2), efficiency exp(-s^2)."""
    found = appraise(lognormal(spread))
    assert abs(found["log_evidence"] - spread**2 / 2) < 3 * found["log_evidence_error"]
    assert found["efficiency"] == pytest.approx(np.exp(-(spread**2)), rel=0.05)
    expected = np.sqrt((np.exp(spread**2) - 1) / 20_000)
    assert found["log_evidence_error"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("shift", [-1e5, -3.0, 1e5])
def test_a_factor_in_all_weights_changes_the_evidence_alone(shift):
    log_weights = lognormal(1.5)
    first, other = appraise(log_weights), appraise(log_weights + shift)
    assert other.pop("log_evidence") == pytest.approx(first.pop("log_evidence") + shift)
    assert other.pop("verdict_text")
    del first["verdict_text"]
    assert other.pop("verdict") == first.pop("verdict")
    assert other == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8, 1.3])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    assert pareto_k(np.log(pareto(shape))) == pytest.approx(shape, abs=0.05)


def test_bounded_weights_have_a_negative_shape():
    weights = np.random.default_rng(0).uniform(size=50_000)
    assert pareto_k(np.log(weights)) < -0.5


@pytest.mark.parametrize("n_weights", [0, 1, 4])
def test_few_weights_above_zero_have_no_shape_and_the_verdict_is_failed(n_weights):
    log_weights = np.full(1000, -np.inf)
    log_weights[:n_weights] = -np.arange(n_weights)
    assert pareto_k(log_weights) is None
    if n_weights:
        found = appraise(log_weights)
        assert found["verdict"] == "failed"
        json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("log_weights", "verdict", "why"),
    [
        (lognormal(0.5), "good", "no weight stands out"),
        (lognormal(0.2, 300), "usable", "fewer than 400"),
        (lognormal(4.0), "failed", "fewer than the 100"),
        (lognormal(0.1, 80), "failed", "fewer than the 100"),
        (np.log(pareto(0.6)), "usable", "larger than stated"),
        (np.log(1 + 0.02 * pareto(0.9)), "failed", "heavy tail"),
    ],
)
def test_verdicts(log_weights, verdict, why):
    found = appraise(log_weights)
    assert found["verdict"] == verdict
    assert why in found["verdict_text"]


@pytest.mark.parametrize("wanted", [10, 200, 2000])
def test_flattened_weights_have_the_wanted_effective_size(wanted):
    log_weights = lognormal(5.0)
    log_weights[::3] = -np.inf
    flat = temper(log_weights, wanted)
    assert effective_size(log_weights) < 10
    assert effective_size(flat) == pytest.approx(wanted, rel=1e-3)
    assert np.array_equal(np.argsort(flat), np.argsort(log_weights))
    assert np.isneginf(flat[::3]).all()


def test_weights_that_are_even_enough_stay():
    log_weights = lognormal(0.5)
    assert temper(log_weights, 100) is log_weights


def test_no_more_than_half_of_the_weights_can_be_wanted():
    log_weights = np.r_[np.zeros(1), np.full(9, -50.0)]
    assert effective_size(temper(log_weights, 1000)) == pytest.approx(5.0, rel=1e-3)

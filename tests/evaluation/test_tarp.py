"""Balls around random points hold the truth as often as they should."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from exosk.evaluation.tarp import prior_normal, run_tarp, tarp_credibility, tarp_test
from exosk.exceptions import RangeError
from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform

# x = A theta + noise: a posterior with a correlation of -0.78.
A, SIGMA = np.array([[1.0, 0.9], [0.9, 1.0]]), 0.7
EXACT = np.linalg.inv(np.eye(2) + A.T @ A / SIGMA**2)
REFLECTION = np.diag([-1.0, 1.0])
SPACE = ParameterSpace(
    [Parameter("temperature", Uniform(500, 1500), "K"), Parameter("gravity", LogUniform(1, 100))]
)


def draw(n=800, n_samples=200, seed=0, width=1.0, shift=0.0, turned=False):
    """Samples and truths of a posterior that may be wrong, where the prior is standard normal."""
    random = np.random.default_rng(seed)
    truth = random.standard_normal((n, 2))
    x = truth @ A.T + SIGMA * random.standard_normal((n, 2))
    covariance = width**2 * (REFLECTION @ EXACT @ REFLECTION if turned else EXACT)
    mean = x @ A @ EXACT / SIGMA**2 + shift * np.sqrt(np.diag(EXACT))
    noise = random.standard_normal((n, n_samples, 2)) @ np.linalg.cholesky(covariance).T
    return mean[:, None] + noise, truth


def test_the_exact_posterior_passes():
    found = run_tarp(*draw(), random_state=0)
    assert found.passed
    assert abs(found.area) < 3 * found.area_error
    assert abs(found.difference) < 0.03


@pytest.mark.parametrize(
    ("fault", "sign"),
    [({"width": 0.75}, -1), ({"width": 1.3}, 1), ({"shift": 1.0}, 0), ({"turned": True}, 0)],
    ids=["narrow", "wide", "shifted", "turned"],
)
def test_wrong_posteriors_fail(fault, sign):
    """A correlation of the wrong sign too, which leaves each parameter by itself exact.

    Points on all sides let biases cancel in the area, not in the test.
    """
    found = run_tarp(*draw(**fault), random_state=0)
    assert found.p_value < 1e-3
    if sign:
        assert sign * found.area > 3 * found.area_error


def test_no_smaller_p_values_than_chance_allows():
    p_values = [
        run_tarp(*draw(100, 30, seed), n_references=3, random_state=seed).p_value
        for seed in range(60)
    ]
    assert np.mean(np.array(p_values) < 0.1) < 0.2


def test_credibilities_are_uniform_whatever_the_points():
    samples, truth = draw(1500, 40)
    random = np.random.default_rng(1)
    far = 50 + np.zeros((1, *truth.shape))
    near = samples[None, :, 0] + 0.1 * random.standard_normal((1, *truth.shape))
    for points in (far, near * 0):
        credibility = tarp_credibility(samples, truth, points, 0)
        assert stats.kstest(credibility[0], "uniform").pvalue > 0.01


def test_units_do_not_matter():
    samples, truth = draw(100, 30)
    back = [SPACE.from_unit_cube(stats.norm.cdf(values)) for values in (samples, truth)]
    np.testing.assert_allclose(prior_normal(SPACE, back[0]), samples, atol=1e-6)
    there = run_tarp(*back, SPACE, random_state=0)
    here = run_tarp(samples, truth, random_state=0)
    np.testing.assert_allclose(there.credibility, here.credibility)


def test_the_ends_of_a_prior_are_finite():
    space = ParameterSpace([Parameter("a", Uniform(0, 1)), Parameter("b", Normal(0, 1))])
    assert np.isfinite(prior_normal(space, [[0.0, -60.0], [1.0, 60.0]])).all()


def test_seeds_repeat_and_differ():
    samples, truth = draw(100, 30)
    one, same, other = (run_tarp(samples, truth, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.credibility, same.credibility)
    assert (one.credibility != other.credibility).any()
    assert one.to_dict() == same.to_dict()


def test_area_is_that_under_the_curve():
    found = run_tarp(*draw(300, 50, width=0.7), n_references=2, random_state=0)
    levels = np.linspace(0.5, 1, 5001)
    curve = found.coverage(levels).mean(axis=0) - levels
    assert found.area == pytest.approx(np.trapezoid(curve, levels), abs=3e-4)
    exact = tarp_test(np.random.default_rng(0).uniform(size=(2000, 100)))
    areas = [0.625 - np.maximum(row, 0.5).mean() for row in exact.credibility]
    assert np.std(areas) == pytest.approx(exact.area_error, rel=0.1)


@pytest.mark.parametrize(
    "fault", [{}, {"width": 0.75}, {"turned": True}], ids=["exact", "narrow", "turned"]
)
def test_coverage_and_area_are_those_of_sbi(fault):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sbi = pytest.importorskip("sbi.diagnostics.tarp")
    samples, truth = draw(500, 400, **fault)
    references = np.random.default_rng(3).standard_normal((1, *truth.shape))
    ecp, alpha = sbi._run_tarp(
        torch.as_tensor(samples).transpose(0, 1),
        torch.as_tensor(truth),
        torch.as_tensor(references[0]),
        num_bins=50,
    )
    ours = tarp_test(tarp_credibility(samples, truth, references, 0))
    # They let a truth fall on the end of its step, we within it.
    np.testing.assert_allclose(ours.coverage(alpha.numpy())[0], ecp.numpy(), atol=0.01)
    area, _ = sbi.check_tarp(ecp, alpha)
    assert ours.area == pytest.approx(area, abs=0.01)


def test_what_does_not_fit_is_refused():
    samples, truth = np.zeros((30, 5, 2)), np.zeros((30, 2))
    for wrong, options, match in (
        ((samples, truth[:, :1]), {}, "want samples of shape"),
        ((samples[:, :0], truth), {}, "hold nothing"),
        ((samples * np.nan, truth), {}, "of the samples are not finite"),
        ((samples[:1], truth[:1]), {}, "at least 20 spectra"),
        ((samples[:, :, 0], truth[:, 0]), {}, "truths must be of shape"),
        ((samples, truth), {"n_references": 0}, "at least 1, got 0"),
    ):
        with pytest.raises(RangeError, match=match):
            run_tarp(*wrong, **options)
    with pytest.raises(RangeError, match="random points of shape"):
        tarp_credibility(samples, truth, truth)
    with pytest.raises(RangeError, match="2 columns"):
        run_tarp(np.zeros((30, 5, 3)), np.zeros((30, 3)), SPACE)

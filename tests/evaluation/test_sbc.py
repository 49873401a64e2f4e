"""Ranks of truths are uniform under exact posteriors, and under few others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from exosk.evaluation.coverage import pit_coverage
from exosk.evaluation.expected_coverage import central_levels, coverage_test, density_levels
from exosk.evaluation.sbc import posterior_ranks, rank_histogram, rank_transform, uniformity_test
from exosk.exceptions import RangeError

# x = A theta + noise: a posterior with a correlation of -0.78.
A, SIGMA = np.array([[1.0, 0.9], [0.9, 1.0]]), 0.7
EXACT = np.linalg.inv(np.eye(2) + A.T @ A / SIGMA**2)
REFLECTION = np.diag([-1.0, 1.0])
WRONG = {
    "narrow": {"width": 0.8},
    "wide": {"width": 1.25},
    "shifted": {"shift": 0.3},
    "turned": {"turned": True},
}


def draw(n=800, n_samples=200, seed=0, width=1.0, shift=0.0, turned=False):
    """Samples, truths, data, and log densities of the former, of a posterior that may be wrong."""
    random = np.random.default_rng(seed)
    truth = random.standard_normal((n, 2))
    x = truth @ A.T + SIGMA * random.standard_normal((n, 2))
    covariance = width**2 * (REFLECTION @ EXACT @ REFLECTION if turned else EXACT)
    mean = x @ A @ EXACT / SIGMA**2 + shift * np.sqrt(np.diag(EXACT))
    noise = random.standard_normal((n, n_samples, 2)) @ np.linalg.cholesky(covariance).T
    samples = mean[:, None] + noise
    density = stats.multivariate_normal(np.zeros(2), covariance)
    return samples, truth, x, density.logpdf(noise), density.logpdf(truth - mean)


def transform(samples, truth):
    ranks = posterior_ranks(samples, truth, 0)
    return rank_transform(ranks, samples.shape[1], 0)


def test_the_exact_posterior_passes():
    samples, truth, _, *densities = draw()
    ranks = uniformity_test(transform(samples, truth), ["a", "b"])
    assert ranks.passed
    assert coverage_test(central_levels(ranks.transform)).p_value > 0.05
    levels = density_levels(*densities, 0)
    assert uniformity_test(levels).passed
    assert coverage_test(levels).p_value > 0.05


@pytest.mark.parametrize("fault", ["narrow", "wide", "shifted"])
def test_a_wrong_marginal_fails(fault):
    samples, truth, _, *densities = draw(**WRONG[fault])
    assert not uniformity_test(transform(samples, truth)).passed
    assert uniformity_test(density_levels(*densities, 0)).p_value < 1e-4


def test_only_the_joint_density_sees_a_correlation_of_the_wrong_sign():
    samples, truth, _, *densities = draw(turned=True)
    ranks = uniformity_test(transform(samples, truth))
    assert ranks.passed, "each parameter by itself is exact"
    assert coverage_test(central_levels(ranks.transform)).p_value > 0.05
    levels = density_levels(*densities, 0)
    assert uniformity_test(levels).p_value < 1e-6
    assert coverage_test(levels).difference < -0.1


def test_the_likelihood_sees_it_too():
    """Modrak et al.: a quantity that depends on the data."""
    for turned in (False, True):
        samples, truth, x, *_ = draw(turned=turned)
        of_samples = -np.sum((x[:, None] - samples @ A.T) ** 2, axis=2)
        of_truth = -np.sum((x - truth @ A.T) ** 2, axis=1)
        likelihood = uniformity_test(transform(of_samples, of_truth))
        assert likelihood.passed != turned


def test_too_narrow_is_covered_too_rarely_and_too_wide_too_often():
    for fault, sign in (("narrow", -1), ("wide", 1)):
        samples, truth, _, *densities = draw(**WRONG[fault])
        central = coverage_test(central_levels(transform(samples, truth)))
        assert sign * central.difference > 0.04
        assert sign * coverage_test(density_levels(*densities, 0)).difference > 0.08


def test_p_values_are_uniform_over_seeds():
    found = []
    for seed in range(150):
        random = np.random.default_rng(seed)
        truth, samples = random.standard_normal((60, 1)), random.standard_normal((60, 9, 1))
        tested = uniformity_test(transform(samples, truth))
        found.append([tested.ks[0], tested.chi2[0]])
    assert stats.kstest(np.array(found)[:, 0], "uniform").pvalue > 0.01
    # Counts make steps of the other.
    assert np.mean(np.array(found)[:, 1] < 0.05) == pytest.approx(0.05, abs=0.05)


def test_ranks_do_not_depend_on_monotonic_maps_nor_on_order():
    samples, truth, *_ = draw(100, 50)
    ranks = posterior_ranks(samples, truth, 0)
    np.testing.assert_array_equal(posterior_ranks(np.exp(samples), np.exp(truth), 0), ranks)
    np.testing.assert_array_equal(posterior_ranks(samples[:, ::-1], truth, 0), ranks)
    np.testing.assert_array_equal(posterior_ranks(-samples, -truth, 0), 50 - ranks)


def test_ties_are_ranked_at_random():
    ranks = posterior_ranks(np.zeros((4000, 3)), np.zeros(4000), 0)
    np.testing.assert_allclose(np.bincount(ranks), 1000, atol=120)
    again = posterior_ranks(np.zeros((4000, 3)), np.zeros(4000), 0)
    np.testing.assert_array_equal(again, ranks)
    infinite = posterior_ranks([[-np.inf, 0.0]], [-np.inf], 0)
    assert infinite[0] in (0, 1)


def test_coverage_agrees_with_that_of_transforms():
    u = np.random.default_rng(0).uniform(size=(200, 3))
    found = coverage_test(central_levels(u), levels=[0.3, 0.9])
    np.testing.assert_array_equal(found.observed, pit_coverage(u, [0.3, 0.9]))
    expected = stats.binomtest(round(200 * found.observed[0, 1]), 200, 0.3).pvalue
    assert found.p_values[0, 1] == pytest.approx(expected)


def test_counts_of_exact_posteriors_lie_in_the_band():
    u = np.random.default_rng(0).uniform(size=(500, 200))
    counts, (low, high) = rank_histogram(u, 10)
    assert counts.sum() == u.size
    assert np.mean((counts >= low) & (counts <= high)) > 0.94


def test_results_name_their_columns_and_what_is_worst():
    u = np.random.default_rng(0).uniform(size=(200, 2)) ** [1, 2]
    found = uniformity_test(u, ["temperature", "log_x_h2o"])
    assert found.worst == "log_x_h2o"
    assert set(found.to_dict()["quantities"]) == {"temperature", "log_x_h2o"}
    covered = coverage_test(central_levels(u), ["temperature", "log_x_h2o"])
    assert len(covered.to_dict()["coverage"]["log_x_h2o"]) == 3


def oracle():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("sbi.diagnostics.sbc")


@pytest.mark.parametrize("fault", [None, "narrow", "shifted"])
def test_ranks_and_p_values_are_those_of_sbi(fault):
    torch, sbi = pytest.importorskip("torch"), oracle()
    samples, truth, *_ = draw(300, 400, **WRONG.get(fault, {}))
    ours = posterior_ranks(samples, truth, 0)
    theirs = sbi._run_sbc(
        torch.as_tensor(truth),
        torch.zeros(len(truth), 1),
        torch.as_tensor(samples).transpose(0, 1),
        "marginals",
        show_progress_bar=False,
    ).numpy()
    np.testing.assert_array_equal(ours, theirs)
    p_values = sbi.check_uniformity_frequentist(torch.as_tensor(theirs), 400).numpy()
    found = uniformity_test(rank_transform(ours, 400, 0)).ks
    np.testing.assert_allclose(np.log10(found), np.log10(p_values), rtol=0.15, atol=0.1)


def test_what_does_not_fit_is_refused():
    samples, truth = np.zeros((30, 5, 2)), np.zeros((30, 2))
    for wrong, match in (
        ((samples, truth[:, :1]), r"shape \(30, 5, 2\)"),
        ((samples[:29], truth), r"shape \(29, 5, 2\)"),
        ((samples[:, :0], truth), "hold nothing"),
        ((samples[:0], truth[:0]), "hold nothing"),
        ((samples, truth * np.nan), "of the truths are not finite, the first of spectrum 0"),
        ((1.0, 1.0), "want samples of shape"),
    ):
        with pytest.raises(RangeError, match=match):
            posterior_ranks(*wrong)
    with pytest.raises(RangeError, match="between 0 and 5"):
        rank_transform([6], 5)
    for test in (uniformity_test, coverage_test):
        with pytest.raises(RangeError, match="at least 20 spectra"):
            test(np.full((1, 2), 0.5))
        with pytest.raises(RangeError, match="between 0 and 1"):
            test(np.full((30, 2), np.nan))
        with pytest.raises(RangeError, match="1 names for 2 columns"):
            test(np.full((30, 2), 0.5), ["a"])
    with pytest.raises(RangeError, match="levels of regions"):
        coverage_test(np.full(30, 0.5), levels=[68])

"""Posteriors that are right on average and wrong at each place are found out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exosk.evaluation.local import local_test, spectrum_features
from exosk.evaluation.sbc import uniformity_test
from exosk.exceptions import RangeError


def draw(n=600, seed=0, fault=None):
    """Features, and the transforms of two parameters' truths, one of which may be wrong."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n, 3))
    z = random.standard_normal((n, 2))
    hot = np.where(features[:, 0] > 0, 1.0, -1.0)
    if fault == "shifts":
        z[:, 1] += 0.3 * hot
    elif fault == "widths":
        z[:, 1] *= np.where(hot > 0, 1.35, 0.7)
    elif fault == "ring":
        z[:, 1] += 0.5 * np.sign((features**2).sum(axis=1) - 2.37)
    return stats.norm.cdf(z), features


def test_what_does_not_depend_on_the_place_passes():
    found = local_test(*draw(), random_state=0)
    assert found.passed
    np.testing.assert_allclose(found.statistic, 1, atol=0.5)


@pytest.mark.parametrize("fault", ["shifts", "widths", "ring"])
def test_what_does_is_found_where_the_average_is_right(fault):
    u, features = draw(fault=fault)
    found = local_test(u, features, ["a", "b"], random_state=0)
    assert found.p_value <= 0.01
    assert found.worst == "b"
    assert found.p_values[0] > 0.01


def test_ranks_over_all_places_do_not_see_it():
    p_values = [uniformity_test(draw(seed=k, fault="shifts")[0]).p_value for k in range(20)]
    assert np.mean(np.array(p_values) < 0.05) < 0.3


def test_coverage_is_told_at_each_place():
    u, features = draw(2000, fault="widths")
    found = local_test(u, features, random_state=0)
    hot = features[:, 0] > 0
    exact = [2 * stats.norm.cdf(stats.norm.ppf(0.84) / width) - 1 for width in (1.35, 0.7)]
    assert found.coverage[hot, 1].mean() == pytest.approx(exact[0], abs=0.04)
    assert found.coverage[~hot, 1].mean() == pytest.approx(exact[1], abs=0.04)
    assert found.coverage[:, 0].mean() == pytest.approx(0.68, abs=0.04)
    assert ((found.coverage >= 0) & (found.coverage <= 1)).all()


def test_levels_of_highest_density_are_one_sided():
    random = np.random.default_rng(0)
    u = random.uniform(size=(500, 2)) ** 2
    found = local_test(u, random.standard_normal((500, 2)), one_sided=[True, False])
    inside = [(u[:, 0] <= 0.68).mean(), (2 * np.abs(u[:, 1] - 0.5) <= 0.68).mean()]
    np.testing.assert_allclose(found.coverage.mean(axis=0), inside, atol=0.01)


def test_what_all_places_share_is_left_to_the_global_tests():
    u, features = draw()
    assert local_test(u**2, features, random_state=0).passed


def test_p_values_are_uniform_over_seeds():
    p_values = [
        local_test(*draw(60, seed), n_permutations=39, random_state=seed).p_value
        for seed in range(120)
    ]
    # Permutations make steps of 1 / 40; within a step anything goes.
    within = np.random.default_rng(0).uniform(size=120) / 40
    assert stats.kstest(np.array(p_values) - within, "uniform").pvalue > 0.01


def test_seeds_repeat():
    one, same = (local_test(*draw(100), n_permutations=50, random_state=0) for _ in range(2))
    assert one.to_dict() == same.to_dict()
    np.testing.assert_array_equal(one.coverage, same.coverage)


def test_features_are_principal_components_of_unit_variance():
    random = np.random.default_rng(0)
    two = random.standard_normal((100, 2))
    X = two @ random.standard_normal((2, 30)) + 0.02
    features = spectrum_features(X)
    assert features.shape == (100, 2), "as many as there are"
    np.testing.assert_allclose(np.cov(features.T), np.eye(2) * 100 / 99, atol=1e-9)
    np.testing.assert_allclose(np.abs(spectrum_features(1e-3 * X + 5)), np.abs(features), atol=1e-5)


def test_missing_bins_and_constant_columns_are_no_features():
    random = np.random.default_rng(0)
    X = random.standard_normal((60, 5))
    X[:, 3], X[:, 4] = np.nan, 1e-4
    X[::7, 0] = np.nan
    features = spectrum_features(X)
    assert features.shape == (60, 3)
    assert np.isfinite(features).all()


def test_what_does_not_fit_is_refused():
    u, features = draw(40)
    for wrong, match in (
        ((u[:39], features), r"shape \(39, 2\)"),
        ((u[:1], features[:1]), "at least 20 spectra"),
        ((u[:, :0], features), "want one row"),
        ((u * np.nan, features), "finite"),
        ((u, features * np.inf), "finite"),
        ((u, features * 0), "all features are the same"),
        ((u * 0, features), "all the same"),
    ):
        with np.errstate(invalid="ignore"), pytest.raises(RangeError, match=match):
            local_test(*wrong, n_permutations=5)
    with pytest.raises(RangeError, match="1 names for 2 columns"):
        local_test(u, features, ["a"])
    with pytest.raises(RangeError, match="n_permutations"):
        local_test(u, features, n_permutations=0)
    with pytest.raises(RangeError, match="one_sided"):
        local_test(u, features, one_sided=[True], n_permutations=5)
    for X, match in ((np.ones((30, 4)), "the same"), (np.ones((1, 4)), "at least 20")):
        with pytest.raises(RangeError, match=match):
            spectrum_features(X)
    with pytest.raises(RangeError, match="the same"):
        spectrum_features(np.full((30, 4), np.nan))

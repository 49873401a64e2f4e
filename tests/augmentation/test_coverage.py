"""What is left of a spectrum is some windows' worth, of the shares asked for."""

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.utils.estimator_checks import check_estimator

from exosk.augmentation import CoverageDropout, redraw
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.rows import join_rows

N_BINS = 40
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
X = np.full((8000, N_BINS), 0.02)


def kept(X=X, **settings):
    settings = {"bins": 0, "whole": 0, "random_state": 0} | settings
    return ~np.isnan(CoverageDropout(**settings).fit_transform(X))


def runs(seen):
    return (seen & ~np.roll(seen, 1, axis=1)).sum(axis=1) + (seen[:, 0] & seen[:, -1])


def within(observed, share, n=8000):
    """Whether a share of n draws is the one expected, to five standard errors."""
    return abs(observed - share) < 5 * (share * (1 - share) / n) ** 0.5 + 1e-12


@pytest.mark.parametrize("windows", [1, 2, 3, 5])
def test_the_number_of_windows_is_any_from_one_up_equally_often(windows):
    number = runs(kept(share=0.5, windows=windows))
    counts = np.bincount(number, minlength=windows + 1)
    assert counts[0] == counts[windows + 1 :].sum() == 0
    assert all(within(count / len(X), 1 / windows) for count in counts[1:])


def test_there_are_fewer_windows_where_too_few_bins_are_kept_or_hidden():
    np.testing.assert_array_equal(runs(kept(share=1 / N_BINS, windows=9)), 1)
    assert runs(kept(share=2 / N_BINS, windows=9)).max() == 2
    assert runs(kept(share=1 - 1 / N_BINS, windows=9)).max() == 2
    assert kept(share=1.0, windows=9).all()


def test_a_share_is_kept_exactly_where_it_comes_to_whole_bins():
    np.testing.assert_array_equal(kept(share=0.25).sum(axis=1), N_BINS // 4)


def test_a_share_between_whole_bins_is_kept_on_average():
    number = kept(share=0.26).sum(axis=1)
    assert set(number) == {10, 11}
    assert within((number == 11).mean(), 0.4)


def test_a_range_of_shares_is_log_uniform():
    """In many bins, so that whole bins are no coarse measure of it."""
    share = kept(np.full((3000, 2000), 0.02), share=(0.05, 0.8)).mean(axis=1)
    place = np.log(share / 0.05) / np.log(0.8 / 0.05)
    assert kstest(place, "uniform").pvalue > 0.01


def test_one_window_begins_anywhere_equally_often():
    begin = kept(share=0.25, windows=1).argmax(axis=1)
    counts = np.bincount(begin, minlength=31)
    assert len(counts) == 31
    assert all(within(count / len(X), 1 / 31) for count in counts)


def test_two_windows_split_their_bins_anyhow():
    seen = kept(share=0.25, windows=2)
    seen = seen[runs(seen) == 2]
    first = np.cumsum(~seen & (np.cumsum(seen, axis=1) > 0), axis=1) == 0
    size = (first & seen).sum(axis=1)
    counts = np.bincount(size, minlength=10)
    assert counts[0] == 0
    assert all(within(count / len(seen), 1 / 9, len(seen)) for count in counts[1:])


def test_no_side_is_preferred():
    share = kept().mean(axis=0)
    np.testing.assert_allclose(share, share[::-1], atol=5 * (0.5 / len(X)) ** 0.5)


def test_single_bins_of_the_windows_go_with_their_share():
    seen = kept(share=0.5, windows=1, bins=0.3)
    assert within(seen.sum() / (0.5 * seen.size), 0.7, seen.size // 2)
    span = [np.ptp(np.flatnonzero(row)) + 1 for row in seen]
    assert max(span) == N_BINS // 2


def test_a_spectrum_stays_whole_as_often_as_asked():
    left = kept(share=0.5, bins=0.2, whole=0.3).all(axis=1)
    assert within(left.mean(), 0.3)
    assert kept(share=0.5, bins=0.2, whole=1).all()


def test_at_least_one_bin_is_left_and_none_that_was_missing_comes_back():
    gappy = X.copy()
    gappy[:, 1:36] = np.nan
    for settings in ({"share": 1.0, "bins": 1}, {"share": 0.03, "bins": 0.5}):
        left = kept(gappy, **settings)
        assert left.any(axis=1).all()
        assert not left[:, 1:36].any()
        assert left[:, [0, 36, 37, 38, 39]].any(axis=0).all()


def test_a_lone_bin_that_is_left_is_one_of_the_window():
    seen = kept(share=0.5, windows=1, bins=1)
    np.testing.assert_array_equal(seen.sum(axis=1), 1)
    # The outermost bin is in one of 21 windows, and is then one of 20.
    assert within(seen[:, 0].mean(), 1 / 21 / 20)


def test_what_is_left_is_unchanged_and_the_error_goes_with_the_depth():
    rows = join_rows(X + np.arange(N_BINS), np.full(N_BINS, 1e-4))
    cover = CoverageDropout(random_state=0, grid=GRID)
    cut = cover.fit_transform(rows)
    missing = np.isnan(cut)
    assert missing.any()
    np.testing.assert_array_equal(missing[:, :N_BINS], missing[:, N_BINS:])
    np.testing.assert_array_equal(cut[~missing], rows[~missing])


def test_observations_are_untouched():
    cover = CoverageDropout(whole=0, random_state=0).fit(X)
    np.testing.assert_array_equal(cover.transform(X), X)


def test_without_a_grid_every_column_is_a_depth():
    seen = kept(np.full((500, 2 * N_BINS), 0.02), share=0.1)
    assert (seen[:, :N_BINS] != seen[:, N_BINS:]).any()
    with pytest.raises(GridError, match="X has 30 columns"):
        CoverageDropout(grid=GRID).fit(X[:, :30])


def test_seeds():
    first, again, other = (kept(random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_each_epoch_draws_afresh_and_precision_is_kept():
    rng = np.random.RandomState(0)
    cover = CoverageDropout()
    first, second = (redraw(cover, X.astype(np.float32), rng) for _ in range(2))
    assert (np.isnan(first) != np.isnan(second)).any()
    assert first.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("share", [-0.1, 1.1, (0.3, 0.1), "some", np.nan, None], "share must be a number or"),
        ("share", [0, (0, 0.5)], "share must be above 0"),
        ("bins", [-0.1, 1.1, (0.3, 0.1), "some", np.nan, None], "bins must be a number or"),
        ("whole", [-0.1, 1.1, "some", np.nan, None], "whole must be a number or"),
        ("whole", [(0.1, 0.2)], "whole must be one number"),
        ("windows", [0, -1, 1.5, "two", None, True], "windows must be a whole number from 1 up"),
    ],
)
def test_what_is_no_share_or_number_is_refused(name, values, words):
    for value in values:
        with pytest.raises(RangeError, match=words):
            CoverageDropout(**{name: value}).fit(X)


_HIDES = "it compares fit_transform, which hides bins, with transform, which must not"


def test_scikit_learns_checks():
    expected = dict.fromkeys(
        ("check_transformer_general", "check_transformer_data_not_an_array"), _HIDES
    )
    check_estimator(CoverageDropout(), expected_failed_checks=expected, on_skip=None)
    check_estimator(CoverageDropout(whole=1), on_skip=None)

"""Bins go missing as often as they should, and something is always left."""

import numpy as np
import pytest

from exosk.augmentation import BinDropout
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.rows import join_rows

N_BINS = 25
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
X = np.full((8000, N_BINS), 0.02)


def hidden(**settings):
    return np.isnan(BinDropout(random_state=0, **settings).fit_transform(X))


def test_single_bins_go_with_their_share_and_on_their_own():
    missing = hidden(bins=0.2, gap=0)
    error = (0.2 * 0.8 / len(X)) ** 0.5
    np.testing.assert_allclose(missing.mean(axis=0), 0.2, atol=5 * error)
    np.testing.assert_allclose(np.corrcoef(missing.T), np.eye(N_BINS), atol=5 / len(X) ** 0.5)


def test_a_range_of_shares_varies_from_spectrum_to_spectrum():
    share = hidden(bins=(0.0, 0.4), gap=0).mean(axis=1)
    assert share.mean() == pytest.approx(0.2, abs=0.01)
    # Var = Var(share) + <share (1 - share)> / n_bins, of a share uniform in (0, 0.4).
    expected = 0.4**2 / 12 + (0.2 - 0.4**2 / 3) / N_BINS
    assert share.var() == pytest.approx(expected, rel=0.06)


def test_a_gap_is_one_run_of_neighbours_of_its_share():
    missing = hidden(bins=0, gap=0.32)
    np.testing.assert_array_equal(missing.sum(axis=1), 8)
    begins = missing & ~np.roll(missing, 1, axis=1)
    np.testing.assert_array_equal(begins.sum(axis=1), 1)


def test_all_bins_are_missing_equally_often():
    missing = hidden(bins=0, gap=(0.1, 0.5)).mean(axis=0)
    np.testing.assert_allclose(missing, 0.3, atol=5 * (0.21 / len(X)) ** 0.5)


def test_both_together():
    missing = hidden(bins=0.1, gap=0.2)
    assert missing.mean() == pytest.approx(1 - 0.9 * 0.8, abs=0.005)


def test_at_least_one_bin_is_left():
    gappy = X.copy()
    gappy[:, 1:20] = np.nan
    for settings in ({"bins": 1, "gap": 0}, {"bins": 0, "gap": 1}):
        left = ~np.isnan(BinDropout(random_state=0, **settings).fit_transform(gappy))
        np.testing.assert_array_equal(left.sum(axis=1), 1)
        assert not left[:, 1:20].any(), "none that was missing comes back"
        assert left[:, [0, *range(20, N_BINS)]].any(axis=0).all()


def test_what_is_left_is_unchanged_and_the_error_goes_with_the_depth():
    rows = join_rows(X, np.full(N_BINS, 1e-4))
    injector = BinDropout(random_state=0, grid=GRID)
    gappy = injector.fit_transform(rows)
    missing = np.isnan(gappy)
    np.testing.assert_array_equal(missing[:, :N_BINS], missing[:, N_BINS:])
    np.testing.assert_array_equal(gappy[~missing], rows[~missing])
    np.testing.assert_array_equal(injector.transform(rows), rows)


def test_seeds():
    first, again, other = (np.isnan(BinDropout(random_state=s).fit_transform(X)) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("value", [-0.1, 1.1, (0.3, 0.1), (0, 0.1, 0.2), "some", np.nan, None])
@pytest.mark.parametrize("name", ["bins", "gap"])
def test_what_is_no_share_is_refused(name, value):
    with pytest.raises(RangeError, match=f"{name} must be a number or .*, between 0 and 1"):
        BinDropout(**{name: value}).fit(X)

"""Bins merged in training: means are kept, and a block is as uncertain as its bins were."""

import numpy as np
import pytest

import exosk
from exosk.augmentation import BinMerger
from exosk.exceptions import RangeError
from exosk.rows import join_rows

GRID = exosk.SpectralGrid.from_resolution(1.0, 2.0, 30)
B = GRID.n_bins
RANDOM = np.random.default_rng(0)
DEPTH = RANDOM.uniform(0.01, 0.02, (500, B))
SIGMA = RANDOM.uniform(1e-5, 1e-4, (500, B))


def merged(depth=DEPTH, sigma=SIGMA, **settings):
    rows = BinMerger(**settings, random_state=0, grid=GRID).fit_transform(join_rows(depth, sigma))
    return rows[:, :B], rows[:, B:]


def runs(row):
    """Lengths of runs of equal values."""
    return np.diff(np.flatnonzero(np.r_[True, row[1:] != row[:-1], True]))


@pytest.mark.parametrize("size", [2, 3, 7])
def test_blocks_have_the_width_but_for_the_ends(size):
    depth, sigma = merged(bins=size, whole=0)
    firsts = set()
    for row, errors in zip(depth, sigma, strict=True):
        lengths = runs(row)
        assert (lengths[1:-1] == size).all()
        assert (lengths <= size).all()
        assert np.array_equal(runs(errors), lengths)
        firsts.add(int(lengths[0]))
    assert firsts == set(range(1, size + 1)), "blocks begin anywhere"


def test_means_and_mean_variances_are_kept():
    depth, sigma = merged(bins=(1, 6), whole=0)
    np.testing.assert_allclose(depth.mean(axis=1), DEPTH.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose((sigma**2).mean(axis=1), (SIGMA**2).mean(axis=1), rtol=1e-12)


def test_noise_is_of_the_size_that_a_cut_bin_says():
    """Of n bins with error s the mean scatters by s / root n, and says s."""
    noise = 1e-4 * RANDOM.standard_normal((4000, B))
    depth, sigma = merged(0.01 + noise, np.full((4000, B), 1e-4), bins=4, whole=0)
    np.testing.assert_allclose(sigma, 1e-4)
    middle = depth[:, 8:-8]
    assert middle.std() == pytest.approx(0.5e-4, rel=0.03)


def test_it_is_what_rebinning_a_coarse_spectrum_gives():
    size = 3
    fine = exosk.SpectralGrid.from_edges(np.geomspace(1, 2, 31))
    coarse = exosk.SpectralGrid.from_edges(np.geomspace(1, 2, 31)[::size])
    values = RANDOM.uniform(0.01, 0.02, (1, coarse.n_bins))
    cut = exosk.Rebinner(fine, coarse).fit(values).transform(values)
    np.testing.assert_allclose(cut, np.repeat(values, size, axis=1), rtol=1e-9)


def test_some_stay_whole():
    depth, _ = merged(bins=2, whole=0.4)
    assert np.mean((depth == DEPTH).all(axis=1)) == pytest.approx(0.4, abs=0.07)


def test_a_missing_bin_takes_no_part():
    gappy = np.where(RANDOM.random(DEPTH.shape) < 0.3, np.nan, DEPTH)
    gappy[:, 0] = DEPTH[:, 0]
    depth, sigma = merged(gappy, np.where(np.isnan(gappy), np.nan, SIGMA), bins=(2, 5), whole=0)
    assert np.array_equal(np.isnan(depth), np.isnan(gappy))
    assert np.array_equal(np.isnan(sigma), np.isnan(gappy))
    assert np.nanmin(depth) >= np.nanmin(gappy)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bins": 0}, "bins"),
        ({"bins": 1.5}, "whole numbers"),
        ({"bins": (3, 2)}, "bins"),
        ({"bins": "two"}, "bins"),
        ({"whole": (0, 1)}, "whole"),
        ({"whole": -1}, "whole"),
    ],
)
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(RangeError, match=words):
        BinMerger(**settings).fit(DEPTH)

"""What every way of scaling does, and what each does by itself."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.preprocessing import SpectrumScaler
from exosk.preprocessing.bands import EXOGAN_BAND_EDGES, band_starts
from exosk.rows import RowLayout
from exosk.spectra import SpectralGrid

RNG = np.random.default_rng(0)
GRID = SpectralGrid.from_resolution(0.6, 2.5, 20)
N_BINS = GRID.n_bins
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((30, N_BINS))
DEPTH[3] = 0.021  # flat
SIGMA = 1e-4 * RNG.uniform(0.5, 2, DEPTH.shape)
GAPPY = DEPTH.copy()
GAPPY[::3, 2:9] = np.nan  # whole bands of them
GAPPY[5, 1:] = np.nan

METHODS = ("spread", "level", "range", "bands", "bins")
each_method = pytest.mark.parametrize("method", METHODS)
each_depth = pytest.mark.parametrize("depth", [DEPTH, GAPPY], ids=["whole", "gaps"])


@each_method
@each_depth
@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize("n_extra", [0, 2])
def test_the_inverse_is_exact(method, depth, errors, n_extra):
    sigma = [np.where(np.isnan(depth), np.nan, SIGMA)] if errors else []
    X = np.hstack([depth, *sigma, RNG.standard_normal((30, n_extra))])
    scaler = SpectrumScaler(method, GRID, n_extra=n_extra).fit(X)
    scaled = scaler.transform(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), X, rtol=1e-13)
    assert scaled.shape[1] == len(scaler.get_feature_names_out())
    start = N_BINS * (1 + errors)
    np.testing.assert_array_equal(scaled[:, start : start + n_extra], X[:, start:])
    if method not in ("bins", "bands"):
        assert RowLayout.of(scaled.shape[1], GRID, extra=True) == RowLayout(
            N_BINS, errors, scaled.shape[1] - start
        )


@each_method
@each_depth
def test_a_step_of_one_error_in_shape_is_one_in_depth(method, depth):
    scaler = SpectrumScaler(method, GRID).fit(np.hstack([depth, SIGMA]))
    scaled = scaler.transform(np.hstack([depth, SIGMA]))
    scaled[:, :N_BINS] += scaled[:, N_BINS : 2 * N_BINS]
    moved = scaler.inverse_transform(scaled)[:, :N_BINS] - depth
    # What is flat has no scale to step by.
    stepped = np.abs(moved) > 1e-12
    assert stepped.sum() > 0.8 * (~np.isnan(depth)).sum()
    np.testing.assert_allclose(moved[stepped], SIGMA[stepped], rtol=1e-9)


@each_method
def test_errors_do_not_change_the_shape(method):
    shape = SpectrumScaler(method, GRID).fit_transform(DEPTH)
    both = SpectrumScaler(method, GRID).fit_transform(np.hstack([DEPTH, SIGMA]))
    np.testing.assert_array_equal(np.delete(both, np.s_[N_BINS : 2 * N_BINS], axis=1), shape)
    names = SpectrumScaler(method, GRID).fit(np.hstack([DEPTH, SIGMA])).get_feature_names_out()
    assert list(names[: 2 * N_BINS]) == GRID.feature_names() + GRID.feature_names("sigma")


@each_method
def test_nothing_but_what_was_missing_is_missing(method):
    scaled = SpectrumScaler(method, GRID).fit_transform(GAPPY)
    np.testing.assert_array_equal(np.isnan(scaled[:, :N_BINS]), np.isnan(GAPPY))
    if method != "bands":
        assert np.isfinite(scaled[:, N_BINS:]).all()
    assert not np.isinf(scaled).any()


@pytest.mark.parametrize("method", ["spread", "range", "bands", "level"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_flat_spectrum_becomes_zeros_and_keeps_its_errors(method, dtype):
    flat = np.full((1, 2 * N_BINS), 1 / 3, dtype=dtype)
    flat[:, N_BINS:] = 1e-4
    scaler = SpectrumScaler(method, GRID).fit(flat)
    scaled = scaler.transform(flat)
    assert scaled.dtype == dtype
    np.testing.assert_allclose(scaled[:, :N_BINS], 0, atol=1e-7)
    np.testing.assert_array_equal(scaled[:, N_BINS : 2 * N_BINS], flat[:, N_BINS:])
    np.testing.assert_allclose(scaler.inverse_transform(scaled), flat, rtol=1e-6)


def test_level_leaves_differences_in_their_unit():
    scaled = SpectrumScaler("level").fit_transform(DEPTH)
    np.testing.assert_allclose(scaled[:, :-1], DEPTH - DEPTH.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(scaled[:, -1], DEPTH.mean(axis=1))


def test_range_runs_from_0_to_1():
    scaled = SpectrumScaler("range").fit_transform(GAPPY[:3])
    np.testing.assert_allclose(np.nanmin(scaled[:, :-2], axis=1), 0)
    np.testing.assert_allclose(np.nanmax(scaled[:, :-2], axis=1), 1)
    np.testing.assert_array_equal(scaled[:, -2], np.nanmin(GAPPY[:3], axis=1))
    np.testing.assert_array_equal(scaled[:, -1], np.nanmax(GAPPY[:3], axis=1))


def test_bins_are_standardised_as_scikit_learn_does():
    scaler = SpectrumScaler("bins").fit(GAPPY)
    theirs = StandardScaler().fit(GAPPY)
    np.testing.assert_allclose(scaler.transform(DEPTH), theirs.transform(DEPTH), rtol=1e-6)
    constant = np.column_stack([DEPTH, np.full(30, 0.02)])
    np.testing.assert_allclose(SpectrumScaler("bins").fit_transform(constant)[:, -1], 0, atol=1e-15)


def test_bands_run_from_0_to_1_each():
    scaler = SpectrumScaler("bands", GRID).fit(DEPTH)
    band = np.searchsorted(EXOGAN_BAND_EDGES, GRID.wavelength)
    scaled = scaler.transform(DEPTH)
    np.testing.assert_array_equal(scaler.bands_, np.unique(band))
    assert 0 not in np.bincount(band)[scaler.bands_]
    for k, number in enumerate(scaler.bands_):
        inside = band == number
        values, low = DEPTH[:, inside], scaled[:, N_BINS + k]
        high = scaled[:, N_BINS + len(scaler.bands_) + k]
        np.testing.assert_array_equal(low, values.min(axis=1))
        np.testing.assert_array_equal(high, values.max(axis=1))
        span = np.where(high > low, high - low, np.inf)
        expected = (values - low[:, None]) / span[:, None]
        np.testing.assert_allclose(scaled[:, :N_BINS][:, inside], expected)
    names = scaler.get_feature_names_out()
    assert names[N_BINS] == f"minimum_band{scaler.bands_[0]}"
    assert names[-1] == f"maximum_band{scaler.bands_[-1]}"


def test_a_grid_in_one_band_has_one():
    narrow = SpectralGrid.from_edges(np.linspace(1.3, 1.6, 6))
    X = DEPTH[:, :5]
    scaler = SpectrumScaler("bands", narrow).fit(X)
    np.testing.assert_array_equal(scaler.bands_, [6])
    np.testing.assert_array_equal(scaler.transform(X), SpectrumScaler("range").fit_transform(X))


def test_a_band_of_one_bin_is_zero_and_one_without_a_value_is_missing():
    grid = SpectralGrid.from_edges([1.0, 1.2, 1.4, 1.6])
    X = np.array([[0.01, 0.02, 0.03], [np.nan, 0.02, 0.03]])
    scaler = SpectrumScaler("bands", grid, bands=[1.2]).fit(X)
    scaled = scaler.transform(X)
    np.testing.assert_array_equal(
        scaled, [[0, 0, 1, 0.01, 0.02, 0.01, 0.03], [np.nan, 0, 1, np.nan, 0.02, np.nan, 0.03]]
    )
    np.testing.assert_array_equal(scaler.inverse_transform(scaled), X)


def test_exogan_s_bands_start_where_its_code_says(shared_data):
    """First points of its bands, in its grid of descending wavelength."""
    points = np.loadtxt(shared_data / "exogan" / "wnw_grid.txt")
    grid = SpectralGrid.from_centers(points[::-1])
    bands, starts = band_starts(grid)
    first = [0, 162, 195, 208, 241, 255, 318, 334, 371, 384, 394, 406, 420, 440]
    np.testing.assert_array_equal(bands, np.arange(14))
    last = np.append(starts[1:], 515) - 1  # the longest wavelength of each
    np.testing.assert_array_equal(sorted(514 - last), first)
    middle = np.sqrt(points[1:] * points[:-1])[np.array(first[1:]) - 1]
    np.testing.assert_allclose(EXOGAN_BAND_EDGES, middle[::-1], rtol=2e-4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "spred"}, UnknownNameError, "did you mean 'spread'"),
        ({"method": "bands"}, GridError, "so the bins must be known; give the grid"),
        ({"method": "bands", "grid": GRID, "bands": [2.0, 1.0]}, RangeError, "must ascend"),
        ({"grid": GRID[:5]}, GridError, "neither the depths of 5 bins nor"),
        ({"n_extra": N_BINS}, GridError, "at least one must be, so lower n_extra"),
        ({"n_extra": -1}, GridError, "n_extra=-1"),
        ({"grid": "x"}, GridError, "grid must be a SpectralGrid or None, not str"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        SpectrumScaler(**options).fit(DEPTH)


def test_a_bin_that_no_training_spectrum_has_cannot_be_standardised():
    empty = DEPTH.copy()
    empty[:, 4] = np.nan
    with pytest.raises(RangeError, match=r"in bin 4 \(1 such bins\).*Masker"):
        SpectrumScaler("bins").fit(empty)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "bands", "grid": GRID}, rf"expected {N_BINS} bins and \d+ minima and maxima"),
        ({"method": "bins"}, f"expected {N_BINS} bins in each row"),
        ({"n_extra": 1}, f"expected {N_BINS - 1} bins, 1 more columns, level and spread"),
    ],
)
def test_the_inverse_wants_what_transform_gives(options, message):
    with pytest.raises(ValueError, match=message):
        SpectrumScaler(**options).fit(DEPTH).inverse_transform(DEPTH[:, 1:])

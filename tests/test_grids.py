"""Laws of spectral bins and of averaging into them."""

import json

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

from exosk.exceptions import GridError, UnitError
from exosk.grids import SpectralGrid

NATIVE = np.geomspace(0.9, 2.1, 500)
GRIDS = {
    "contiguous": SpectralGrid.from_edges(np.linspace(1, 2, 20)),
    "resolution": SpectralGrid.from_resolution(1, 2, 37),
    "gaps": SpectralGrid([1.0, 1.3, 1.7], [1.2, 1.4, 2.0]),
    "narrow": SpectralGrid.from_centers([1.1, 1.4, 1.9], 1e-5),
    "overlap": SpectralGrid.from_edges(np.linspace(1, 2, 20))[[0, 1, 5, 6]],
    "one": SpectralGrid([1.1], [1.9]),
    "all": SpectralGrid.from_edges(NATIVE[[0, -1]]),
}
each_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


@each_grid
def test_a_constant_stays_that_constant(grid):
    np.testing.assert_allclose(grid.average(NATIVE, np.full(NATIVE.size, 0.02)), 0.02, rtol=1e-10)


@each_grid
def test_a_straight_line_is_read_at_the_centre(grid):
    line = 0.02 + 0.003 * NATIVE
    np.testing.assert_allclose(
        grid.average(NATIVE, line), 0.02 + 0.003 * grid.wavelength, rtol=1e-10
    )


@each_grid
def test_averaging_is_linear_and_serves_any_number_of_spectra(grid):
    spectra = np.random.default_rng(0).random((2, 3, NATIVE.size))
    binned = grid.average(NATIVE, spectra)
    assert binned.shape == (2, 3, grid.n_bins)
    np.testing.assert_allclose(binned[1, 2], grid.average(NATIVE, spectra[1, 2]), rtol=1e-12)
    combined = grid.average(NATIVE, 2 * spectra[0] - spectra[1])
    np.testing.assert_allclose(combined, 2 * binned[0] - binned[1], rtol=1e-9, atol=1e-12)
    assert (binned <= spectra.max()).all()
    assert (binned >= spectra.min()).all()


@each_grid
def test_only_the_samples_needed_are_needed(grid):
    needed = grid.samples_needed(NATIVE)
    values = np.random.default_rng(0).random(NATIVE.size)
    np.testing.assert_allclose(
        grid.average(NATIVE[needed], values[needed]), grid.average(NATIVE, values), rtol=1e-12
    )


@each_grid
def test_every_grid_survives_json_and_its_own_parts(grid):
    assert SpectralGrid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid
    assert SpectralGrid.from_centers(grid.wavelength, grid.half_width) == grid
    assert grid[:] == grid
    assert grid[np.arange(len(grid))] == grid
    assert len(grid) == grid.n_bins == grid.wavelength.size == len(grid.feature_names())
    low, high = grid.range
    assert low < grid.wavelength.min() <= grid.wavelength.max() < high
    assert str(grid.n_bins) in repr(grid)


def test_the_same_bins_are_the_identity():
    """Averaging into bins so narrow that a sample fills each gives the samples back."""
    values = np.random.default_rng(0).random(NATIVE.size)
    inner = slice(1, -1)
    grid = SpectralGrid.from_centers(NATIVE[inner], 1e-9)
    np.testing.assert_allclose(grid.average(NATIVE, values), values[inner], atol=1e-5)


def test_averaging_twice_is_averaging_once_when_bins_nest():
    fine = SpectralGrid.from_edges(np.sort(np.random.default_rng(3).uniform(1, 2, 41)))
    edges = np.append(fine.lower, fine.upper[-1])[::5]
    coarse = SpectralGrid.from_edges(edges)
    values = np.random.default_rng(4).random(NATIVE.size)
    binned = fine.average(NATIVE, values).reshape(-1, 5)
    width = fine.half_width.reshape(-1, 5)
    np.testing.assert_allclose(
        (binned * width).sum(1) / width.sum(1), coarse.average(NATIVE, values), rtol=1e-10
    )


@given(
    low=st.floats(0.3, 5),
    factor=st.floats(1.01, 10),
    resolution=st.floats(1, 500),
)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_resolution_and_range_are_as_asked(low, factor, resolution):
    grid = SpectralGrid.from_resolution(low, low * factor, resolution)
    assert grid.range == pytest.approx((low, low * factor), rel=1e-12)
    np.testing.assert_allclose(grid.lower[1:], grid.upper[:-1])
    n_bins = np.log(factor) * resolution
    assert abs(grid.n_bins - n_bins) <= 0.5 or grid.n_bins == 1
    power = grid.wavelength / (2 * grid.half_width)
    np.testing.assert_allclose(power, power[0], rtol=1e-6)


def test_edges_lie_half_way_between_centres():
    grid = SpectralGrid.from_centers([1.0, 1.2, 1.6])
    np.testing.assert_allclose(grid.lower, [0.9, 1.1, 1.4])
    np.testing.assert_allclose(grid.upper, [1.1, 1.4, 1.8])


def test_units_are_converted():
    assert SpectralGrid([1000, 1100] * u.nm, [1100, 1200] * u.nm) == SpectralGrid(
        [1.0, 1.1], [1.1, 1.2]
    )
    assert SpectralGrid.from_centers([1.05, 1.15], 50 * u.nm) == SpectralGrid([1, 1.1], [1.1, 1.2])
    assert SpectralGrid.from_resolution(1 * u.um, 2000 * u.nm, 10).range == pytest.approx((1, 2))


def test_equality_forgives_rounding_only():
    grid = GRIDS["contiguous"]
    assert grid == SpectralGrid(grid.lower * (1 + 1e-12), grid.upper)
    assert grid != SpectralGrid(grid.lower * (1 - 1e-6), grid.upper)
    assert grid != grid[1:]
    assert grid != "a grid"
    with pytest.raises(TypeError, match="unhashable"):
        hash(grid)


def test_a_grid_keeps_its_own_edges():
    """It cannot be changed, and whoever made it can still change their arrays."""
    lower, upper = np.array([1.0, 1.1]), np.array([1.1, 1.2])
    grid = SpectralGrid(lower, upper)
    lower[0] = 0.7
    assert grid.lower[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        grid.lower[0] = 0.7


def test_a_selection_is_a_grid():
    grid = GRIDS["contiguous"]
    assert grid[3].n_bins == 1
    assert grid[grid.wavelength > 1.5].range[0] >= 1.47
    assert grid.feature_names("sigma")[0] == f"sigma_{grid.wavelength[0]:.4f}um"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralGrid([], []), "at least one bin"),
        (lambda: SpectralGrid([1, 2], [2]), "as many lower as upper"),
        (lambda: SpectralGrid([[1, 2]], [[2, 3]]), "as many lower as upper"),
        (lambda: SpectralGrid([1, np.nan], [2, 3]), "finite"),
        (lambda: SpectralGrid([1, 2], [1, 3]), "bin 0 runs from 1 to 1 um: it has no width"),
        (lambda: SpectralGrid([2, 1], [3, 2]), "must ascend.*sort them"),
        (lambda: SpectralGrid.from_centers([1, 1.1, 1.2, 1.3], 0.1), "halve them"),
        (lambda: SpectralGrid.from_centers([1, 2], [0.1, 0.1, 0.1]), "2 wavelengths but 3"),
        (lambda: SpectralGrid.from_centers([1.0]), "give half_width"),
        (lambda: SpectralGrid.from_edges([1.0]), "at least two bin edges"),
        (lambda: SpectralGrid.from_resolution(2, 1, 100), "need 0 < low < high"),
        (lambda: SpectralGrid.from_resolution(1, 2, 0), "need 0 < low < high"),
        (lambda: GRIDS["one"].average([1.5, 1.2], [1, 1]), "one ascending list"),
        (lambda: GRIDS["one"].average([1.2, 1.8], [1, 1]), "bins cover 1.1-1.9 um but the samples"),
    ],
)
def test_malformed_grids_are_refused(make, message):
    with pytest.raises(GridError, match=message):
        make()


def test_a_width_of_no_length_is_refused():
    with pytest.raises(UnitError, match="half width is in s; give it in um"):
        SpectralGrid.from_centers([1, 2], 0.1 * u.s)

"""One observed spectrum, and its way to a row of X and back."""

import numpy as np
import pytest
from astropy import units as u

from exosk.exceptions import GridError, UnitError
from exosk.spectra import SpectralGrid, Spectrum, find_bins

WAVELENGTH = np.array([1.1, 1.2, 1.3, 1.4])
DEPTH = np.array([0.0145, 0.0146, 0.0147, 0.0146])
SIGMA = np.array([5e-5, 4e-5, 6e-5, 5e-5])


@pytest.fixture
def spectrum() -> Spectrum:
    return Spectrum.from_arrays(WAVELENGTH, DEPTH, SIGMA, name="X-1 b", meta={"star_radius": 1.0})


def same(a: Spectrum, b: Spectrum) -> bool:
    return (
        a.grid == b.grid
        and np.array_equal(a.depth, b.depth, equal_nan=True)
        and np.array_equal(a.sigma, b.sigma, equal_nan=True)
        and (a.name, a.instrument, a.reference, a.meta)
        == (b.name, b.instrument, b.reference, b.meta)
    )


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 3, 0, 2]])
def test_the_order_of_the_input_does_not_matter(spectrum, order):
    shuffled = Spectrum.from_arrays(
        WAVELENGTH[order], DEPTH[order], SIGMA[order], name="X-1 b", meta={"star_radius": 1.0}
    )
    assert same(shuffled, spectrum)
    width = np.array([0.01, 0.02, 0.03, 0.04])
    wide = Spectrum.from_arrays(WAVELENGTH[order], DEPTH[order], SIGMA[order], width[order])
    np.testing.assert_allclose(wide.half_width, width)


def test_units_are_converted(spectrum):
    converted = Spectrum.from_arrays(
        WAVELENGTH * 1000 * u.nm, DEPTH * 100 * u.percent, SIGMA * u.dimensionless_unscaled
    )
    np.testing.assert_allclose(converted.depth, DEPTH, rtol=1e-12)
    assert converted.grid == spectrum.grid


@pytest.mark.parametrize("sigma", [False, True])
def test_a_row_and_back(spectrum, sigma):
    row = spectrum.to_row(sigma=sigma)
    assert row.shape == (1, 8 if sigma else 4)
    info = {"name": spectrum.name, "meta": spectrum.meta}
    errors = {} if sigma else {"sigma": spectrum.sigma}
    assert same(Spectrum.from_row(row, spectrum.grid, **errors, **info), spectrum)


def test_rows_that_fit_no_grid_are_refused(spectrum):
    with pytest.raises(GridError, match="fits neither 4 bins nor"):
        Spectrum.from_row(np.zeros(5), spectrum.grid)
    with pytest.raises(GridError, match="give sigma"):
        Spectrum.from_row(DEPTH, spectrum.grid)


def test_missing_bins(spectrum):
    depth = DEPTH.copy()
    depth[2] = np.nan
    gappy = spectrum.replace(depth=depth)
    assert gappy.observed.tolist() == [True, True, False, True]
    assert np.isnan(gappy.sigma[2])
    whole = gappy.without_missing()
    assert len(whole) == 3
    assert whole.meta == spectrum.meta
    np.testing.assert_allclose(whole.wavelength, [1.1, 1.2, 1.4])
    assert whole.without_missing() is whole
    row = gappy.to_row(sigma=True)
    assert same(Spectrum.from_row(row, gappy.grid, name="X-1 b", meta=gappy.meta), gappy)


def test_a_spectrum_keeps_its_own_numbers():
    depth = DEPTH.copy()
    spectrum = Spectrum.from_arrays(WAVELENGTH, depth, SIGMA)
    depth[0] = 0
    assert spectrum.depth[0] == DEPTH[0]
    with pytest.raises(ValueError, match="read-only"):
        spectrum.depth[0] = 0


def test_repr_says_what_it_is(spectrum):
    assert repr(spectrum).startswith("Spectrum(X-1 b: SpectralGrid(4 bins")
    assert "unnamed" in repr(spectrum.replace(name=""))
    assert len(spectrum) == 4


@pytest.mark.parametrize(
    ("depth", "sigma", "error", "message"),
    [
        (DEPTH[:3], SIGMA, GridError, "4 wavelengths but transit depth of shape"),
        (DEPTH, SIGMA[:3], GridError, "4 wavelengths but transit depth error of shape"),
        (DEPTH * np.nan, SIGMA, GridError, "every transit depth is missing"),
        (DEPTH, [5e-5, 0, 5e-5, 5e-5], UnitError, "the error of bin 1 .1.2000 um. is 0"),
        (DEPTH, [5e-5, 1e-4, np.nan, -1e-5], UnitError, "bin 2 .*must be positive .2 of 4"),
        (DEPTH * 1e6, SIGMA, UnitError, "transit depth = .*looks like ppm"),
        (DEPTH, SIGMA * 1e6, UnitError, "transit depth error = .*looks like ppm"),
        (DEPTH * u.um, SIGMA, UnitError, "plain fraction, percent or ppm"),
    ],
)
def test_malformed_spectra_are_refused(depth, sigma, error, message):
    with pytest.raises(error, match=message):
        Spectrum.from_arrays(WAVELENGTH, depth, sigma)


def test_lengths_must_match_the_grid():
    grid = SpectralGrid.from_centers(WAVELENGTH)
    with pytest.raises(GridError, match="4 bins but errors of shape"):
        Spectrum(grid, DEPTH, SIGMA[:2])


def test_between_keeps_the_bins_that_lie_wholly_inside():
    wavelength = [1.0, 1.1, 1.2, 1.3]
    spectrum = Spectrum.from_arrays(wavelength, [0.01] * 4, [1e-4] * 4, half_width=0.05)
    assert spectrum.between(1.04, 1.26).wavelength == pytest.approx([1.1, 1.2])
    assert spectrum.between(1000 * u.nm, 1200 * u.nm).wavelength == pytest.approx([1.1])
    with pytest.raises(GridError, match="no bin lies between 2 and 3 um"):
        spectrum.between(2, 3)


# Several instruments


@pytest.fixture
def of_two() -> Spectrum:
    meta = {"instruments": ["A", "B"], "instrument": [0, 1, 1, 0], "star_radius": 1.0}
    return Spectrum.from_arrays(WAVELENGTH, DEPTH, SIGMA, instrument="A + B", meta=meta)


def owners(spectrum: Spectrum) -> list[str]:
    """Name of each bin's instrument."""
    names = np.full(len(spectrum), "", dtype=object)
    for name, bins in spectrum.by_instrument():
        names[bins] = name
    return names.tolist()


@pytest.mark.parametrize(
    ("select", "left"),
    [
        (lambda s: s, "ABBA"),
        (lambda s: s.between(1.14, 1.46), "BBA"),
        (lambda s: s.replace(depth=[np.nan, 0.01, np.nan, 0.01]).without_missing(), "BA"),
        (lambda s: s[1:], "BBA"),
        (lambda s: s[np.array([True, False, True, False])], "AB"),
        (lambda s: s[[0, 3]], "AA"),
        (lambda s: s[2], "B"),
        (lambda s: s.replace(grid=s.grid[1:3], depth=s.depth[1:3], sigma=s.sigma[1:3]), "BB"),
        (lambda s: s.replace(name="other")[::2][1:], "B"),
    ],
)
def test_bins_keep_their_instrument_whichever_are_selected(of_two, select, left):
    some = select(of_two)
    assert owners(some) == list(left)
    assert some.meta["star_radius"] == 1.0
    assert of_two.meta["instrument"] == [0, 1, 1, 0]


def test_bins_of_another_grid_have_no_instrument(of_two):
    grid = SpectralGrid.from_edges([1.0, 1.2, 1.5])
    other = of_two.replace(grid=grid, depth=DEPTH[:2], sigma=SIGMA[:2])
    assert owners(other) == ["A + B", "A + B"]
    assert other.meta == {"star_radius": 1.0}


@pytest.mark.parametrize(
    "meta",
    [
        {"instrument": [0, 1, 1, 0]},
        {"instruments": ["A", "B"]},
        {"instruments": ["A", "B"], "instrument": [0, 1]},
        {"instruments": ["A", "B"], "instrument": [0, 1, 2, 0]},
        {"instruments": ["A", "B"], "instrument": [0, 1, -1, 0]},
        {"instruments": ["A", "B"], "instrument": ["A", "B", "B", "A"]},
        {"instruments": "A", "instrument": "A"},
        {"instrument_ranges_um": {"A": [1.0, 1.3], "B": [1.3, 1.5]}},
        {"instrument_ranges_um": {"A": [1.0, 1.15], "B": [1.3, 1.5]}},
        {"instrument_ranges_um": {"A": 1.0}},
        {"instrument_ranges_um": ["A"]},
    ],
)
def test_what_does_not_tell_instruments_apart_is_no_index(spectrum, meta):
    odd = spectrum.replace(instrument="one", meta=meta)
    assert owners(odd) == ["one"] * 4
    assert owners(odd[1:3]) == ["one"] * 2


def test_ranges_of_a_file_tell_instruments_apart(spectrum):
    ranges = {"A": [1.1000003, 1.2], "B": [1.3, 1.4]}
    assert owners(spectrum.replace(meta={"instrument_ranges_um": ranges})) == list("AABB")


def test_a_spectrum_is_no_list_of_bins(of_two):
    with pytest.raises(TypeError, match="not iterable"):
        list(of_two)
    with pytest.raises(GridError, match="every transit depth is missing"):
        of_two.replace(depth=[np.nan, 0.01, 0.01, 0.01])[0]


def test_bins_are_found_by_both_edges():
    # Two of one centre but for rounding, as of two instruments.
    lower = np.array([1.0, 1.1, 1.15, 2.0, 3.0, 4.0])
    upper = np.array([1.1, 1.5, 1.45 + 4e-15, 2.2, 3.2, 4.2])
    grid = SpectralGrid(lower, upper)
    for k in range(6):
        assert find_bins(grid[k], grid).tolist() == [k]
    np.testing.assert_array_equal(find_bins(grid[1:], grid), [1, 2, 3, 4, 5])
    rounded = SpectralGrid(lower * (1 + 4e-10), upper)
    np.testing.assert_array_equal(find_bins(rounded, grid), range(6))
    strange = SpectralGrid([1.0, 1.1, 5.0], [1.1, 1.45, 5.1])
    np.testing.assert_array_equal(find_bins(strange, grid), [0, -1, -1])

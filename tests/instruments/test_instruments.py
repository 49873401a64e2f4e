"""Laws of instruments: bins, errors, and what both do to a spectrum."""

import numpy as np
import pytest
from astropy import units as u

from exosk.exceptions import GridError, RangeError, UnitError, UnknownNameError
from exosk.instruments import Instrument, get_instrument
from exosk.plugin import PluginManager
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 11))
NATIVE = np.linspace(0.3, 6, 3000)
each_built_in = pytest.mark.parametrize("name", PluginManager([]).names("instruments"))


@each_built_in
def test_built_ins_are_plausible(name):
    instrument = get_instrument(name)
    assert instrument.name
    assert instrument.reference
    assert instrument.sigma.shape == (instrument.grid.n_bins,)
    assert (instrument.sigma > 1e-6).all()
    assert (instrument.sigma < 2e-3).all()
    assert instrument.name in repr(instrument)


@each_built_in
def test_noise_has_the_errors_stated(name):
    instrument = get_instrument(name)
    depth = 0.02 + 1e-3 * np.sin(NATIVE)
    clean = instrument.grid.average(NATIVE, depth)
    seeds = range(200)
    draws = np.stack([instrument.observe(NATIVE, depth, seed).depth for seed in seeds])
    pulls = (draws - clean) / instrument.sigma
    assert abs(pulls.mean()) < 5 / pulls.size**0.5
    assert pulls.std() == pytest.approx(1, abs=5 / (2 * pulls.size) ** 0.5)


def test_a_seed_reproduces_an_observation():
    instrument = get_instrument("hst-wfc3-g141")
    depth = np.full(NATIVE.size, 0.01)
    first, again, other = (instrument.observe(NATIVE, depth, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.depth, again.depth)
    assert (first.depth != other.depth).all()
    np.testing.assert_array_equal(first.sigma, instrument.sigma)
    assert first.grid == instrument.grid
    assert first.instrument == instrument.name


@each_built_in
def test_the_same_bins_keep_their_errors(name):
    instrument = get_instrument(name)
    same = instrument.rebinned(instrument.grid)
    np.testing.assert_allclose(same.sigma, instrument.sigma, rtol=1e-12)


def test_photon_noise_averages_down():
    """Two bins joined have the error of the two values' weighted mean."""
    flat = Instrument("flat", GRID, 1e-4)
    halves = SpectralGrid.from_edges(np.linspace(1, 2, 21))
    wide = SpectralGrid.from_edges(np.linspace(1, 2, 6))
    np.testing.assert_allclose(flat.rebinned(halves).sigma, 1e-4 * 2**0.5)
    np.testing.assert_allclose(flat.rebinned(wide).sigma, 1e-4 / 2**0.5)


def test_more_transits_have_smaller_errors():
    instrument = get_instrument("nirspec-prism")
    np.testing.assert_allclose(instrument.scaled(0.5).sigma, instrument.sigma / 2)
    assert instrument.scaled(0.5).grid == instrument.grid


def test_options_reach_the_factory():
    assert get_instrument("HST-WFC3-G141", n_bins=9).grid.n_bins == 9
    narrow, wide = (get_instrument("nirspec-prism", resolution=r) for r in (200, 50))
    assert narrow.grid.n_bins > 3 * wide.grid.n_bins
    assert np.median(narrow.sigma) == pytest.approx(2 * np.median(wide.sigma), rel=0.05)


def test_an_observation_becomes_an_instrument():
    depth = np.full(10, 0.01)
    depth[3] = np.nan
    spectrum = Spectrum(GRID, depth, np.linspace(1e-5, 1e-4, 10), instrument="WFC3")
    instrument = Instrument.from_spectrum(spectrum)
    assert instrument.name == "WFC3"
    assert instrument.grid.n_bins == 9
    np.testing.assert_array_equal(instrument.sigma, spectrum.sigma[spectrum.observed])
    assert Instrument.from_spectrum(spectrum.replace(instrument="")).name == "observation"


def test_errors_are_converted_and_kept():
    ppm = u.def_unit("ppm", 1e-6 * u.dimensionless_unscaled)
    np.testing.assert_allclose(Instrument("x", GRID, 50 * ppm).sigma, 5e-5)
    sigma = np.full(10, 5e-5)
    instrument = Instrument("x", GRID, sigma)
    sigma[0] = 1
    assert instrument.sigma[0] == 5e-5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Instrument("x", GRID, np.ones(3) * 1e-4), GridError, "10 bins but errors of sha"),
        (lambda: Instrument("x", GRID, 0), RangeError, "errors of x must be positive"),
        (lambda: Instrument("x", GRID, np.nan), RangeError, "errors of x must be positive"),
        (lambda: Instrument("x", GRID, 50), UnitError, "error of x = 50 .* looks like ppm"),
        (
            lambda: Instrument("x", GRID, 1e-4).rebinned(SpectralGrid([2.5], [2.7])),
            RangeError,
            "x covers 1-2 um, not 2.6-2.6 um",
        ),
        (lambda: get_instrument("nirspec-prism", high=12), RangeError, "covers 0.55-5.35 um, not"),
        (lambda: get_instrument("nirspec"), UnknownNameError, "did you mean 'nirspec-prism'"),
    ],
)
def test_nonsense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()

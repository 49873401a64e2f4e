"""Depths of simulated time series, channel by channel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exosk_mast import SpectralTimeSeries, quick_look_spectrum, read_time_series

from exosk import join_spectra
from exosk.exceptions import GridError, RangeError
from exosk.spectra import SpectralGrid

N = 40
WAVELENGTH = np.linspace(0.8, 5.0, N)
DEPTH = 0.021 + 0.0015 * np.sin(2 * WAVELENGTH)
STAR = (WAVELENGTH / WAVELENGTH[0]) ** -1.5
LD = (0.12, 0.15)


@pytest.fixture
def series(observe):
    return make(observe)


def make(observe, **options):
    arrays = observe(DEPTH, WAVELENGTH, **options)
    meta = {"telescope": "JWST", "instrument": "NIRSPEC", "grating": "PRISM", "target": "WASP-39"}
    return SpectralTimeSeries(*arrays, meta=meta | {"programme": "01366"})


def expected(spectrum):
    """What the channels' depths are: of the star's light, not of equal weights."""
    depths = []
    for low, high in zip(spectrum.grid.lower, spectrum.grid.upper):
        inside = slice(*np.searchsorted(WAVELENGTH, [low, high]))
        depths.append(np.average(DEPTH[inside], weights=STAR[inside]))
    return np.array(depths)


@pytest.mark.parametrize("limb_darkening", ["free", LD], ids=["free", "fixed"])
def test_depths_are_recovered_within_their_errors(observe, orbit, limb_darkening):
    """Pulls of ten channels in each of six observations."""
    pulls = []
    for seed in range(6):
        series = make(observe, seed=seed)
        found = quick_look_spectrum(series, orbit, n_channels=10, limb_darkening=limb_darkening)
        pulls.extend((found.depth - expected(found)) / found.sigma)
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(len(pulls))
    assert 0.6 < np.std(pulls) < 1.3


def test_the_spectrum_says_what_it_is(series, orbit):
    spectrum = quick_look_spectrum(series, orbit, n_channels=8, name="WASP-39 b")
    assert (spectrum.name, spectrum.instrument) == ("WASP-39 b", "JWST NIRSPEC PRISM")
    assert "published spectrum" in spectrum.meta["notes"][0]
    assert "not published" in spectrum.reference
    assert "1366" in spectrum.reference
    assert json.loads(json.dumps(spectrum.meta, allow_nan=False)) == spectrum.meta
    about = spectrum.meta["quick_look"]
    assert about["orbit"] == orbit.to_dict()
    assert len(about["channels"]) == 8
    assert about["white_light"]["depth"] == pytest.approx(0.021, abs=0.002)
    assert about["white_light"]["depth_err"] < spectrum.sigma.min()
    assert np.array_equal(spectrum.grid.lower[1:], spectrum.grid.upper[:-1])
    assert spectrum.grid.range == pytest.approx((0.75, 5.05), abs=0.01)


def test_how_bright_each_wavelength_is_counted_does_not_matter(series, orbit):
    """With a channel for each wavelength; nor does the unit."""
    factors = np.random.default_rng(0).uniform(1, 1e6, N)
    scaled = SpectralTimeSeries(
        series.time, series.wavelength, factors * series.flux, factors * series.error
    )
    one, other = (
        quick_look_spectrum(s, orbit, n_channels=N, limb_darkening=LD, fit_time=False)
        for s in (series, scaled)
    )
    # What stands out is judged against the white light, in which each counts as it is bright.
    np.testing.assert_allclose(other.depth, one.depth, rtol=1e-6)
    np.testing.assert_allclose(other.sigma, one.sigma, rtol=1e-3)


def test_the_time_is_found_in_white_light(observe, orbit):
    series = make(observe, sigma=3e-4)
    late = SpectralTimeSeries(series.time + 0.012, series.wavelength, series.flux, series.error)
    one, other = (quick_look_spectrum(s, orbit, n_channels=5) for s in (series, late))
    np.testing.assert_allclose(other.depth, one.depth, atol=0.3 * one.sigma.min())
    shift = other.meta["quick_look"]["white_light"]["time_shift"]
    assert shift == pytest.approx(0.012, abs=2e-4)


def test_missing_values_do_not_pass_for_a_transit(observe, orbit):
    """Bright wavelengths that are flagged during the transit only."""
    series = make(observe, sigma=2e-4)
    flux = series.flux.copy()
    during = np.abs(orbit.phase(series.time)) < 0.03
    flux[np.ix_(during, [0, 4, 9])] = np.nan
    holed = SpectralTimeSeries(series.time, series.wavelength, flux, series.error)
    one, other = (quick_look_spectrum(s, orbit, n_channels=4) for s in (series, holed))
    # Other wavelengths have other depths, so that a little changes; not half of the flux.
    np.testing.assert_allclose(other.depth, one.depth, atol=1e-3)


def test_cosmic_rays_are_left_out(series, orbit):
    flux = series.flux.copy()
    rng = np.random.default_rng(0)
    hit = rng.random(flux.shape) < 0.01
    flux[hit] *= 1.5
    dirty = SpectralTimeSeries(series.time, series.wavelength, flux, series.error)
    one, other = (
        quick_look_spectrum(s, orbit, n_channels=4, limb_darkening=LD) for s in (series, dirty)
    )
    np.testing.assert_allclose(other.depth, one.depth, atol=one.sigma.max())
    np.testing.assert_allclose(other.sigma, one.sigma, rtol=0.1)


def test_channels_may_be_given(series, orbit):
    grid = SpectralGrid([1.0, 2.0, 5.5], [2.0, 3.0, 6.0])
    done = []
    spectrum = quick_look_spectrum(series, orbit, grid, progress=done.append)
    assert spectrum.grid == grid
    assert sum(done) == 3
    assert np.isnan(spectrum.depth).tolist() == [False, False, True]
    assert spectrum.meta["missing_bins"] == 1
    assert any("5.7500 um" in note for note in spectrum.meta["notes"])
    assert abs(spectrum.depth[:2] - expected(spectrum[:2])).max() < 4 * np.nanmax(spectrum.sigma)


def test_what_is_far_from_the_transit_is_left_out(observe, orbit):
    series = make(observe, half=0.5, n=400)
    spectrum = quick_look_spectrum(series, orbit, n_channels=4)
    assert any("far from the transit" in note for note in spectrum.meta["notes"])
    assert spectrum.meta["quick_look"]["white_light"]["n_points"] < 200


def test_limb_darkening_of_each_channel(series, orbit):
    pairs = np.array([[0.1, 0.2], [0.2, 0.1], [0.3, 0.1], [0.0, 0.0]])
    spectrum = quick_look_spectrum(series, orbit, n_channels=4, limb_darkening=pairs)
    found = [channel["limb_darkening"] for channel in spectrum.meta["quick_look"]["channels"]]
    np.testing.assert_allclose(found, pairs)


def test_from_files_to_a_joined_spectrum(observe, orbit, write_x1dints):
    """Two detectors, each in two segments."""
    spectra = []
    for detector, cut in (("NRS1", slice(0, 20)), ("NRS2", slice(20, 40))):
        time, wavelength, flux, error = observe(DEPTH, WAVELENGTH)
        paths = [
            write_x1dints(
                f"{detector}-{k}.fits",
                time[part],
                wavelength[cut],
                flux[part, cut],
                error[part, cut],
                detector=detector,
                first=1 + part.start,
                layout=("rows", "tables")[k],
                GRATING="G395H",
            )
            for k, part in enumerate((slice(0, 90), slice(90, 200)))
        ]
        (series,) = read_time_series(paths)
        spectra.append(quick_look_spectrum(series, orbit, n_channels=5, name="WASP-39 b"))
    joined = join_spectra(spectra)
    assert joined.meta["instruments"] == ["JWST NIRSPEC G395H NRS1", "JWST NIRSPEC G395H NRS2"]
    assert len(joined) == 10


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"n_channels": 0}, RangeError, "n_channels=0"),
        ({"n_channels": 41}, RangeError, "n_channels=41"),
        ({"window": 0.5}, RangeError, "window=0.5"),
        ({"grid": SpectralGrid([8.0], [9.0])}, GridError, "no channel has a wavelength"),
        ({"limb_darkening": np.zeros((3, 2))}, RangeError, "each of the 20 channels"),
        ({"limb_darkening": (0.9, 0.9)}, RangeError, "no star's"),
    ],
    ids=["none", "many", "window", "grid", "shape", "star"],
)
def test_what_makes_no_sense_is_refused(series, orbit, options, kind, message):
    with pytest.raises(kind, match=message):
        quick_look_spectrum(series, orbit, **options)


def test_a_series_without_the_transit_is_refused(series, orbit):
    away = SpectralTimeSeries(series.time + 1.0, series.wavelength, series.flux, series.error)
    with pytest.raises(RangeError, match="too few for a depth"):
        quick_look_spectrum(away, orbit)
    dark = SpectralTimeSeries(series.time, series.wavelength, -series.flux, series.error)
    with pytest.raises(RangeError, match="no wavelength with a positive flux"):
        quick_look_spectrum(dark, orbit)

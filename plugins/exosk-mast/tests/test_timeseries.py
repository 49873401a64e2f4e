"""Both layouts of x1dints files, in parts and with flaws."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from exosk_mast import SpectralTimeSeries, read_time_series

from exosk.exceptions import FileFormatError, UnknownNameError

LAYOUTS = ["rows", "tables"]


@pytest.fixture
def data(observe):
    """A short time series: times, wavelengths, fluxes, errors."""
    return observe(np.full(12, 0.02), n=8)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("times", ["own", "listed"])
def test_what_was_written_is_read(data, write_x1dints, layout, times):
    path = write_x1dints("a_x1dints.fits", *data, layout=layout, times=times, first=5)
    (series,) = read_time_series(path)
    time, wavelength, flux, error = data
    np.testing.assert_allclose(series.time, time, rtol=0, atol=1e-8)
    np.testing.assert_allclose(series.wavelength, wavelength)
    np.testing.assert_allclose(series.flux, flux)
    np.testing.assert_allclose(series.error, error)
    assert series.time_system == "BJD_TDB"
    assert series.label == "JWST NIRSPEC PRISM NRS1"
    assert series.meta["programme"] == "01366"
    assert series.meta["flux_unit"] == "Jy"
    assert series.meta["files"] == ["a_x1dints.fits"]
    assert series.meta["notes"] == []
    assert len(series) == 8
    assert "8 integrations, 12 wavelengths" in repr(series)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_segments_are_put_in_the_order_of_time(data, write_x1dints, layout):
    time, wavelength, flux, error = data
    paths = []
    for k, cut in enumerate((slice(0, 5), slice(5, 8))):
        part = (time[cut], wavelength, flux[cut], error[cut])
        name = f"seg{k}_x1dints.fits"
        paths.append(write_x1dints(name, *part, layout=layout, times="listed", first=1 + cut.start))
    (series,) = read_time_series(reversed(paths))
    np.testing.assert_allclose(series.time, time, rtol=0, atol=1e-8)
    np.testing.assert_allclose(series.flux, flux)
    assert series.meta["files"] == ["seg1_x1dints.fits", "seg0_x1dints.fits"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flagged_values_are_missing(data, write_x1dints, layout):
    """Bit 0 is DO_NOT_USE; the others tell what happened."""
    time, wavelength, flux, error = data
    dq = np.zeros(flux.shape, dtype=np.uint32)
    dq[2, 3], dq[4, 5], dq[6, 7] = 1, 4, 5
    path = write_x1dints("a.fits", time, wavelength, flux, error, dq, layout=layout)
    (series,) = read_time_series(path)
    missing = {tuple(place) for place in np.argwhere(np.isnan(series.flux))}
    assert missing == {(2, 3), (6, 7)}
    assert np.isnan(series.error[2, 3])


def test_padding_is_no_wavelength(data, write_x1dints):
    (series,) = read_time_series(write_x1dints("a.fits", *data, pad=4))
    assert series.flux.shape == data[2].shape
    assert np.isfinite(series.flux).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_wavelengths_ascend_in_um(data, write_x1dints, layout):
    time, wavelength, flux, error = data
    back = (time, 1e3 * wavelength[::-1], flux[:, ::-1], error[:, ::-1])
    (series,) = read_time_series(write_x1dints("a.fits", *back, layout=layout, unit="nm"))
    np.testing.assert_allclose(series.wavelength, wavelength)
    np.testing.assert_allclose(series.flux, flux)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_orders_and_detectors_are_series_of_their_own(data, write_x1dints, layout):
    orders = {1: slice(0, 8), 2: slice(5, 12)}
    soss = write_x1dints(
        "soss.fits",
        *data,
        layout=layout,
        times="listed",
        orders=orders,
        detector="NIS",
        INSTRUME="NIRISS",
        GRATING="N/A",
        PUPIL="GR700XD",
    )
    first, second = read_time_series(soss)
    assert (first.label, second.label) == (
        "JWST NIRISS GR700XD",
        "JWST NIRISS GR700XD order 2",
    )
    np.testing.assert_allclose(second.wavelength, data[1][5:])
    np.testing.assert_allclose(second.time, first.time)
    two = [write_x1dints(f"{d}.fits", *data, layout=layout, detector=d) for d in ("NRS1", "NRS2")]
    assert {one.meta["detector"] for one in read_time_series(two)} == {"NRS1", "NRS2"}


def test_times_without_the_barycentre_say_so(data, write_x1dints):
    for layout, times in (("rows", "own"), ("tables", "own"), ("tables", "listed")):
        path = write_x1dints(
            f"{layout}-{times}.fits", *data, layout=layout, times=times, barycentric=False
        )
        (series,) = read_time_series(path)
        assert series.time_system == "JD_UTC"
        np.testing.assert_allclose(series.time, data[0] - 0.003, rtol=0, atol=1e-8)
        assert any("no barycentric times" in note for note in series.meta["notes"])


def test_an_integration_without_a_time_is_left_out(data, write_x1dints):
    path = write_x1dints("a.fits", *data)
    with fits.open(path, mode="update") as hdus:
        hdus["EXTRACT1D"].data["TDB-MID"][3] = np.nan
    (series,) = read_time_series(path)
    assert len(series) == 7
    assert "1 integrations without a time were left out." in series.meta["notes"]


def test_what_has_no_times_is_refused(data, write_x1dints):
    for layout in LAYOUTS:
        path = write_x1dints(f"{layout}.fits", *data, layout=layout, times="none")
        with pytest.raises(FileFormatError, match=r"no times.*INT_TIMES"):
            read_time_series(path)


def test_the_same_exposure_twice_is_refused(data, write_x1dints):
    paths = [write_x1dints(name, *data) for name in ("seg1.fits", "joined.fits")]
    with pytest.raises(FileFormatError, match="given twice"):
        read_time_series(paths)


def test_other_wavelengths_are_refused(data, write_x1dints):
    time, wavelength, flux, error = data
    one = write_x1dints("one.fits", *data)
    other = write_x1dints("other.fits", time + 1, 1.01 * wavelength, flux, error)
    with pytest.raises(FileFormatError, match="other wavelengths"):
        read_time_series([one, other])
    with fits.open(one, mode="update") as hdus:
        hdus["EXTRACT1D"].data["WAVELENGTH"][3] *= 1.01
    with pytest.raises(FileFormatError, match="change from integration to integration"):
        read_time_series(one)


def test_what_is_no_time_series_is_refused(data, write_x1dints, tmp_path):
    with pytest.raises(UnknownNameError, match="there is no file"):
        read_time_series(tmp_path / "absent.fits")
    with pytest.raises(FileFormatError, match="no file"):
        read_time_series([])
    text = tmp_path / "text.fits"
    text.write_text("not FITS")
    with pytest.raises(FileFormatError, match=r"text\.fits cannot be read"):
        read_time_series(text)
    image = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)), name="SCI")]).writeto(image)
    with pytest.raises(FileFormatError, match=r"no table EXTRACT1D.*SCI"):
        read_time_series(image)
    cut = tmp_path / "cut.fits"
    for layout in LAYOUTS:
        cut.write_bytes(write_x1dints("whole.fits", *data, layout=layout).read_bytes()[:-3000])
        with pytest.raises(FileFormatError, match=r"cut\.fits.*cut short"):
            read_time_series(cut)
    time, wavelength, flux, error = data
    with pytest.raises(FileFormatError, match="every flux is missing"):
        read_time_series(write_x1dints("nan.fits", time, wavelength, np.nan * flux, error))


def test_shapes_must_fit(data):
    time, wavelength, flux, error = data
    with pytest.raises(FileFormatError, match="shape"):
        SpectralTimeSeries(time, wavelength, flux.T, error)

"""Depths in the bands of TESS and Kepler, from files as their pipelines write them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from exosk_mast import broadband_spectrum, fetch_light_curves, read_light_curves
from exosk_mast.lightcurve import transit_shape

from exosk import join_spectra
from exosk.downloads import Cache
from exosk.exceptions import DownloadError, FileFormatError, RangeError, UnknownNameError
from exosk.spectra import Spectrum

DEPTH, LD = 0.0213, (0.25, 0.2)


def star(orbit, start, days, cadence, depth=DEPTH, sigma=1e-3, seed=0):
    """Return times and fluxes of a variable star with transits, with half a day's gap."""
    time = orbit.transit_time + start + np.arange(0, days, cadence)
    time = time[np.abs(time - time.mean()) > 0.25]
    n_sub = 9
    fine = time[:, None] + cadence * ((np.arange(n_sub) + 0.5) / n_sub - 0.5)
    curve = transit_shape(orbit.phase(fine.ravel()), orbit, depth, *LD)
    flux = 1e4 * curve.reshape(fine.shape).mean(axis=1)
    flux *= 1 + 0.01 * np.sin(2 * np.pi * time / 11)
    return time, flux * (1 + sigma * np.random.default_rng(seed).normal(size=len(time)))


@pytest.fixture
def tess(orbit, write_light_curve):
    """Two sectors, as bytes."""
    return {
        sector: write_light_curve(*star(orbit, start, 13, 2 / 1440, seed=sector), period=sector)
        for sector, start in ((10, -2.0), (37, 740.0))
    }


@pytest.fixture
def paths(tess, tmp_path):
    for sector, data in tess.items():
        (tmp_path / f"tess-s{sector:04d}_lc.fits").write_bytes(data)
    return sorted(tmp_path.glob("tess-*.fits"))


def test_a_depth_from_the_archive_to_a_joined_spectrum(mast, client, cache, tess, orbit):
    like = {"obs_collection": "TESS", "provenance_name": "SPOC", "dataproduct_type": "timeseries"}
    for obsid, target, shift in (("70", "181949561", 0.0), ("71", "181949999", 0.004)):
        row = mast.observations[0] | like | {"obsid": obsid, "target_name": target}
        row["s_dec"] += shift
        mast.observations.append(row)
    for sector, data in tess.items():
        name = f"tess-s{sector:04d}-0000000181949561-0123-s"
        mast.add("70", f"{name}_lc.fits", data, kind="LC", obs_collection="TESS")
        mast.add("70", f"{name}_tp.fits", b"x", kind="TP", obs_collection="TESS")
    mast.add("71", "neighbour_lc.fits", b"not this one", kind="LC")
    entries = fetch_light_curves("WASP-39 b", cache=cache, client=client)
    assert [entry.path.name[:10] for entry in entries] == ["tess-s0010", "tess-s0037"]
    assert len(fetch_light_curves("WASP-39 b", limit=1, cache=cache, client=client)) == 1
    light_curves = read_light_curves(entry.path for entry in entries)
    assert light_curves.periods == ["sector 10", "sector 37"]
    spectrum = broadband_spectrum(light_curves, orbit, name="WASP-39 b")
    assert spectrum.depth[0] == pytest.approx(DEPTH, abs=4 * spectrum.sigma[0])
    assert spectrum.sigma[0] < 2e-4
    assert spectrum.grid.range == (0.6, 1.0)
    about = spectrum.meta["quick_look"]
    assert about["n_transits"] == 6
    assert "published" in spectrum.meta["notes"][0]
    assert "sector 10, sector 37" in spectrum.reference
    assert json.loads(json.dumps(spectrum.meta, allow_nan=False)) == spectrum.meta
    prism = Spectrum.from_arrays(
        [1.2, 1.4, 1.6], [0.021] * 3, [1e-4] * 3, 0.1, name="WASP-39 b", instrument="PRISM"
    )
    joined = join_spectra([spectrum, prism])
    assert joined.meta["instruments"] == ["TESS", "PRISM"]
    assert joined.depth[0] == spectrum.depth[0]


def test_half_hour_exposures_of_kepler(orbit, write_light_curve, tmp_path):
    cadence = 0.020434
    path = tmp_path / "kplr_llc.fits"
    path.write_bytes(write_light_curve(*star(orbit, -5.0, 80, cadence), mission="Kepler", period=3))
    light_curves = read_light_curves(path)
    assert light_curves.exposure == pytest.approx(cadence, rel=1e-3)
    spectrum = broadband_spectrum(light_curves, orbit, limb_darkening=LD)
    assert spectrum.instrument == "Kepler"
    assert spectrum.grid.range == (0.42, 0.90)
    assert spectrum.depth[0] == pytest.approx(DEPTH, abs=4 * spectrum.sigma[0])
    blind = broadband_spectrum(replace(light_curves, exposure=0.0), orbit, limb_darkening=LD)
    wrong, right = abs(blind.depth[0] - DEPTH), abs(spectrum.depth[0] - DEPTH)
    assert wrong > 3 * right


def test_what_the_pipeline_flags_is_left_out(orbit, write_light_curve, tmp_path):
    time, flux = star(orbit, -2.0, 13, 2 / 1440)
    flags = np.zeros(len(time), dtype=np.int32)
    flags[::7] = 128
    path = tmp_path / "tess.fits"
    path.write_bytes(write_light_curve(time, np.where(flags, 3 * flux, flux), flags=flags))
    light_curves = read_light_curves(path)
    assert len(light_curves.time) == (flags == 0).sum()
    assert light_curves.flux.max() < 1.1
    np.testing.assert_allclose(light_curves.time, time[flags == 0], rtol=0, atol=1e-6)


def test_the_order_of_files_does_not_matter(paths):
    one, other = read_light_curves(paths), read_light_curves(reversed(paths))
    assert np.array_equal(one.time, other.time)
    assert np.array_equal(one.flux, other.flux)


def test_files_that_do_not_belong_together_are_refused(orbit, paths, write_light_curve, tmp_path):
    others = {
        "kepler": write_light_curve(*star(orbit, 20.0, 9, 0.02), mission="Kepler"),
        "star": write_light_curve(*star(orbit, 20.0, 9, 0.02), target="TIC 1"),
        "cadence": write_light_curve(*star(orbit, 20.0, 9, 0.02)),
    }
    messages = {"kepler": "mission", "star": "target", "cadence": "exposures of 120 and 1728 s"}
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FileFormatError, match=messages[name]):
            read_light_curves([paths[0], tmp_path / name])
    with pytest.raises(FileFormatError, match="same times"):
        read_light_curves([paths[0], paths[0]])


def test_what_is_no_light_curve_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="there is no file"):
        read_light_curves(tmp_path / "absent.fits")
    with pytest.raises(FileFormatError, match="no file"):
        read_light_curves([])
    text = tmp_path / "text.fits"
    text.write_text("no FITS")
    image = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)))]).writeto(image)
    for path in (text, image):
        with pytest.raises(FileFormatError, match=f"{path.name} is no light curve") as told:
            read_light_curves(path)
        assert "\n" not in str(told.value)


def test_light_curves_without_a_transit_are_refused(paths, orbit):
    light_curves = read_light_curves(paths[0])
    with pytest.raises(RangeError, match=r"no light curve of TIC 181949561 covers a transit"):
        broadband_spectrum(
            light_curves,
            replace(
                orbit,
                period=500.0,
                a_rs=300.0,
                inclination=90.0,
                transit_time=orbit.transit_time + 100,
            ),
        )


def test_what_the_archive_does_not_have_is_told(mast, client, cache):
    with pytest.raises(UnknownNameError, match="no light curve of WASP-39 b by TESS"):
        fetch_light_curves("WASP-39 b", cache=cache, client=client)
    with pytest.raises(UnknownNameError, match=r"mission with light curves 'CHEOPS'"):
        fetch_light_curves("WASP-39 b", "CHEOPS", cache=cache, client=client)
    with pytest.raises(UnknownNameError, match="knows no object"):
        fetch_light_curves("Nibiru b", cache=cache, client=client)


def test_offline_nothing_is_asked(mast, client, cache, monkeypatch):
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
        fetch_light_curves("WASP-39 b", cache=Cache(cache.folder, True), client=client)
    assert mast.server.requests == []

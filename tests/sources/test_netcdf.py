"""Spectra in netCDF files, as the JWST ERS teams publish them, and in xarray Datasets."""

from __future__ import annotations

import contextlib
import json
import sys

import h5py
import numpy as np
import pytest

from exosk.exceptions import ExoskError, FileFormatError, UnitError, UnknownNameError
from exosk.sources import as_spectrum, read_spectrum

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")

WAVELENGTH = np.array([3.0, 3.1, 3.2, 3.3])
HALF = np.full(4, 0.05)
DEPTH = np.array([0.0210, 0.0211, 0.0212, 0.0213])
SIGMA = np.array([1.0e-4, 1.1e-4, 1.2e-4, 1.3e-4])
AREA = "(R_jup*R_jup)/(R_jup*R_jup)"
ENGINES = ["h5netcdf", "scipy"]


def dataset(unit: str = AREA, factor: float = 1.0, bins: str = "own dimension", **attributes):
    """The layout of the ERS teams' notebook, with its optional coordinates."""
    over = ["central_wavelength"]
    micron = {"units": "micron"}
    coords = {"central_wavelength": (over, WAVELENGTH, micron)}
    if bins == "own dimension":
        coords["bin_half_width"] = (["bin_half_width"], HALF, micron)
    elif bins == "same dimension":
        coords["bin_half_width"] = (over, HALF, micron)
    else:
        coords["start_wavelength"] = (over, WAVELENGTH - HALF, micron)
        coords["end_wavelength"] = (over, WAVELENGTH + HALF, micron)
    return xarray.Dataset(
        {
            "transit_depth": (over, factor * DEPTH, {"units": unit}),
            "transit_depth_error": (over, factor * SIGMA, {"units": unit}),
        },
        coords=coords,
        attrs=attributes,
    )


def assert_same(spectrum) -> None:
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-12)
    np.testing.assert_allclose(spectrum.half_width, HALF, rtol=1e-9)
    np.testing.assert_allclose(spectrum.depth, DEPTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.sigma, SIGMA, rtol=1e-9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "transit-spectrum-W39b-G395H.xc"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bins", ["own dimension", "same dimension", "edges"])
@pytest.mark.parametrize(
    ("unit", "factor"),
    [(AREA, 1), ("R_jup**2/R_jup**2", 1), ("unitless", 1), ("(Rp/Rs)^2", 1), ("percent", 100),
     ("ppm", 1e6)],
)  # fmt: skip
def test_the_layout_of_the_ers_teams(path, engine, bins, unit, factor):
    content = dataset(unit, factor, bins)
    content.to_netcdf(path, engine=engine)
    assert_same(read_spectrum(path))
    assert_same(as_spectrum(content))


def test_two_errors(path):
    content = dataset()
    content["transit_depth_error_pos"] = 1.2 * content.transit_depth_error
    content["transit_depth_error_neg"] = 0.8 * content.transit_depth_error
    content.drop_vars("transit_depth_error").to_netcdf(path, engine="h5netcdf")
    assert_same(read_spectrum(path))


@pytest.mark.parametrize("engine", ENGINES)
def test_metadata(path, engine):
    attributes = {
        "author": "A. Author", "doi": "", "code": "eureka", "notes": "weighted mean",
        "instrument": "NIRSpec", "data_origin": json.dumps({"raw_light_curve": "zenodo"}),
        "system_params": json.dumps({"rp": 1, "rs": {"value": 0.9, "unit": "R_sun"}}),
    }  # fmt: skip
    dataset(**attributes).to_netcdf(path, engine=engine)
    spectrum = read_spectrum(path, name="WASP-39 b")
    assert (spectrum.name, spectrum.instrument) == ("WASP-39 b", "NIRSpec")
    assert spectrum.meta["star_radius"] == pytest.approx(0.9)
    assert spectrum.meta["data_origin"] == {"raw_light_curve": "zenodo"}
    assert spectrum.meta["notes"] == ["weighted mean"]
    assert "doi" not in spectrum.meta
    json.dumps(spectrum.meta)


@pytest.mark.parametrize("star", [0.9, {"value": "x", "unit": "R_sun"}, {"value": 1, "unit": "?"}])
def test_a_star_of_unknown_size_is_not_guessed(star):
    system = json.dumps({"rs": star})
    assert "star_radius" not in as_spectrum(dataset(system_params=system)).meta


def test_units_that_are_not_stated_are_asked_for(path):
    content = dataset()
    for variable in content.variables.values():
        del variable.attrs["units"]
    content.to_netcdf(path, engine="scipy")
    with pytest.raises(UnitError, match="wavelength_unit='um'"):
        read_spectrum(path)
    assert_same(read_spectrum(path, wavelength_unit="um"))
    with pytest.raises(UnitError, match=r"'R_jup\*\*2/R_sun\*\*2' is no unit of transit depth"):
        as_spectrum(dataset("R_jup**2/R_sun**2"))


def test_missing_values_and_masks(path):
    content = dataset()
    content.transit_depth[1] = np.nan
    content.to_netcdf(path, engine="h5netcdf", encoding={"transit_depth": {"_FillValue": -999.0}})
    assert np.flatnonzero(~read_spectrum(path).observed).tolist() == [1]


def test_other_dimensions_of_length_one_do_not_matter():
    assert_same(as_spectrum(dataset().expand_dims("planet")))


def test_names_of_ones_own():
    content = dataset("ppm", 1e6).rename(transit_depth="y", transit_depth_error="dy")
    with pytest.raises(FileFormatError, match=r"no list of transit depths.*'y'"):
        as_spectrum(content)
    assert_same(as_spectrum(content, columns={"depth": "y", "error": "dy"}))


def test_groups(path):
    dataset().to_netcdf(path, engine="h5netcdf", group="nrs1")
    assert_same(read_spectrum(path))
    dataset("ppm", 1e6).to_netcdf(path, engine="h5netcdf", group="deep/nrs2", mode="a")
    with pytest.raises(FileFormatError, match=r"in 2 groups, .*table='"):
        read_spectrum(path)
    for group in ("nrs1", "/nrs1", "deep/nrs2"):
        assert_same(read_spectrum(path, table=group))
    with pytest.raises(UnknownNameError, match="did you mean '/nrs1'"):
        read_spectrum(path, table="nrs3")


def test_a_table_cannot_be_chosen_where_there_is_one(path):
    dataset().to_netcdf(path, engine="scipy")
    with pytest.raises(FileFormatError, match="leave out table"):
        read_spectrum(path, table="nrs1")


@pytest.mark.parametrize("engine", ENGINES)
def test_light_curves_are_refused(path, engine):
    flux = (["time", "wavelength"], np.ones((3, 4)))
    curves = xarray.Dataset({"flux": flux}, coords={"wavelength": WAVELENGTH, "time": [0.0, 1, 2]})
    curves.to_netcdf(path, engine=engine)
    with pytest.raises(FileFormatError, match=r"a time series \(time: 3\), not transit depths"):
        read_spectrum(path)


def test_hdf5_that_is_not_netcdf_is_refused(path):
    with h5py.File(path, "w") as file:
        file["wavelength_um"], file["transit_depth"] = WAVELENGTH, DEPTH
    with pytest.raises(FileFormatError, match=r"HDF5 file but not netCDF.*CSV or ECSV"):
        read_spectrum(path)


@pytest.mark.parametrize("huge", ["transit_depth", "central_wavelength", "elsewhere/x"])
def test_a_list_that_was_never_written_takes_no_room(path, huge):
    dataset().to_netcdf(path, engine="h5netcdf")
    with h5py.File(path, "a") as file:
        if huge in file:
            del file[huge]
        file.create_dataset(huge, shape=(10**12,), chunks=(10**6,), dtype="f8")
    assert path.stat().st_size < 1e5
    with pytest.raises(FileFormatError, match="1000000000000 values, too many"):
        read_spectrum(path)


@pytest.mark.parametrize(
    ("missing", "engine"), [("xarray", "scipy"), ("xarray", "h5netcdf"), ("h5netcdf", "h5netcdf")]
)
def test_without_the_packages(path, monkeypatch, missing, engine):
    dataset().to_netcdf(path, engine=engine)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExoskError, match=rf"package {missing}.*pip install 'exosk\[files\]'"):
        read_spectrum(path)


@pytest.mark.parametrize("seed", range(80))
def test_no_damage_gives_a_foreign_traceback(path, seed):
    rng = np.random.default_rng(seed)
    dataset().to_netcdf(path, engine=ENGINES[seed % 2])
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(8, len(content)))
        if rng.random() < 0.7:
            content[at] = int(rng.integers(256))
        else:
            del content[at : at + int(rng.integers(1, 200))]
    path.write_bytes(bytes(content))
    with contextlib.suppress(ExoskError):
        read_spectrum(path)

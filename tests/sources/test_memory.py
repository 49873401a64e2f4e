"""Spectra in memory: tables of pandas and astropy, and specutils' spectra."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.table import QTable, Table

from exosk.exceptions import FileFormatError, GridError, UnitError, UnknownNameError
from exosk.sources import as_spectrum, read_spectrum
from exosk.spectra import Spectrum

WAVELENGTH = np.array([0.867, 0.925, 0.983, 1.041])
HALF = np.full(4, 0.029)
DEPTH = np.array([0.014441, 0.014422, 0.014402, 0.014428])
SIGMA = np.array([6.9e-5, 5.5e-5, 5.2e-5, 5.1e-5])


def assert_same(spectrum) -> None:
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.half_width, HALF, rtol=1e-6)
    np.testing.assert_allclose(spectrum.depth, DEPTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.sigma, SIGMA, rtol=1e-9)


def columns() -> dict[str, np.ndarray]:
    return {
        "wavelength_um": WAVELENGTH,
        "bin_half_width_um": HALF,
        "transit_depth": DEPTH,
        "transit_depth_err": SIGMA,
    }


@pytest.fixture
def frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(columns())


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.set_index("wavelength_um"),
        lambda frame: frame.sample(frac=1, random_state=0),
        lambda frame: frame.astype("Float64"),
        lambda frame: frame.astype(object),
        lambda frame: frame.astype(str),
        lambda frame: frame.assign(night="a"),
    ],
    ids=["plain", "index", "shuffled", "nullable", "objects", "text", "more columns"],
)
def test_data_frames(frame, change):
    assert_same(as_spectrum(change(frame)))


def test_a_data_frame_is_read_like_its_file(frame, tmp_path):
    frame = frame.rename(columns={"transit_depth": "depth", "transit_depth_err": "err"})
    frame.loc[2, "depth"] = np.nan
    frame["instrument"] = ["STIS", None, "WFC3", "WFC3"]
    frame.to_csv(tmp_path / "planet.csv", index=False)
    of_file = read_spectrum(tmp_path / "planet.csv", depth_unit="fraction", name="b")
    in_memory = as_spectrum(frame, depth_unit="fraction", name="b")
    for array in ("wavelength", "half_width", "depth", "sigma"):
        np.testing.assert_array_equal(getattr(in_memory, array), getattr(of_file, array))
    assert in_memory.instrument == of_file.instrument == "STIS, WFC3"
    assert in_memory.meta == of_file.meta


def test_the_frame_is_left_as_it_was(frame):
    before = frame.copy(deep=True)
    as_spectrum(frame)
    assert frame.equals(before)


def test_frames_that_are_refused(frame):
    with pytest.raises(UnitError, match=r"the DataFrame: .*depth_unit='percent'"):
        as_spectrum(frame.assign(transit_depth=100 * DEPTH, transit_depth_err=100 * SIGMA))
    with pytest.raises(FileFormatError, match="no rows"):
        as_spectrum(frame.iloc[:0])
    with pytest.raises(FileFormatError, match="'deep' in column 'transit_depth'"):
        as_spectrum(frame.assign(transit_depth=["0.01", "deep", "0.01", "0.01"]))
    with pytest.raises(FileFormatError, match="2 levels"):
        as_spectrum(frame.T.set_index([[1] * 4, [2, 3, 4, 5]]).T)
    with pytest.raises(UnknownNameError, match="column of the DataFrame"):
        as_spectrum(frame, columns={"depth": "transit_dept"})


def test_tables_with_units():
    table = QTable(
        {
            "wavelength": WAVELENGTH * 1e4 * u.AA,
            "half_width": HALF * u.um,
            "depth": DEPTH * 100 * u.percent,
            "err": SIGMA * 100 * u.percent,
        },
        meta={"name": "WASP-12 b", "star_radius": 1.657},
    )
    spectrum = as_spectrum(table)
    assert_same(spectrum)
    assert spectrum.name == "WASP-12 b"
    assert spectrum.meta["star_radius"] == 1.657
    table["depth"], table["err"] = DEPTH * u.one, SIGMA * u.one
    assert_same(as_spectrum(table))


def test_tables_without_units_are_asked_about():
    table = Table({"wavelength": WAVELENGTH, "depth": DEPTH, "err": SIGMA})
    with pytest.raises(UnitError, match="depth_unit='fraction'"):
        as_spectrum(table, wavelength_unit="um")
    spectrum = as_spectrum(table, wavelength_unit="um", depth_unit="fraction", bin_width=0.058)
    assert_same(spectrum)


def test_masked_values_are_missing():
    table = Table(columns(), masked=True)
    table["transit_depth"].mask[1] = True
    assert np.flatnonzero(~as_spectrum(table).observed).tolist() == [1]


@pytest.mark.parametrize("width", [0.058, 58 * u.nm, u.Quantity(0.058, "um")])
def test_a_stated_width(width):
    bare = {name: values for name, values in columns().items() if "width" not in name}
    assert_same(as_spectrum(Table(bare), bin_width=width))


@pytest.mark.parametrize("width", [0, -1, np.nan, [1, 2], "wide", 1 * u.s, 1000])
def test_widths_that_make_no_sense(width):
    with pytest.raises((UnitError, GridError), match="bin_width"):
        as_spectrum(Table(columns()), bin_width=width)


def test_a_spectrum_a_path_and_a_name(tmp_path):
    spectrum = Spectrum.from_arrays(WAVELENGTH, DEPTH, SIGMA, HALF)
    assert as_spectrum(spectrum) is spectrum
    with pytest.raises(FileFormatError, match="leave out depth_unit"):
        as_spectrum(spectrum, depth_unit="ppm")
    Table(columns()).write(tmp_path / "x.csv")
    assert_same(as_spectrum(tmp_path / "x.csv"))
    assert_same(as_spectrum(str(tmp_path / "x.csv")))
    assert as_spectrum("wasp-39b").name == "WASP-39 b"


@pytest.mark.parametrize("thing", [3, None, [1.0, 2.0], np.ones((4, 3)), columns()])
def test_anything_else_is_refused(thing):
    with pytest.raises(FileFormatError, match=rf"the {type(thing).__name__} is nothing that"):
        as_spectrum(thing)


# specutils.

EDGES = np.append(WAVELENGTH - HALF, WAVELENGTH[-1] + HALF[-1]) * u.um


def of_specutils(depth=DEPTH * u.one, axis=WAVELENGTH * u.um, uncertainty=None, **more):
    specutils = pytest.importorskip("specutils")
    if uncertainty is None:
        uncertainty = StdDevUncertainty(SIGMA * (u.one.to(depth.unit)), unit=depth.unit)
    return specutils.Spectrum(flux=depth, spectral_axis=axis, uncertainty=uncertainty, **more)


@pytest.mark.parametrize("unit", [u.one, u.percent, u.Unit(1e-6)])
def test_a_specutils_spectrum_in_any_unit(unit):
    assert_same(as_spectrum(of_specutils((DEPTH * u.one).to(unit))))


@pytest.mark.parametrize(
    "uncertainty",
    [StdDevUncertainty(SIGMA), VarianceUncertainty(SIGMA**2), InverseVariance(SIGMA**-2.0)],
    ids=lambda uncertainty: uncertainty.uncertainty_type,
)
def test_uncertainties_of_any_kind(uncertainty):
    assert_same(as_spectrum(of_specutils(uncertainty=uncertainty)))


@pytest.mark.parametrize("unit", [u.um, u.AA, u.THz, u.eV, 1 / u.cm], ids=str)
def test_edges_of_bins_in_any_spectral_unit(unit):
    edges = EDGES.to(unit, u.spectral())
    spectrum = as_spectrum(of_specutils(axis=edges, bin_specification="edges"))
    assert_same(spectrum)
    assert "half-way" not in " ".join(spectrum.meta.get("notes", [])) or unit in (u.um, u.AA)


def test_uneven_edges_are_kept():
    edges = np.array([0.8, 0.9, 1.2, 1.3, 1.9]) * u.um
    spectrum = as_spectrum(of_specutils(axis=edges, bin_specification="edges"))
    np.testing.assert_allclose(spectrum.grid.lower, edges.value[:-1])
    np.testing.assert_allclose(spectrum.grid.upper, edges.value[1:])
    assert "notes" not in spectrum.meta


def test_descending_axes_are_sorted():
    spectrum = of_specutils(
        DEPTH[::-1] * u.one, WAVELENGTH[::-1] * u.um, StdDevUncertainty(SIGMA[::-1])
    )
    assert_same(as_spectrum(spectrum))


def test_masks_metadata_and_names():
    spectrum = as_spectrum(
        of_specutils(mask=np.array([False, True, False, False]), meta={"target": "WASP-12 b"})
    )
    assert np.flatnonzero(~spectrum.observed).tolist() == [1]
    assert spectrum.name == "WASP-12 b"


def test_radius_ratios_of_specutils():
    ratio = np.sqrt(DEPTH)
    spectrum = of_specutils(ratio * u.one, uncertainty=StdDevUncertainty(SIGMA / (2 * ratio)))
    assert_same(as_spectrum(spectrum, depth_unit="rp_rs"))


def test_specutils_spectra_that_are_refused():
    with pytest.raises(UnitError, match="flux in Jy, not a transit depth"):
        as_spectrum(of_specutils(DEPTH * u.Jy, uncertainty=StdDevUncertainty(SIGMA * u.Jy)))
    with pytest.raises(UnitError, match="StdDevUncertainty"):
        as_spectrum(of_specutils(uncertainty=UnknownUncertainty(SIGMA)))
    with pytest.raises(UnitError, match="percent"):
        as_spectrum(of_specutils(100 * DEPTH * u.one, uncertainty=StdDevUncertainty(100 * SIGMA)))
    curves = of_specutils(np.ones((2, 4)) * u.one, uncertainty=StdDevUncertainty(np.ones((2, 4))))
    with pytest.raises(FileFormatError, match="2-dimensional, as light curves"):
        as_spectrum(curves)
    bare = pytest.importorskip("specutils").Spectrum(flux=DEPTH * u.one, spectral_axis=EDGES[:4])
    with pytest.raises(FileFormatError, match="no column of errors"):
        as_spectrum(bare)

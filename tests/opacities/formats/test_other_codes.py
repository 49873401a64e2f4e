"""TauREx and petitRADTRANS themselves read what exosk writes, and find the same numbers."""

from pathlib import Path

import numpy as np
import pytest

from exosk.opacities import load_embedded, read_opacity, write_opacity
from exosk.opacities.formats import petitradtrans
from exosk.opacities.masses import molar_mass

ATOMIC_MASS_UNIT = 1.66053906660e-24  # g


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """petitRADTRANS writes a configuration into the home folder when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def taurex_hdf5():
    return pytest.importorskip("taurex.opacity.hdf5opacity").HDF5Opacity


@pytest.fixture
def taurex_pickle():
    return pytest.importorskip("taurex.opacity.pickleopacity").PickleOpacity


@pytest.fixture
def radtrans():
    return pytest.importorskip("petitRADTRANS.radtrans").Radtrans


@pytest.fixture
def opacity_class():
    return pytest.importorskip("petitRADTRANS.opacities.opacities")


def linear(table) -> np.ndarray:
    """Cross sections in order of wavenumber, as the other codes keep them."""
    return 10.0 ** table.log_cross_section[..., ::-1].astype(float)


def check_taurex(theirs, table):
    assert theirs.moleculeName == "SO2"
    assert np.allclose(theirs.pressureGrid, table.pressure * 1e5, rtol=1e-12)
    assert np.array_equal(theirs.temperatureGrid, table.temperature)
    assert np.allclose(theirs.wavenumberGrid, 1e4 / table.wavelength[::-1], rtol=1e-12)
    assert np.array_equal(theirs.xsecGrid, linear(table))
    # Between two nodes its "exp" mode is exosk's interpolation, in m2; between four, it goes along
    # pressure first.
    for temperature, pressure in [(400.0, 1e-6), (1700.0, 1e-6), (500.0, 1e-5), (1000.0, 0.3)]:
        ours = table.cross_section(temperature, pressure)[0, ::-1]
        found = theirs.compute_opacity(temperature, pressure * 1e5) * 1e4
        assert np.allclose(found, ours, rtol=1e-5, atol=0)


def test_taurex_reads_hdf5(taurex_hdf5, table, tmp_path):
    write_opacity(table, tmp_path / "SO2.h5", "taurex")
    theirs = taurex_hdf5(tmp_path / "SO2.h5", interpolation_mode="exp", in_memory=True)
    check_taurex(theirs, table)


def test_taurex_reads_petitradtrans_s_cross_sections_too(taurex_hdf5, table, tmp_path):
    write_opacity(table, tmp_path / "SO2.h5", "petitradtrans")
    theirs = taurex_hdf5(tmp_path / "SO2.h5", interpolation_mode="exp", in_memory=True)
    check_taurex(theirs, table)


def test_taurex_reads_pickle(taurex_pickle, table, tmp_path):
    write_opacity(table, tmp_path / "SO2.exosk.pickle", "taurex-pickle")
    with pytest.warns(DeprecationWarning, match="PickleOpacity"):
        theirs = taurex_pickle(tmp_path / "SO2.exosk.pickle", interpolation_mode="exp")
    check_taurex(theirs, table)


def test_petitradtrans_reads_cross_sections(radtrans, table, tmp_path):
    path = tmp_path / petitradtrans.file_name(table, correlated_k=False)
    write_opacity(table, path, "petitradtrans")
    doi, wavenumber, sigma, mass, name, pressure, temperature = (
        radtrans.load_hdf5_line_opacity_table(str(path), None, return_radtrans_opacities=False)
    )
    assert np.array_equal(sigma, linear(table))
    assert (name, doi) == ("SO2", "x")
    assert mass == pytest.approx(64.058)
    assert np.array_equal(pressure, table.pressure)
    assert np.array_equal(temperature, table.temperature)
    light = 2.99792458e10
    frequencies = light * wavenumber[::-1]
    opacity = radtrans.load_hdf5_line_opacity_table(str(path), frequencies)
    check_petitradtrans_order(opacity[0, :, 0], table)


def test_petitradtrans_reads_k_tables(radtrans, table, tmp_path):
    path = tmp_path / petitradtrans.file_name(table, correlated_k=True)
    write_opacity(table, path, "petitradtrans-ck")
    centres = 1e4 / table.wavelength
    opacity = radtrans.load_hdf5_ktables(
        str(path), 2.99792458e10 * centres, 16, table.temperature.size * table.pressure.size
    )
    assert opacity.shape[0] == 16
    for g in range(16):
        check_petitradtrans_order(opacity[g, :, 0], table)
    grid, n_t, n_p = radtrans.load_line_opacities_pressure_temperature_grid(str(path))
    assert (n_t, n_p) == (table.temperature.size, table.pressure.size)
    assert np.allclose(grid[:n_p, 1], table.pressure * 1e6)


def check_petitradtrans_order(opacity, table):
    """By wavelength, and temperature outside pressure; cm2 per gram."""
    cube = opacity.reshape(table.wavelength.size, table.temperature.size, table.pressure.size)
    expected = 10.0 ** table.log_cross_section.astype(float)
    expected /= molar_mass("SO2") * ATOMIC_MASS_UNIT
    assert np.allclose(np.moveaxis(cube, (2, 1, 0), (0, 1, 2)), expected, rtol=1e-7, atol=0)


def test_petitradtrans_finds_the_files_in_its_folder(opacity_class, table, tmp_path):
    for correlated_k, kind in (
        (False, opacity_class.LineByLineOpacity),
        (True, opacity_class.CorrelatedKOpacity),
    ):
        species = "SO2-NatAbund__exosk.R56"
        folder = Path(kind.get_species_directory("SO2-NatAbund", path_input_data=str(tmp_path)))
        path = folder / petitradtrans.file_name(table, correlated_k)
        write_opacity(table, path, "petitradtrans-ck" if correlated_k else "petitradtrans")
        found = kind.find(species, path_input_data=str(tmp_path), search_online=False)
        assert Path(found) == path


def test_exosk_reads_what_petitradtrans_writes(opacity_class, table, tmp_path):
    wavelength_range = table.wavelength[[0, -1]] * 1e-4
    common = {
        "species_name": "SO2",
        "pressures": table.pressure,
        "temperatures": table.temperature,
        "temperature_grid_type": "regular",
        "wavelength_range": wavelength_range,
        "doi": "10.0000/none",
    }
    path = tmp_path / "SO2__x.R100_1-2mu.xsec.petitRADTRANS.h5"
    opacity_class.LineByLineOpacity.write(
        str(path),
        cross_sections=linear(table),
        wavenumber_bin_edges=1e4 / table.wavelength[::-1],
        **common,
    )
    again = read_opacity(path)
    assert np.allclose(again.log_cross_section, table.log_cross_section, rtol=0, atol=4e-6)
    assert again.provenance["citation"] == ["10.0000/none"]
    samples, weights = petitradtrans.g_quadrature()
    edges = petitradtrans._edges_around(1e4 / table.wavelength[::-1])
    path = tmp_path / "SO2__x.R100_1-2mu.ktable.petitRADTRANS.h5"
    opacity_class.CorrelatedKOpacity.write(
        str(path),
        k_coefficients=np.repeat(linear(table)[..., None], 16, axis=-1),
        wavenumber_bin_centers=0.5 * (edges[1:] + edges[:-1]),
        wavenumber_bin_edges=edges,
        g_weights=weights,
        g_samples=samples,
        **common,
    )
    reduced = read_opacity(path).to_opacity("mean")
    assert np.allclose(reduced.log_cross_section, table.log_cross_section, rtol=0, atol=1e-5)
    assert np.allclose(reduced.wavelength, table.wavelength, rtol=1e-12)


def test_the_model_s_grid_has_exact_bins_of_petitradtrans():
    """So that a spectrum of petitRADTRANS lies on the wavelengths of exosk's."""
    centres = 1e4 / load_embedded("H2O").wavelength[::-1]
    edges = petitradtrans._edges_around(centres)
    assert np.allclose(0.5 * (edges[1:] + edges[:-1]), centres, rtol=1e-14)
    uneven = np.array([1.0, 2.0, 2.1, 5.0])
    edges = petitradtrans._edges_around(uneven)
    assert np.all((edges[:-1] < uneven) & (uneven < edges[1:]))

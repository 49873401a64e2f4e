"""The tables that come with exosk, and the script that makes them."""

import json
import re
import tarfile
from typing import get_args

import h5py
import numpy as np
import pytest

from exosk.exceptions import FileFormatError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.opacities import (
    COLLISION_LOG_FLOOR,
    CollisionTable,
    OpacityTable,
    collision_names,
    embedded_names,
    get_opacity,
    load_collision,
    load_embedded,
)
from exosk.opacities.binning import Mode, bin_average, bin_edges, bin_samples
from exosk.opacities.builder import build_opacity
from exosk.opacities.embedded import build, checks, sources
from exosk.opacities.embedded.line_molecules import LINE_MOLECULES
from exosk.opacities.library import _resource
from exosk.simulators import TransmissionModel

each_name = pytest.mark.parametrize("name", embedded_names())
each_pair = pytest.mark.parametrize("name", collision_names())


@each_name
def test_all_share_one_grid(name):
    table, first = load_embedded(name), load_embedded("H2O")
    assert isinstance(table, OpacityTable)
    assert table.name == name
    for axis in ("wavelength", "temperature", "pressure"):
        assert np.array_equal(getattr(table, axis), getattr(first, axis))
    assert table.log_cross_section.shape == (13, 30, 4616)
    assert np.array_equal(table.temperature, np.arange(100.0, 3001.0, 100.0))
    assert np.allclose(table.pressure, 10.0 ** np.arange(-9, 4), rtol=1e-12)


@each_pair
def test_pairs_share_the_wavelengths(name):
    table = load_collision(name)
    assert isinstance(table, CollisionTable)
    assert np.array_equal(table.wavelength, load_embedded("H2O").wavelength)
    assert table.temperature[0] <= 100
    assert table.temperature[-1] == 3000
    assert table.pair == tuple(name.split("-"))


@pytest.mark.parametrize("name", [*embedded_names(), *collision_names()])
def test_every_card_says_where_it_comes_from_and_where_it_fails(name):
    table = get_opacity(name)
    card = table.provenance
    assert json.loads(json.dumps(card)) == card
    for entry in ("source", "source_version", "licence", "citation", "limits"):
        assert card[entry], entry
    assert "source_sha256" in card
    if isinstance(table, OpacityTable):
        assert card["quantisation_error_percent"] < 0.05
        assert card["sampling_error_ppm"]["rms"] > 0
        assert card["sampling"] in get_args(Mode)


@each_name
def test_every_card_says_where_the_table_is_valid(name):
    table = load_embedded(name)
    for axis, inside in (("temperature", table.temperature), ("wavelength", table.wavelength)):
        low, high = table.provenance[f"valid_{axis}"]
        assert inside[0] * (1 - 1e-4) <= low < high <= inside[-1] * (1 + 1e-4)


@pytest.mark.parametrize("spelling", ["H2O", "h2o", "na", "Co2"])
def test_names_ignore_case_and_tables_are_shared(spelling):
    assert load_embedded(spelling) is load_embedded(spelling.upper())
    assert get_opacity(spelling) is load_embedded(spelling)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="H2O"):
        load_embedded("H20")
    with pytest.raises(UnknownNameError, match="H2-He"):
        load_collision("H2-Hee")
    with pytest.raises(UnknownNameError):
        get_opacity("kryptonite")


def test_they_are_small():
    names = [*embedded_names(), *collision_names()]
    sizes = {name: len(_resource(name).read_bytes()) for name in names}
    assert sum(sizes.values()) < 18e6
    assert max(sizes.values()) < 2e6


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("H2O", (1.3, 1.5), (1.6, 1.7)),
        ("CO2", (4.2, 4.4), (3.5, 4.0)),
        ("CO", (4.5, 4.9), (3.0, 4.0)),
        ("CH4", (3.2, 3.4), (1.7, 1.9)),
        ("O3", (9.4, 9.9), (10.9, 11.5)),
        ("O2", (0.759, 0.766), (0.9, 1.0)),
        ("Na", (0.585, 0.593), (0.7, 0.75)),
        ("K", (0.764, 0.772), (0.6, 0.65)),
        ("NH3", (10.2, 11.2), (4.6, 4.9)),
        ("SO2", (7.2, 7.6), (5.0, 6.0)),
        ("SO2", (3.95, 4.15), (4.3, 5.0)),
        ("HCN", (2.98, 3.1), (3.3, 4.3)),
        ("H2S", (2.55, 2.75), (3.1, 3.3)),
        ("C2H2", (13.5, 13.9), (9.0, 11.0)),
        ("PH3", (4.1, 4.5), (3.2, 3.9)),
    ],
)
def test_bands_are_where_they_belong(name, inside, outside):
    table = load_embedded(name)
    band, gap = (
        np.log10(table.select(*limits).cross_section(1000.0, 1e-3)).mean()
        for limits in (inside, outside)
    )
    assert band > gap + 1


@each_pair
@pytest.mark.parametrize("temperature", [300.0, 500.0, 700.0])
def test_collisions_against_petitradtrans(name, temperature, shared_data):
    """The same process in petitRADTRANS's tables (Molliere et al. 2019), within its bands."""
    with h5py.File(shared_data / "opacity" / f"{name}.h5") as file:
        column = int(np.flatnonzero(file["T"][()] == temperature)[0])
        wavelength = file["wavelengths"][()].astype(float)
        expected = file["log10xs"][:, column].astype(float)
    table = load_collision(name)
    ours = np.log10(np.maximum(table.coefficient(temperature)[0], 10.0**COLLISION_LOG_FLOOR))
    inside = (wavelength > 1.0) & (wavelength < 29.0) & (expected > -46)
    difference = np.interp(wavelength[inside], table.wavelength, ours) - expected[inside]
    assert np.abs(np.median(difference)) < 0.06
    assert np.percentile(np.abs(difference), 90) < 0.12


def test_methane_says_where_it_has_no_data():
    limits = " ".join(load_embedded("CH4").provenance["limits"])
    assert "nothing above" in limits
    assert "independent of temperature" in limits


each_listed = pytest.mark.parametrize("molecule", LINE_MOLECULES.values(), ids=lambda m: m.name)


@each_listed
def test_a_296_k_list_warns_of_what_it_lacks(molecule):
    """Where its data end, how hot it may be used, and what that rests on."""
    card = load_embedded(molecule.name).provenance
    assert card["source_sha256"] == molecule.sha256
    assert str(molecule.edition) in card["source_version"]
    limits = " ".join(card["limits"])
    low, high = card["valid_temperature"]
    assert low == 100
    assert 300 <= high <= 800
    assert f"above {high:.0f} K" in limits
    # From all lines down to the bands that are hot.
    kept = [card["kept_strength"][at]["all"] for at in ("500 K", "800 K", "1000 K")]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.8
    shortest = card["valid_wavelength"][0]
    said = re.search(r"no data below (\d\.\d+) um", limits)
    assert float(said[1]) == pytest.approx(shortest, abs=1e-3)
    assert "not zero opacity" in limits
    below = load_embedded(molecule.name).select(0.3, 0.98 * shortest)
    assert np.all(below.log_cross_section == -38)


@pytest.mark.parametrize(
    ("name", "ends"), [("HCN", 2.92), ("PH3", 2.78), ("SO2", 2.44), ("H2S", 2.35)]
)
def test_data_end_where_the_design_says(name, ends):
    low, _ = load_embedded(name).provenance["valid_wavelength"]
    assert low == pytest.approx(ends, abs=0.01)


@each_listed
def test_tables_are_what_the_lists_give(molecule, shared_data):
    """Built anew at one temperature and pressure in the strongest window."""
    pytest.importorskip("hapi", reason="hitran-api has the partition sums")
    table = load_embedded(molecule.name)
    low, high = molecule.windows[-1]
    wavelength = table.wavelength[(table.wavelength > low) & (table.wavelength < high)]
    again = build_opacity(
        shared_data / "opacity" / "lines" / molecule.file,
        wavelength=wavelength,
        temperature=[500.0],
        pressure=[0.01],
    )
    stored = table.select(wavelength[0], wavelength[-1]).log_cross_section[
        table.pressure.searchsorted(0.00999), 4
    ]
    # Samples fall on other places when the grid is cut, which tells in narrow lines.
    seen = stored > -25
    assert seen.sum() > 20
    assert np.allclose(stored[seen], again.log_cross_section[0, 0, seen], atol=0.03)
    assert np.abs(np.mean((stored - again.log_cross_section[0, 0])[seen])) < 2e-3


def test_a_changed_line_list_is_refused(shared_data, tmp_path):
    molecule = LINE_MOLECULES["HCN"]
    with np.load(shared_data / "opacity" / "lines" / molecule.file) as file:
        arrays = dict(file)
    np.savez(tmp_path / molecule.file, **{**arrays, "S": 2 * arrays["S"]})
    with pytest.raises(FileFormatError, match="SHA-256"):
        build.build_molecule(molecule, tmp_path, None, tmp_path, 1)


@pytest.mark.parametrize(("name", "low"), [("NH3", 0.95), ("SO2", 0.90)])
def test_tables_against_helios_k_at_room_temperature(name, low, shared_data):
    """Band means of HELIOS-K at 300 K and 10 bar, where lines overlap and all means are alike."""
    with h5py.File(shared_data / "opacity" / f"{name}.h5") as file:
        edges, weights = file["wavelengths"][()].astype(float), file["weights"][()]
        t = int(np.flatnonzero(file["T"][()] == 300.0)[0])
        p = int(np.argmin(np.abs(file["log10P"][()] - 1)))
        expected = (10.0 ** file["log10k"][:, t, p]) @ weights
    table = load_embedded(name)
    sigma = 10.0 ** table.log_cross_section[10, 2].astype(float)
    assert (table.pressure[10], table.temperature[2]) == (pytest.approx(10.0), 300.0)
    for band in np.flatnonzero((edges[:-1] > 2.0) & (edges[1:] < 14) & (expected > 1e-20)):
        inside = (table.wavelength >= edges[band]) & (table.wavelength < edges[band + 1])
        ours = np.average(sigma[inside], weights=1 / table.wavelength[inside])
        assert low < ours / expected[band] < 1.05


def test_sulphur_dioxide_of_wasp_39b_shows_at_4_um():
    """1e-5 of it in a hot Saturn: a feature near 4.05 um (Tsai et al. 2023, Nature 617, 483)."""
    grid = SpectralGrid.from_resolution(3.6, 4.2, 100)
    model = TransmissionModel(("H2O", "CO2", "SO2"), grid=grid)
    names = list(model.space.names)
    values = {
        "planet_radius": 1.2,
        "planet_mass": 0.28,
        "temperature": 900.0,
        "log_x_h2o": -3.0,
        "log_x_co2": -5.0,
        "log_p_cloud": 1.0,
        "log_haze": 0.0,
    }
    theta = np.median(model.space.sample(500, 0), axis=0)
    for name, value in values.items():
        if name in names:
            theta[names.index(name)] = value
    both = np.tile(theta, (2, 1))
    both[:, names.index("log_x_so2")] = [-5.0, -12.0]
    with_it, without = model.simulate(both)
    feature = 1e6 * (with_it - without)
    at = model.wavelength
    smooth = np.convolve(feature, np.ones(10) / 10, mode="same")  # R = 100
    assert smooth.max() > 50
    assert 3.95 < at[np.argmax(smooth)] < 4.15


def test_bins_tile_the_grid():
    grid = np.geomspace(1.0, 2.0, 20)
    edges = bin_edges(grid)
    assert np.all((edges[:-1] < grid) & (grid < edges[1:]))
    samples = bin_samples(grid, "mean", 7)
    assert samples.size == 140
    assert np.array_equal(np.searchsorted(edges, samples) - 1, np.repeat(np.arange(20), 7))
    assert np.allclose(bin_average(samples, 20, "log_mean"), grid)
    assert np.array_equal(bin_samples(grid, "sample", 7), grid)


def test_the_geometric_mean_of_nothing_is_nothing():
    sigma = np.array([0.0, 0.0, 1e-20, 1e-22])
    assert np.allclose(bin_average(sigma, 2, "log_mean"), [0.0, 1e-21], atol=0)


def test_means_are_ordered_by_their_power():
    sigma = 10.0 ** np.random.default_rng(0).uniform(-28, -20, (3, 40))
    geometric, power, arithmetic = (
        bin_average(sigma, 4, mode) for mode in ("log_mean", "power_mean", "mean")
    )
    assert np.all(geometric < power)
    assert np.all(power < arithmetic)
    # All are homogeneous: twice the opacity is twice the mean.
    assert np.allclose(bin_average(2 * sigma, 4, "power_mean"), 2 * power, rtol=1e-12, atol=0)


def test_a_halved_grid_is_exact_where_interpolation_is():
    temperature, pressure = np.arange(300.0, 1300.0, 100.0), np.geomspace(1e-4, 1.0, 5)
    sigma = 1e-20 * np.exp(-900.0 / temperature)[None, :, None] * np.ones((5, 1, 3))
    table = OpacityTable.from_cross_section(
        "X", np.array([1.0, 2.0, 3.0]), temperature, pressure, sigma, {}
    )
    assert checks.halved_grid_errors(table, "temperature").largest < 0.01
    assert checks.halved_grid_errors(table, "pressure").largest < 0.01


def test_depth_of_a_single_absorber_is_the_textbook_s():
    """Lecavelier des Etangs et al. 2008: ten times the opacity is H ln 10 of radius."""
    planet, pressure = checks.HotSaturn(), np.geomspace(1e-9, 10.0, 11)
    sigma = np.full((11, 2), 1e-22) * [1.0, 10.0]
    radius = np.sqrt(planet.depth(sigma, pressure, 1e-3)) * 0.932 * 6.957e5
    assert np.diff(radius)[0] == pytest.approx(900.0 * np.log(10), rel=0.02)


def test_a_changed_source_file_is_refused(tmp_path):
    """Pinned by content, whatever the archive is called."""
    content = tmp_path / "CIA.dat"
    content.write_text("@SPECIES\n")
    archive = tmp_path / "pyratbay-2.1.2.tar.gz"
    data_file = sources.BORYSOW["H2-H2"]
    with tarfile.open(archive, "w:gz") as sdist:
        sdist.add(content, f"pyratbay-2.1.2/{data_file.member}")
    with pytest.raises(FileFormatError, match="SHA-256"):
        sources.read_member(archive, data_file)
    with pytest.raises(FileFormatError, match="holds no"):
        sources.read_member(archive, sources.BORYSOW["H2-He"])

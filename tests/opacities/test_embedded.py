"""The tables that come with exosk, and the script that makes them."""

import json
import tarfile
from typing import get_args

import h5py
import numpy as np
import pytest

from exosk.exceptions import FileFormatError, UnknownNameError
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
from exosk.opacities.embedded import checks, sources
from exosk.opacities.library import _resource

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
    assert sum(len(_resource(name).read_bytes()) for name in names) < 15e6


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

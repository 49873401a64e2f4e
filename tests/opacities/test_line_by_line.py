"""Lines to cross sections: exact laws, and two independent codes."""

import dataclasses

import h5py
import numpy as np
import pytest
from scipy.special import voigt_profile

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.opacities import line_by_line
from exosk.opacities.binning import bin_samples
from exosk.opacities.embedded.isotopologues import with_rare_isotopologues
from exosk.opacities.hitran import isotopologue_masses, partition_sums
from exosk.opacities.line_by_line import (
    cross_sections,
    fine_grid,
    monochromatic,
    resolved,
    voigt,
)
from exosk.opacities.line_lists import read_line_list
from exosk.opacities.lines import SECOND_RADIATION_CONSTANT, LineList, line_intensities

MASS = {1: 28.0, 2: 29.0}


def partition(isotopologue: int, temperature: float) -> float:
    """A linear rotor's, near enough."""
    return 0.36 * temperature * isotopologue


def line_list(**changes) -> LineList:
    fields = {
        "wavenumber": [2150.0, 2100.0, 2110.0],
        "intensity": [1e-20, 3e-20, 2e-21],
        "gamma_foreign": [0.06, 0.07, 0.08],
        "gamma_self": [0.1, 0.1, 0.1],
        "elower": [2000.0, 100.0, 0.0],
        "n_foreign": [0.7, 0.6, 0.5],
        "delta_foreign": [0.0, 0.0, -0.005],
        "isotopologue": [1, 1, 2],
    }
    return LineList(**{**fields, **changes})


@pytest.mark.parametrize("lorentz", [1e-9, 1e-5, 1e-3, 0.03, 1.0])
def test_the_fast_voigt_profile_is_the_voigt_profile(lorentz):
    offset = np.concatenate([[0.0], np.geomspace(1e-5, 25.0, 2000)])
    widths = np.full(offset.shape, 0.005), np.full(offset.shape, lorentz)
    expected = voigt_profile(offset, 0.005, lorentz)
    assert np.allclose(voigt(offset, *widths), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize(("temperature", "pressure"), [(300.0, 1e-6), (1000.0, 0.01), (600.0, 1.0)])
def test_a_profile_integrates_to_the_line_strength(temperature, pressure):
    lines = line_list().select(np.array([0]))
    offset = np.concatenate([-np.geomspace(25.0, 1e-6, 20_000), np.geomspace(1e-6, 25.0, 20_000)])
    sigma = monochromatic(
        lines, 2100.0 + offset, temperature, pressure, partition=partition, mass=MASS
    )
    strength = line_intensities(lines, temperature, partition)[0]
    # What the wings beyond 25 cm-1 held.
    lorentz = pressure / 1.01325 * 0.07 * (296.0 / temperature) ** 0.6
    kept = 2 / np.pi * np.arctan(25.0 / lorentz)
    assert np.trapezoid(sigma, offset) == pytest.approx(strength * kept, rel=3e-4)


def test_at_the_reference_temperature_the_strengths_are_the_list_s():
    assert np.allclose(
        line_intensities(line_list(), 296.0, partition), [3e-20, 2e-21, 1e-20], rtol=1e-14
    )


def test_strengths_follow_boltzmann_and_detailed_balance():
    lines, temperature = line_list(), 1200.0
    c2 = SECOND_RADIATION_CONSTANT

    def factor(t):
        emission = 1 - np.exp(-c2 * lines.wavenumber / t)
        return np.exp(-c2 * lines.elower / t) * emission / t

    expected = lines.intensity * factor(temperature) / factor(296.0)
    assert np.allclose(line_intensities(lines, temperature, partition), expected, rtol=1e-12)


def test_wings_end_at_the_cutoff():
    grid = np.linspace(2060.0, 2080.0, 2001)
    sigma = monochromatic(line_list(), grid, 500.0, 1.0, partition=partition, mass=MASS)
    assert np.all(sigma[grid < 2074.999] == 0)
    assert np.all(sigma[grid > 2075.001] > 0)


def test_pressure_shifts_and_broadens():
    lines = line_list().select(np.array([1]))
    grid = np.linspace(2109.0, 2111.0, 20_001)
    sigma = monochromatic(lines, grid, 296.0, 2.0265, partition=partition, mass=MASS)
    assert grid[np.argmax(sigma)] == pytest.approx(2110.0 - 0.01, abs=1e-4)
    half = grid[sigma > sigma.max() / 2]
    assert np.ptp(half) / 2 == pytest.approx(2 * 0.08, rel=0.01)
    own = monochromatic(
        lines, grid, 296.0, 2.0265, partition=partition, mass=MASS, self_fraction=1.0
    )
    assert np.ptp(grid[own > own.max() / 2]) / 2 == pytest.approx(2 * 0.1, rel=0.01)


def test_chunks_do_not_change_the_sum(monkeypatch):
    grid = np.linspace(2050.0, 2200.0, 3001)
    arguments = {"partition": partition, "mass": MASS}
    whole = monochromatic(line_list(), grid, 700.0, 0.1, **arguments)
    monkeypatch.setattr("exosk.opacities.line_by_line._CHUNK", 10)
    assert np.allclose(monochromatic(line_list(), grid, 700.0, 0.1, **arguments), whole, rtol=1e-12)


def test_weak_lines_can_be_left_out():
    grid = np.linspace(2050.0, 2200.0, 3001)
    arguments = {"partition": partition, "mass": MASS}
    strength = line_intensities(line_list(), 700.0, partition)
    fewer = monochromatic(line_list(), grid, 700.0, 0.1, weakest=strength.max() / 2, **arguments)
    strongest = line_list().select(np.flatnonzero(strength == strength.max()))
    assert np.array_equal(fewer, monochromatic(strongest, grid, 700.0, 0.1, **arguments))


def test_modes_are_ordered_as_means_are():
    wavelength = 1e4 / np.linspace(2160.0, 2090.0, 30)
    arguments = {"partition": partition, "mass": MASS}
    axes = (wavelength, np.array([500.0]), np.array([0.01, 0.1]))
    calls = []
    mean = cross_sections(line_list(), *axes, mode="mean", samples_per_bin=500, **arguments)
    geometric = cross_sections(
        line_list(),
        *axes,
        mode="log_mean",
        samples_per_bin=500,
        progress=lambda done, total: calls.append((done, total)),
        **arguments,
    )
    assert mean.shape == (2, 1, 30)
    assert np.all(geometric <= mean)
    assert np.all(geometric > 0)
    assert calls == [(2, 2)]  # pressures share their temperature
    # The mean keeps the strength: no shift of it in or out of these bins.
    width = np.abs(np.diff(1e4 / wavelength)).mean()
    strength = line_intensities(line_list(), 500.0, partition).sum()
    assert mean[0, 0].sum() * width == pytest.approx(strength, rel=0.02)
    with pytest.raises(UnknownNameError, match="log_mean"):
        cross_sections(line_list(), *axes, mode="logmean", **arguments)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"intensity": [1.0]}, FileFormatError),
        ({"elower": [0.0, np.nan, 1.0]}, RangeError),
        ({"wavenumber": [0.0, 1.0, 2.0]}, RangeError),
    ],
)
def test_a_malformed_list_is_refused(changes, error):
    with pytest.raises(error):
        line_list(**changes)


# Doppler widths at 1 ubar, pressure widths at 10 bar, and where both matter; hot and cold.
STATES = [(200.0, 0.1), (300.0, 1e-6), (500.0, 1e-3), (1000.0, 0.01), (1000.0, 1.0), (1500.0, 10.0)]


def away_from_ends(lines: LineList, wavenumber: np.ndarray) -> np.ndarray:
    """Where no line's wing ends within a cell of the grid on which wings end."""
    distance = np.abs(wavenumber[:, None] - lines.wavenumber)
    return np.all(np.abs(distance - 25.0) > 0.4, axis=1)


@pytest.mark.parametrize(("temperature", "pressure"), STATES)
def test_nested_grids_give_the_direct_sum(temperature, pressure):
    """Lines of all strengths: points within 1 % but where wings end, bins within 2 %."""
    rng = np.random.default_rng(1)
    n = 30
    lines = LineList(
        rng.uniform(2000.0, 2120.0, n),
        10.0 ** rng.uniform(-24, -20, n),
        *rng.uniform(0.04, 0.1, (2, n)),
        rng.uniform(0.0, 3000.0, n),
        rng.uniform(0.4, 0.8, n),
        rng.uniform(-0.005, 0.0, n),
        rng.integers(1, 3, n),
    )
    arguments = {"partition": partition, "mass": MASS}
    wavelength = 1e4 / np.geomspace(2140.0, 1980.0, 79)
    grid = fine_grid(wavelength)
    fast = resolved(lines, grid, temperature, [pressure], **arguments)[0]
    direct = monochromatic(lines, grid.wavenumber, temperature, pressure, **arguments)
    seen = away_from_ends(lines, grid.wavenumber)
    assert seen.mean() > 0.3
    # Just beyond a wing's end the grids leave up to 1e-3 of what the wing ended with.
    lorentz = pressure * lines.gamma_foreign * (296.0 / temperature) ** lines.n_foreign
    ended = line_intensities(lines, temperature, partition) * lorentz / (np.pi * 25.0**2)
    assert np.allclose(fast[seen], direct[seen], rtol=1e-2, atol=1e-3 * ended.max())
    assert np.all(fast >= 0)
    bins = np.mean(fast.reshape(79, -1), axis=1), np.mean(direct.reshape(79, -1), axis=1)
    assert np.allclose(*bins, rtol=0.02, atol=1e-3 * ended.max())


@pytest.mark.parametrize("name", ["NH3", "SO2"])
@pytest.mark.parametrize(("temperature", "pressure"), STATES[::2])
def test_tables_of_real_lists_are_those_of_the_direct_sum(name, temperature, pressure, shared_data):
    """R = 1000 power means of thousands of lines, against every profile at every point.

    The largest difference seen is 0.04 %, for NH3 at 200 K and 0.1 bar.
    """
    pytest.importorskip("hapi", reason="hitran-api has the partition sums")
    file = read_line_list(shared_data / "opacity" / "lines" / f"lines_{name}.npz")
    physics = {
        "partition": partition_sums(file.molecule),
        "mass": isotopologue_masses(file.molecule),
    }
    low = {"NH3": 10.2, "SO2": 7.3}[name]
    wavelength = low * np.exp(np.arange(10) / 1000)
    axes = (wavelength, np.array([temperature]), np.array([pressure]))
    fast = cross_sections(file.lines, *axes, mode="power_mean", samples_per_bin=100, **physics)
    wavenumber = 1e4 / bin_samples(wavelength, "power_mean", 100)[::-1]
    direct = monochromatic(file.lines, wavenumber, temperature, pressure, **physics)[::-1]
    expected = np.mean(direct.reshape(10, -1) ** (1 / 6), axis=1) ** 6
    assert np.allclose(fast[0, 0], expected, rtol=1e-3, atol=1e-28)


def test_strength_is_kept_by_nested_grids():
    """The integral over a line, of core, wings and edges together."""
    lines = line_list().select(np.array([0]))
    grid = fine_grid(1e4 / np.geomspace(2130.0, 2070.0, 29))
    pressure = np.array([1e-6, 1e-2, 1.0, 10.0])
    sigma = resolved(lines, grid, 500.0, pressure, partition=partition, mass=MASS)
    strength = line_intensities(lines, 500.0, partition)[0]
    lorentz = pressure / 1.01325 * 0.07 * (296.0 / 500.0) ** 0.6
    kept = 2 / np.pi * np.arctan(25.0 / lorentz)
    assert np.allclose(np.trapezoid(sigma, grid.wavenumber), strength * kept, rtol=1e-3)


def test_wings_end_at_the_cutoff_on_nested_grids():
    """To half a cell of the grid on which they end."""
    grid = fine_grid(1e4 / np.geomspace(2190.0, 2060.0, 62))
    sigma = resolved(line_list(), grid, 500.0, [1.0], partition=partition, mass=MASS)[0]
    top = sigma.max()
    nu = grid.wavenumber
    assert np.all(sigma[(nu < 2074.7) | (nu > 2175.3)] < 1e-9 * top)
    assert np.all(sigma[(nu > 2075.3) & (nu < 2174.7)] > 1e-9 * top)


def test_pressures_that_share_a_wing_agree_with_those_that_do_not():
    """Across the border between linear and Voigt profiles nothing jumps."""
    grid = fine_grid(1e4 / np.geomspace(2160.0, 2090.0, 33))
    pressure = np.geomspace(1e-6, 1e-2, 9)
    sigma = resolved(line_list(), grid, 300.0, pressure, partition=partition, mass=MASS)
    for p, row in zip(pressure, sigma):
        direct = monochromatic(
            line_list(), grid.wavenumber, 300.0, p, partition=partition, mass=MASS
        )
        seen = away_from_ends(line_list(), grid.wavenumber)
        assert np.allclose(row[seen], direct[seen], rtol=5e-3, atol=1e-34)


def test_processes_do_not_change_the_result():
    wavelength = 1e4 / np.linspace(2160.0, 2090.0, 30)
    axes = (wavelength, np.array([300.0, 600.0]), np.array([0.1]))
    arguments = {"partition": partition, "mass": MASS, "mode": "power_mean"}
    alone = cross_sections(line_list(), *axes, **arguments)
    assert np.array_equal(cross_sections(line_list(), *axes, n_jobs=2, **arguments), alone)


def test_bins_of_any_widths_hold_the_strength():
    """An uneven grid: sums of mean cross section times bin width are the lines' strengths."""
    wavelength = 1e4 / np.array([2200.0, 2170.0, 2150.0, 2146.0, 2120.0, 2090.0, 2050.0])
    arguments = {"partition": partition, "mass": MASS, "mode": "mean"}
    mean = cross_sections(line_list(), wavelength, [500.0], [0.01], **arguments)[0, 0]
    width = -np.diff(1e4 / line_by_line.bin_edges(wavelength))
    strength = line_intensities(line_list(), 500.0, partition).sum()
    assert np.sum(mean * width) == pytest.approx(strength, rel=5e-3)


def test_no_line_is_no_opacity():
    far = cross_sections(
        line_list(),
        np.array([1.0, 1.001, 1.002]),
        [500.0],
        [0.1],
        partition=partition,
        mass=MASS,
        mode="power_mean",
    )
    assert np.array_equal(far, np.zeros((1, 1, 3)))


@pytest.fixture(scope="module")
def carbon_monoxide(shared_data):
    pytest.importorskip("hapi", reason="hitran-api has the partition sums")
    from exosk.opacities.embedded import sources

    file = sources.read_co_lines(shared_data / "opacity" / "CO_hitran.data")
    return file.lines, {"partition": partition_sums(5), "mass": isotopologue_masses(5)}


def test_co_at_room_temperature_against_spectra(carbon_monoxide, shared_data, tmp_path):
    """Pure CO at 296 K and 1 atm, as spectra.iao.ru computes it (all isotopologues)."""
    lines, physics = carbon_monoxide
    list_path = shared_data / "opacity" / "CO_hitran.data"
    records = list_path.read_text("ascii").splitlines()
    par = tmp_path / "co.par"
    par.write_text("\n".join(record[:160] for record in records) + "\n")
    air = with_rare_isotopologues(read_line_list(par).lines, list_path)
    assert np.array_equal(air.wavenumber, lines.wavenumber)
    path = shared_data / "opacity" / "lines" / "CO_0-7500_1cm_296K_1atm_pure.txt"
    wavenumber, _, expected = np.loadtxt(path).T
    # Its wings end at 50 half widths.
    sigma = monochromatic(
        dataclasses.replace(air, delta_foreign=np.zeros(len(air))),
        wavenumber,
        296.0,
        1.01325,
        self_fraction=1.0,
        cutoff=3.5,
        **physics,
    )
    for low, high in [(1950, 2300), (4100, 4400)]:
        band = (wavenumber > low) & (wavenumber < high)
        assert sigma[band].sum() == pytest.approx(expected[band].sum(), rel=5e-3)
        # The rarer isotopologues have a hundredth of the strength and must be right as well.
        visible = band & (expected > 1e-3 * expected[band].max())
        ratio = sigma[visible] / expected[visible]
        assert np.median(ratio) == pytest.approx(1.0, abs=1e-3)
        assert np.mean(np.abs(ratio - 1) < 0.1) > 0.9


def test_hot_co_against_helios_k(carbon_monoxide, shared_data):
    """Band means of HELIOS-K's k-coefficients from HITEMP, 500 and 1000 K, 1 mbar."""
    lines, physics = carbon_monoxide
    with h5py.File(shared_data / "opacity" / "CO.h5") as file:
        edges, weights = file["wavelengths"][()].astype(float), file["weights"][()]
        temperatures, log_pressures = file["T"][()], file["log10P"][()]
        log_k = file["log10k"][()]
    p = int(np.argmin(np.abs(log_pressures + 3)))
    for temperature in (500.0, 1000.0):
        t = int(np.flatnonzero(temperatures == temperature)[0])
        ours, theirs = [], []
        for b in np.flatnonzero((edges[:-1] > 2.19) & (edges[1:] < 5.2)):
            mean = float(np.sum(10.0 ** log_k[b, t, p] * weights))
            if mean < 1e-22:
                continue
            grid = np.arange(1e4 / edges[b + 1], 1e4 / edges[b], 0.005)
            sigma = monochromatic(lines, grid, temperature, 1e-3, **physics)
            assert sigma.mean() == pytest.approx(mean, rel=0.10)
            ours.append(sigma.sum())
            theirs.append(mean * grid.size)
        assert len(ours) == 4
        assert sum(ours) == pytest.approx(sum(theirs), rel=0.07)


@pytest.mark.parametrize(
    ("name", "bands", "tolerance"),
    [
        ("NH3", [(750, 1200), (1450, 1850), (3150, 3600), (4200, 4600), (4900, 5200)], 0.005),
        # HITRAN2016 against the current edition: hot bands of nu_2 and nu_1 differ.
        ("SO2", [(440, 620), (1050, 1250), (1300, 1400), (2440, 2530)], 0.06),
    ],
)
def test_lists_at_room_temperature_against_spectra(name, bands, tolerance, shared_data):
    """Pure gas at 296 K and 1 atm, as spectra.iao.ru computes it, means over bands."""
    pytest.importorskip("hapi", reason="hitran-api has the partition sums")
    folder = shared_data / "opacity" / "lines"
    file = read_line_list(folder / f"lines_{name}.npz")
    wavenumber, _, expected = np.loadtxt(folder / f"{name}_0-7500_1cm_296K_1atm_pure.txt").T
    lines = dataclasses.replace(file.lines, delta_foreign=np.zeros(len(file.lines)))
    for low, high in bands:
        band = (wavenumber >= low) & (wavenumber <= high)
        # Its wings end at 50 half widths; those of SO2 reach farther than those of NH3 here.
        sigma = monochromatic(
            lines,
            wavenumber[band],
            296.0,
            1.01325,
            partition=partition_sums(file.molecule),
            mass=isotopologue_masses(file.molecule),
            self_fraction=1.0,
        )
        ratio = sigma.sum() / expected[band].sum()
        assert ratio == pytest.approx(1.0, abs=tolerance), f"{low}-{high} cm-1"

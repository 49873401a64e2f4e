"""The error of an average over few samples: of known scatter, of smooth spectra, of real lines."""

import numpy as np
import pytest

from exosk.inference import sampling_error
from exosk.opacities import CollisionTable, OpacityTable
from exosk.opacities.line_by_line import cross_sections
from exosk.opacities.line_lists import read_line_list
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.simulators import TransmissionModel, transmission
from exosk.spectra import SpectralGrid

NATIVE = np.geomspace(0.5, 6.0, 2500)  # R about 1000
NARROW = SpectralGrid.from_resolution(1.0, 5.0, 100)
BROAD = SpectralGrid(np.array([0.6, 3.2, 4.0]), np.array([0.9, 3.9, 5.0]))


class Scattered:
    """Spectra of a smooth part and white scatter: nothing else of a simulator matters here."""

    molecules = ()
    provenance: dict = {}
    space = ParameterSpace([Parameter("level", Uniform(0.0, 1.0))])

    def __init__(self, smooth, scatter: float, wavelength: np.ndarray = NATIVE):
        self.smooth, self.scatter, self.wavelength = smooth, scatter, wavelength

    def simulate(self, theta):
        noise = np.random.default_rng(3).standard_normal((len(theta), NATIVE.size))
        noise = noise[:, np.isin(NATIVE, self.wavelength)]
        return np.asarray(theta)[:, :1] + self.smooth(self.wavelength) + self.scatter * noise

    def restrict(self, grid):
        needed = grid.samples_needed(NATIVE)
        return Scattered(self.smooth, self.scatter, NATIVE[needed])


def band(wavelength):
    """A slope, an absorption band and a Rayleigh rise, hundreds of ppm each."""
    return (
        3e-4 * wavelength
        + 5e-4 * np.exp(-(((wavelength - 1.4) / 0.1) ** 2))
        + 5e-4 * np.exp(-(((wavelength - 4.4) / 0.2) ** 2))
        + 2e-4 * wavelength**-4.0
    )


@pytest.mark.parametrize("grid", [NARROW, BROAD], ids=["narrow", "broad"])
@pytest.mark.parametrize("smooth", [np.zeros_like, band], ids=["flat", "bands"])
def test_white_scatter_of_known_size(grid, smooth):
    """s / sqrt(n), whatever the smooth spectrum under it."""
    scatter = 4e-5
    theta = np.full((200, 1), 0.01)
    error = sampling_error(Scattered(smooth, scatter), theta, grid)
    simulator = Scattered(smooth, scatter).restrict(grid)
    averages = grid.average(simulator.wavelength, simulator.simulate(theta))
    expected = averages.std(axis=0)  # over the 200 draws: the truth
    assert error.shape == (grid.n_bins,)
    n_samples = 1 / (grid.averaging_matrix(NATIVE).power(2).sum(axis=1))
    assert np.allclose(error, scatter / np.sqrt(np.ravel(n_samples)), rtol=0.15)
    assert np.median(error / expected) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("grid", [NARROW, BROAD], ids=["narrow", "broad"])
def test_a_smooth_spectrum_has_no_sampling_error(grid):
    """Its average is exact, however steep it is: slopes must not be taken for scatter."""
    theta = np.full((3, 1), 0.01)
    assert sampling_error(Scattered(np.zeros_like, 0.0), theta, grid).max() == 0
    assert sampling_error(Scattered(band, 0.0), theta, grid).max() < 2e-6
    assert np.median(sampling_error(Scattered(band, 0.0), theta, grid)) < 5e-7


def test_it_is_that_of_a_typical_atmosphere():
    """The median over the atmospheres: a few flat spectra among many do not count."""
    rough = Scattered(band, 4e-5)

    class Mixed(Scattered):
        def simulate(self, theta):
            depth = rough.restrict(NARROW).simulate(theta)
            depth[:3] = 0.01
            return depth

        def restrict(self, grid):
            return Mixed(self.smooth, self.scatter, NATIVE[grid.samples_needed(NATIVE)])

    theta = np.full((20, 1), 0.01)
    mixed = sampling_error(Mixed(band, 4e-5), theta, NARROW)
    assert np.allclose(mixed, sampling_error(rough, theta, NARROW), rtol=0.1)


@pytest.fixture(scope="module")
def carbon_monoxide(shared_data) -> tuple[np.ndarray, np.ndarray]:
    """The 4.6 um band of CO at R = 100,000, line by line: wavelength and (P, T) cross sections."""
    lines = read_line_list(shared_data / "opacity" / "CO_hitran.data").lines
    lines = lines.select((lines.wavenumber > 1950) & (lines.wavenumber < 2350))
    wavelength = np.exp(np.arange(np.log(4.35), np.log(5.05), 1e-5))
    sigma = cross_sections(
        lines,
        wavelength,
        np.array([1000.0]),
        PRESSURE,
        partition=lambda isotopologue, temperature: 0.36 * temperature,
        mass=dict.fromkeys(range(1, 10), 28.0),
        weakest=1e-26,
    )
    return wavelength, sigma


PRESSURE = np.geomspace(1e-9, 10.0, 6)


def test_it_predicts_the_error_of_real_lines(carbon_monoxide, monkeypatch):
    """The band of CO sampled at R = 1000 in a hundred ways, against the average at R = 100,000."""
    wavelength, sigma = carbon_monoxide
    grid = SpectralGrid.from_resolution(4.45, 4.95, 100)

    def model(samples: slice) -> TransmissionModel:
        points = wavelength[samples]
        temperature = np.array([900.0, 1100.0])
        cube = np.repeat(sigma[:, :, samples], 2, axis=1)
        table = OpacityTable.from_cross_section("CO", points, temperature, PRESSURE, cube, {})
        floor = np.full((2, points.size), -60.0)
        shelf = {
            pair: CollisionTable(pair, points, temperature, floor, {})
            for pair in ("H2-H2", "H2-He")
        } | {"CO": table}
        monkeypatch.setattr(transmission, "get_opacity", shelf.__getitem__)
        fixed = {"planet_mass": 1.0, "temperature": 1000.0, "log_x_co": -3.5}
        space = ParameterSpace([Parameter("planet_radius", Uniform(0.5, 2.0))])
        return TransmissionModel(("CO",), space=space, fixed=fixed)

    def binned(simulator: TransmissionModel) -> np.ndarray:
        return grid.average(simulator.wavelength, simulator.simulate([[1.0]]))[0]

    truth = binned(model(slice(None)))
    step = 100
    models = [model(slice(phase, None, step)) for phase in range(0, step, 4)]
    error = np.sqrt(np.mean([(binned(m) - truth) ** 2 for m in models], axis=0))
    predicted = np.median([sampling_error(m, [[1.0]], grid) for m in models], axis=0)
    assert np.median(predicted) > 10e-6  # it matters
    ratio = predicted / error
    assert 0.75 < np.median(ratio) < 1.33
    assert ((ratio > 0.5) & (ratio < 2)).mean() > 0.9

"""From priors to a training set, for any simulator: here a toy whose spectra are a formula."""

import json

import numpy as np
import pytest

import exosk
from exosk.datasets import simulate_dataset
from exosk.exceptions import GridError, RangeError
from exosk.instruments import get_instrument
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.simulators import Simulator
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.linspace(1.2, 1.6, 9))


class Line:
    """A simulator of straight lines: depth = level + slope (wavelength - 1)."""

    space = ParameterSpace(
        [Parameter("level", Uniform(0.01, 0.02)), Parameter("log_x_h2o", Uniform(-12, -1))]
    )
    molecules = ("H2O", "CO2")
    provenance = {"simulator": "line"}
    wavelength = np.linspace(1, 2, 200)

    def simulate(self, theta):
        return theta[:, :1] + 1e-4 * theta[:, 1:] * (self.wavelength - 1)

    def restrict(self, grid):
        return self


def test_the_toy_is_a_simulator():
    assert isinstance(Line(), Simulator)


def test_a_line_averages_to_its_value_at_the_centre():
    data = simulate_dataset(Line(), 600, GRID, random_state=0)
    Y = np.asarray(data.Y)
    expected = Y[:, :1] + 1e-4 * Y[:, 1:] * (GRID.wavelength - 1)
    np.testing.assert_allclose(data.X, expected, rtol=1e-6)
    np.testing.assert_array_equal(data.Y, Line.space.sample(600, random_state=0))
    assert data.X.shape == (600, 8)
    assert len(np.unique(data.X, axis=0)) == 600


def test_a_seed_reproduces_and_another_differs():
    first, again, other = (simulate_dataset(Line(), 20, GRID, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.X, again.X)
    assert (first.X != other.X).all()
    assert first.provenance == {"simulator": "line", "n_spectra": 20, "seed": 0}
    assert simulate_dataset(Line(), 2, GRID, np.random.RandomState(0)).provenance["seed"] is None


def test_bins_come_from_whatever_has_them():
    depth = np.full(8, 0.01)
    depth[0] = np.nan
    spectrum = Spectrum(GRID, depth, np.full(8, 1e-4))
    assert simulate_dataset(Line(), 2, spectrum, 0).grid == GRID
    instrument = get_instrument("hst-wfc3-g141")
    assert simulate_dataset(Line(), 2, instrument, 0).grid == instrument.grid
    assert np.isfinite(simulate_dataset(Line(), 2, spectrum, 0).X).all()


def test_a_gas_of_fixed_abundance_is_no_label():
    data = simulate_dataset(Line(), 5, GRID, 0)
    assert data.molecules == ("H2O",)
    assert data.presence().shape == (5, 1)


def test_progress_adds_up():
    steps = []
    simulate_dataset(Line(), 600, GRID, 0, progress=steps.append)
    assert sum(steps) == 600
    assert len(steps) > 1


@pytest.mark.parametrize("n", [0, -5, 2.5])
def test_the_number_must_be_a_positive_whole_one(n):
    with pytest.raises(RangeError, match=f"positive whole number, got {n}"):
        simulate_dataset(Line(), n, GRID)


def test_bins_beyond_the_simulator_are_refused():
    with pytest.raises(GridError, match=r"bins cover 1\.9-2\.1 um but the samples only 1-2 um"):
        simulate_dataset(Line(), 1, SpectralGrid([1.9], [2.1]))


def test_the_built_in_simulator(tmp_path):
    """A set of it has labels, can be saved, and does not depend on the batch it was made in."""
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"), fixed={"log_x_ch4": -5})
    data = simulate_dataset(simulator, 4, get_instrument("hst-wfc3-g141"), 0)
    assert data.molecules == ("H2O",)
    assert set(np.unique(data.presence())) <= {0, 1}
    json.dumps(data.provenance)
    data.save(tmp_path / "set.h5")
    np.testing.assert_array_equal(exosk.Dataset.load(tmp_path / "set.h5").X, data.X)
    one = simulator.simulate(np.asarray(data.Y[2:3]))
    np.testing.assert_allclose(
        data.grid.average(simulator.wavelength, one[0]), data.X[2], rtol=2e-6
    )

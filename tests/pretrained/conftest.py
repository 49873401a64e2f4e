"""A planet that the WFC3 model has never seen, in that instrument's usual bins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import exosk
from exosk.parameters import ParameterSpace
from exosk.pretrained import PretrainedModel, load_pretrained
from exosk.simulators import TransmissionModel

META = {
    "star_radius": 0.8,
    "planet_mass": 0.35,
    "planet_mass_err": 0.03,
    "equilibrium_temperature": 1200.0,
}
TRUTH = {
    "planet_radius": 1.0,
    "planet_mass": 0.35,
    "temperature": 1000.0,
    "log_x_h2o": -2.5,
    "log_p_cloud": -1.0,
    "log_haze": -2.0,
    "haze_slope": -4.0,
}


class Planet(NamedTuple):
    """An observation, the simulator behind it and the parameters behind that."""

    spectrum: exosk.Spectrum
    simulator: TransmissionModel
    truth: np.ndarray

    @property
    def space(self) -> ParameterSpace:
        """The priors."""
        return self.simulator.space


@pytest.fixture(scope="session")
def wfc3() -> PretrainedModel:
    return load_pretrained("wfc3")


@pytest.fixture(scope="session")
def planet(wfc3) -> Planet:
    grid = exosk.SpectralGrid.from_edges(np.linspace(1.12, 1.65, 23))
    blank = exosk.Spectrum(grid, np.full(22, 0.0175), np.full(22, 8e-5), meta=META)
    space, fixed = exosk.space_for_spectrum(blank, wfc3.molecules)
    truth = np.array([TRUTH.get(name, -10.0) for name in space.names])
    simulator = TransmissionModel(wfc3.molecules, fixed={"star_radius": 0.8}, space=space).restrict(
        grid
    )
    depth = grid.average(simulator.wavelength, simulator.simulate(truth[None]))[0]
    noise = 8e-5 * np.random.default_rng(3).standard_normal(22)
    spectrum = blank.replace(depth=depth + noise, name="made up")
    space, fixed = exosk.space_for_spectrum(spectrum, wfc3.molecules)
    return Planet(spectrum, TransmissionModel(wfc3.molecules, fixed=fixed, space=space), truth)

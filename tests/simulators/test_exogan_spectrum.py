"""Against the spectrum that comes with ExoGAN: another code, other line lists, k-tables.

What the bounds are made of is measured in ``benchmarks/exogan_spectrum.py``.
"""

import numpy as np
import pytest

from exosk.inference import sampling_error
from exosk.parameters import ParameterSpace
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

TAUREX_JUPITER, TAUREX_SUN = 6.9911e9, 6.955e10  # cm, of TauREx 2
PPM = 1e-6


@pytest.fixture(scope="module")
def spectrum(shared_data):
    """Bins, and depths of the file, between 0.5 and 30 um."""
    wavelength, depth, _ = np.loadtxt(shared_data / "exogan" / "input_spectrum.dat")[::-1].T
    edges = np.sqrt(wavelength[1:] * wavelength[:-1])
    kept = (edges[:-1] >= 0.5) & (edges[1:] <= 30.0)
    return SpectralGrid(edges[:-1][kept], edges[1:][kept]), depth[1:-1][kept]


@pytest.fixture(scope="module")
def model(spectrum) -> TransmissionModel:
    """The planet of input_spectrum.par; only the radius is left free."""
    fixed = {"star_radius": TAUREX_SUN / SOLAR_RADIUS, "planet_mass": 0.8, "temperature": 1117.0}
    for molecule, x in {"h2o": 0.1, "co": 2.15e-6, "co2": 1.29e-5, "ch4": 2.8e-3}.items():
        fixed[f"log_x_{molecule}"] = np.log10(x)
    molecules = ("H2O", "CO", "CO2", "CH4")
    space = TransmissionModel(molecules, grid=spectrum[0]).space[:1]
    assert isinstance(space, ParameterSpace)
    return TransmissionModel(molecules, space=space, fixed=fixed, grid=spectrum[0])


@pytest.fixture(scope="module")
def residual(spectrum, model) -> np.ndarray:
    grid, depth = spectrum
    ours = model.simulate([[0.88 * TAUREX_JUPITER / JUPITER_RADIUS]])
    return grid.average(model.wavelength, ours)[0] - depth


def test_the_level_is_that_of_the_file(residual):
    """But for 0.2 % of the radius, or one and a half scale heights; see the benchmark."""
    assert 25 * PPM < np.median(residual) < 40 * PPM


def test_the_shape_is_that_of_the_file(spectrum, residual):
    depth = spectrum[1]
    assert np.corrcoef(depth + residual, depth)[0, 1] > 0.94
    assert residual.std() < 21 * PPM
    assert np.abs(residual - residual.mean()).max() < 60 * PPM


def test_coarse_sampling_makes_up_half_of_the_scatter(spectrum, model, residual):
    predicted = sampling_error(model, [[0.86]], spectrum[0])
    share = np.mean(predicted**2) / residual.var()
    assert 0.4 < share < 0.8
    # No bin is off by more than the prediction allows and what other line lists may do.
    assert np.std((residual - residual.mean()) / predicted) < 1.7

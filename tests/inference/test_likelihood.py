"""The Gaussian likelihood against scipy's, on a simulator that is a formula."""

import numpy as np
import pytest
from scipy import integrate, stats

from exosk.exceptions import ExoskError, RangeError
from exosk.inference import gaussian_log_likelihood
from exosk.inference.likelihood import _log_over_scale, _mean_precision
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.simulators import TransmissionModel
from exosk.simulators.quantities import default_space
from exosk.spectra import SpectralGrid, Spectrum

NATIVE = np.linspace(1.0, 2.0, 41)
GRID = SpectralGrid.from_edges([1.0, 1.2, 1.5, 1.7, 2.0])


class Line:
    """A straight line in wavelength: its average over a bin is its value at the centre."""

    space = ParameterSpace(
        [Parameter("level", Uniform(0.0, 0.02)), Parameter("slope", Uniform(-0.01, 0.01))]
    )
    molecules = ()
    provenance: dict = {}
    wavelength = NATIVE

    def simulate(self, theta):
        theta = np.asarray(theta)
        return theta[:, :1] + theta[:, 1:] * (self.wavelength - 1.5)

    def restrict(self, grid):
        return self


def observed(missing=()) -> Spectrum:
    depth = np.array([0.0100, 0.0104, 0.0101, 0.0107])
    sigma = np.array([1e-4, 2e-4, 1.5e-4, 3e-4])
    depth[list(missing)] = np.nan
    return Spectrum(GRID, depth, sigma)


@pytest.mark.parametrize("missing", [(), (1,), (0, 3)])
@pytest.mark.parametrize("model_error", [0.0, 2e-4, np.array([1e-4, 0.0, 3e-4, 2e-4])])
def test_it_is_a_product_of_normal_densities(missing, model_error):
    spectrum = observed(missing)
    theta = Line.space.sample(20, 0)
    actual = gaussian_log_likelihood(Line(), spectrum, model_error)(theta)
    total = np.hypot(spectrum.sigma, model_error)
    expected = np.zeros(len(theta))
    for k in np.flatnonzero(spectrum.observed):
        model = theta[:, 0] + theta[:, 1] * (GRID.wavelength[k] - 1.5)
        expected += stats.norm(model, total[k]).logpdf(spectrum.depth[k])
    assert actual.shape == (20,)
    assert np.allclose(actual, expected, rtol=1e-10)


def test_the_best_fit_is_the_most_likely():
    """Of a straight line: weighted least squares."""
    spectrum = observed()
    slope, level = np.polyfit(GRID.wavelength - 1.5, spectrum.depth, 1, w=1 / spectrum.sigma)
    log_likelihood = gaussian_log_likelihood(Line(), spectrum)
    best = log_likelihood(np.array([[level, slope]]))
    around = np.array([[level, slope]]) + np.random.default_rng(0).normal(0, 1e-4, (100, 2))
    assert (log_likelihood(around) < best).all()


def test_an_error_of_the_wrong_length_is_refused():
    with pytest.raises((ExoskError, ValueError)):
        gaussian_log_likelihood(Line(), observed(), np.full(3, 1e-4))


@pytest.mark.parametrize("n_bins", [5, 40, 400])
@pytest.mark.parametrize("reduced", [1e-9, 0.3, 0.99, 1.01, 2.0, 1e4])
def test_the_scale_of_the_errors_is_integrated_out(n_bins, reduced):
    """Against numerical integration over s, in a form that neither under- nor overflows."""
    half = 0.5 * reduced * n_bins

    def log_integrand(log_s):
        return -(n_bins + 1) * log_s - half * np.exp(-2 * log_s)

    peak = max(0.5 * np.log(max(2 * half / (n_bins + 1), 1e-300)), 0.0)
    top = log_integrand(peak)
    value, _ = integrate.quad(
        lambda x: np.exp(log_integrand(x) - top), 0, peak + 40, points=[peak], limit=500,
        epsabs=0, epsrel=1e-9,
    )  # fmt: skip
    expected = top + np.log(value)
    assert _log_over_scale(np.array([half]), n_bins)[0] == pytest.approx(expected, abs=1e-6)


class Fussy(Line):
    """A line that wants a level of 0.01 or less, and says so for a whole batch."""

    provenance: dict = {"simulator": "fussy"}

    def simulate(self, theta):
        theta = np.asarray(theta)
        if (theta[:, 0] > 0.01).any():
            raise RangeError(f"level = {theta[:, 0].max():g} is above 0.01")
        return super().simulate(theta)


@pytest.mark.parametrize("n_rows", [1, 2, 37])
def test_what_the_simulator_refuses_is_impossible_and_the_rest_is_not_harmed(n_rows):
    theta = Line.space.sample(n_rows, 3)
    log_likelihood = gaussian_log_likelihood(Fussy(), observed())
    actual = log_likelihood(theta)
    refused = theta[:, 0] > 0.01
    expected = gaussian_log_likelihood(Line(), observed())(theta)
    assert np.array_equal(actual[~refused], expected[~refused])
    assert (actual[refused] == -np.inf).all()
    assert log_likelihood.n_refused == refused.sum()
    assert bool(log_likelihood.refusal) == refused.any()


@pytest.mark.parametrize("theta", [np.zeros(2), np.zeros((3, 1)), np.full((2, 2), np.nan)])
def test_a_mistake_of_the_caller_is_no_refusal(theta):
    log_likelihood = gaussian_log_likelihood(Fussy(), observed())
    with pytest.raises(RangeError, match="theta"):
        log_likelihood(theta)
    assert log_likelihood.n_refused == 0


def test_the_description_tells_observations_and_models_apart():
    def mark(simulator=Line, missing=(), **options):
        return gaussian_log_likelihood(simulator(), observed(missing), **options).description

    assert mark() == mark()
    others = [mark(Fussy), mark(missing=(1,)), mark(model_error=1e-4), mark(free_scale=True)]
    assert all(mark() != other for other in others)


@pytest.fixture(scope="module")
def hot_planet() -> tuple[TransmissionModel, Spectrum, np.ndarray]:
    """A small built-in model, its spectrum at JWST's precision, and atmospheres near the truth."""
    grid = SpectralGrid.from_resolution(1.0, 5.0, 20)
    space = default_space(("H2O", "CO2"))
    simulator = TransmissionModel(("H2O", "CO2"), space=space, grid=grid, n_layers=40)
    truth = [1.2, 1.0, 1300.0, -3.5, -5.2, -1.5, 2.0, -4.0]
    depth = grid.averaging_matrix(simulator.wavelength) @ simulator.simulate([truth])[0]
    near = truth + np.random.default_rng(0).normal(size=(6, 8)) * [
        0.01, 0.05, 50.0, 0.2, 0.2, 0.2, 0.2, 0.2
    ]  # fmt: skip
    return simulator, Spectrum(grid, depth, np.full(grid.n_bins, 5e-5)), near


@pytest.mark.parametrize("free_scale", [False, True])
def test_gradients_are_those_of_the_values(hot_planet, free_scale):
    """Against differences of fourth order; depths are float32, so that these err too."""
    simulator, spectrum, theta = hot_planet
    log_likelihood = gaussian_log_likelihood(simulator, spectrum, free_scale=free_scale)
    assert log_likelihood.is_differentiable
    value, gradient = log_likelihood.value_and_gradient(theta)
    assert np.allclose(value, log_likelihood(theta), rtol=1e-6)
    width = np.ptp(simulator.space.bounds, axis=1)
    length = np.linalg.norm(gradient * width, axis=1)
    # So small that the likelihood hardly bends, so large that it changes by more than rounding.
    steps = np.minimum(2e-3 * width, 5.0 / np.abs(gradient).max(axis=0))
    for k, step in enumerate(steps):
        shift = step * np.eye(8)[k]
        once = log_likelihood(theta + shift) - log_likelihood(theta - shift)
        twice = log_likelihood(theta + 2 * shift) - log_likelihood(theta - 2 * shift)
        difference = (8 * once - twice) / (12 * step)
        assert np.abs((gradient[:, k] - difference) * width[k] / length).max() < 3e-3


def test_a_batch_has_the_gradients_of_its_rows(hot_planet):
    simulator, spectrum, theta = hot_planet
    log_likelihood = gaussian_log_likelihood(simulator, spectrum)
    many = np.tile(theta, (40, 1))
    value, gradient = log_likelihood.value_and_gradient(many)
    one_value, one_gradient = log_likelihood.value_and_gradient(theta[:1])
    assert np.allclose(value[::6], one_value, rtol=1e-5)
    assert np.allclose(gradient[::6], one_gradient, rtol=1e-3, atol=1e-4 * np.abs(gradient).max())


def test_there_is_no_gradient_where_the_simulator_refuses(hot_planet):
    simulator, spectrum, theta = hot_planet
    log_likelihood = gaussian_log_likelihood(simulator, spectrum)
    bad = theta.copy()
    bad[1, simulator.space.index("temperature")] = 1e5
    bad[3, simulator.space.index("log_x_h2o")] = 0.5
    value, gradient = log_likelihood.value_and_gradient(bad)
    assert np.flatnonzero(value == -np.inf).tolist() == [1, 3]
    assert not gradient[[1, 3]].any()
    assert gradient[[0, 2, 4, 5]].all()
    assert log_likelihood.n_refused == 2


def test_a_simulator_without_derivatives_says_so():
    log_likelihood = gaussian_log_likelihood(Fussy(), observed())
    assert not log_likelihood.is_differentiable
    with pytest.raises(ExoskError, match="'fussy' has no derivatives"):
        log_likelihood.value_and_gradient(Line.space.sample(2, 0))


@pytest.mark.parametrize("n_bins", [5, 400])
@pytest.mark.parametrize("reduced", [1e-9, 0.3, 0.99, 1.01, 2.0, 1e4])
def test_the_slope_by_chi_squared_is_that_of_the_integral(n_bins, reduced):
    half = 0.5 * reduced * n_bins
    step = max(1e-3 * half, 1e-6)
    points = np.maximum(half + step * np.array([-1.0, 1.0]), 0.0)
    expected = np.diff(_log_over_scale(points, n_bins))[0] / np.diff(points)[0]
    assert -_mean_precision(np.array([half]), n_bins)[0] == pytest.approx(expected, rel=1e-3)

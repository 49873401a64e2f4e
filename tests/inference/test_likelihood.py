"""The Gaussian likelihood against scipy's, on a simulator that is a formula."""

import numpy as np
import pytest
from scipy import integrate, stats

from exosk.exceptions import ExoskError
from exosk.inference import gaussian_log_likelihood
from exosk.inference.likelihood import _log_over_scale
from exosk.parameters import Parameter, ParameterSpace, Uniform
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

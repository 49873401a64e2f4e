"""Whether the model could have made the observation: a straight line with known errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from exosk.evaluation.predictive import predictive_check
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.parameters import Normal, Parameter, ParameterSpace
from exosk.posterior import Posterior
from exosk.spectra import Spectrum

N_BINS = 40
GRID = SpectralGrid.from_edges(np.linspace(1, 3, N_BINS + 1))
SPACE = ParameterSpace([Parameter("level", Normal(0.02, 0.01)), Parameter("slope", Normal(0, 1))])
BASIS = np.stack([np.ones(N_BINS), GRID.wavelength - 2])
SIGMA = 1e-4


def simulate(theta):
    return np.asarray(theta) @ BASIS


def observe(seed=0, excess=0.0, true_sigma=SIGMA, missing=()):
    """An observation of a line, and the posterior of a flat prior."""
    random = np.random.default_rng(seed)
    depth = simulate([0.02, 1e-4]) + excess + true_sigma * random.standard_normal(N_BINS)
    sigma = np.full(N_BINS, SIGMA)
    depth[list(missing)], sigma[list(missing)] = np.nan, np.nan
    seen = np.isfinite(depth)
    covariance = np.linalg.inv(BASIS[:, seen] @ BASIS[:, seen].T) * SIGMA**2
    mean = covariance @ BASIS[:, seen] @ depth[seen] / SIGMA**2
    samples = random.multivariate_normal(mean, covariance, 2000)
    return Posterior(samples, SPACE), Spectrum(GRID, depth, sigma)


def check(*arguments, n=500, **options):
    posterior, spectrum = observe(*arguments, **options)
    return predictive_check(posterior, simulate, spectrum, n=n, random_state=0)


BAND = 4e-4 * ((GRID.wavelength > 2) & (GRID.wavelength < 2.3))
WAVE = 1e-4 * np.sin(4 * GRID.wavelength)
SPIKE = 8e-4 * (np.arange(N_BINS) == 17)


def test_an_observation_of_the_model_passes():
    found = check()
    assert found.passed
    assert not found.too_close


@pytest.mark.parametrize(
    ("excess", "worst"), [(BAND, "chi2"), (WAVE, "autocorrelation"), (SPIKE, "largest")]
)
def test_each_discrepancy_sees_what_it_is_for(excess, worst):
    found = check(excess=excess)
    assert not found.passed
    assert found.p_values[worst] < 0.01
    if worst == "autocorrelation":
        assert found.worst == worst, "the size of the residuals is hardly wrong"


def test_errors_that_are_too_small_or_too_large_show():
    assert check(true_sigma=2 * SIGMA).p_values["chi2"] < 1e-4
    found = check(true_sigma=0.4 * SIGMA)
    assert found.too_close
    assert found.passed


def test_p_values_are_drawn_to_the_middle_and_never_too_often_small():
    found = np.array([list(check(seed, n=100).p_values.values()) for seed in range(150)])
    assert (np.mean(found < 0.1, axis=0) < 0.17).all()
    assert np.abs(found.mean(axis=0) - 0.5).max() < 0.1


def test_closed_forms_are_the_share_of_replications():
    found = check(true_sigma=1.1 * SIGMA, n=20_000)
    for name in ("chi2", "largest"):
        share = np.mean(found.replicated[name] >= found.observed[name])
        assert found.p_values[name] == pytest.approx(share, abs=0.01)
    assert stats.kstest(found.replicated["chi2"], stats.chi2(N_BINS).cdf).pvalue > 0.01


def test_missing_bins_are_left_out_and_have_no_neighbours():
    missing = np.arange(1, N_BINS, 2)
    found = check(missing=missing)
    assert len(found.residuals) == N_BINS // 2
    assert (found.observed["autocorrelation"] == 0).all()
    assert found.p_values["autocorrelation"] == 1
    assert check(missing=[3, 4, 30]).passed


def test_a_model_error_widens():
    posterior, spectrum = observe(true_sigma=2 * SIGMA)
    found = predictive_check(
        posterior, simulate, spectrum, model_error=3**0.5 * SIGMA, random_state=0
    )
    assert found.passed


def test_weights_of_the_posterior_count():
    posterior, spectrum = observe()
    samples = np.vstack([posterior.samples, np.add(posterior.samples, [0.01, 0])])
    weights = np.repeat([1.0, 0.0], len(posterior))
    found = predictive_check(Posterior(samples, SPACE, weights), simulate, spectrum, random_state=0)
    assert found.passed


def test_seeds_repeat_and_json_holds_it():
    one, same = check(), check()
    assert one.to_dict() == same.to_dict()
    document = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert set(document["discrepancies"]) == {"chi2", "autocorrelation", "largest"}


def test_what_does_not_fit_is_refused():
    posterior, spectrum = observe()
    with pytest.raises(GridError, match="simulate_in_bins"):
        predictive_check(posterior, lambda theta: simulate(theta)[:, 1:], spectrum)
    with pytest.raises(RangeError, match="no finite spectrum"):
        predictive_check(posterior, lambda theta: simulate(theta) * np.nan, spectrum)
    with pytest.raises(RangeError, match="at least 1, got 0"):
        predictive_check(posterior, simulate, spectrum, n=0)
    few = observe(missing=range(2, N_BINS))[1]
    with pytest.raises(RangeError, match="2 observed bins"):
        predictive_check(posterior, simulate, few)

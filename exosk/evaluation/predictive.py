r"""Whether the model could have made the observation at all.

A posterior is the best that a model can do, and may be bad. For draws :math:`\theta_j` of the
posterior, compare the observation y with replications :math:`y_j` that the model makes of the
same atmosphere, by a discrepancy T that may depend on both (Gelman, Meng & Stern 1996, Statistica
Sinica 6, 733):

.. math:: p = P\left(T(y_j, \theta_j) \ge T(y, \theta_j)\right).

With residuals :math:`r_i = (y_i - f_i(\theta_j)) / \sigma_i` the discrepancies here are

- chi-squared, :math:`\sum r_i^2`: errors too small, or a model that can't follow;
- lag-1 autocorrelation, :math:`\sum r_i r_{i+1} / \sum r_i^2` over neighbouring bins: residuals
  with a shape, such as an absorber that the model lacks, even where their size is right;
- the largest residual, :math:`\max |r_i|`: a bin that is wrong.

The same data make the posterior and the test, so that p is drawn towards 1/2: a small p says more,
and a large one less, than that of a test on fresh data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from exosk.evaluation.document import as_json
from exosk.exceptions import GridError, RangeError
from exosk.posterior import Posterior
from exosk.spectra import Spectrum

__all__ = ["DISCREPANCIES", "PredictiveCheck", "predictive_check"]

#: Discrepancies, by name, and what they are called.
DISCREPANCIES = {
    "chi2": "chi-squared",
    "autocorrelation": "lag-1 autocorrelation",
    "largest": "largest residual",
}
# Below this a discrepancy is called too large, above its complement chi-squared too small.
_CHANCE = 0.01


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """An observation against what its posterior predicts.

    Attributes
    ----------
    observed, replicated : dict of str to ndarray of shape (n_draws,)
        Discrepancies (the keys of :data:`DISCREPANCIES`) of the observation and of replications,
        at each draw from the posterior.
    p_values : dict of str to float
        Probability that a replication has a discrepancy as large.
    residuals : ndarray of shape (n_observed,)
        Of the observed bins, from the mean of the predictions, in units of the errors.
    wavelength : ndarray of shape (n_observed,)
        Of these bins, in um.
    """

    observed: dict[str, np.ndarray]
    replicated: dict[str, np.ndarray]
    p_values: dict[str, float]
    residuals: np.ndarray
    wavelength: np.ndarray

    @property
    def p_value(self) -> float:
        """Smallest p-value times their number (Bonferroni)."""
        return min(1.0, min(self.p_values.values()) * len(self.p_values))

    @property
    def passed(self) -> bool:
        """Whether the observation is none that the model would not make (p-value above .01)."""
        return self.p_value > _CHANCE

    @property
    def too_close(self) -> bool:
        """Whether the fit is better than the errors allow: they are probably too large."""
        return self.p_values["chi2"] > 1 - _CHANCE

    @property
    def worst(self) -> str:
        """Name of the discrepancy with the smallest p-value."""
        return min(self.p_values, key=self.p_values.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Return medians and p-values for JSON."""
        return as_json(
            {
                "n_bins": len(self.residuals),
                "p_value": self.p_value,
                "passed": self.passed,
                "too_close": self.too_close,
                "discrepancies": {
                    name: {
                        "observed": np.median(self.observed[name]),
                        "expected": np.median(self.replicated[name]),
                        "p_value": p,
                    }
                    for name, p in self.p_values.items()
                },
            }
        )


def predictive_check(
    posterior: Posterior,
    simulate: Callable[[np.ndarray], np.ndarray],
    spectrum: Spectrum,
    *,
    n: int = 1000,
    model_error: Any = 0.0,
    random_state: Any = None,
) -> PredictiveCheck:
    """Compare an observation with what its posterior predicts.

    Parameters
    ----------
    posterior : Posterior
        Of the observation.
    simulate : callable
        From parameters (n, n_parameters) to depths (n, n_bins) in the spectrum's bins, without
        noise, as :func:`exosk.simulators.binned.simulate_in_bins` makes.
    spectrum : Spectrum
        The observation, with independent errors; missing bins are left out.
    n : int, default=1000
        Draws from the posterior, and replications.
    model_error : float or array-like of shape (n_bins,), default=0
        1-sigma error of the model, added in quadrature.
    random_state : int, RandomState or None
        Of draws and of the replications' noise.

    Returns
    -------
    PredictiveCheck

    Raises
    ------
    GridError
        If `simulate` returns another number of bins.
    RangeError
        If fewer than three bins are observed, an error is not positive, or a simulated depth is
        not finite.
    """
    if n < 1:
        raise RangeError(f"the number of draws must be at least 1, got {n}")
    observed = spectrum.observed
    error = np.broadcast_to(np.asarray(model_error, dtype=float), (len(spectrum),))
    sigma = np.sqrt(spectrum.sigma**2 + error**2)[observed]
    if observed.sum() < 3 or not (np.isfinite(sigma) & (sigma > 0)).all():
        raise RangeError(
            f"{int(observed.sum())} observed bins of which "
            f"{int((np.isfinite(sigma) & (sigma > 0)).sum())} have an error above zero; a "
            f"predictive check needs three or more, and an error for each"
        )
    random = check_random_state(random_state)
    theta = posterior.resample(n, random)
    predicted = _simulated(simulate, theta, spectrum)[:, observed]
    residuals = (spectrum.depth[observed] - predicted) / sigma
    noise = random.standard_normal(residuals.shape)
    neighbours = np.diff(np.flatnonzero(observed)) == 1
    realised = _discrepancies(residuals, neighbours)
    replicated = _discrepancies(noise, neighbours)
    n_bins = len(sigma)
    # Given a draw, chi-squared and the largest residual have known distributions, so that their
    # p-values do not end at 1 / n.
    one = np.minimum(2 * stats.norm.sf(realised["largest"]), 1 - np.finfo(float).eps)
    larger = replicated["autocorrelation"] >= realised["autocorrelation"]
    p_values = {
        "chi2": float(stats.chi2.sf(realised["chi2"], n_bins).mean()),
        "autocorrelation": float((1 + larger.sum()) / (n + 1)),
        "largest": float(-np.expm1(n_bins * np.log1p(-one)).mean()),
    }
    mean = (spectrum.depth[observed] - predicted.mean(axis=0)) / sigma
    return PredictiveCheck(
        realised,
        replicated,
        p_values,
        mean,
        spectrum.wavelength[observed],
    )


def _simulated(
    simulate: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, spectrum: Spectrum
) -> np.ndarray:
    depth = np.asarray(simulate(theta), dtype=float)
    if depth.shape != (len(theta), len(spectrum)):
        raise GridError(
            f"the simulation of {len(theta)} draws has shape {depth.shape}; the spectrum's bins "
            f"want {(len(theta), len(spectrum))} (simulate_in_bins brings a simulator to them)"
        )
    bad = ~np.isfinite(depth[:, spectrum.observed]).all(axis=1)
    if bad.any():
        raise RangeError(
            f"{int(bad.sum())} of {len(theta)} draws from the posterior have no finite spectrum; "
            f"the simulator does not cover what the posterior allows"
        )
    return depth


def _discrepancies(residuals: np.ndarray, neighbours: np.ndarray) -> dict[str, np.ndarray]:
    """Discrepancies of residuals (n, n_bins); `neighbours` tells which bins have the next one."""
    chi2 = np.sum(residuals**2, axis=1)
    product = np.sum((residuals[:, :-1] * residuals[:, 1:])[:, neighbours], axis=1)
    return {
        "chi2": chi2,
        # No residual at all (noise-free data) has no correlation either.
        "autocorrelation": product / np.maximum(chi2, np.finfo(float).tiny),
        "largest": np.abs(residuals).max(axis=1),
    }

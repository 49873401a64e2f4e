r"""How probable an observation is, given an atmosphere.

With errors :math:`\sigma_i` that are known, residuals are Gaussian and the log likelihood is
:math:`-\chi^2/2` and a constant. Where no atmosphere of the model fits to within the errors, these
are too small, be it that the data's were underestimated or that the model lacks something, and so
would be every interval. Then let the true errors be s times larger, with s unknown and
:math:`p(s) = 1/s^2` for :math:`s \ge 1` (as likely beyond 2 as below). With n bins, s integrates
out:

.. math:: \int_1^\infty \frac{ds}{s^2}\, s^{-n} e^{-\chi^2 / 2 s^2}
          = \tfrac{1}{2} \left(\tfrac{\chi^2}{2}\right)^{-a}
          \gamma\!\left(a, \tfrac{\chi^2}{2}\right), \qquad a = \tfrac{n + 1}{2},

with :math:`\gamma` the lower incomplete gamma function. A good fit leaves s near 1 and changes
little; a reduced chi-squared of c widens intervals by about the root of c. (Sivia & Skilling 2006,
Data Analysis, section 8.3, put the same prior on the error of each datum by itself.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from exosk.simulators import Simulator
from exosk.simulators.binned import simulate_in_bins
from exosk.spectra import Spectrum

__all__ = ["gaussian_log_likelihood"]


def gaussian_log_likelihood(
    simulator: Simulator,
    spectrum: Spectrum,
    model_error: Any = 0.0,
    *,
    free_scale: bool = False,
) -> Callable[[np.ndarray], np.ndarray]:
    """Build the log likelihood of an observation with independent Gaussian errors.

    Parameters
    ----------
    simulator : Simulator
        The forward model.
    spectrum : Spectrum
        The observation; missing bins are left out.
    model_error : float or array-like of shape (n_bins,), default=0
        1-sigma error of the model, added in quadrature.
    free_scale : bool, default=False
        Whether all errors may be larger by a common unknown factor, which is integrated out.

    Returns
    -------
    callable
        From (n, n_parameters) to (n,).
    """
    observed = spectrum.observed
    error = np.broadcast_to(np.asarray(model_error, dtype=float), (len(spectrum),))
    whole = spectrum.without_missing()
    variance = whole.sigma**2 + error[observed] ** 2
    constant = -0.5 * np.sum(np.log(2 * np.pi * variance))
    binned = simulate_in_bins(simulator, whole.grid)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        residual = binned(theta) - whole.depth
        half = 0.5 * np.sum(residual**2 / variance, axis=1)
        if not free_scale:
            return np.asarray(constant - half)
        return np.asarray(constant + _log_over_scale(half, len(whole)))

    return log_likelihood


def _log_over_scale(half_chi2: np.ndarray, n_bins: int) -> np.ndarray:
    """Log of the integral over the scale of the errors."""
    a = (n_bins + 1) / 2
    # Both forms are exact, but gamma(a, x) underflows for small x and 1F1 overflows for large.
    small = np.minimum(half_chi2, a)
    large = np.maximum(half_chi2, a)
    below = -small - np.log(a) + np.log(special.hyp1f1(1.0, a + 1, small))
    above = special.gammaln(a) + np.log(special.gammainc(a, large)) - a * np.log(large)
    return np.asarray(np.where(half_chi2 < a, below, above) - np.log(2.0))

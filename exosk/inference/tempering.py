r"""Steps from one density to another, for particles that are led between them.

Weights of a step :math:`\Delta\beta` are :math:`w_i \propto (p/q)^{\Delta\beta}`; it is as large as
leaves a share e of the particles effective, and the product of the mean weights of all steps is the
evidence. Of a mean of n weights, with an effective share e, the relative variance is
:math:`(1/e - 1)/n`; their sum is the variance of the log evidence, as far as particles are
independent (Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68, 411).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

__all__ = ["CUBE_EDGE", "from_normal", "next_step", "relative_variance", "systematic", "to_normal"]

#: Next to 0 and 1: what a quantile function still takes.
CUBE_EDGE = 1e-12
# Particles kept by each tempering step, as a share: lower is fewer, bolder steps.
_EFFECTIVE_SHARE = 0.4


def to_normal(unit: np.ndarray) -> np.ndarray:
    """Map the unit cube to where a uniform variable is standard normal."""
    return special.ndtri(np.clip(unit, CUBE_EDGE, 1 - CUBE_EDGE))


def from_normal(z: np.ndarray) -> np.ndarray:
    """Map back to the unit cube, where a quantile function takes it."""
    return np.clip(special.ndtr(z), CUBE_EDGE, 1 - CUBE_EDGE)


def next_step(log_ratio: np.ndarray, remaining: float) -> float:
    """Largest step in beta that leaves the wanted share of effective particles.

    Particles that are impossible (minus infinity) go, whatever the step, and do not count.
    """
    finite = log_ratio[np.isfinite(log_ratio)]

    def shortfall(step: float) -> float:
        log_w = step * finite
        log_size = 2 * special.logsumexp(log_w) - special.logsumexp(2 * log_w)
        return float(np.exp(log_size) / len(finite) - _EFFECTIVE_SHARE)

    if shortfall(remaining) >= 0:
        return remaining
    return float(optimize.brentq(shortfall, 0.0, remaining, xtol=1e-12, rtol=1e-3))


def systematic(weights: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Resample systematically: a particle is kept as often as its weight says, give or take one."""
    n = len(weights)
    places = (random.uniform() + np.arange(n)) / n
    return np.minimum(np.searchsorted(np.cumsum(weights), places), n - 1)


def relative_variance(shares: np.ndarray) -> float:
    """Relative variance of the mean of weights, given these over their sum."""
    return float(np.sum(shares**2) - 1 / len(shares))

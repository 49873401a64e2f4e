"""How often intervals hold the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.posterior import Posterior

__all__ = ["binomial_error", "interval_coverage", "pit_coverage"]


def interval_coverage(
    posteriors: Sequence[Posterior], truth: Any, level: float = 0.68
) -> np.ndarray:
    """Share of central intervals that hold the true parameters.

    An honest posterior's interval holds the truth as often as its level says, on average over
    the prior (e.g. Talts et al. 2018, arXiv:1804.06788); more often is too cautious, less often
    too sure.

    Parameters
    ----------
    posteriors : sequence of Posterior
        One a spectrum.
    truth : array-like of shape (n, n_parameters)
        The parameters behind the spectra.
    level : float, default=0.68
        Probability of the intervals.

    Returns
    -------
    ndarray of shape (n_parameters,)
    """
    truth = np.asarray(truth, dtype=float)
    if len(posteriors) != len(truth) or not len(truth):
        raise RangeError(f"{len(posteriors)} posteriors but {len(truth)} true parameters")
    inside = np.empty(truth.shape, dtype=bool)
    for row, (posterior, true) in enumerate(zip(posteriors, truth, strict=True)):
        lower, upper = posterior.interval(level)
        inside[row] = (lower <= true) & (true <= upper)
    return np.asarray(inside.mean(axis=0))


def pit_coverage(pit: Any, level: Any) -> np.ndarray:
    """Share of truths in central intervals, by their probability integral transform.

    Where a parameter is continuous this is the coverage of the intervals themselves. Where it has
    atoms (a prior that was clipped), an interval that ends on an atom holds all of it and so more
    than its level; the transform, drawn at random within the atom, counts the part that belongs
    to the level, and an exact posterior comes out as exact.

    Parameters
    ----------
    pit : array-like of shape (n, ...)
        Probability integral transforms of the truths.
    level : float or array-like of shape (n_levels,)
        Probabilities of the intervals.

    Returns
    -------
    ndarray of shape (...), or (n_levels, ...)
    """
    distance = 2 * np.abs(np.asarray(pit, dtype=float) - 0.5)
    if np.ndim(level) == 0:
        return np.asarray((distance <= level).mean(axis=0))
    return np.stack([(distance <= each).mean(axis=0) for each in np.asarray(level)])


def binomial_error(level: Any, n: int) -> Any:
    """Return the scatter of the coverage of n exact intervals, ``sqrt(level (1 - level) / n)``."""
    return np.sqrt(np.asarray(level) * (1 - np.asarray(level)) / n)

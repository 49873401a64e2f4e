"""How often intervals hold the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.posterior import Posterior

__all__ = ["interval_coverage"]


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

"""Errors of scores, by resampling the spectra that they were computed from."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["bootstrap_means"]

# Numbers of a block of draws; all draws of all spectra at once may not fit into memory.
_BLOCK = 4_000_000


def bootstrap_means(columns: Any, n_draws: int = 200, random_state: Any = 0) -> np.ndarray:
    """Average columns over spectra drawn with replacement.

    Scores that are functions of averages (RMSE, R2, CRPS, ...) follow from the draws without
    computing them anew (Efron 1979, Ann. Stat. 7, 1).

    Parameters
    ----------
    columns : array-like of shape (n, n_columns)
        What to average.
    n_draws : int, default=200
        How many times.
    random_state : int, RandomState or None, default=0
        As in scikit-learn; the same draws for all scores by default.

    Returns
    -------
    ndarray of shape (n_draws, n_columns)
    """
    columns = np.asarray(columns, dtype=float)
    n = len(columns)
    random = check_random_state(random_state)
    means = np.empty((n_draws, columns.shape[1]))
    step = max(1, _BLOCK // n)
    for start in range(0, n_draws, step):
        block = means[start : start + step]
        times = random.multinomial(n, np.full(n, 1 / n), size=len(block))
        block[:] = times.astype(float) @ columns / n
    return means

"""A batch of which a simulator refuses some rows, taken apart.

A simulator refuses a whole batch when one of its atmospheres does not exist: abundances that add
up to more than all the gas, a planet too light to hold its air. Which ones are refused is found by
halving: with k bad rows among n that takes some ``2 k log2(n / k)`` calls, and every good row is
still simulated once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.exceptions import RangeError

__all__ = ["in_halves"]


def in_halves(
    function: Callable[[np.ndarray], Any],
    theta: np.ndarray,
    refuse: Callable[[RangeError], np.ndarray],
) -> np.ndarray:
    """Ask a function of rows that raises RangeError for all where one is at fault.

    Parameters
    ----------
    function : callable
        From (n, n_parameters) to an array of n rows.
    theta : ndarray of shape (n, n_parameters)
        What to ask it for.
    refuse : callable
        From the error of a row that is refused by itself to what stands for its answer, one row.

    Returns
    -------
    ndarray of n rows
    """
    try:
        return np.asarray(function(theta), dtype=float)
    except RangeError as error:
        if len(theta) == 1:
            return refuse(error)
    middle = len(theta) // 2
    halves = (theta[:middle], theta[middle:])
    return np.concatenate([in_halves(function, half, refuse) for half in halves])

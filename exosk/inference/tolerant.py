"""A likelihood that goes on where the simulator can't.

A simulator refuses a whole batch when one of its atmospheres does not exist: abundances that add
up to more than all the gas, a planet too light to hold its air. For a sampler such an atmosphere
is one of zero likelihood, and the others of the batch are to be simulated all the same
(:mod:`exosk.simulators.halving`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.simulators.halving import in_halves

__all__ = ["TolerantLikelihood"]


class TolerantLikelihood:
    """A log likelihood in batches, minus infinity where it has no answer.

    Parameters
    ----------
    log_likelihood : callable
        From (n, n_parameters) to (n,), as :func:`gaussian_log_likelihood` makes.
    batch_size : int, default=500
        Rows that it is given at a time.
    progress : callable, optional
        Called with the number of rows done, after each batch.

    Attributes
    ----------
    progress : callable or None
        As given.
    n_simulations : int
        Rows that it was asked for.
    n_not_finite : int
        Rows for which the answer was NaN or plus infinity.
    n_refused : int
        Rows for which it raised RangeError.
    refusal : RangeError or None
        The first such error.
    """

    def __init__(
        self,
        log_likelihood: Callable[[np.ndarray], Any],
        batch_size: int = 500,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if int(batch_size) != batch_size or batch_size < 1:
            raise RangeError(f"batch_size must be a whole number from 1 up, got {batch_size!r}")
        self._log_likelihood = log_likelihood
        self._batch_size = int(batch_size)
        self.progress = progress
        self.n_simulations = self.n_not_finite = self.n_refused = 0
        self.refusal: RangeError | None = None

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Compute it for theta of shape (n, n_parameters); the result has shape (n,).

        Raises
        ------
        RangeError
            If the likelihood does not answer one number a row.
        """
        out = np.empty(len(theta))
        for start in range(0, len(theta), self._batch_size):
            rows = slice(start, start + self._batch_size)
            out[rows] = self._of(theta[rows])
            self.n_simulations += len(theta[rows])
            if self.progress is not None:
                self.progress(self.n_simulations)
        impossible = np.isnan(out) | (out == np.inf)
        self.n_not_finite += int(impossible.sum())
        return np.where(impossible, -np.inf, out)

    def _of(self, theta: np.ndarray) -> np.ndarray:
        values = in_halves(self._log_likelihood, theta, self._refuse)
        if values.shape != (len(theta),):
            raise RangeError(
                f"the log likelihood of {len(theta)} rows of parameters must have shape "
                f"({len(theta)},), got {values.shape}"
            )
        return values

    def _refuse(self, error: RangeError) -> np.ndarray:
        self.refusal = self.refusal or error
        self.n_refused += 1
        return np.array([-np.inf])

"""Parts of a test set by a quantity of each spectrum: signal-to-noise, say, or abundance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from exosk.exceptions import RangeError

__all__ = ["Stratum", "strata"]


@dataclass(frozen=True, eq=False)
class Stratum:
    """The spectra between two values of a quantity.

    Attributes
    ----------
    low, high : float
        The values.
    center : float
        Median of the quantity over the spectra.
    rows : ndarray of shape (n_rows,)
        Indices of the spectra.
    """

    low: float
    high: float
    center: float
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def strata(values: Any, edges: Any = 6) -> list[Stratum]:
    """Divide spectra by a quantity.

    Parameters
    ----------
    values : array-like of shape (n,)
        The quantity; spectra with NaN are in no stratum.
    edges : int or array-like of shape (n_strata + 1,), default=6
        A number of strata with equally many spectra, or ascending limits. The lower limit
        belongs to a stratum, the upper one to the next; the last one's own is its own too.

    Returns
    -------
    list of Stratum
        Those that hold spectra.

    Raises
    ------
    RangeError
        If there are no numbers, or the limits do not ascend.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if values.ndim != 1 or not known.any():
        raise RangeError(
            f"strata need one number for each spectrum; got {int(known.sum())} in an array of "
            f"shape {values.shape}"
        )
    if np.ndim(edges) == 0:
        if edges < 1:
            raise RangeError(f"the number of strata must be at least 1, got {edges}")
        # Ties (a clipped prior) make fewer strata, not empty ones.
        limits = np.unique(np.quantile(values[known], np.linspace(0, 1, int(edges) + 1)))
        if len(limits) == 1:
            limits = np.repeat(limits, 2)
    else:
        limits = np.asarray(edges, dtype=float)
        if limits.ndim != 1 or len(limits) < 2 or not (np.diff(limits) > 0).all():
            raise RangeError(f"limits of strata must be two or more, ascending; got {limits}")
    found = []
    for k, (low, high) in enumerate(pairwise(limits)):
        last = k == len(limits) - 2
        inside = (values >= low) & ((values <= high) if last else (values < high))
        rows = np.flatnonzero(inside)
        if rows.size:
            found.append(Stratum(float(low), float(high), float(np.median(values[rows])), rows))
    return found

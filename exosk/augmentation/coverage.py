r"""Spectra of which some instrument saw a part, so that models learn to do with any.

Of :math:`B` bins, :math:`K` are kept, in :math:`w` windows. Sorted uniform numbers
:math:`u_1 \le \dots \le u_{w-1}` cut the kept bins into windows, and :math:`v_1 \le \dots \le v_w`
cut the hidden ones into the gaps around them, in whole bins:

.. math::
    c_j &= j + \lfloor u_j (K - w + 1) \rfloor, \quad c_0 = 0, \quad c_w = K \\
    s_j &= j + \lfloor v_{j+1} (B - K - w + 2) \rfloor + c_j

Window :math:`j` (from 0) begins at bin :math:`s_j` and holds :math:`c_{j+1} - c_j \ge 1` bins, and
the next begins no earlier than one bin after its end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter, limits
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["CoverageDropout"]

# Rows at a time: as many as the processor's cache holds.
_ROWS = 2048


class CoverageDropout(Augmenter):
    """Leave of training spectra what some instrument would cover: all else becomes NaN.

    A model of many bins meets spectra of few: one instrument's range, or several ranges with gaps
    between them. Each spectrum is left in others at each draw; at least one bin of it is left.

    Parameters
    ----------
    share : float or (float, float), default=(0.03, 1)
        Share of the bins that is kept; log-uniform between two numbers, drawn for each spectrum.
    windows : int, default=3
        Most runs of neighbouring bins that are kept; each number from 1 up is as likely. They are
        split and placed at random, with a hidden bin or more between two. Where too few bins are
        kept or hidden for so many, there are fewer.
    bins : float or (float, float), default=(0, 0.1)
        Share of the windows' bins that is missing singly, each bin by itself with this
        probability; uniform between two numbers, drawn for each spectrum.
    whole : float, default=0.3
        Probability that a spectrum stays as it is.
    random_state : int, RandomState or None, default=None
        Seed.
    grid : SpectralGrid, optional
        The bins of X. With it X may hold errors after the depths.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    Windows lie within the grid, so the first and last bins are kept less often than those between.
    The bins at which they begin and end are described at the head of
    :mod:`exosk.augmentation.coverage`.

    Examples
    --------
    >>> import numpy as np
    >>> cover = CoverageDropout(share=0.5, windows=1, bins=0, whole=0, random_state=0)
    >>> seen = ~np.isnan(cover.fit_transform(np.full((2, 6), 0.02)))
    >>> seen.sum(axis=1)
    array([3, 3])
    """

    def __init__(
        self,
        share: float | tuple[float, float] = (0.03, 1.0),
        windows: int = 3,
        bins: float | tuple[float, float] = (0.0, 0.1),
        whole: float = 0.3,
        random_state: Any = None,
        *,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.share = share
        self.windows = windows
        self.bins = bins
        self.whole = whole
        self.random_state = random_state
        self.grid = grid

    def _prepare(self, layout: RowLayout) -> None:
        self._share = limits(self.share, "share", 0, 1)
        if not self._share[0] > 0:
            raise RangeError(f"share must be above 0, since some bins are kept; got {self.share!r}")
        self._bins = limits(self.bins, "bins", 0, 1)
        self._whole = limits(self.whole, "whole", 0, 1)
        if self._whole[0] != self._whole[1]:
            raise RangeError(f"whole must be one number from 0 to 1; got {self.whole!r}")
        windows = self.windows
        if isinstance(windows, bool) or not isinstance(windows, int | np.integer) or windows < 1:
            raise RangeError(f"windows must be a whole number from 1 up; got {windows!r}")

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        cut = np.flatnonzero(rng.random(len(depth)) >= self._whole[0])
        for rows in np.split(cut, range(_ROWS, len(cut), _ROWS)):
            part = depth[rows]
            hidden = self._hidden(~np.isnan(part), rng)
            part[hidden] = np.nan
            depth[rows] = part
            if sigma is not None:
                part = sigma[rows]
                part[hidden] = np.nan
                sigma[rows] = part

    def _hidden(self, there: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the bins to hide, given which are there, shape (n, n_bins) both."""
        n, n_bins = there.shape
        low, high = np.log(self._share)
        kept = n_bins * np.exp(rng.uniform(low, high, n))
        # Rounded up or down by chance, so that the mean share is the one asked for.
        kept = np.clip(np.floor(kept + rng.random(n)), 1, n_bins).astype(np.int32)
        number = rng.integers(1, self.windows, n, endpoint=True)
        number = np.minimum(number, np.minimum(kept, n_bins - kept + 1))
        inside = np.zeros(there.shape, dtype=bool)
        place = np.arange(n_bins, dtype=np.int32)
        for w in np.unique(number):
            rows = np.flatnonzero(number == w)
            begin, end = _windows(n_bins, kept[rows, np.newaxis], int(w), rng)
            for k in range(w):
                inside[rows] |= (begin[:, k : k + 1] <= place) & (place < end[:, k : k + 1])
        share = rng.uniform(*self._bins, (n, 1)).astype(np.float32)
        seen = inside & (rng.random(there.shape, dtype=np.float32) >= share)
        empty = np.flatnonzero(~(seen & there).any(axis=1))
        # One of the windows if it can be, else any other.
        rank = np.where(there[empty], inside[empty] + rng.random((len(empty), n_bins)), -1)
        seen[empty, rank.argmax(axis=1)] = True
        return ~seen


def _windows(
    n_bins: int, kept: np.ndarray, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first bins of `number` windows and those after their last, (n, number) each.

    `kept`, of shape (n, 1), is how many bins they hold together.
    """
    n, order = len(kept), np.arange(number, dtype=np.int32)
    cuts = np.sort(rng.random((n, number - 1))) * (kept - number + 1)
    inner = order[1:] + cuts.astype(np.int32)
    cuts = np.hstack([np.zeros_like(kept), inner, kept])
    gaps = np.sort(rng.random((n, number))) * (n_bins - kept - number + 2)
    shift = order + gaps.astype(np.int32)
    return shift + cuts[:, :-1], shift + cuts[:, 1:]

"""Missing bins, so that models learn to do without."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter, limits
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["BinDropout"]


class BinDropout(Augmenter):
    """Hide bins of training spectra: depth and error become NaN.

    Real spectra lack bins: single ones that saturated or were rejected, and whole stretches that
    a detector's gap, an order's end or another filter leaves out. Each spectrum lacks others at
    each draw; at least one bin of it is left.

    Parameters
    ----------
    bins : float or (float, float), default=(0, 0.1)
        Share of bins that is missing singly, each bin by itself with this probability; uniform
        between two numbers, drawn for each spectrum.
    gap : float or (float, float), default=(0, 0.2)
        Share of bins in one run of neighbours that is missing, drawn for each spectrum as well.
        It may begin at any bin, and goes on at the first where it passes the last, so that all
        bins are missing equally often.
    random_state : int, RandomState or None, default=None
        Seed.
    grid : SpectralGrid, optional
        The bins of X. With it X may hold errors after the depths.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> gappy = BinDropout(bins=0, gap=0.5, random_state=0).fit_transform(np.full((2, 6), 0.02))
    >>> np.isnan(gappy).sum(axis=1)
    array([3, 3])
    """

    def __init__(
        self,
        bins: float | tuple[float, float] = (0.0, 0.1),
        gap: float | tuple[float, float] = (0.0, 0.2),
        random_state: Any = None,
        *,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.bins = bins
        self.gap = gap
        self.random_state = random_state
        self.grid = grid

    def _prepare(self, layout: RowLayout) -> None:
        self._bins = limits(self.bins, "bins", 0, 1)
        self._gap = limits(self.gap, "gap", 0, 1)

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        n, n_bins = depth.shape
        share = rng.uniform(*self._bins, (n, 1)).astype(np.float32)
        hidden = rng.random(depth.shape, dtype=np.float32) < share
        # Rounded up or down by chance, so that the mean share is the one asked for.
        length = np.floor(rng.uniform(*self._gap, (n, 1)) * n_bins + rng.random((n, 1)))
        length = np.minimum(length, n_bins).astype(np.int32)
        start = rng.integers(n_bins, size=(n, 1), dtype=np.int32)
        place = np.arange(n_bins, dtype=np.int32) - start
        hidden |= np.where(place < 0, place + n_bins, place) < length
        missing = np.isnan(depth)
        for row in np.flatnonzero((hidden | missing).all(axis=1)):
            hidden[row, rng.choice(np.flatnonzero(~missing[row]))] = False
        depth[hidden] = np.nan
        if sigma is not None:
            sigma[hidden] = np.nan

"""Bins merged into coarser ones, so that a model on a fine grid learns what coarse spectra are."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter, limits
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["BinMerger"]


class BinMerger(Augmenter):
    r"""Give neighbouring bins of training spectra their common mean, as coarser bins have.

    A spectrum in coarse bins that is brought to a finer grid has the same depth in all the bins
    that one of its own is cut into, and noise with it. Each spectrum is merged in blocks of
    another width at each draw, from another first bin. It belongs behind the noise. A block's
    errors become their root mean square: of n bins it is :math:`\sqrt n` times the error of the
    mean, which is what :meth:`exosk.FittedModel.rebin` gives a bin that is cut into n.

    Parameters
    ----------
    bins : int or (int, int), default=(1, 3)
        Width of the blocks; each number between two is as likely.
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
    A missing bin stays missing; the mean is of the others.

    Examples
    --------
    >>> import numpy as np
    >>> merger = BinMerger(bins=2, whole=0, random_state=0)
    >>> merger.fit_transform(np.array([[1.0, 3.0, 5.0, 7.0]]))
    array([[2., 2., 6., 6.]])
    """

    def __init__(
        self,
        bins: int | tuple[int, int] = (1, 3),
        whole: float = 0.3,
        random_state: Any = None,
        *,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.bins = bins
        self.whole = whole
        self.random_state = random_state
        self.grid = grid

    def _prepare(self, layout: RowLayout) -> None:
        low, high = limits(self.bins, "bins", 1, np.inf)
        if low % 1 or high % 1:
            raise RangeError(f"bins must be whole numbers from 1 up, got {self.bins!r}")
        self._bins = int(low), int(high)
        self._whole = limits(self.whole, "whole", 0, 1)
        if self._whole[0] != self._whole[1]:
            raise RangeError(f"whole must be one number from 0 to 1; got {self.whole!r}")

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        n, n_bins = depth.shape
        width = rng.integers(*self._bins, n, endpoint=True)
        first = rng.integers(width)
        width[rng.random(n) < self._whole[0]] = 1
        for size in np.unique(width[width > 1]):
            for start in range(size):
                rows = np.flatnonzero((width == size) & (first == start))
                # Where blocks begin; the first and the last may be cut off by the ends.
                edges = np.unique(np.r_[0, np.arange(start, n_bins, size)])
                counts = np.diff(np.r_[edges, n_bins])
                depth[rows] = _block_means(depth[rows], edges, counts)
                if sigma is not None:
                    sigma[rows] = np.sqrt(_block_means(sigma[rows] ** 2, edges, counts))


def _block_means(values: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of what is there in each block, at each of its bins that is there."""
    there = ~np.isnan(values)
    total = np.add.reduceat(np.where(there, values, 0), edges, axis=1)
    number = np.add.reduceat(there, edges, axis=1, dtype=values.dtype)
    mean = np.repeat(total / np.maximum(number, 1), counts, axis=1)
    return np.where(there, mean, np.nan)

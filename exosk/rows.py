"""What the columns of X are: the depths of all bins, then perhaps the 1-sigma error of each.

Which of the two is told by the number of bins, never guessed. Every transformer and estimator
takes a `grid` for that: with one, X of twice as many columns as it has bins holds errors; without,
every column is a depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid

__all__ = ["RowLayout", "join_rows"]


@dataclass(frozen=True)
class RowLayout:
    """The columns of X.

    Parameters
    ----------
    n_bins : int
        Number of depths.
    has_sigma : bool, default=False
        Whether as many errors follow.
    n_extra : int, default=0
        Number of columns after these that are neither (a spectrum's level, say).
    """

    n_bins: int
    has_sigma: bool = False
    n_extra: int = 0

    @classmethod
    def of(cls, n_columns: int, grid: SpectralGrid | None, *, extra: bool = False) -> RowLayout:
        """Tell what `n_columns` columns are.

        Parameters
        ----------
        n_columns : int
            Of X.
        grid : SpectralGrid or None
            The bins; None says that every column is a depth.
        extra : bool, default=False
            Whether fewer columns than there are bins may follow depths (and errors).

        Raises
        ------
        GridError
            If the number fits neither depths nor depths and errors.
        """
        if grid is None:
            return cls(n_columns)
        if not isinstance(grid, SpectralGrid):
            raise GridError(f"grid must be a SpectralGrid or None, not {type(grid).__name__}")
        repeats, rest = divmod(n_columns, grid.n_bins)
        if repeats not in (1, 2) or (rest and not extra):
            raise GridError(
                f"X has {n_columns} columns, which are neither the depths of {grid.n_bins} bins "
                f"nor these and their errors ({2 * grid.n_bins} columns); bring the spectra to "
                f"the model's bins, with a Rebinner say"
            )
        return cls(grid.n_bins, repeats == 2, rest)

    def split(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return views of the depths and of the errors (None where X has none).

        Raises
        ------
        RangeError
            If an error is negative or infinite, or missing where the depth is not.
        """
        depth = X[:, : self.n_bins]
        if not self.has_sigma:
            return depth, None
        sigma = X[:, self.n_bins : 2 * self.n_bins]
        with np.errstate(invalid="ignore"):
            bad = (sigma < 0) | np.isinf(sigma) | (np.isnan(sigma) & ~np.isnan(depth))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise RangeError(
                f"the error of bin {column} of spectrum {row} is {sigma[row, column]:g}; errors "
                f"must be numbers from 0 up wherever there is a depth ({int(bad.sum())} are not)"
            )
        return depth, sigma

    def names(self, given: Any | None, grid: SpectralGrid | None = None) -> list[str]:
        """Return the columns' names: those given, else the grid's, else ``x0``, ``x1``, ..."""
        n_columns = self.n_bins * (1 + self.has_sigma) + self.n_extra
        if given is not None:
            if len(given) != n_columns:
                raise ValueError(f"input_features should have length {n_columns}")
            return [str(name) for name in given]
        if grid is None or self.n_extra:
            return [f"x{k}" for k in range(n_columns)]
        return grid.feature_names() + (grid.feature_names("sigma") if self.has_sigma else [])


def join_rows(depth: Any, sigma: Any) -> np.ndarray:
    """Put errors beside depths.

    Parameters
    ----------
    depth : array-like of shape (n, n_bins)
        Transit depths.
    sigma : array-like of shape (n_bins,) or (n, n_bins)
        1-sigma errors of all spectra, or of each.

    Returns
    -------
    ndarray of shape (n, 2 n_bins)
    """
    depth = np.asarray(depth)
    sigma = np.asarray(sigma, dtype=depth.dtype)
    if depth.ndim != 2 or sigma.shape not in ((depth.shape[1],), depth.shape):
        raise GridError(f"depths of shape {depth.shape} and errors of shape {sigma.shape}")
    return np.hstack([depth, np.broadcast_to(sigma, depth.shape)])

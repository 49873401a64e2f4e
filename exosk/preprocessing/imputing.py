r"""Filling missing bins.

scikit-learn's imputers know nothing of levels: the mean depth of a bin over planets of all sizes
is no guess for one of them, and the nearest spectra are those of planets of the same size. So a
spectrum is taken apart first, :math:`d_{ij} = l_i + s_j + r_{ij}`: its level, the mean shape of the
training spectra, and the rest, each found from the bins that are there (by alternating least
squares, since a mean over the bins that are there alone depends on which these are). The rest is
what an imputer of scikit-learn's fills.

A filled bin is a guess, and its error says so: it is the largest error of the spectrum and the
scatter of that bin over the training spectra, added in quadrature. The scatter is the root mean
square of :math:`r_{ij}`, or of :math:`s_j + r_{ij}` where the mean shape is not used, so it is what
is not known of a bin before its neighbours are looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.impute import KNNImputer, MissingIndicator

from exosk.exceptions import RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.preprocessing.transformer import SpectrumTransformer

__all__ = ["SpectrumImputer"]

_STRATEGIES = ("linear", "mean", "neighbors")
# Alternations between levels and mean shape; each brings both far closer, unless most is missing.
_TURNS = 10


class SpectrumImputer(SpectrumTransformer):
    """Fill missing bins, and give them errors that say that they are filled.

    Parameters
    ----------
    strategy : {"linear", "mean", "neighbors"} or imputer, default="linear"
        Where the values come from:

        - ``"linear"``: from the next bins that are there, linearly in wavelength; beyond the
          last of them, its value. Needs no training spectra worth the name.
        - ``"mean"``: the mean shape of the training spectra, at the spectrum's level.
        - ``"neighbors"``: the mean of the nearest training spectra, by
          :class:`~sklearn.impute.KNNImputer`; slow with thousands of them.
        - an imputer of scikit-learn's (an IterativeImputer, say), which is cloned and fitted to
          what is left of the spectra without their level and mean shape, brought to unit scale.
          It must keep all columns (``keep_empty_features=True``).
    grid : SpectralGrid, optional
        The bins of X. With it, X may hold errors. Without, bins are taken as evenly spaced.
    n_neighbors : int, default=5
        Number of training spectra for ``strategy="neighbors"``.
    add_indicator : bool, default=False
        Whether columns of 0 and 1 follow that say what was missing, for the bins that were
        missing in training, as in scikit-learn.
    n_extra : int, default=0
        Number of columns that follow depths and errors and are neither, such as a scaler's
        level and spread. They pass; where one is missing it gets the training spectra's median.

    Attributes
    ----------
    mean_shape_ : ndarray of shape (n_bins,)
        Mean of the training spectra less their levels; interpolated in bins that none has.
    scatter_ : ndarray of shape (n_bins,)
        Error of a filled bin, before the spectrum's own.
    imputer_ : estimator or None
        The fitted imputer, if `strategy` has one.
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    A step that adds columns belongs at the end of the preprocessing, since a later one could
    not tell indicators from errors: ``make_pipeline(SpectrumScaler(grid=grid),
    SpectrumImputer(grid=grid, n_extra=2, add_indicator=True))``.

    Examples
    --------
    >>> import numpy as np
    >>> from exosk.spectra import SpectralGrid
    >>> grid = SpectralGrid.from_edges([1.0, 1.1, 1.2, 1.3])
    >>> SpectrumImputer(grid=grid).fit_transform([[0.010, np.nan, 0.012]])
    array([[0.01 , 0.011, 0.012]])
    """

    def __init__(
        self,
        strategy: Any = "linear",
        grid: SpectralGrid | None = None,
        n_neighbors: int = 5,
        add_indicator: bool = False,
        n_extra: int = 0,
    ) -> None:
        self.strategy = strategy
        self.grid = grid
        self.n_neighbors = n_neighbors
        self.add_indicator = add_indicator
        self.n_extra = n_extra

    def fit(self, X: Any, y: Any = None) -> SpectrumImputer:
        """Learn mean shape and scatter, and fit the imputer if there is one.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Transit depths, then errors if `grid` says so, then `n_extra` columns; NaN is
            missing.
        y : ignored

        Raises
        ------
        GridError
            If X does not match the grid.
        RangeError
            If a spectrum has no value, or an error is negative.
        """
        imputer = self._chosen()
        depth, _, extra = self._read(X, reset=True, n_extra=self.n_extra)
        whole = depth.astype(float)
        self._x = np.arange(depth.shape[1]) if self.grid is None else self.grid.wavelength
        self.mean_shape_ = self._mean_shape(whole)
        rest = whole - _levels(whole, self.mean_shape_) - self.mean_shape_
        unknown = rest + self.mean_shape_ if self.strategy == "linear" else rest
        self.scatter_ = _rms(unknown)
        # To unit scale, or the priors of a BayesianRidge inside take depths for zeros.
        self._scale = float(np.sqrt(np.nanmean(rest**2))) or 1.0
        self.imputer_ = None if imputer is None else imputer.fit(rest / self._scale)
        self._usual_extra = np.array([_median(column) for column in extra.T], dtype=float)
        self._indicator = None
        if self.add_indicator:
            self._indicator = MissingIndicator(error_on_new=False).fit(depth)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Fill missing bins.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Transit depths, then errors if `fit` saw them, then `n_extra` columns; NaN is
            missing, and at least one bin of each spectrum is there.

        Returns
        -------
        ndarray of shape (n, n_columns) or (n, n_columns + n_indicators)
            Without NaN.

        Raises
        ------
        RangeError
            If a spectrum has no value, an error is negative, or the imputer given drops columns
            or leaves values missing.
        """
        depth, sigma, extra = self._read(X, reset=False)
        missing = np.isnan(depth)
        gappy = missing.any(axis=1)
        filled = depth.copy()
        if gappy.any():
            filled[missing] = self._guess(depth[gappy].astype(float))[missing[gappy]]
        blocks = [filled]
        if sigma is not None:
            largest = np.where(missing, 0, sigma).max(axis=1, keepdims=True)
            blocks.append(np.where(missing, np.hypot(largest, self.scatter_), sigma))
        blocks.append(np.where(np.isnan(extra), self._usual_extra, extra))
        if self._indicator is not None:
            blocks.append(np.asarray(self._indicator.transform(depth)))
        return np.hstack(blocks).astype(depth.dtype, copy=False)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of X, then those of the indicators."""
        depth, sigma, extra = self._names_in(input_features)
        names = [*depth, *sigma, *extra]
        if self._indicator is not None:
            names += [f"missing_{depth[k]}" for k in self._indicator.features_]
        return np.array(names, dtype=object)

    def _chosen(self) -> Any:
        """Return the unfitted imputer, if there is one."""
        if not isinstance(self.strategy, str):
            return clone(self.strategy)
        if self.strategy not in _STRATEGIES:
            raise UnknownNameError.suggest("strategy", self.strategy, _STRATEGIES)
        if self.strategy != "neighbors":
            return None
        return KNNImputer(n_neighbors=self.n_neighbors, keep_empty_features=True)

    def _mean_shape(self, depth: np.ndarray) -> np.ndarray:
        """Return the mean shape of spectra, by turns with their levels."""
        seen = ~np.isnan(depth).all(axis=0)
        shape = np.zeros(depth.shape[1])
        for _ in range(_TURNS if np.isnan(depth).any() else 1):
            level = _levels(depth, shape)
            shape[seen] = np.nanmean((depth - level)[:, seen], axis=0)
            shape = np.interp(self._x, self._x[seen], shape[seen])
        return shape

    def _guess(self, depth: np.ndarray) -> np.ndarray:
        """Return spectra without missing bins; what is there may be off by rounding."""
        if self.strategy == "linear":
            return _interpolated(depth, self._x)
        usual = _levels(depth, self.mean_shape_) + self.mean_shape_
        if self.imputer_ is None:
            return usual
        rest = np.asarray(self.imputer_.transform((depth - usual) / self._scale))
        if rest.shape != depth.shape or np.isnan(rest).any():
            raise RangeError(
                f"{type(self.imputer_).__name__} made {rest.shape[1]} columns of "
                f"{depth.shape[1]}, {int(np.isnan(rest).sum())} values of them missing; it must "
                f"fill all and keep all: set keep_empty_features=True and add_indicator=False on "
                f"it"
            )
        return usual + rest * self._scale


def _levels(depth: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return the mean of each spectrum above a shape, over the bins that are there."""
    return np.nanmean(depth - shape, axis=1, keepdims=True)


def _rms(rest: np.ndarray) -> np.ndarray:
    """Return the root mean square of each column; of all values where a column has none."""
    squares = np.nan_to_num(rest) ** 2
    counts = (~np.isnan(rest)).sum(axis=0)
    overall = squares.sum() / counts.sum()
    return np.sqrt(np.where(counts > 0, squares.sum(axis=0) / np.maximum(counts, 1), overall))


def _median(column: np.ndarray) -> float:
    """Return the median of what is there; 0 of nothing."""
    there = column[~np.isnan(column)]
    return float(np.median(there)) if there.size else 0.0


def _interpolated(depth: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolate each row linearly between the columns that are there."""
    present = ~np.isnan(depth)
    n_bins = depth.shape[1]
    columns = np.arange(n_bins)
    left = np.maximum.accumulate(np.where(present, columns, -1), axis=1)
    right = np.where(present, columns, n_bins)[:, ::-1]
    right = np.minimum.accumulate(right, axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left), np.where(right == n_bins, left, right)
    step = x[right] - x[left]
    fraction = np.where(step > 0, x - x[left], 0) / np.where(step > 0, step, 1)
    low, high = (np.take_along_axis(depth, end, axis=1) for end in (left, right))
    return low + fraction * (high - low)

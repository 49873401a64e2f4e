r"""Bringing spectra to other bins.

Every target bin is a weighted mean of source values, :math:`d'_i = \sum_j W_{ij} d_j`, so errors
are propagated by :math:`\sigma'^2_i = \sum_j W_{ij}^2 \sigma_j^2`, and the covariance is

.. math:: C' = W\, C\, W^\top.

Its off-diagonal elements are not zero where two target bins share a source bin. Weights are
:math:`W_{ij} \propto L_{ij} v_j`: shared length times 1, or times the inverse variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.preprocessing.overlap import times
from exosk.preprocessing.targets import joined_bins, lay_over
from exosk.preprocessing.transformer import SpectrumTransformer, refuse_empty
from exosk.rows import RowLayout

__all__ = ["Rebinner"]

_WEIGHTINGS = ("overlap", "inverse_variance")
_UNCOVERED = ("error", "missing")


class Rebinner(SpectrumTransformer):
    """Average spectra into other bins, exactly, with their errors.

    Parameters
    ----------
    target : SpectralGrid, Spectrum, Instrument or int, default=1
        The bins to make. A whole number n joins every n neighbouring bins (the last bin takes
        what is left), which is convenient in a search over settings; 1 changes nothing.
    grid : SpectralGrid, optional
        The bins of X, within which spectra are taken as constant. They may overlap and leave
        gaps, as those of several instruments do: a target bin takes all that overlap it. With
        it, X may hold errors. Without `grid` and `wavelength`, X has bins of equal width side by
        side, and `target` is a number.
    wavelength : array-like or Quantity of shape (n_wavelengths,), optional
        The sample points of X, in um and ascending, when X is not binned but sampled, as
        simulators do: the piecewise-linear interpolant is integrated. Twice as many columns are
        samples and their errors.
    weighting : {"overlap", "inverse_variance"}, default="overlap"
        What weighs a source value: the length that its bin shares with the target bin, or this
        over its variance. The first is the mean depth over the bin, which is what a simulator's
        spectrum is binned to; the second has the smallest error, but weighs wavelengths by the
        errors of each single spectrum, so that only a model weighted alike compares with it. It
        needs errors in X.
    min_coverage : float, default=0.5
        Smallest share of a target bin's width that values must cover. Where less is covered
        because bins are missing (NaN), the target bin is missing; where more is, it is the mean
        of what is there. With 0.5, that mean is never further off the bin's centre than a
        quarter of its width. 1 asks for all.
    uncovered : {"error", "missing"}, default="error"
        What to do when the bins or samples of X, missing or not, cover a target bin by less:
        refuse to fit, or leave the bin missing in all spectra.

    Attributes
    ----------
    target_grid_ : SpectralGrid or None
        The bins made; None where `grid` and `wavelength` are not given.
    coverage_ : ndarray of shape (n_target,)
        Share of each target bin that the source covers.
    matrix_ : scipy.sparse.csr_array of shape (n_target, n_source)
        The weights of a spectrum without missing bins, for ``weighting="overlap"``. Rows sum to
        one, or are empty where nothing lies over the target bin.
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    Where the source covers it without overlaps, the integral over wavelength is conserved, a
    constant stays that constant, and rebinning to nested bins in two steps equals one.
    The errors that `transform` gives are the square roots of the diagonal of
    :meth:`covariance`; neighbours' correlations are only there.

    Examples
    --------
    >>> import numpy as np
    >>> from exosk.spectra import SpectralGrid
    >>> fine = SpectralGrid.from_edges([1.0, 1.1, 1.2, 1.3, 1.4])
    >>> coarse = SpectralGrid.from_edges([1.0, 1.2, 1.4])
    >>> X = np.array([[0.010, 0.012, 0.014, np.nan, 1e-4, 1e-4, 1e-4, np.nan]])
    >>> Rebinner(coarse, grid=fine).fit_transform(X).round(6)
    array([[1.1e-02, 1.4e-02, 7.1e-05, 1.0e-04]])
    """

    def __init__(
        self,
        target: Any = 1,
        grid: SpectralGrid | None = None,
        wavelength: Any = None,
        weighting: str = "overlap",
        min_coverage: float = 0.5,
        uncovered: str = "error",
    ) -> None:
        self.target = target
        self.grid = grid
        self.wavelength = wavelength
        self.weighting = weighting
        self.min_coverage = min_coverage
        self.uncovered = uncovered

    def fit(self, X: Any, y: Any = None) -> Rebinner:
        """Lay the target bins over the source.

        Parameters
        ----------
        X : array-like of shape (n, n_source) or (n, 2 n_source)
            Transit depths, or depths and errors; NaN is missing.
        y : ignored

        Raises
        ------
        GridError
            If X does not have the columns that `grid` or `wavelength` say, the target is none,
            or a target bin is not covered.
        RangeError
            If `min_coverage` is not above 0 and at most 1, the number of bins to join is not a
            positive whole number, or inverse variances are asked for without errors.
        """
        if self.weighting not in _WEIGHTINGS:
            raise UnknownNameError.suggest("weighting", self.weighting, _WEIGHTINGS)
        if self.uncovered not in _UNCOVERED:
            raise UnknownNameError.suggest("way with uncovered bins", self.uncovered, _UNCOVERED)
        if not 0 < self.min_coverage <= 1:
            raise RangeError(
                f"min_coverage must be above 0 and at most 1, got {self.min_coverage}; it is the "
                f"share of a target bin that values must cover"
            )
        self._read(X, reset=True)
        if self.weighting == "inverse_variance" and not self.layout_.has_sigma:
            raise RangeError(
                "weighting by inverse variance needs errors in X; put them beside the depths "
                "(join_rows) and give the grid, or weigh by overlap"
            )
        self.target_grid_, self._overlap = lay_over(
            self.target,
            self.layout_.n_bins,
            self.grid,
            self.wavelength,
            lenient=self.uncovered == "missing",
        )
        self.coverage_ = self._overlap.coverage(np.ones((1, self.layout_.n_bins), dtype=bool))[0]
        bare = np.flatnonzero(self.coverage_ < self._least())
        if bare.size and self.uncovered == "error":
            k = bare[0]
            where = (
                f" ({self.target_grid_.lower[k]:.4g}-{self.target_grid_.upper[k]:.4g} um)"
                if self.target_grid_ is not None
                else ""
            )
            raise GridError(
                f"the spectra cover {self.coverage_[k]:.0%} of target bin {k}{where}, less than "
                f"min_coverage={self.min_coverage:g} ({bare.size} of {self.coverage_.size} bins "
                f"are so); leave these bins out, or leave them missing with uncovered='missing'"
            )
        self.matrix_ = self._overlap.weights
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Rebin spectra.

        Parameters
        ----------
        X : array-like of shape (n, n_source) or (n, 2 n_source)
            Transit depths, or depths and errors; NaN is missing.

        Returns
        -------
        ndarray of shape (n, n_target) or (n, 2 n_target)
            Likewise; NaN where too little of a bin is covered.

        Raises
        ------
        RangeError
            If nothing is left of a spectrum, an error is negative, or 0 where its inverse is a
            weight.
        """
        depth, sigma, _ = self._read(X, reset=False)
        out = np.empty((len(depth), self.coverage_.size * (1 if sigma is None else 2)), depth.dtype)
        gappy = np.isnan(depth).any(axis=1) | (self.weighting == "inverse_variance")
        for rows, average in ((~gappy, self._whole), (gappy, self._gappy)):
            if rows.all():
                out[...] = average(depth, sigma)
            elif rows.any():
                out[rows] = average(depth[rows], None if sigma is None else sigma[rows])
        refuse_empty(out[:, : self.coverage_.size], " in the target bins")
        return out

    def covariance(self, sigma: Any) -> np.ndarray:
        """Return the covariance of the rebinned depths, from independent errors of the source.

        Parameters
        ----------
        sigma : array-like of shape (n_source,) or (n, n_source)
            1-sigma errors of one spectrum or of several; NaN where a bin is missing.

        Returns
        -------
        ndarray of shape (n_target, n_target) or (n, n_target, n_target)
            NaN in rows and columns of missing bins.

        Raises
        ------
        GridError
            If there are not as many errors as source bins.
        RangeError
            If an error is negative or infinite, or 0 where its inverse is a weight.
        """
        given = self._source_values(sigma, 1, "errors")
        if (given < 0).any() or np.isinf(given).any():
            raise RangeError("errors must be numbers from 0 up, or NaN where a bin is missing")
        rows = np.atleast_2d(given)
        refuse_empty(rows)
        W = self._overlap.matrices(self._value(~np.isnan(rows), rows), self._least())
        result = (W * np.nan_to_num(rows)[:, np.newaxis] ** 2) @ W.swapaxes(1, 2)
        return result.reshape(*given.shape[:-1], *result.shape[1:])

    def propagate_covariance(self, covariance: Any) -> np.ndarray:
        """Return the covariance of the rebinned depths, from that of the source.

        Parameters
        ----------
        covariance : array-like of shape (n_source, n_source) or (n, n_source, n_source)
            Covariance of one spectrum's depths or of several's; NaN on the diagonal where a bin
            is missing.

        Returns
        -------
        ndarray of shape (n_target, n_target) or (n, n_target, n_target)
            NaN in rows and columns of missing bins. Inverse-variance weights are those of the
            diagonal.

        Raises
        ------
        GridError
            If its sides are not as long as there are source bins.
        RangeError
            If it is not symmetric, or a variance is negative.
        """
        given = self._source_values(covariance, 2, "covariances")
        K = given.reshape(-1, *given.shape[-2:])
        variance = np.diagonal(K, axis1=1, axis2=2)
        refuse_empty(variance)
        present = ~np.isnan(variance)
        K = np.where(present[:, np.newaxis] & present[:, :, np.newaxis], K, 0)
        if (variance < 0).any() or not np.isfinite(K).all():
            raise RangeError(
                "covariances must be finite and variances not negative; put NaN on the diagonal "
                "where a bin is missing"
            )
        if not np.allclose(K, K.swapaxes(1, 2), rtol=1e-6, atol=1e-9 * K.max()):
            raise RangeError("a covariance must be symmetric; give (C + C.T) / 2 if it should be")
        W = self._overlap.matrices(self._value(present, np.sqrt(variance)), self._least())
        result = W @ K @ W.swapaxes(1, 2)
        return result.reshape(*given.shape[:-2], *result.shape[1:])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the target bins' names, then those of their errors."""
        depth, sigma, _ = self._names_in(input_features)
        step = joined_bins(self.target)
        if step == 1:
            names = [*depth, *sigma]
        elif self.target_grid_ is None:
            names = [_joined_name(depth[k : k + step]) for k in range(0, len(depth), step)]
        else:
            layout = RowLayout(self.target_grid_.n_bins, bool(sigma))
            names = layout.names(None, self.target_grid_)
        return np.array(names, dtype=object)

    def _layout(self, n_columns: int, n_extra: int) -> RowLayout:
        """Tell what the columns are, of bins or of samples."""
        if self.wavelength is None:
            return super()._layout(n_columns, n_extra)
        if self.grid is not None:
            raise GridError("give either grid, for binned spectra, or wavelength, for sampled ones")
        n_samples = np.size(self.wavelength)
        if n_columns not in (n_samples, 2 * n_samples):
            raise GridError(
                f"X has {n_columns} columns but {n_samples} wavelengths are given; it must have "
                f"as many, or twice as many with errors"
            )
        return RowLayout(n_samples, n_columns == 2 * n_samples)

    def _least(self) -> float:
        """Return the share to cover, less the rounding of edges."""
        return self.min_coverage * (1 - 1e-6)

    def _whole(self, depth: np.ndarray, sigma: np.ndarray | None) -> np.ndarray:
        """Average spectra without missing bins, by one matrix."""
        columns = [times(depth, self.matrix_)]
        if sigma is not None:
            columns.append(np.sqrt(times(sigma**2, self.matrix_.power(2))))
        for block in columns:
            block[:, self.coverage_ < self._least()] = np.nan
        return np.hstack(columns)

    def _gappy(self, depth: np.ndarray, sigma: np.ndarray | None) -> np.ndarray:
        """Average spectra with weights of their own."""
        value = self._value(~np.isnan(depth), sigma)
        total = self._overlap.totals(value, self._least())
        columns = [times(value * np.nan_to_num(depth), self._overlap.weights) / total]
        if sigma is not None:
            squares = self._overlap.weights.power(2)
            columns.append(np.sqrt(times((value * np.nan_to_num(sigma)) ** 2, squares)) / total)
        return np.hstack(columns)

    def _value(self, present: np.ndarray, sigma: np.ndarray | None) -> np.ndarray:
        """Return what weighs each source value beside its length; 0 where it is missing."""
        if self.weighting == "overlap" or sigma is None:
            return present.astype(float)
        zero = np.argwhere(present & (sigma == 0))
        if zero.size:
            raise RangeError(
                f"the error of bin {zero[0, 1]} of spectrum {zero[0, 0]} is 0, so its inverse "
                f"variance is no weight; give positive errors, or weigh by overlap"
            )
        # Relative to the spectrum's smallest, so that no square overflows.
        sigma = np.where(present, sigma, np.inf)
        return (sigma.min(axis=1, keepdims=True) / sigma) ** 2

    def _source_values(self, values: Any, n_axes: int, what: str) -> np.ndarray:
        """Check the shape of errors or covariances of the source's values."""
        check_is_fitted(self)
        n_source = self.layout_.n_bins
        array = np.asarray(values, dtype=float)
        if array.ndim not in (n_axes, n_axes + 1) or array.shape[-n_axes:] != (n_source,) * n_axes:
            raise GridError(
                f"{what} of shape {array.shape} do not belong to {n_source} source bins"
            )
        return array


def _joined_name(names: list[str]) -> str:
    """Name a bin that others were joined to."""
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"

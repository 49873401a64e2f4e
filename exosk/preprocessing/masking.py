"""Hiding bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError, UnitError
from exosk.grids import SpectralGrid
from exosk.instruments import Instrument
from exosk.preprocessing.overlap import Overlap, grid_of
from exosk.preprocessing.transformer import SpectrumTransformer, refuse_empty
from exosk.spectra import Spectrum
from exosk.units import canonical

__all__ = ["Masker"]

# Which part of a bin an instrument or observation must cover for it to be kept.
_COVERED = 0.5


class Masker(SpectrumTransformer):
    """Hide bins: set them missing, or drop their columns.

    Parameters
    ----------
    grid : SpectralGrid, optional
        The bins of X. With it, X may hold errors, which are hidden with their depths.
    hide : list of (low, high), or array-like of bool of shape (n_bins,), optional
        Ranges of wavelength, in um (or Quantities), or a mask. A bin that overlaps a range is
        hidden, however little of it lies there, because its depth is an average.
    keep : the same, or SpectralGrid, Spectrum or Instrument, optional
        All but this is hidden: bins that do not lie wholly within one of the ranges, or of which
        less than half is covered by the bins of the instrument or observation (by those that the
        observation has a depth for). With both, a bin is kept that is kept and not hidden.
    drop : bool, default=False
        Whether to drop the columns; otherwise they are set to NaN.

    Attributes
    ----------
    kept_ : ndarray of bool, shape (n_bins,)
        The bins that are not hidden.
    kept_grid_ : SpectralGrid or None
        Their grid, which later steps take when columns are dropped; None without a grid.
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> from exosk.spectra import SpectralGrid
    >>> grid = SpectralGrid.from_edges([1.0, 1.1, 1.2, 1.3])
    >>> Masker(grid, hide=[(1.15, 1.18)]).fit_transform([[0.01, 0.02, 0.03]])
    array([[0.01,  nan, 0.03]])
    """

    def __init__(
        self,
        grid: SpectralGrid | None = None,
        hide: Any = None,
        keep: Any = None,
        drop: bool = False,
    ) -> None:
        self.grid = grid
        self.hide = hide
        self.keep = keep
        self.drop = drop

    def fit(self, X: Any, y: Any = None) -> Masker:
        """Find the bins to hide.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, or depths and errors; NaN is missing.
        y : ignored

        Raises
        ------
        GridError
            If X or a mask does not match the grid, or there is none and wavelengths are given.
        RangeError
            If no bin is left, or a range is none.
        """
        self._read(X, reset=True)
        kept = np.ones(self.layout_.n_bins, dtype=bool)
        if self.hide is not None:
            kept &= ~self._mask(self.hide, "hide", partly=True)
        if isinstance(self.keep, SpectralGrid | Spectrum | Instrument):
            kept &= self._covered_by(self.keep)
        elif self.keep is not None:
            kept &= self._mask(self.keep, "keep", partly=False)
        if not kept.any():
            raise RangeError(
                f"all {kept.size} bins are hidden; hide fewer, or leave these spectra out"
            )
        self.kept_ = kept
        self.kept_grid_ = None if self.grid is None else self.grid[kept]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Hide bins.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, or depths and errors; NaN is missing.

        Returns
        -------
        ndarray of shape (n, n_kept) or (n, 2 n_kept) if dropped, else that of X

        Raises
        ------
        RangeError
            If nothing is left of a spectrum.
        """
        depth, sigma, _ = self._read(X, reset=False)
        refuse_empty(depth[:, self.kept_], " after masking")
        blocks = [depth] if sigma is None else [depth, sigma]
        if self.drop:
            return np.hstack([block[:, self.kept_] for block in blocks])
        return np.hstack(
            [np.where(self.kept_, block, block.dtype.type(np.nan)) for block in blocks]
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that are left."""
        depth, sigma, _ = self._names_in(input_features)
        names = np.array([depth, sigma] if sigma else [depth], dtype=object)
        return (names[:, self.kept_] if self.drop else names).ravel()

    def _mask(self, given: Any, name: str, *, partly: bool) -> np.ndarray:
        """Return the bins in a mask, or in ranges, partly or wholly."""
        n_bins = self.layout_.n_bins
        mask = _mask_or_none(given)
        if mask is not None:
            if mask.shape != (n_bins,):
                raise GridError(
                    f"{name} is a mask of shape {mask.shape}, but there are {n_bins} bins"
                )
            return mask
        if self.grid is None:
            raise GridError(f"{name} holds wavelengths, so the bins must be known; give the grid")
        inside = np.zeros(n_bins, dtype=bool)
        for low, high in _ranges(given, name):
            slack = 1e-9 * high
            if partly:
                inside |= (self.grid.lower < high - slack) & (self.grid.upper > low + slack)
            else:
                inside |= (self.grid.lower >= low - slack) & (self.grid.upper <= high + slack)
        return inside

    def _covered_by(self, thing: Any) -> np.ndarray:
        """Return the bins that an instrument or observation covers."""
        if self.grid is None:
            raise GridError("keep holds bins, so those of X must be known; give the grid")
        bins = grid_of(thing, "keep")
        if isinstance(thing, Spectrum):
            bins = bins[thing.observed]
        laid = Overlap.of_bins(bins.lower, bins.upper, self.grid.lower, self.grid.upper)
        return laid.coverage(np.ones((1, bins.n_bins), dtype=bool))[0] >= _COVERED * (1 - 1e-6)


def _mask_or_none(given: Any) -> np.ndarray | None:
    """Return a mask as an array; None for anything else."""
    try:
        array = np.asarray(given)
    except (TypeError, ValueError):  # ranges of Quantities, or ragged
        return None
    return array if array.dtype == bool else None


def _ranges(given: Any, name: str) -> list[tuple[float, float]]:
    """Return ranges of wavelength in um."""
    ranges = []
    for entry in given:
        try:
            low, high = (canonical(end, "wavelength").item() for end in entry)
        except (TypeError, ValueError) as error:
            if isinstance(error, UnitError):
                raise
            raise RangeError(
                f"{name} must be a mask, or a list of pairs (low, high) in um; got {entry!r}"
            ) from error
        if not low < high:
            raise RangeError(
                f"{name} has a range from {low:g} to {high:g} um; give the lower end first"
            )
        ranges.append((low, high))
    return ranges

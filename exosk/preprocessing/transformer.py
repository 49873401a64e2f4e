"""What all transformers of spectra share: the columns of X are read, and checked, in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["SpectrumTransformer", "refuse_empty"]

# Of a store; what scalers learn, more spectra would not change.
_MOST_LEARNED = 20_000


class SpectrumTransformer(TransformerMixin, BaseEstimator):
    """Base of transformers that know depths, errors and missing bins apart.

    A subclass takes a parameter `grid`, reads X with :meth:`_read`, and names its columns with
    :meth:`_names_in`.

    Attributes
    ----------
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.
    """

    grid: SpectralGrid | None

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit, and transform what was fitted.

        Spectra of a store (:meth:`exosk.Store.spectra`) are fitted by a sample of them, and are
        transformed when they are read.
        """
        if not hasattr(X, "through"):
            return super().fit_transform(X, y, **fit_params)
        rows = X.sample_rows(_MOST_LEARNED)
        return X.through(self.fit(X[rows], None if y is None else y[rows], **fit_params))

    def _read(
        self, X: Any, *, reset: bool, n_extra: int = 0
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return depths, errors (None without) and the columns after them, as views of X.

        With `reset`, tell what the columns are; without, hold X to what `fit` saw.
        """
        if not reset:
            check_is_fitted(self)
        elif hasattr(X, "sample_rows"):
            X = X.read(X.sample_rows(_MOST_LEARNED))
        X = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        if reset:
            self.layout_ = self._layout(X.shape[1], n_extra)
        depth, sigma = self.layout_.split(X)
        refuse_empty(depth)
        return depth, sigma, X[:, X.shape[1] - self.layout_.n_extra :]

    def _layout(self, n_columns: int, n_extra: int) -> RowLayout:
        """Tell what `n_columns` columns are, of which the last `n_extra` are no bins."""
        if not 0 <= n_extra < n_columns:
            raise GridError(
                f"n_extra={n_extra} of the {n_columns} columns of X are said to be no bins; at "
                f"least one must be, so lower n_extra"
            )
        bins = RowLayout.of(n_columns - n_extra, self.grid)
        return RowLayout(bins.n_bins, bins.has_sigma, n_extra)

    def _names_in(self, input_features: Any) -> tuple[list[str], list[str], list[str]]:
        """Return the names of the depths, of the errors, and of the columns after them."""
        check_is_fitted(self)
        given = getattr(self, "feature_names_in_", None)
        layout = self.layout_
        names = layout.names(given if input_features is None else input_features, self.grid)
        n_values = layout.n_bins * (1 + layout.has_sigma)
        return names[: layout.n_bins], names[layout.n_bins : n_values], names[n_values:]

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def refuse_empty(depth: np.ndarray, because: str = "") -> None:
    """Refuse spectra without a single bin.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Transit depths, NaN where missing.
    because : str, default=""
        What left it so, as in ``" after masking"``.

    Raises
    ------
    RangeError
        Naming the first such spectrum.
    """
    empty = np.flatnonzero(np.isnan(depth).all(axis=1))
    if empty.size:
        others = f" ({empty.size} are so)" if empty.size > 1 else ""
        raise RangeError(
            f"spectrum {empty[0]} has no bin that is not missing{because}; leave it out{others}"
        )

"""What all augmentations share: training spectra are changed, observations never."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["Augmenter", "limits"]


class Augmenter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Change spectra in training, and leave observations alone.

    In a pipeline, `fit` calls ``fit_transform`` of every step: that is where spectra are changed.
    ``transform``, which prediction and the held-out folds of a cross-validation use, returns its
    input unchanged, because an observation has its noise already. scikit-learn's
    :class:`~sklearn.preprocessing.TargetEncoder`, whose ``fit_transform`` differs from
    ``transform`` too, is the precedent.

    A subclass has the parameters ``grid`` and ``random_state``, checks its own in
    :meth:`_prepare` and works in place in :meth:`_augment`.
    """

    grid: Any
    random_state: Any

    def fit(self, X: Any, y: Any = None) -> Augmenter:
        """Check the spectra and the parameters against each other.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, or depths and errors; NaN is a missing bin.
        y : ignored

        Raises
        ------
        GridError
            If the columns do not fit the grid.
        RangeError
            If a spectrum has no bin that is not missing, or a parameter is out of its range.
        """
        self._fitted_to(X, copy=False)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit, and return changed spectra, in the shape and precision of X."""
        X, layout = self._fitted_to(X, copy=True)
        # A Generator draws in the precision of X, and faster than a RandomState: networks ask
        # every epoch.
        seed = check_random_state(self.random_state).randint(2**32, size=4, dtype=np.uint32)
        depth, sigma = layout.split(X)
        self._augment(depth, sigma, np.random.default_rng(seed))
        return X

    def transform(self, X: Any) -> np.ndarray:
        """Return the spectra as they are, in the shape of X."""
        check_is_fitted(self)
        X = self._checked(X, copy=True, reset=False)
        _refuse_empty(X[:, : self._layout().n_bins])
        return X

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns, which are those of X or else the grid's."""
        if input_features is None and not hasattr(self, "feature_names_in_"):
            check_is_fitted(self)
            return np.array(self._layout().names(None, self._grid()), dtype=object)
        return super().get_feature_names_out(input_features)

    def _fitted_to(self, X: Any, *, copy: bool) -> tuple[np.ndarray, RowLayout]:
        """Validate once, for both ways to fit."""
        X = self._checked(X, copy=copy, reset=True)
        layout = self._layout()
        _refuse_empty(X[:, : layout.n_bins])
        self._prepare(layout)
        return X, layout

    def _layout(self) -> RowLayout:
        return RowLayout.of(self.n_features_in_, self._grid())

    def _checked(self, X: Any, *, copy: bool, reset: bool) -> np.ndarray:
        checked: np.ndarray = validate_data(
            self,
            X,
            reset=reset,
            copy=copy,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        return checked

    def _grid(self) -> SpectralGrid | None:
        """Return the bins of X, if they are known."""
        return self.grid

    def _wavelength(self, why: str) -> np.ndarray:
        """Bin centres in um, for a parameter that cannot do without."""
        grid = self._grid()
        if grid is None:
            raise GridError(f"{why} needs the wavelengths of the bins; give grid, a SpectralGrid")
        return grid.wavelength

    @abstractmethod
    def _prepare(self, layout: RowLayout) -> None:
        """Check the parameters for spectra of this layout, and keep what drawing needs."""

    @abstractmethod
    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        """Change depths and errors (None where X has none) in place, (n, n_bins) each."""

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _refuse_empty(depth: np.ndarray) -> None:
    # Looking at one column first spares nearly all rows the closer look.
    suspects = np.flatnonzero(np.isnan(depth[:, 0]))
    empty = suspects[np.isnan(depth[suspects]).all(axis=1)]
    if empty.size:
        raise RangeError(
            f"spectrum {empty[0]} has no bin that is not missing; leave it out "
            f"({empty.size} of {len(depth)} are such)"
        )


def limits(value: Any, name: str, low: float, high: float) -> tuple[float, float]:
    """Return the lower and upper limit of what is drawn between two numbers, or is one number.

    Parameters
    ----------
    value : float or (float, float)
        As the user gave it.
    name : str
        Of the parameter, for messages.
    low, high : float
        Within which both must lie.

    Raises
    ------
    RangeError
        If it is neither a number nor an ascending pair within the limits.
    """
    try:
        pair = np.broadcast_to(np.asarray(value, dtype=float), (2,))
    except (TypeError, ValueError):
        pair = np.full(2, np.nan)
    if not low <= pair[0] <= pair[1] <= high:
        raise RangeError(
            f"{name} must be a number or (low, high), between {low:g} and {high:g}; got {value!r}"
        )
    return float(pair[0]), float(pair[1])

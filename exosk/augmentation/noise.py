"""Gaussian noise, added to training spectra and to nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.exceptions import RangeError
from exosk.units import canonical

__all__ = ["NoiseInjector"]


class NoiseInjector(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add Gaussian noise in training, and leave observations alone.

    In a pipeline, `fit` calls ``fit_transform`` of every step: that is where noise is added.
    ``transform``, which prediction uses, returns its input unchanged, because an observation
    has its noise already. scikit-learn's :class:`~sklearn.preprocessing.TargetEncoder`, whose
    ``fit_transform`` differs from ``transform`` too, is the precedent.

    Parameters
    ----------
    sigma : float, array-like or Quantity of shape (n_bins,), default=1e-4
        1-sigma errors of the instrument or observation, in transit depth (a plain fraction).
        NaN where the observation has no value: no noise is added there.
    random_state : int, RandomState or None, default=None
        Seed of the noise.

    Attributes
    ----------
    sigma_ : ndarray of shape (n_bins,)
        The errors, one a bin.
    n_features_in_ : int
        Number of bins.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = NoiseInjector(sigma=1e-4, random_state=0)
    >>> X = np.full((1000, 3), 0.02)
    >>> bool(np.allclose(noisy.fit_transform(X).std(axis=0), 1e-4, rtol=0.1))
    True
    >>> bool((noisy.transform(X) == X).all())
    True
    """

    def __init__(self, sigma: Any = 1e-4, random_state: Any = None) -> None:
        self.sigma = sigma
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> NoiseInjector:
        """Check the spectra and the errors against each other.

        Parameters
        ----------
        X : array-like of shape (n, n_bins)
            Transit depths; NaN is a missing bin.
        y : ignored

        Raises
        ------
        RangeError
            If there are not as many errors as bins, or one is negative.
        UnitError
            If the errors look like percent or ppm.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        sigma = canonical(self.sigma, "depth", "sigma")
        if sigma.shape not in ((), (X.shape[1],)):
            raise RangeError(
                f"sigma has shape {sigma.shape} but the spectra have {X.shape[1]} bins; give one "
                f"error for each bin, or a single number"
            )
        if (sigma < 0).any():
            raise RangeError(f"sigma must not be negative, got {sigma[sigma < 0].flat[0]:g}")
        # A bin that the observation lacks has no error, and needs none.
        self.sigma_ = np.nan_to_num(np.broadcast_to(sigma, (X.shape[1],)))
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit, and return the spectra with noise: shape (n, n_bins)."""
        self.fit(X, y)
        X = validate_data(
            self, X, reset=False, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        noise = check_random_state(self.random_state).standard_normal(X.shape)
        return X + noise * self.sigma_

    def transform(self, X: Any) -> np.ndarray:
        """Return the spectra as they are: shape (n, n_bins)."""
        check_is_fitted(self)
        checked: np.ndarray = validate_data(
            self,
            X,
            reset=False,
            copy=True,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        return checked

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

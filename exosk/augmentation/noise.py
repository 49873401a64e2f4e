"""Gaussian noise, added to training spectra and to nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter
from exosk.augmentation.correlation import correlation_factor
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.instruments import Instrument
from exosk.rows import RowLayout
from exosk.spectra import Spectrum
from exosk.units import canonical

__all__ = ["NoiseInjector"]

_COLUMNS = "columns"


class NoiseInjector(Augmenter):
    """Add Gaussian noise in training, and leave observations alone.

    In a pipeline, `fit` calls ``fit_transform`` of every step: that is where noise is added.
    ``transform``, which prediction uses, returns its input unchanged, because an observation
    has its noise already. scikit-learn's :class:`~sklearn.preprocessing.TargetEncoder`, whose
    ``fit_transform`` differs from ``transform`` too, is the precedent.

    Parameters
    ----------
    sigma : float, array-like or Quantity of shape (n_bins,), Instrument, Spectrum or "columns"
        1-sigma errors of the instrument or observation, in transit depth (a plain fraction);
        1e-4 by default. NaN where the observation has no value: no noise is added there. With
        "columns" X holds the errors beside the depths, and each spectrum gets noise of its own.
    random_state : int, RandomState or None, default=None
        Seed of the noise.
    scale : (float, float), optional
        Multiply the errors of each spectrum with a factor of its own, drawn log-uniformly
        between these two at each draw, so that one model learns a range of noise. Error columns
        are multiplied too, and stay true.
    correlation : kernel or array-like of shape (n_bins, n_bins), optional
        How the errors of different bins go together, independent by default. A kernel of
        :mod:`sklearn.gaussian_process.kernels` with lengths in um, such as
        ``0.7 * Matern(0.3, nu=1.5) + WhiteKernel(0.3)``, is evaluated at the bins' centres and
        needs a grid. A covariance matrix serves as well as a correlation matrix: it is scaled to
        a unit diagonal, and `sigma` says how large errors are.
    grid : SpectralGrid, optional
        The bins of X. With it X may hold errors after the depths, which get no noise. An
        Instrument or Spectrum given as `sigma` brings its own.

    Attributes
    ----------
    sigma_ : ndarray of shape (n_bins,) or None
        The errors, one a bin; None if they are in X.
    n_features_in_ : int
        Number of columns of X.

    See Also
    --------
    exosk.Dataset.with_sigma : Spectra with errors beside them.

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

    def __init__(
        self,
        sigma: Any = 1e-4,
        random_state: Any = None,
        *,
        scale: tuple[float, float] | None = None,
        correlation: Any = None,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.sigma = sigma
        self.random_state = random_state
        self.scale = scale
        self.correlation = correlation
        self.grid = grid

    def _grid(self) -> SpectralGrid | None:
        if not isinstance(self.sigma, Instrument | Spectrum):
            return self.grid
        if self.grid is not None and self.grid != self.sigma.grid:
            raise GridError(
                f"sigma is of {self.sigma.grid!r}, which is not the grid, {self.grid!r}; rebin "
                f"one of them"
            )
        return self.sigma.grid

    def _prepare(self, layout: RowLayout) -> None:
        self.sigma_ = self._errors(layout)
        self._log_scale = None if self.scale is None else _log_limits(self.scale)
        self._factor = None
        if self.correlation is not None:
            self._factor = correlation_factor(
                self.correlation, layout.n_bins, lambda: self._wavelength("a kernel")
            )

    def _errors(self, layout: RowLayout) -> np.ndarray | None:
        if isinstance(self.sigma, str) and self.sigma == _COLUMNS:
            if not layout.has_sigma:
                raise GridError(
                    "sigma='columns' wants errors in X, which holds depths only as far as the grid "
                    "tells; give the grid, and X with errors beside the depths "
                    "(Dataset.with_sigma)"
                )
            return None
        given = self.sigma.sigma if isinstance(self.sigma, Instrument | Spectrum) else self.sigma
        sigma = canonical(given, "depth", "sigma")
        if sigma.shape not in ((), (layout.n_bins,)):
            raise RangeError(
                f"sigma has shape {sigma.shape} but the spectra have {layout.n_bins} bins; give "
                f"one error for each bin, or a single number"
            )
        if (sigma < 0).any():
            raise RangeError(f"sigma must not be negative, got {sigma[sigma < 0].flat[0]:g}")
        # A bin that the observation lacks has no error, and needs none.
        return np.nan_to_num(np.broadcast_to(sigma, (layout.n_bins,)))

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        noise = rng.standard_normal(depth.shape, dtype=depth.dtype)
        if self._factor is not None:
            noise = noise @ self._factor.T.astype(depth.dtype)
        if self._log_scale is not None:
            scale = np.exp(rng.uniform(*self._log_scale, (len(depth), 1))).astype(depth.dtype)
            if sigma is not None:
                sigma *= scale
            # Errors in X bring their factor along.
            if self.sigma_ is not None:
                noise *= scale
        noise *= sigma if self.sigma_ is None else self.sigma_.astype(depth.dtype)
        depth += noise


def _log_limits(scale: Any) -> np.ndarray:
    try:
        low, high = (float(factor) for factor in scale)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low <= high < np.inf:
        raise RangeError(f"scale must be two factors, 0 < low <= high; got {scale!r}")
    return np.log([low, high])

r"""How far a network's features lie from those of its training spectra.

With the features of noisy training spectra, of mean :math:`\mu` and covariance :math:`\Sigma`
(shrunk as by Ledoit & Wolf 2004, J. Multivar. Anal. 88, 365), the distance of features f is
:math:`(f - \mu)^T \Sigma^{-1} (f - \mu)` (Lee et al. 2018, arXiv:1807.03888).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf

from exosk.exceptions import RangeError

__all__ = ["FeatureDistance", "embedded"]


@dataclass(frozen=True, eq=False)
class FeatureDistance:
    """The training spectra's features.

    Parameters
    ----------
    location : ndarray of float32, shape (n_features,)
        Their mean.
    whitening : ndarray of float32, shape (n_features, n_features)
        A factor of the inverse covariance: that times its own transpose.
    """

    location: np.ndarray
    whitening: np.ndarray

    @classmethod
    def learn(cls, features: np.ndarray) -> FeatureDistance:
        """Learn from features of shape (n, n_features)."""
        # Features that never change have no scale, and a change in one would be strange indeed.
        scale = np.where(features.std(axis=0) > 0, features.std(axis=0), 1.0)
        found = LedoitWolf().fit(features / scale)
        ridge = 1e-6 * np.eye(features.shape[1])
        inverse = np.linalg.inv(found.covariance_ + ridge)
        whitening = np.linalg.cholesky(inverse) / scale[:, None]
        return cls((found.location_ * scale).astype(np.float32), whitening.astype(np.float32))

    def of(self, features: np.ndarray) -> np.ndarray:
        """Return the squared distance of each row, shape (n,)."""
        return np.sum(((features - self.location) @ self.whitening.astype(float)) ** 2, axis=1)


def embedded(embed: Callable[[np.ndarray], Any], X: np.ndarray) -> np.ndarray:
    """Ask for features, and check what comes.

    Raises
    ------
    RangeError
        If they are not one row of finite numbers for each spectrum.
    """
    features = np.asarray(embed(X), dtype=float)
    if features.ndim != 2 or len(features) != len(X) or not np.isfinite(features).all():
        raise RangeError(
            f"embed must give finite numbers of shape ({len(X)}, n_features) for {len(X)} "
            f"spectra; it gave shape {features.shape}, or NaN"
        )
    return features

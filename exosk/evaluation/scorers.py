"""Scorers that add noise before they score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import check_random_state

from exosk.units import canonical

__all__ = ["noisy_scorer"]


def noisy_scorer(
    scoring: str | Callable[..., float], sigma: Any, random_state: Any = 0
) -> Callable[..., float]:
    """Make a scorer that judges a model on spectra with an instrument's noise.

    A cross-validation fold holds noise-free spectra, since noise is only added in training. A
    plain score on them prefers the model that was trained with the least noise, which is the
    wrong one for an observation.

    Parameters
    ----------
    scoring : str or callable
        Any scorer of scikit-learn.
    sigma : float, array-like or Quantity of shape (n_bins,)
        1-sigma errors of the depth (a plain fraction); NaN, where the observation has no value,
        adds no noise.
    random_state : int, RandomState or None, default=0
        Seed of the noise; the same for all candidates by default, so that they are compared on
        equal terms.

    Returns
    -------
    callable
        With the signature ``(estimator, X, y)``.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> import exosk
    >>> search = GridSearchCV(
    ...     exosk.ForestRetriever(),
    ...     {"min_samples_leaf": [1, 3, 10]},
    ...     scoring=exosk.noisy_scorer("r2", 1e-4),
    ... )
    """
    score = get_scorer(scoring) if isinstance(scoring, str) else scoring
    sigma = np.nan_to_num(canonical(sigma, "depth", "sigma"))

    def noisy(estimator: Any, X: Any, y: Any) -> float:
        noise = check_random_state(random_state).standard_normal(np.shape(X))
        # X is not made an array first: a table keeps the names that the model was fitted with.
        return float(score(estimator, X + noise * sigma, y))

    return noisy

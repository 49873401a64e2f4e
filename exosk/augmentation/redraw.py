"""Fresh draws of an augmentation: what a network sees anew every epoch, a forest once a replicate.

A transformer whose ``random_state`` is a number repeats its noise at every ``fit_transform``, as a
seed should. Here a copy of it gets seeds from the caller's generator instead, as scikit-learn's
ensembles seed their members: draws differ, and the whole sequence repeats with the caller's seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

__all__ = ["redraw", "reseeded"]

_NAME = "random_state"


def redraw(augmentation: Any, X: Any, random_state: Any = None) -> np.ndarray:
    """Return `X` with a fresh draw of the augmentation.

    Parameters
    ----------
    augmentation : transformer or Pipeline
        Any whose ``fit_transform`` augments. It is cloned; itself it stays as it is, and the
        seeds it has, its steps' included, count for nothing here.
    X : array-like of shape (n, n_columns)
        Spectra without noise.
    random_state : int, RandomState or None, default=None
        Where all seeds come from. A generator goes on from call to call: hand the same one to
        every epoch. A number gives the same draw at each call.

    Returns
    -------
    ndarray of shape (n, n_columns_out)

    Examples
    --------
    >>> import numpy as np
    >>> from exosk.augmentation import NoiseInjector, redraw
    >>> X, epochs = np.full((4, 3), 0.02), np.random.RandomState(0)
    >>> first, second = (redraw(NoiseInjector(1e-4), X, epochs) for _ in range(2))
    >>> bool((first != second).all())
    True
    """
    return np.asarray(reseeded(augmentation, random_state).fit_transform(X))


def reseeded(estimator: Any, random_state: Any = None) -> Any:
    """Return an unfitted copy with every ``random_state``, nested ones too, drawn afresh.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Stays as it is.
    random_state : int, RandomState or None, default=None
        Where the seeds come from.
    """
    drawn = clone(estimator)
    names = sorted(
        name for name in drawn.get_params() if name == _NAME or name.endswith(f"__{_NAME}")
    )
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(names))
    return drawn.set_params(**dict(zip(names, seeds.tolist())))

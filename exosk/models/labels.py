"""What y is for a detector: a table of 0 and 1, one column a molecule, or classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

__all__ = ["read_labels"]


def read_labels(y: Any) -> tuple[np.ndarray, bool]:
    """Tell presence from classes.

    Parameters
    ----------
    y : array-like of shape (n, n_molecules) of 0 and 1, or (n,) of classes

    Returns
    -------
    y : ndarray
        Of shape (n, n_molecules), or (n,) of classes.
    is_presence : bool

    Raises
    ------
    ValueError
        If y is neither.
    """
    y = np.asarray(y)
    check_classification_targets(y)
    # Not by scikit-learn's type_of_target, to which a table of any two numbers is an indicator.
    if y.ndim == 2 and np.isin(y, (0, 1)).all():
        return y.astype(int), True
    if y.ndim == 2:
        if y.shape[1] != 1:
            raise ValueError("presence must be given as 0 and 1, one column a molecule")
        y = column_or_1d(y, warn=True)
    return y, False

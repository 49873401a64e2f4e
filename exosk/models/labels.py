"""What y is for a detector: a table of 0 and 1, one column a molecule, or classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

__all__ = ["DetectorMixin", "read_labels"]


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


class DetectorMixin(ClassifierMixin):
    """What all detectors answer once they have probabilities."""

    _is_presence: bool
    classes_: Any

    def predict(self, X: Any) -> np.ndarray:
        """Return 0 or 1 for each molecule, shape (n, n_molecules); or classes, shape (n,)."""
        probability = self.predict_proba(X)
        if self._is_presence:
            return (probability > 0.5).astype(int)
        return self.classes_[np.argmax(probability, axis=1)]

    def __sklearn_tags__(self) -> Any:
        """Several labels at once are the point; NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.allow_nan = True
        return tags

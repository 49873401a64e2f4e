"""Molecule detection: the probability that each gas is present."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

__all__ = ["MoleculeDetector"]


class MoleculeDetector(ClassifierMixin, BaseEstimator):
    """Detect molecules with a random forest, one probability each.

    The probability of a molecule is the mean over trees of the share of training spectra in
    the observation's leaf that hold it. It answers the question that the training labels ask
    (:meth:`exosk.Dataset.presence`: is the abundance above a threshold?), under the prior that
    the training set was drawn from.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of trees.
    min_samples_leaf : int, default=5
        Smallest leaf.
    max_features : float, int or str, default=0.33
        Bins to choose from at each split, as in scikit-learn's forests.
    n_jobs : int, optional
        Parallel jobs, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the forest.

    Attributes
    ----------
    forest_ : RandomForestClassifier
        The trees.
    classes_ : ndarray or list of ndarray
        The classes, or the classes of each label.
    n_features_in_ : int
        Number of columns of X.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        min_samples_leaf: int = 5,
        max_features: float | int | str = 0.33,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> MoleculeDetector:
        """Grow the forest.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Spectra, with noise.
        y : array-like of shape (n, n_molecules) of 0 and 1, or (n,) of classes
            Which molecules are present. One column of 0 and 1 is one molecule; classes are an
            ordinary classification.
        """
        X, y = validate_data(self, X, y, multi_output=True, dtype=np.float64)
        check_classification_targets(y)
        self._multilabel = type_of_target(y) == "multilabel-indicator" or (
            # scikit-learn calls a table of one column binary.
            y.ndim == 2 and y.shape[1] == 1 and bool(np.isin(y, (0, 1)).all())
        )
        if self._multilabel:
            y = y[:, 0] if y.shape[1] == 1 else y
        elif y.ndim == 2:
            if y.shape[1] != 1:
                raise ValueError("presence must be given as 0 and 1, one column a molecule")
            y = column_or_1d(y, warn=True)
        self.forest_ = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        ).fit(X, y)
        self.classes_ = self.forest_.classes_
        if self._multilabel and not isinstance(self.classes_, list):
            self.classes_ = [self.classes_]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Observed spectra.

        Returns
        -------
        ndarray of shape (n, n_molecules)
            That each molecule is present; or (n, n_classes) if y was one column of classes.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        shares = self.forest_.predict_proba(X)
        if not self._multilabel:
            return np.asarray(shares)
        if not isinstance(shares, list):
            shares = [shares]
        # A molecule that all training spectra hold, or none, has one class only.
        columns = [
            share @ (classes == 1).astype(float)
            for share, classes in zip(shares, self.classes_, strict=True)
        ]
        return np.stack(columns, axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Return 0 or 1 for each molecule, shape (n, n_molecules); or classes, shape (n,)."""
        probability = self.predict_proba(X)
        if self._multilabel:
            return (probability > 0.5).astype(int)
        return self.classes_[np.argmax(probability, axis=1)]

    def __sklearn_tags__(self) -> Any:
        """Several labels at once are the point."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

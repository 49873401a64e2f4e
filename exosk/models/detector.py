"""Molecule detection: the probability that each gas is present."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.datasets.lazy import in_memory
from exosk.models.calibration import PlattScaling
from exosk.models.labels import DetectorMixin, read_labels

__all__ = ["MoleculeDetector"]


class MoleculeDetector(DetectorMixin, BaseEstimator):
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
    calibrate : bool, default=True
        Whether probabilities are put right by those that trees give to the training spectra that
        they did not see: leaves of a finite size make a forest too cautious.
    n_jobs : int, optional
        Parallel jobs, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the forest.
    max_spectra : int, default=100000
        Of a store (:meth:`exosk.Store.spectra`), as many drawn at random are learned from.

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
        calibrate: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        max_spectra: int = 100_000,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.max_spectra = max_spectra

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
        X, y = in_memory(X, y, self.max_spectra, self.random_state)
        X, y = validate_data(
            self, X, y, multi_output=True, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        y, self._is_presence = read_labels(y)
        calibrate = self._is_presence and self.calibrate
        if self._is_presence:
            self.classes_ = [np.unique(column) for column in y.T]
            # A molecule that all training spectra hold, or none, needs no trees.
            self._first_label = y[0]
            self._varied = y.min(axis=0) < y.max(axis=0)
            calibrate = calibrate and bool(self._varied.any())
            labels = y[:, self._varied] if self._varied.any() else y
            y = labels[:, 0] if labels.shape[1] == 1 else labels
        self.forest_ = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            oob_score=calibrate,
        )
        with warnings.catch_warnings():
            # With a handful of trees some rows are in the sample of all; they are left out below.
            warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
            self.forest_.fit(X, y)
        if not self._is_presence:
            self.classes_ = self.forest_.classes_
        self._platt = self._calibration(y) if calibrate else None
        return self

    def _calibration(self, y: np.ndarray) -> PlattScaling:
        """Learn the scaling from the trees that did not see a spectrum."""
        y = y.reshape(len(y), -1)
        # (n, 2) of one label, (n, 2, n_labels) of several.
        held_out = self.forest_.oob_decision_function_[:, 1].reshape(y.shape)
        judged = ~np.isnan(held_out).any(axis=1)
        if not judged.any():
            return PlattScaling.identity(y.shape[1])
        return PlattScaling.fit_probability(held_out[judged], y[judged])

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
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        shares = self.forest_.predict_proba(X)
        if not self._is_presence:
            return np.asarray(shares)
        probability = np.tile(self._first_label.astype(float), (len(X), 1))
        if self._varied.any():
            several = shares if isinstance(shares, list) else [shares]
            varied = np.stack([share[:, 1] for share in several], axis=1)
            if self._platt is not None:
                varied = self._platt.of_probability(varied)
            probability[:, self._varied] = varied
        return probability

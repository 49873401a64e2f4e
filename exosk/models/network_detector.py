"""Networks that detect: one logit a molecule, calibrated on spectra they were not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import special
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import validate_data
from torch import nn

from exosk.datasets.lazy import StoredSpectra
from exosk.exceptions import RangeError
from exosk.models.calibration import PlattScaling
from exosk.models.labels import DetectorMixin, read_labels
from exosk.models.nets import LogitHead
from exosk.models.network import SpectralNetwork

__all__ = ["NetworkDetector"]

# Draws of the noise of each row that the probabilities are calibrated on.
_CALIBRATION_DRAWS = 4


class _PresenceLoss(nn.Module):
    """Binary cross-entropy of each molecule, those present weighted."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, logit: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logit, target, pos_weight=self.weight)


class _ClassLoss(nn.Module):
    """Cross-entropy of exclusive classes, given one-hot and weighted."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, logit: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logit, target, weight=self.weight)


class NetworkDetector(DetectorMixin, SpectralNetwork):
    """Base of the networks that give probabilities.

    A subclass has the parameters of :class:`~exosk.models.network.SpectralNetwork` and
    ``class_weight``: with ``"balanced"``, spectra that hold a rare molecule weigh more in training.
    The probabilities are for the training set's own share of them all the same: what the weights
    add to a logit is taken off again (King & Zeng 2001, Political Analysis 9, 137, eq. 7). Weights
    of exclusive classes are scikit-learn's, and stay in the probabilities.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> NetworkDetector:
        """Train, and calibrate.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Spectra, without noise where `augmentation` adds it. NaN is a missing bin. Those of a
            store (:meth:`exosk.Store.spectra`) are in memory in parts.
        y : array-like of shape (n, n_molecules) of 0 and 1, or (n,) of classes
            Which molecules are present (:meth:`exosk.Dataset.presence`). Classes are an ordinary
            classification, and not calibrated.
        groups : array-like of shape (n,), optional
            Parents of the spectra (:attr:`exosk.Dataset.parent`), where several are of one: they
            train or validate together.

        Raises
        ------
        GridError
            If X has not the columns of `grid`.
        RangeError
            If an error is negative, every bin of a spectrum is missing, or a setting is out of its
            range.
        """
        X, y = self._validated(X, y)
        y, self._is_presence = read_labels(y)
        if self._is_presence:
            self.classes_ = [np.array([0, 1])] * y.shape[1]
            target = y.astype(np.float32)
            weight = self._presence_weight(target.mean(axis=0))
            self._shift = -np.log(weight)
            criterion: nn.Module = _PresenceLoss(weight)
        else:
            self.classes_, code = np.unique(y, return_inverse=True)
            target = np.eye(len(self.classes_), dtype=np.float32)[code]
            self._shift = np.zeros(len(self.classes_))
            criterion = _ClassLoss(
                compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            )
        self._n_outputs = target.shape[1]
        self._platt = PlattScaling.identity(self._n_outputs)
        held_out, random = self._fit_members(
            X, lambda rows, random: target[rows], criterion, target, groups
        )
        if self._is_presence and len(held_out):
            draws = _CALIBRATION_DRAWS if self.augmentation is not None else 1
            seen = np.asarray(X[held_out])
            logit = [self._logit(self._augmented(seen, random)) for _ in range(draws)]
            self._platt = PlattScaling.fit(np.concatenate(logit), np.tile(y[held_out], (draws, 1)))
        return self

    def _validated(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        """Check X and y, without reading X where it is stored."""
        if not isinstance(X, StoredSpectra):
            return validate_data(
                self,
                X,
                y,
                multi_output=True,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
            )
        check_consistent_length(X, y)
        self.n_features_in_ = X.shape[1]
        return X, check_array(y, ensure_2d=False, dtype=None)

    def _presence_weight(self, share: np.ndarray) -> np.ndarray:
        """Weights of the spectra that hold each molecule, shape (n_molecules,)."""
        if self.class_weight is None:
            return np.ones(len(share))
        if self.class_weight != "balanced":
            raise RangeError(
                f"class_weight must be 'balanced' or None for molecules, got {self.class_weight!r}"
            )
        both = (share > 0) & (share < 1)
        return np.where(both, (1 - share) / np.where(both, share, 1.0), 1.0)

    def _make_head(self, n_features: int) -> nn.Module:
        return LogitHead(n_features, self._n_outputs)

    def _logit(self, rows: np.ndarray) -> np.ndarray:
        """Mean logits of the members, at the training set's shares."""
        members = [torch.cat(parts).cpu().numpy() for parts in self._through_members(rows)]
        return np.mean(members, axis=0) + self._shift

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.

        Returns
        -------
        ndarray of shape (n, n_molecules)
            That each molecule is present; or (n, n_classes) if y was one column of classes.
        """
        logit = self._logit(self._observed_rows(X))
        if not self._is_presence:
            return special.softmax(logit, axis=1)
        return special.expit(self._platt(logit))

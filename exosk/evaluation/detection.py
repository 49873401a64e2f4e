"""Scores of a detector: whether it tells molecules apart, and what its probabilities are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from exosk.evaluation.auc import auc_with_interval
from exosk.evaluation.calibration import reliability, share_interval
from exosk.evaluation.document import as_json
from exosk.exceptions import RangeError
from exosk.models.final_step import FinalStep

__all__ = ["DetectorEvaluation", "detection_row", "evaluate_detector", "score_detections"]

_SCORES = ("precision", "recall", "f1", "auc", "average_precision", "brier", "log_loss", "ece")


def score_detections(
    presence: Any, probability: Any, threshold: float = 0.5, n_bins: int = 10
) -> dict[str, Any]:
    """Score the detection of one molecule.

    Parameters
    ----------
    presence : array-like of shape (n,) of 0 and 1
        Whether it is there.
    probability : array-like of shape (n,)
        What the detector says.
    threshold : float, default=0.5
        A molecule with a probability above this counts as detected.
    n_bins : int, default=10
        Bins of the reliability curve.

    Returns
    -------
    dict
        ``n``, ``prevalence``; ``precision``, ``recall``, ``f1``; ``auc``, ``average_precision``;
        ``brier``, ``log_loss``, ``ece`` and ``ece_floor`` (see
        :class:`~exosk.evaluation.Reliability`); ``confusion``; 95 % intervals
        ``precision_interval``, ``recall_interval`` (Wilson's) and ``auc_interval`` (DeLong's);
        ``undefined``, reasons by the names of scores that are NaN.
    """
    y = np.asarray(presence).astype(int)
    p = np.asarray(probability, dtype=float)
    called = (p > threshold).astype(int)
    precision, recall, f1, _ = precision_recall_fscore_support(
        y, called, average="binary", zero_division=np.nan
    )
    (tn, fp), (fn, tp) = confusion_matrix(y, called, labels=[0, 1]).tolist()
    auc, *auc_interval = auc_with_interval(y, p)
    curve = reliability(y, p, n_bins)
    undefined = {}
    if tp + fn == 0:
        reason = f"none of the {len(y)} spectra holds the molecule"
        undefined |= dict.fromkeys(("recall", "f1", "auc", "average_precision"), reason)
    elif tn + fp == 0:
        reason = f"all of the {len(y)} spectra hold the molecule"
        undefined |= dict.fromkeys(("auc",), reason)
    if tp + fp == 0:
        undefined["precision"] = f"no probability is above {threshold:g}"
    nothing = (float("nan"), float("nan"))
    return {
        "n": len(y),
        "prevalence": float(y.mean()),
        "precision": float(precision),
        "precision_interval": share_interval(tp, tp + fp) if tp + fp else nothing,
        "recall": float(recall),
        "recall_interval": share_interval(tp, tp + fn) if tp + fn else nothing,
        "f1": float("nan") if "f1" in undefined else float(f1),
        "auc": auc,
        "auc_interval": tuple(auc_interval),
        "average_precision": float(average_precision_score(y, p)) if tp + fn else float("nan"),
        "brier": float(brier_score_loss(y, p, pos_label=1)),
        "log_loss": float(log_loss(y, p, labels=[0, 1])),
        "ece": curve.ece,
        "ece_floor": curve.ece_floor,
        "confusion": {
            "true_negative": tn,
            "false_positive": fp,
            "false_negative": fn,
            "true_positive": tp,
        },
        "undefined": undefined,
    }


@dataclass(frozen=True, eq=False)
class DetectorEvaluation:
    """What a detector said of spectra whose molecules are known, and scores of that.

    Selecting rows (``evaluation[rows]``) gives the evaluation of those spectra alone.

    Attributes
    ----------
    molecules : tuple of str
        Names.
    presence : ndarray of shape (n, n_molecules) of 0 and 1
        Which molecules are there.
    probability : ndarray of shape (n, n_molecules)
        What the detector says.
    threshold : float
        A molecule with a probability above this counts as detected.
    """

    molecules: tuple[str, ...]
    presence: np.ndarray
    probability: np.ndarray
    threshold: float = 0.5

    def __len__(self) -> int:
        return len(self.presence)

    def __getitem__(self, rows: Any) -> DetectorEvaluation:
        """Return the evaluation of the selected spectra (slice, mask or indices)."""
        return replace(self, presence=self.presence[rows], probability=self.probability[rows])

    @classmethod
    def joined(cls, parts: Sequence[DetectorEvaluation]) -> DetectorEvaluation:
        """Put evaluations of one model together, of other spectra each."""
        return replace(
            parts[0],
            presence=np.concatenate([part.presence for part in parts]),
            probability=np.concatenate([part.probability for part in parts]),
        )

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Score each molecule, as :func:`score_detections` does, with its reliability curve."""
        found = {}
        for k, molecule in enumerate(self.molecules):
            y, p = self.presence[:, k], self.probability[:, k]
            curve = reliability(y, p)
            found[molecule] = score_detections(y, p, self.threshold) | {
                "reliability": {
                    name: getattr(curve, name)
                    for name in ("predicted", "observed", "count", "lower", "upper")
                }
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the scores for JSON: numbers, and None with a reason where there is none."""
        metrics = self.metrics()
        means = {}
        for name in _SCORES:
            values = [each[name] for each in metrics.values() if np.isfinite(each[name])]
            means[name] = np.mean(values) if values else None
        return as_json(
            {
                "n": len(self),
                "threshold": self.threshold,
                "auc_interval": "DeLong et al. 1988, in the logit",
                "macro": means,
                "molecules": metrics,
            }
        )

    def table(self) -> list[dict[str, Any]]:
        """Return one flat row a molecule, for CSV and other tables."""
        return [detection_row(name, scores) for name, scores in self.metrics().items()]


def detection_row(molecule: str, scores: dict[str, Any]) -> dict[str, Any]:
    """Flatten the scores of one molecule."""
    row: dict[str, Any] = {"molecule": molecule}
    for key, value in scores.items():
        if key.endswith("_interval"):
            stem = key.removesuffix("interval")
            row[f"{stem}low"], row[f"{stem}high"] = value
        elif key == "confusion":
            row |= value
        elif key not in ("undefined", "reliability"):
            row[key] = value
    return row


def evaluate_detector(
    model: Any,
    X: Any,
    presence: Any,
    molecules: Sequence[str] | None = None,
    *,
    threshold: float = 0.5,
    batch_size: int = 5000,
    progress: Callable[[float], None] | None = None,
) -> DetectorEvaluation:
    """Compare a detector's probabilities with the molecules that are there.

    Parameters
    ----------
    model : detector, Pipeline that ends in one, or search over either
        Fitted; any classifier whose ``predict_proba`` gives one column a molecule, or
        scikit-learn's list of two columns for each.
    X : array-like of shape (n, n_features)
        Spectra that the model was not trained on, with the noise of observations.
    presence : array-like of shape (n, n_molecules) of 0 and 1
        Which molecules are there.
    molecules : sequence of str, optional
        Names; ``label 0`` and so on by default.
    threshold : float, default=0.5
        A molecule with a probability above this counts as detected.
    batch_size : int, default=5000
        Spectra at a time.
    progress : callable, optional
        Told the share of spectra that are done.

    Returns
    -------
    DetectorEvaluation

    Raises
    ------
    RangeError
        If there are no spectra, labels are not 0 and 1, or their numbers do not match.
    """
    labels = np.asarray(presence)
    labels = labels[:, None] if labels.ndim == 1 else labels
    if not len(X) or labels.ndim != 2 or len(labels) != len(X):
        raise RangeError(f"{len(X)} spectra but labels of shape {labels.shape}")
    if not np.isin(labels, (0, 1)).all():
        odd = labels[~np.isin(labels, (0, 1))].flat[0]
        raise RangeError(f"presence is given as 0 and 1, got {odd!r}")
    names = tuple(molecules or (f"label {k}" for k in range(labels.shape[1])))
    if len(names) != labels.shape[1]:
        raise RangeError(f"{len(names)} names of molecules but {labels.shape[1]} columns of labels")
    model = getattr(model, "best_estimator_", model)
    parts = []
    for start in range(0, len(X), batch_size):
        rows = slice(start, start + batch_size)
        part = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
        parts.append(_probabilities(model, part))
        if progress is not None:
            progress(min(rows.stop, len(X)) / len(X))
    probability = np.concatenate(parts)
    if probability.shape != labels.shape:
        raise RangeError(
            f"the model gives probabilities for {probability.shape[1]} molecules, but there are "
            f"labels for {labels.shape[1]}"
        )
    return DetectorEvaluation(names, labels.astype(int), probability, float(threshold))


def _probabilities(model: Any, X: Any) -> np.ndarray:
    """Probability of each molecule's presence, shape (n, n_molecules)."""
    found = model.predict_proba(X)
    if not isinstance(found, list):
        return np.asarray(found, dtype=float)
    classes = FinalStep(model).estimator.classes_
    columns = [
        np.asarray(share) @ (np.asarray(known) == 1).astype(float)
        for share, known in zip(found, classes, strict=True)
    ]
    return np.stack(columns, axis=1)

r"""Making probabilities honest: Platt scaling of logits.

For each label, :math:`p = 1 / (1 + e^{-(a\,l + b)})` of the logit l, with a and b from the
likelihood of spectra that were held out (Platt 1999, in Advances in Large Margin Classifiers, 61).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

__all__ = ["PlattScaling"]

_LEAST = 1e-3


@dataclass(frozen=True)
class PlattScaling:
    """Slopes and intercepts, one a label.

    Parameters
    ----------
    slope, intercept : ndarray of shape (n_labels,)
    """

    slope: np.ndarray
    intercept: np.ndarray

    @classmethod
    def identity(cls, n_labels: int) -> PlattScaling:
        """Return the scaling that changes nothing."""
        return cls(np.ones(n_labels), np.zeros(n_labels))

    @classmethod
    def fit_probability(cls, probability: np.ndarray, y: np.ndarray) -> PlattScaling:
        """Learn from held-out probabilities and labels, both of shape (n, n_labels)."""
        return cls.fit(special.logit(np.clip(probability, _LEAST, 1 - _LEAST)), y)

    @classmethod
    def fit(cls, logit: np.ndarray, y: np.ndarray) -> PlattScaling:
        """Learn from held-out logits and labels, both of shape (n, n_labels).

        A label of one class, or one that the logits do not tell, stays as it is.
        """
        slopes, intercepts = np.ones(logit.shape[1]), np.zeros(logit.shape[1])
        for k, (one, label) in enumerate(zip(logit.T, y.T, strict=True)):
            if label.min() == label.max():
                continue
            # Platt's targets, a little inside 0 and 1, keep slopes finite where classes separate.
            n_present, n_absent = label.sum(), (1 - label).sum()
            target = np.where(label, (n_present + 1) / (n_present + 2), 1 / (n_absent + 2))
            best = optimize.minimize(_loss, (1.0, 0.0), (one, target), jac=True, method="BFGS")
            if best.x[0] > 0:
                slopes[k], intercepts[k] = best.x
        return cls(slopes, intercepts)

    def __call__(self, logit: np.ndarray) -> np.ndarray:
        """Scale logits of shape (n, n_labels)."""
        return logit * self.slope + self.intercept

    def of_probability(self, probability: np.ndarray) -> np.ndarray:
        """Scale probabilities of shape (n, n_labels); those of 0 and 1 are a little inside."""
        return special.expit(self(special.logit(np.clip(probability, _LEAST, 1 - _LEAST))))


def _loss(
    parameters: np.ndarray, logit: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy and its gradient."""
    scaled = parameters[0] * logit + parameters[1]
    residual = special.expit(scaled) - target
    loss = np.mean(np.logaddexp(0, scaled) - target * scaled)
    return float(loss), np.array([np.mean(residual * logit), np.mean(residual)])

r"""Whether a probability of 0.8 means that a molecule is there in eight cases of ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from exosk.exceptions import RangeError

__all__ = ["Reliability", "reliability", "share_interval"]


@dataclass(frozen=True, eq=False)
class Reliability:
    r"""Predicted probabilities beside observed frequencies, in bins of equally many spectra.

    scikit-learn's ``calibration_curve`` has the same bins and gives no counts, without which
    neither errors nor the expected calibration error follow.

    Attributes
    ----------
    predicted, observed : ndarray of shape (n_bins,)
        Mean probability of the spectra in a bin, and the share of them that hold the molecule.
    count : ndarray of shape (n_bins,)
        Number of spectra.
    lower, upper : ndarray of shape (n_bins,)
        Wilson's 95 % interval of the observed share.
    ece : float
        Expected calibration error, the mean of ``|observed - predicted|`` over spectra (Naeini,
        Cooper & Hauskrecht 2015, AAAI).
    ece_floor : float
        What a perfectly calibrated detector would show on average with the same bins. Shares
        scatter, so that the error is never 0: with a bin's n spectra of probabilities p,
        :math:`E|o - p| \approx \sqrt{2 \overline{p (1 - p)} / (\pi n)}`. An `ece` near this says
        that nothing is wrong, not that something is.
    """

    predicted: np.ndarray
    observed: np.ndarray
    count: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    ece: float
    ece_floor: float


def reliability(presence: Any, probability: Any, n_bins: int = 10) -> Reliability:
    """Compare probabilities with frequencies.

    Parameters
    ----------
    presence : array-like of shape (n,) of 0 and 1
        Whether the molecule is there.
    probability : array-like of shape (n,)
        What the detector says.
    n_bins : int, default=10
        Bins with equally many spectra. Where many have the same probability (forests say 0 and
        1), they stay together and bins are fewer.

    Returns
    -------
    Reliability
    """
    presence = np.asarray(presence, dtype=float)
    probability = np.asarray(probability, dtype=float)
    if presence.shape != probability.shape or presence.ndim != 1 or not presence.size:
        raise RangeError(
            f"{presence.shape} labels and {probability.shape} probabilities; both must be of one "
            f"length, and not empty"
        )
    limits = np.unique(np.quantile(probability, np.linspace(0, 1, n_bins + 1)))
    which = np.searchsorted(limits[1:-1], probability, side="right")
    count = np.bincount(which)
    filled = count > 0
    count = count[filled]
    predicted = np.bincount(which, probability)[filled] / count
    observed = np.bincount(which, presence)[filled] / count
    variance = np.bincount(which, probability * (1 - probability))[filled] / count
    share = count / len(presence)
    ends = np.array(
        [share_interval(round(o * c), int(c)) for o, c in zip(observed, count, strict=True)]
    )
    return Reliability(
        predicted,
        observed,
        count,
        *ends.T,
        ece=float(share @ np.abs(observed - predicted)),
        ece_floor=float(share @ np.sqrt(2 * variance / (np.pi * count))),
    )


def share_interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of the share that k of n show (1927, J. Am. Stat. Assoc. 22, 209)."""
    interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)

"""The same scores against signal-to-noise, abundance, or anything else that spectra differ by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exosk.evaluation.calibration import share_interval
from exosk.evaluation.detection import DetectorEvaluation, score_detections
from exosk.evaluation.document import as_json
from exosk.evaluation.regression import RetrieverEvaluation
from exosk.evaluation.strata import Stratum, strata

__all__ = [
    "detections_by",
    "detections_by_abundance",
    "retrievals_by",
    "retrievals_by_truth",
]


def retrievals_by(
    evaluation: RetrieverEvaluation, values: Any, edges: Any = 6
) -> list[dict[str, Any]]:
    """Score all parameters in strata of one quantity.

    Parameters
    ----------
    evaluation : RetrieverEvaluation
        Of n spectra.
    values : array-like of shape (n,)
        The quantity, such as the signal-to-noise ratio per scale height.
    edges : int or array-like, default=6
        As for :func:`~exosk.evaluation.strata`.

    Returns
    -------
    list of dict
        One a stratum: ``low``, ``high``, ``center``, ``n``, and ``parameters`` with the scores of
        each. R2 is that within the stratum.
    """
    return [
        _ends(each) | {"parameters": as_json(evaluation[each.rows].metrics())}
        for each in strata(values, edges)
    ]


def retrievals_by_truth(
    evaluation: RetrieverEvaluation, names: Sequence[str], edges: Any = 8
) -> dict[str, list[dict[str, Any]]]:
    """Score each of these parameters in strata of its own true value.

    Coverage and bias are averages over the prior. At a given truth an exact posterior is drawn
    towards the rest of the prior and its coverage is not the nominal one (a gas too rare to be
    seen is found at the prior's mean). What the strata show is from which abundance on the
    spectrum decides.

    Parameters
    ----------
    evaluation : RetrieverEvaluation
        Of n spectra.
    names : sequence of str
        Parameters.
    edges : int or array-like, default=8
        A number of strata of equal width, or limits.

    Returns
    -------
    dict of str to list of dict
        By parameter, one a stratum: ``low``, ``high``, ``center``, ``n``, and the scores.
    """
    found = {}
    for name in names:
        k = evaluation.space.index(name)
        found[name] = [
            _ends(each) | as_json(evaluation[each.rows].metrics()[name])
            for each in strata(evaluation.truth[:, k], _limits(evaluation.truth[:, k], edges))
        ]
    return found


def detections_by(
    evaluation: DetectorEvaluation, values: Any, edges: Any = 6
) -> list[dict[str, Any]]:
    """Score all molecules in strata of one quantity.

    Parameters
    ----------
    evaluation : DetectorEvaluation
        Of n spectra.
    values : array-like of shape (n,)
        The quantity, such as the signal-to-noise ratio per scale height.
    edges : int or array-like, default=6
        As for :func:`~exosk.evaluation.strata`.

    Returns
    -------
    list of dict
        One a stratum: ``low``, ``high``, ``center``, ``n``, and ``molecules`` with the scores of
        each.
    """
    found = []
    for each in strata(values, edges):
        part = evaluation[each.rows]
        scores = {
            molecule: score_detections(
                part.presence[:, k], part.probability[:, k], evaluation.threshold
            )
            for k, molecule in enumerate(evaluation.molecules)
        }
        found.append(_ends(each) | {"molecules": as_json(scores)})
    return found


def detections_by_abundance(
    evaluation: DetectorEvaluation, log_abundance: Any, edges: Any = 8
) -> dict[str, list[dict[str, Any]]]:
    """Score each molecule in strata of its own abundance.

    By the rule of delta chi-squared a rare gas counts as present in the best spectra only, so that
    areas and recalls need not rise with abundance; the share of detections does.

    Parameters
    ----------
    evaluation : DetectorEvaluation
        Of n spectra.
    log_abundance : array-like of shape (n, n_molecules)
        log10 volume mixing ratios.
    edges : int or array-like, default=8
        A number of strata of equal width, or limits.

    Returns
    -------
    dict of str to list of dict
        By molecule, one a stratum: ``low``, ``high``, ``center``, ``n``; ``detected``, the share
        of all its spectra in which the molecule was detected, present by the labels' rule or not;
        and the scores for the spectra of the stratum that hold the molecule against all spectra
        that do not (within a stratum, as good as all do, or none).
    """
    log_abundance = np.asarray(log_abundance, dtype=float)
    found = {}
    for k, molecule in enumerate(evaluation.molecules):
        present = evaluation.presence[:, k] == 1
        probability = evaluation.probability[:, k]
        found[molecule] = []
        for each in strata(log_abundance[:, k], _limits(log_abundance[:, k], edges)):
            called = int((probability[each.rows] > evaluation.threshold).sum())
            rows = np.union1d(each.rows[present[each.rows]], np.flatnonzero(~present))
            scores: dict[str, Any] = {
                "detected": called / len(each),
                "detected_interval": share_interval(called, len(each)),
            }
            if rows.size:
                scores |= score_detections(present[rows], probability[rows], evaluation.threshold)
            found[molecule].append(as_json(scores) | _ends(each))
    return found


def _limits(values: np.ndarray, edges: Any) -> Any:
    """Limits of so many strata of equal width."""
    if np.ndim(edges) or not np.nanmin(values) < np.nanmax(values):
        return edges
    return np.linspace(np.nanmin(values), np.nanmax(values), int(edges) + 1)


def _ends(stratum: Stratum) -> dict[str, Any]:
    return {
        "low": stratum.low,
        "high": stratum.high,
        "center": stratum.center,
        "n": len(stratum),
    }

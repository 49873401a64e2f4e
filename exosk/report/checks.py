"""What was checked of one result, as rows of tables: the observation, the model, the weights."""

from __future__ import annotations

from dataclasses import dataclass

from exosk.evaluation.predictive import DISCREPANCIES
from exosk.report.wording import number
from exosk.retrieval import Retrieval

__all__ = ["CheckRow", "guard_rows", "predictive_rows", "weight_rows"]

_DISCREPANCIES = {
    "chi2": "the size of the residuals, as a whole",
    "autocorrelation": "residuals alike in neighbouring bins: a shape that the model lacks",
    "largest": "the largest single residual",
}
_GUARD = {
    "excess": "more scatter than the errors say",
    "deficit": "less scatter than the errors say",
    "shape": "size and combination of features",
    "correlation": "neighbouring bins alike",
    "bin": "a single bin",
    "band": "a band or step",
    "embedding": "what a network sees in it",
    "errors": "errors beyond those of the training",
}
# Of the guard's parts, those that have a place in the spectrum.
_PLACED = ("bin", "band")


@dataclass(frozen=True)
class CheckRow:
    """One check.

    Attributes
    ----------
    title, value : str
        What was looked at, and the number that came of it.
    meaning : str
        What the number is about.
    """

    title: str
    value: str
    meaning: str


def guard_rows(retrieval: Retrieval) -> list[CheckRow]:
    """Return the p-value of each part of the guard that a retrieval has, the smallest first."""
    if retrieval.guard is None:
        return []
    rows = []
    for name, p in sorted(retrieval.guard.get("parts", {}).items(), key=lambda item: item[1]):
        place = retrieval.guard.get(f"{name}_um") if name in _PLACED else None
        where = f"at {place[0]:.3g} to {place[1]:.3g} µm" if place else ""
        rows.append(CheckRow(_GUARD.get(name, name), number(p, 3), where))
    return rows


def predictive_rows(retrieval: Retrieval) -> list[CheckRow]:
    """Return the posterior predictive p-value of each discrepancy, where they were computed."""
    if retrieval.predictive is None:
        return []
    least = 1 / len(next(iter(retrieval.predictive.replicated.values())))
    return [
        CheckRow(
            DISCREPANCIES[name],
            # No replication of so many was as bad.
            number(p, 3) if p >= least else f"< {least:.3f}",
            _DISCREPANCIES[name],
        )
        for name, p in retrieval.predictive.p_values.items()
    ]


def weight_rows(retrieval: Retrieval) -> list[CheckRow]:
    """Return what the weights of a weighted posterior say, where it is one."""
    meta = retrieval.posterior.meta
    if "pareto_k" not in meta:
        return []
    k = meta["pareto_k"]
    rows = [
        CheckRow(
            "effective sample size",
            f"{float(meta.get('n_effective', retrieval.posterior.effective_size)):,.0f}",
            "independent samples that the weighted ones are worth",
        ),
        CheckRow(
            "efficiency",
            number(float(meta.get("efficiency", float("nan"))), 3),
            "its share of the simulations: 1 if the proposal were the posterior",
        ),
        CheckRow(
            "shape k of the largest weights",
            "—" if k is None else number(float(k), 2),
            "below 0.5 the variance is finite; above 0.7 the weights mean little",
        ),
    ]
    return rows

"""Scores of posterior_task.py: what its stages left, beside what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.benchmark import Cost, Entry, Score

# Asked for: seconds to train, of 10,000 samples and of the observation by nested sampling;
# efficiency; evidence (nat) and marginals (mnat); share of intervals; p of any check.
TRAINED_IN, SAMPLED_IN, NESTED_IN = 45 * 60, 0.2, 180
EFFICIENCY, EVIDENCE, DIVERGENCE = 0.1, 0.2, 20
WITHIN, LEAST_P = 0.03, 0.05


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return scores of the flow, of importance sampling and of nested sampling."""
    return [*_flow(result), *_importance(result), *_nested(result), *_against_taurex(result)]


def _flow(result: dict[str, Any]) -> list[Entry]:
    found, scores = result.get("training", {}), []
    seconds = found.get("seconds")
    if seconds is not None:
        scores.append(Score("training", seconds, "s", at_most=TRAINED_IN))
    speed = result.get("speed", {}).get("seconds_10000_samples")
    if speed is not None:
        scores.append(Score("10,000 samples of one spectrum", speed, "s", at_most=SAMPLED_IN))
    for row in result.get("calibration", {}).get("rows", []):
        if row["check"] in ("intervals", "tarp"):
            name = {"intervals": "coverage", "tarp": "TARP"}[row["check"]]
            label = f"{name}, largest difference, {row['stratum']}"
            scores.append(Score(label, abs(row["largest_difference"]), at_most=WITHIN))
        elif row["check"] == "ranks":
            scores.append(Score(f"ranks, p, {row['stratum']}", row["p_value"], at_least=LEAST_P))
    simulated = result.get("simulation-training", {}).get("seconds")
    return [Entry("flow", scores, Cost(simulated, seconds, speed))] if scores else []


def _importance(result: dict[str, Any]) -> list[Entry]:
    found = result.get("importance")
    if not found:
        return []
    scores = [
        Score("median efficiency", found["median_efficiency"], at_least=EFFICIENCY),
        Score("median efficiency of the flow as it is", found["median_efficiency_of_the_flow"]),
        Score("failed", found["verdicts"].get("failed", 0) / found["n"], at_most=0.0),
    ]
    if nested := result.get("nested"):
        scores.append(
            Score(
                "of evidences within 0.2 of nested sampling",
                nested["within_0.2"] / max(1, nested["n"]),
                at_least=1.0,
            )
        )
        worst = max(map(abs, nested["log_evidence_differences"]), default=None)
        scores.append(Score("largest difference of evidences", worst, "nat", at_most=EVIDENCE))
        scores.append(
            Score("divergence of marginals", _finite(nested["divergence_mnat"]), "mnat",
                  at_most=DIVERGENCE)
        )  # fmt: skip
    cost = Cost(inference=found["median_seconds"])
    return [Entry(f"importance sampling, {found['n']} spectra", scores, cost)]


def _nested(result: dict[str, Any]) -> list[Entry]:
    made = []
    if found := result.get("nested"):
        scores = [
            Score("simulations, median", _finite(found["median_simulations"])),
            Score("gave up", found["gave_up"]),
            Score(
                "divergence of the flow's marginals, as it is",
                _finite(found["divergence_of_the_flow_mnat"]),
                "mnat",
            ),
        ]
        cost = Cost(inference=_finite(found["median_seconds"]))
        made.append(Entry(f"nested sampling, {found['n']} spectra", scores, cost))
    if found := result.get("observed"):
        seconds = found["nested"]["seconds"]
        made.append(
            Entry(
                "nested sampling, WASP-39 b",
                [Score("time", seconds, "s", at_most=NESTED_IN)],
                Cost(inference=seconds),
            )
        )
    return made


def _against_taurex(result: dict[str, Any]) -> list[Entry]:
    found = result.get("taurex")
    if not found:
        return []
    ours, theirs = found["builtin"], found["taurex"]
    scores = [
        Score("times as fast as with TauREx", theirs["seconds"] / ours["seconds"]),
        Score(
            "difference of evidences",
            abs(ours["meta"]["log_evidence"] - theirs["meta"]["log_evidence"]),
            "nat",
        ),
    ]
    return [Entry("a smaller nested run, built-in", scores, Cost(inference=ours["seconds"]))]


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None

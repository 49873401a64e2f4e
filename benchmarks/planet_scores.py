"""Scores of pretrained_task.py, model by model, and of the planets together."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.benchmark import Cost, Entry, Score

# Asked for: coverage, the guard's false alarms and what it must notice, and seconds of WASP-39 b.
WITHIN, NOTICED, RETRIEVED_IN = 0.03, 0.95, 20
# A gross fault, of those that the guard is asked about.
GROSS = "noise 5 times that stated"
CLAIMED, DENIED = 0.9, 0.1


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return scores of each model, of WASP-39 b, and of the planets."""
    models = dict.fromkeys(
        name for stage in ("calibration", "importance", "guard") for name in result.get(stage, {})
    )
    made = [_model(name, result) for name in models]
    if found := result.get("wasp39b"):
        seconds = found["seconds"]
        score = Score("time from start to end", seconds, "s", at_most=RETRIEVED_IN)
        made.append(Entry("exosk retrieve wasp-39b", [score], Cost(inference=seconds)))
    if found := result.get("planets"):
        made.append(_planets(found))
    return made


def _model(name: str, result: dict[str, Any]) -> Entry:
    scores = []
    cases = result.get("calibration", {}).get(name, {})
    for what, label in (("coverage", "coverage"), ("tarp", "TARP")):
        off = [abs(case[what]["largest_difference"]) for case in cases.values()]
        if off:
            scores.append(Score(f"{label}, largest difference", max(off), at_most=WITHIN))
    if cases:
        ratio = min(case["smallest_ks"] / case["asked_ks"] for case in cases.values())
        scores.append(Score("smallest KS p over that asked", ratio, at_least=1.0))
    runs = result.get("importance", {}).get(name, [])
    if runs:
        efficiency = float(np.median([run["efficiency"] for run in runs]))
        failed = sum(run["verdict"] == "failed" for run in runs) / len(runs)
        scores += [
            Score("median efficiency of importance sampling", efficiency),
            Score("failed, and said so", failed),
        ]
    guard = result.get("guard", {}).get(name, {})
    if guard:
        scores += [
            Score("guard, false alarms", _share(guard["nothing"])),
            Score("guard, notices noise of five times", _share(guard[GROSS]), at_least=NOTICED),
        ]
    seconds = float(np.median([run["seconds"] for run in runs])) if runs else None
    return Entry(f"model {name}", scores, Cost(inference=seconds))


def _share(found: Any) -> float:
    """Return the share of alarms, in the form of today's results and of earlier ones."""
    return float(found["all"] if isinstance(found, dict) else found)


def _planets(found: list[dict[str, Any]]) -> Entry:
    """Compare what is said of molecules with what was published."""
    said = [
        (planet["probability"][molecule], claim)
        for planet in found
        for molecule, claim in planet["published"].items()
        if molecule in planet["probability"] and claim in ("yes", "no")
    ]
    claimed = [p for p, claim in said if claim == "yes"]
    denied = [p for p, claim in said if claim == "no"]
    seconds = [planet["seconds"] for planet in found]
    scores = [
        Score("found, of those published", _part(p > CLAIMED for p in claimed)),
        Score("denied (below .1), of those published", _part(p < DENIED for p in claimed)),
        Score("found, of those published as absent", _part(p > CLAIMED for p in denied)),
        Score("median time", float(np.median(seconds)), "s"),
    ]
    return Entry(f"{len(found)} observed spectra", scores, Cost(inference=float(sum(seconds))))


def _part(answers: Any) -> float | None:
    answers = list(answers)
    return sum(answers) / len(answers) if answers else None

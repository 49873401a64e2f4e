"""Scores of explanations.py: overlaps with the truth, and where importances of WASP-39 b peak."""

from __future__ import annotations

from typing import Any

from exosk.benchmark import Cost, Entry, Score
from exosk.explain.bands import BANDS

MOLECULES = ("H2O", "CO2", "CH4")
# Asked for, of the best method for each molecule and instrument.
OVERLAP = 0.7


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return scores of the best method of each detector, beside knowing nothing."""
    made = []
    for title, instrument in result["instruments"].items():
        for molecule in (m for m in MOLECULES if m in instrument):
            kinds = instrument[molecule]
            # Asked of the best, which is chosen on other spectra than those it is scored on.
            best = max(kinds, key=lambda kind, kinds=kinds: _chosen(kinds[kind]))
            for kind, found in kinds.items():
                asked = OVERLAP if kind == best else None
                cost = Cost(training=instrument["auc"][kind]["seconds"])
                label = f"{title.split()[1]}, {molecule}, {kind}: {found['best']}"
                made.append(Entry(label, _scores(found, asked), cost))
    return made + _observed(result.get("wasp-39b", {}))


def _scores(found: dict[str, Any], asked: float | None) -> list[Score]:
    confirmed, nothing = found["confirmed"], found.get("know_nothing", {})
    overlap, error = nothing.get("random_weights", {}).get("global_overlap", [None, None])
    shuffled = nothing.get("shuffled_labels", {}).get("global_overlap")
    method = found["methods"][found["best"]]
    return [
        Score("overlap", confirmed["global_overlap"], at_least=asked),
        Score("rank correlation", confirmed["global_rank_correlation"]),
        Score("overlap, single spectra", confirmed["overlap"]),
        Score("overlap, random weights", overlap, error=error),
        Score("overlap, shuffled labels", shuffled),
        Score("time of a spectrum", method["seconds_a_spectrum"], "s"),
    ]


def _chosen(found: dict[str, Any]) -> float:
    method = found["methods"][found["best"]]
    return float(method["global_overlap"] + method["overlap"])


def _observed(found: dict[str, Any]) -> list[Entry]:
    """Say of each way whether the importance of a molecule peaks in a band of its own."""
    made = []
    for label, one in found.items():
        molecule, _, way = label.partition(", ")
        # The others score worse where the truth is known, and are in the result.
        if not way.startswith(("shap", "lime")):
            continue
        inside = any(low <= one["peak_um"] <= high for low, high in BANDS[molecule])
        scores = [
            Score("peak", one["peak_um"], "um"),
            Score("peak in a band of its own", float(inside)),
            Score("importance in its bands", one["share_in_own_bands"]),
        ]
        made.append(Entry(f"WASP-39 b, {molecule}: {way}", scores))
    return made

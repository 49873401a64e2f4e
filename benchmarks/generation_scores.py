"""What making, reading and killing stores is judged by."""

from __future__ import annotations

from typing import Any

from exosk.benchmark import Cost, Entry, Score

# Asked for: GB, times the speed, times the time, spectra a second.
MOST_MEMORY, SPEED_UP, DASK_OVER_JOBLIB, STREAMED = 2.0, 1.7, 1.1, 300_000
DISTURBED = {
    "run": "the run killed",
    "worker": "a worker killed",
    "scheduler": "dask's scheduler killed",
    "cluster's worker": "dask's worker killed",
    "full disk": "the disk full",
}


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return what making, reading and killing sets is judged by; stages may be absent."""
    made = []
    for run in result.get("generated", []):
        scores = [
            Score("spectra a second and core", run["rate_a_core"]),
            Score("memory", run["gb_together"], "GB", at_most=MOST_MEMORY),
            Score("size on disk", round(run["bytes"] / 1e9, 4), "GB"),
        ]
        made.append(Entry(f"making {run['n']:,} spectra", scores, Cost(simulation=run["seconds"])))
    if found := result.get("scaling"):
        speed_up, over = found["speed_up_of_two"], found["dask_over_joblib"]
        more = {
            "two processes": [Score("times the speed of one", speed_up, at_least=SPEED_UP)],
            "dask, two workers": [
                Score("time over that of two processes", over, at_most=DASK_OVER_JOBLIB)
            ],
        }
        for name, seconds in found["seconds"].items():
            scores = [Score("time", seconds, "s"), *more.get(name, [])]
            made.append(Entry(f"making {found['n']:,} spectra, {name}", scores))
    if found := result.get("streaming"):
        scores = [
            Score("spectra a second, shuffled", found["spectra_a_second"], at_least=STREAMED),
            Score("spectra a second, in order", found["not_shuffled"]),
        ]
        made.append(Entry(f"reading {found['n']:,} spectra of {found['n_bins']} bins", scores))
    if found := result.get("schedule"):
        scores = [
            Score(f"workers that saturate the {station}", n)
            for station, n in found["saturated_at_workers"].items()
        ]
        hundred = next(run for run in found["runs"] if run["workers"] == 100)
        scores.append(Score("efficiency of 100 workers", round(hundred["efficiency"], 3)))
        made.append(Entry("10 million spectra, simulated schedule", scores))
    for kind, found in result.get("kills", {}).items():
        scores = [
            Score(name, round(found[word] / found["n"], 3), at_least=1.0)
            for name, word in (
                ("share finished as undisturbed", "identical"), ("share without strays", "clean"),
                ("share of flipped bits found", "flip_found"),
            )
        ]  # fmt: skip
        sets = "1 set" if found["n"] == 1 else f"{found['n']} sets"
        made.append(Entry(f"{DISTURBED[kind]}, {sets}", scores))
    return made

"""How long does `exosk survey` take over 36 observed spectra, and does it go on when killed?

The files of ``../shared/data/spectra``, with the systems of ``systems.py``, by the program itself
on two processes. Asked for: five minutes on two cores, resumable. It is killed once a third of the
observations are done, started again, and must give what an undisturbed run gives, without doing
those again. What it finds is in ``results/survey.md`` and ``results/survey.png``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from places import RESULTS, SHARED_DATA, report
from real_spectra import READING
from systems import SYSTEMS

from exosk.benchmark import Entry, Score, Task, describe_machine
from exosk.survey import CLAIMS

TASK = Task(
    title="A survey of observed spectra",
    question="How long does `exosk survey` take over 36 observed spectra, and does a run that is "
    "killed and started again end as one that was left alone?",
    smoke=("--only", "WASP-12b", "HATP-03b", "--jobs", "1"),
    data=("spectra",),
    minutes=10,
)

REQUIRED_SECONDS, REQUIRED_FOR = 300.0, 36  # on two cores
FOLDER = SHARED_DATA / "spectra"


def write_inputs(folder: Path) -> tuple[Path, Path]:
    """Write the table of systems, and the manifest with how files are to be read."""
    systems, published = folder / "systems.csv", folder / "published.json"
    columns = ["star_radius", "planet_mass", "planet_mass_err", "equilibrium_temperature"]
    with systems.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["planet", *columns])
        for planet, system in SYSTEMS.items():
            meta = system.meta()
            writer.writerow([planet, *(meta[name] for name in columns)])
    entries = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    for entry in entries:
        options, span, _ = READING.get(entry["file"], ({}, None, ""))
        entry["reading"] = options | ({"range": span} if span else {})
    published.write_text(json.dumps(entries), "utf-8")
    return systems, published


def spectra(only: list[str] | None) -> list[Path]:
    """Return the folder, or the files in it whose names begin so."""
    if not only:
        return [FOLDER]
    return [path for path in sorted(FOLDER.glob("*.csv")) if path.name.startswith(tuple(only))]


def start(
    targets: list[Path], out: Path, inputs: tuple[Path, Path], jobs: int
) -> subprocess.Popen[str]:
    """Start the program."""
    program = Path(sys.executable).with_name("exosk")
    systems, published = inputs
    return subprocess.Popen(
        [program, "survey", *targets, "--systems", systems, "--published", published, "--out",
         out, "--jobs", str(jobs), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[dict[str, Any], float]:
    """Return what it printed, and the seconds it took from now."""
    started = time.perf_counter()
    printed, told = process.communicate()
    if process.returncode:
        raise SystemExit(told)
    return json.loads(printed), time.perf_counter() - started


def without_seconds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What two runs must agree on."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return what both runs took and gave."""
    n, killed_with = result["n"], result["killed_with"]
    processes = "1 process" if result["processes"] == 1 else f"{result['processes']} processes"
    asked = REQUIRED_SECONDS if n == REQUIRED_FOR else None
    whole = [
        Score("time", result["seconds"], "s", at_most=asked),
        Score("observations refused", len(result["problems"])),
    ]
    again = [
        Score("time", result["seconds_of_the_rest"], "s"),
        Score("same results (1: yes)", int(result["same_results"]), at_least=1),
        Score(
            "nothing done twice (1: yes)", int(result["what_was_done_was_left_alone"]), at_least=1
        ),
    ]
    said = []
    for claim, counts in result["agreement"].items():
        scores = [
            Score("molecules", counts["n"]),
            Score("odds raised tenfold", counts["for"]),
            Score("odds lowered tenfold", counts["against"]),
        ]
        published = f"published as {CLAIMS[claim][1]}" if claim in CLAIMS else "nothing published"
        said.append(Entry(published, scores))
    return [
        Entry(f"{n} observations, {processes}", whole),
        Entry(f"the rest of them, after a kill with {killed_with} done", again),
        *said,
    ]


def main(arguments: argparse.Namespace) -> None:
    """Run it whole, then killed and again."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inputs = write_inputs(folder)
        targets = spectra(arguments.only)
        whole, seconds = finish(start(targets, folder / "whole", inputs, arguments.jobs))
        process = start(targets, folder / "killed", inputs, arguments.jobs)
        n = len(whole["observations"])
        done = folder / "killed" / "observations"
        while process.poll() is None and len(list(done.glob("*.json"))) < max(1, n // 3):
            time.sleep(0.1)
        # Its workers are of the same group.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kept = {path.name: path.stat().st_mtime_ns for path in done.glob("*.json")}
        again, seconds_again = finish(start(targets, folder / "killed", inputs, arguments.jobs))
        untouched = all((done / name).stat().st_mtime_ns == then for name, then in kept.items())
        equal = without_seconds(whole["observations"]) == without_seconds(again["observations"])
        RESULTS.mkdir(parents=True, exist_ok=True)
        for name in ("survey.md", "survey.png"):
            shutil.copy(folder / "whole" / name, RESULTS / name)
    problems = {row["label"]: row["problem"] for row in whole["observations"] if "problem" in row}
    result = {
        "n": n,
        "processes": arguments.jobs,
        "seconds": round(seconds, 1),
        "problems": problems,
        "by_method": {
            method: sum(row.get("method") == method for row in whole["observations"])
            for method in ("pretrained", "forest")
        },
        "agreement": whole["agreement"],
        "killed_with": len(kept),
        "seconds_of_the_rest": round(seconds_again, 1),
        "what_was_done_was_left_alone": untouched,
        "same_results": equal,
    }
    print(json.dumps(result, indent=2))
    report("survey", TASK, machine, result, entries(result), ["survey.png"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", help="files whose names begin so")
    main(parser.parse_args())

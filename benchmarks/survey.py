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
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import RESULTS, SHARED_DATA, describe_machine, report
from real_spectra import READING
from systems import SYSTEMS

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


def start(out: Path, inputs: tuple[Path, Path], jobs: int) -> subprocess.Popen[str]:
    """Start the program."""
    program = Path(sys.executable).with_name("exosk")
    systems, published = inputs
    return subprocess.Popen(
        [program, "survey", str(FOLDER), "--systems", systems, "--published", published, "--out",
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


def main(arguments: argparse.Namespace) -> None:
    """Run it whole, then killed and again."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inputs = write_inputs(folder)
        whole, seconds = finish(start(folder / "whole", inputs, arguments.jobs))
        process = start(folder / "killed", inputs, arguments.jobs)
        n = len(whole["observations"])
        done = folder / "killed" / "observations"
        while len(list(done.glob("*.json")) if done.exists() else []) < n // 3:
            time.sleep(0.2)
        subprocess.run(["pkill", "-9", "-s", str(process.pid)], check=False)
        process.communicate()
        kept = {path.name: path.stat().st_mtime_ns for path in done.glob("*.json")}
        again, seconds_again = finish(start(folder / "killed", inputs, arguments.jobs))
        untouched = all((done / name).stat().st_mtime_ns == then for name, then in kept.items())
        equal = without_seconds(whole["observations"]) == without_seconds(again["observations"])
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
    report("survey", machine, result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    main(parser.parse_args())

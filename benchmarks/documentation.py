"""Pictures and numbers of README and guides that no other task makes.

`exosk retrieve wasp-39b` as README shows it: its tables, the figure of the spectrum, and how long
it takes (asked: 20 s from start to end). And the picture of `docs/aspa.md`, by the code in it.
tests/test_readme.py compares README's table with what is kept here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from places import HERE, RESULTS, report

from exosk.benchmark import Cost, Entry, Score, Task, describe_machine

TASK = Task(
    title="A retrieval as README shows it",
    question="How long does a retrieval take from start to end, and what does it say?",
    smoke=("--target", "wasp-12b"),
    minutes=1,
)

RETRIEVED_IN = 20.0  # s, asked for
ASPA = HERE.parent / "docs" / "aspa.md"


def retrieved(target: str) -> dict[str, Any]:
    """Run the program as a user does, and keep its spectrum's figure."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("exosk")
        command = [program, "retrieve", target, "--json", "--out", folder]
        # With all cores, as a user runs it.
        own = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
        seconds = time.perf_counter() - started
        shutil.copy(Path(folder) / "spectrum.png", RESULTS / "retrieved.png")
    content = json.loads(done.stdout)
    keys = ("parameters", "molecules", "prior_presence", "method", "reduced_chi2",
            "reduced_chi2_with_model_error", "seconds_by_stage")  # fmt: skip
    explained = {
        one["target"]: {"peak_um": one["peak_um"], "log_likelihood": one["value"]}
        for one in content["explanations"]
    }
    return {
        "seconds": round(seconds, 1),
        "explained": explained,
        **{key: content[key] for key in keys},
    }


def draw_aspa() -> None:
    """Run the guide's blocks in an empty folder, and keep the first picture that they save."""
    blocks = re.findall(r"```python\n(.*?)```", ASPA.read_text("utf-8"), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        scope: dict[str, Any] = {}
        for block in blocks:
            exec(block, scope)
            if os.path.exists("aspa.png"):
                break
        shutil.copy("aspa.png", RESULTS / "aspa.png")


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return how long it took, and what it said of molecules."""
    found = result["retrieval"]
    seconds = found["seconds"]
    scores = [Score("time from start to end", seconds, "s", at_most=RETRIEVED_IN)]
    scores += [Score(f"probability of {m}", round(p, 4)) for m, p in found["molecules"].items()]
    return [Entry(f"exosk retrieve {result['target']}", scores, Cost(inference=seconds))]


def main(arguments: argparse.Namespace) -> None:
    """Measure, draw, keep."""
    machine = describe_machine()
    RESULTS.mkdir(exist_ok=True)
    result = {"target": arguments.target, "retrieval": retrieved(arguments.target)}
    draw_aspa()
    print(json.dumps(result, indent=2))
    name = "documentation"
    report(name, TASK, machine, result, entries(result), ["retrieved.png", "aspa.png"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="wasp-39b")
    main(parser.parse_args())

"""Where results are kept and shared data lie, and how a task ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from exosk import benchmark
from exosk.benchmark import Entry, Task

HERE = Path(__file__).resolve().parent
# `exosk benchmark run` says where else results are to go.
RESULTS = Path(os.environ.get("EXOSK_BENCHMARK_RESULTS", HERE / "results"))
SHARED_DATA = HERE.parents[1] / "shared" / "data"


def report(
    name: str,
    task: Task,
    machine: dict[str, Any],
    result: dict[str, Any],
    entries: Sequence[Entry],
    figures: Iterable[str] = (),
) -> None:
    """Print where and when, and keep the result as <name>.json."""
    versions = ", ".join(f"{package} {v}" for package, v in machine["versions"].items())
    print(f"\n{machine['processor']}, {machine['n_cores']} cores, {machine['system']}")
    print(f"{machine['date']}, load before {machine['load_1min']}, Python {machine['python']}")
    print(versions)
    kept = benchmark.report(task, RESULTS / f"{name}.json", machine, result, entries, figures)
    print(f"{kept.path.name} written")

"""Running tasks: each script in a process of its own, watched for what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from exosk.benchmark.community import VARIABLE
from exosk.benchmark.results import SIZE_VARIABLE, Result, read_result, write_result
from exosk.benchmark.task import Task
from exosk.exceptions import ExoskError, RangeError

__all__ = ["RESULTS_VARIABLE", "SIZES", "Outcome", "run_task", "run_tasks"]

SIZES = ("full", "smoke")
# By which a script knows where its results go.
RESULTS_VARIABLE = "EXOSK_BENCHMARK_RESULTS"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LAST_LINES = 15


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes
    ----------
    task : Task
        That was run.
    result : Result or None
        What it measured.
    skipped : str
        What this machine lacks, if it was not run.
    problem : str
        Why it failed, with its last lines.
    seconds : float
        That it took.
    """

    task: Task
    result: Result | None = None
    skipped: str = ""
    problem: str = ""
    seconds: float = 0.0


def run_task(
    task: Task,
    out: Path,
    *,
    size: str = "full",
    threads: int = 1,
    data: Path | None = None,
    estimators: Mapping[str, str] | None = None,
) -> Outcome:
    """Run one task.

    Its output goes to ``<task>.log`` in `out`, what it measured to ``<task>.json``.

    Parameters
    ----------
    task : Task
        As :func:`find_tasks` returns it.
    out : Path
        Folder for the results; made if need be.
    size : {"full", "smoke"}, default="full"
        How much of it.
    threads : int, default=1
        Of each process, in numerical libraries.
    data : Path, optional
        Folder of shared data.
    estimators : mapping of str to str, optional
        Estimators of others, and no others, by name (:mod:`exosk.benchmark.community`).

    Returns
    -------
    Outcome

    Raises
    ------
    RangeError
        If there is no such size.
    """
    _check(size)
    if lacking := task.missing(data):
        return Outcome(task, skipped=f"needs {' and '.join(lacking)}")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{task.name}.json"
    before = path.stat().st_mtime_ns if path.exists() else None
    with tempfile.TemporaryDirectory(prefix=f"exosk-{task.name}-") as work:
        given = [argument.replace("{work}", work) for argument in getattr(task, size)]
        environment = os.environ | dict.fromkeys(_THREADS, str(threads))
        environment |= {RESULTS_VARIABLE: str(out.resolve()), SIZE_VARIABLE: size}
        environment["MPLBACKEND"] = "Agg"
        if estimators:
            environment[VARIABLE] = json.dumps(dict(estimators))
        status, cost, said = _watch(
            [sys.executable, task.path.name, *given], task.path.parent, environment,
            out / f"{task.name}.log",
        )  # fmt: skip
    seconds = cost["wall_seconds"]
    if status:
        return Outcome(task, problem=f"exit status {status}\n{said}", seconds=seconds)
    if not path.exists() or path.stat().st_mtime_ns == before:
        return Outcome(task, problem=f"it wrote no {path.name}\n{said}", seconds=seconds)
    try:
        found = replace(read_result(path), cost=cost)
    except ExoskError as error:
        return Outcome(task, problem=str(error), seconds=seconds)
    write_result(found)
    return Outcome(task, found, seconds=seconds)


def run_tasks(
    tasks: Sequence[Task],
    out: Path,
    *,
    jobs: int = 1,
    started: Callable[[Task], None] | None = None,
    size: str = "full",
    **options: object,
) -> Iterator[Outcome]:
    """Run tasks, and give how each ended as it ends.

    Parameters
    ----------
    tasks : sequence of Task
        To run.
    out : Path
        Folder for the results.
    jobs : int, default=1
        At a time. Timings mean something one at a time only.
    started : callable, optional
        Told of each that begins.
    size, **options
        Of :func:`run_task`.

    Returns
    -------
    iterator of Outcome
        In the order of `tasks`.

    Raises
    ------
    RangeError
        If there is no such size, before any is run.
    """
    _check(size)

    def run(task: Task) -> Outcome:
        if started is not None:
            started(task)
        return run_task(task, out, size=size, **options)  # type: ignore[arg-type]

    def outcomes() -> Iterator[Outcome]:
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(run, tasks)

    return outcomes()


def _check(size: str) -> None:
    if size not in SIZES:
        raise RangeError(f"size {size} is none of {', '.join(SIZES)}")


def _watch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> tuple[int, dict[str, float], str]:
    """Run a command; its exit status, what it and all that it waited for took, its last lines."""
    began = time.perf_counter()
    with open(log, "w+", encoding="utf-8", errors="replace") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        file.seek(0)
        said = "".join(file.readlines()[-_LAST_LINES:])
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "wall_seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        # Of the largest process; Linux counts in kB, macOS in bytes.
        "peak_mb": round(used.ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)),
    }
    return process.returncode, cost, said

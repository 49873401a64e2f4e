"""Results of benchmarks: scores beside what they cost, and all that was measured, as JSON.

One file a task. ``schema`` is its version: a later one is refused, an earlier one was not kept.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.storage import atomic_path

__all__ = [
    "SCHEMA",
    "Cost",
    "Entry",
    "Result",
    "Score",
    "read_result",
    "read_results",
    "report",
    "write_result",
]

SCHEMA = 1
# By which the runner tells a script what it was started as.
SIZE_VARIABLE = "EXOSK_BENCHMARK_SIZE"


@dataclass(frozen=True)
class Score:
    """One number that a method is judged by.

    Attributes
    ----------
    name : str
        What it is, as ``mean R2``.
    value : float or None
        None where it could not be measured.
    unit : str
        As ``s``, or nothing.
    error : float, optional
        One standard error.
    at_least, at_most : float, optional
        What was asked for.
    """

    name: str
    value: float | None
    unit: str = ""
    error: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is what was asked for; None where nothing was."""
        if self.value is None or self.at_least is self.at_most is None:
            return None
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= self.value <= high


@dataclass(frozen=True)
class Cost:
    """Seconds that a method takes for what it is judged by; None where there is no such part.

    Attributes
    ----------
    simulation, training, inference : float, optional
        Of its training spectra, of training, and of all its answers.
    """

    simulation: float | None = None
    training: float | None = None
    inference: float | None = None

    @property
    def total(self) -> float | None:
        """Seconds of all parts; None if none is known."""
        parts = [v for v in (self.simulation, self.training, self.inference) if v is not None]
        return sum(parts) if parts else None


@dataclass(frozen=True)
class Entry:
    """A method, its scores and what they cost.

    Attributes
    ----------
    method : str
        As the leaderboard shows it.
    scores : sequence of Score
        Its numbers.
    cost : Cost
        Seconds.
    """

    method: str
    scores: Sequence[Score]
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Result:
    """What a task measured.

    Attributes
    ----------
    task, title, question, size : str
        The task, and whether it was run at its ``full`` size, at that of ``smoke``, or ``by hand``
        with the arguments beside.
    arguments : sequence of str
        Of the script.
    machine : dict
        As :func:`describe_machine` returns it.
    entries : sequence of Entry
        Methods and scores.
    result : dict
        All that was measured.
    cost : dict, optional
        ``wall_seconds``, ``processor_seconds`` and ``peak_mb`` of the whole run, if
        :func:`run_task` ran it.
    figures : sequence of Path
        Pictures.
    path : Path
        The file.
    """

    task: str
    title: str
    question: str
    size: str
    arguments: Sequence[str]
    machine: dict[str, Any]
    entries: Sequence[Entry]
    result: dict[str, Any]
    cost: dict[str, Any] | None = None
    figures: Sequence[Path] = ()
    path: Path = Path()


def write_result(found: Result) -> Path:
    """Write a result to its path.

    Parameters
    ----------
    found : Result
        With a path.

    Returns
    -------
    Path
    """
    document = _plain({"schema": SCHEMA, **asdict(found)})
    document["figures"] = [path.name for path in found.figures]
    # What was measured last, since it is long.
    document["result"] = document.pop("result")
    del document["path"]
    found.path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(found.path) as path:
        path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    return found.path


def _plain(value: Any) -> Any:
    """Return what JSON has a form for: NumPy's numbers as Python's, and None for NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_result(path: Path) -> Result:
    """Read a result.

    Parameters
    ----------
    path : Path
        JSON.

    Returns
    -------
    Result

    Raises
    ------
    FileFormatError
        If it is no result, or one of a later version.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        schema = document.pop("schema", None)
        if schema != SCHEMA:
            raise FileFormatError(
                f"{path} is a result of schema {schema}, and this version of exosk reads {SCHEMA}; "
                "run its task again, or take the version that wrote it"
            )
        entries = [
            Entry(e["method"], [Score(**s) for s in e["scores"]], Cost(**e["cost"]))
            for e in document.pop("entries")
        ]
        figures = [path.parent / name for name in document.pop("figures")]
        return Result(**document, entries=entries, figures=figures, path=path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} is no result of a benchmark: {error}") from error


def read_results(folder: Path) -> dict[str, Result]:
    """Read all results of a folder.

    Parameters
    ----------
    folder : Path
        With one JSON file a task.

    Returns
    -------
    dict of str to Result
        By task, sorted.

    Raises
    ------
    FileFormatError
        If there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not paths:
        raise FileFormatError(
            f"there is no result (JSON) in {folder}; `exosk benchmark run` writes them"
        )
    return {path.stem: read_result(path) for path in paths}


def report(
    task: Any,
    path: Path,
    machine: dict[str, Any],
    result: dict[str, Any],
    entries: Sequence[Entry],
    figures: Iterable[str] = (),
) -> Result:
    """Keep what a task's script measured: its last line.

    Parameters
    ----------
    task : Task
        What is measured.
    path : Path
        The JSON file to write; its name is the task's.
    machine : dict
        Of :func:`describe_machine`, asked before the work.
    result : dict
        All that was measured: numbers, texts, lists and dicts.
    entries : sequence of Entry
        Methods, scores and costs.
    figures : iterable of str
        Names of pictures beside the file.

    Returns
    -------
    Result
    """
    arguments = sys.argv[1:]
    found = Result(
        task=path.stem,
        title=task.title,
        question=task.question,
        size=os.environ.get(SIZE_VARIABLE, "by hand" if arguments else "full"),
        arguments=arguments,
        machine=machine,
        entries=entries,
        result=result,
        figures=[path.parent / name for name in figures],
        path=path,
    )
    write_result(found)
    return found

"""A folder of tasks that take no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = '''"""How good are guesses?"""
import os
import sys
from pathlib import Path

from exosk.benchmark import Cost, Entry, Score, Task, describe_machine, report, with_community

TASK = Task(
    title="Guessing",
    question="How good are guesses?",
    smoke=("--n", "2", "--work", "{{work}}"),
    full=("--n", "5"),
    kind="retriever",
    {more}
)


def entries(result):
    return [
        Entry(name, [Score("hits", hits, at_least=3.0)], Cost(training=0.5, inference=1.5))
        for name, hits in result["hits"].items()
    ]


if __name__ == "__main__":
    n = int(sys.argv[sys.argv.index("--n") + 1])
    if "--work" in sys.argv:
        (Path(sys.argv[-1]) / "kept").write_text("here")
    methods = with_community({{"own": None}}, TASK.kind, Path(__file__).parent)
    result = {{"hits": {{name: n for name in methods}}, "threads": os.environ["OMP_NUM_THREADS"]}}
    {body}
    path = Path(os.environ["EXOSK_BENCHMARK_RESULTS"]) / "guessing.json"
    report(TASK, path, describe_machine(), result, entries(result))
'''


def _write(folder: Path, more: str = "", body: str = "pass") -> Path:
    """Write the task `guessing`, with more about it and something more to do."""
    folder.mkdir(exist_ok=True)
    path = folder / "guessing.py"
    path.write_text(SCRIPT.format(more=more, body=body), "utf-8")
    return folder


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A folder of one task."""
    return _write(tmp_path / "tasks")


@pytest.fixture
def write_task() -> Callable[..., Path]:
    """Write a folder of one task, as one likes it."""
    return _write

"""`exosk benchmark`: list, run, leaderboard."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SCRIPT = '''"""How good are guesses?"""
import os
from pathlib import Path

from exosk.benchmark import Entry, Score, Task, describe_machine, report

TASK = Task(
    title="Guessing", question="How good are guesses?", kind={kind!r}, needs={needs!r}, minutes=2
)


def entries(result):
    return [Entry("own", [Score("hits", result["hits"], at_least={asked})])]


if __name__ == "__main__":
    result = {{"hits": 5}}
    {body}
    path = Path(os.environ["EXOSK_BENCHMARK_RESULTS"]) / (Path(__file__).stem + ".json")
    report(TASK, path, describe_machine(), result, entries(result))
'''


def add(folder: Path, name: str, **more: object) -> Path:
    """Add a task to a folder."""
    folder.mkdir(exist_ok=True)
    settings = {"kind": None, "needs": (), "asked": 3, "body": "pass"} | more
    (folder / f"{name}.py").write_text(SCRIPT.format(**settings), "utf-8")
    return folder


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A folder of two tasks, of which one lacks something."""
    add(tmp_path / "benchmarks", "guessing", kind="retriever")
    return add(tmp_path / "benchmarks", "lacking", needs=("no_such_package",))


def test_tasks_are_listed_with_what_they_lack(program: Run, tasks: Path) -> None:
    done = program("benchmark", "list", "--json")
    assert done.returncode == 0
    rows = {row["task"]: row for row in json.loads(done.stdout)}
    assert rows["guessing"]["missing"] == []
    assert rows["guessing"]["minutes"] == 2
    assert rows["lacking"]["missing"] == ["the package no_such_package"]
    table = program("benchmark", "list").stdout
    assert "guessing" in table
    assert "How good are guesses?" in " ".join(table.split())


def test_results_and_the_page(program: Run, tasks: Path) -> None:
    done = program("benchmark", "run")
    assert done.returncode == 0
    assert "1 done, 0 failed, 1 left out" in done.stdout
    assert "lacking: left out, needs the package no_such_package" in done.stderr
    assert (tasks / "results" / "guessing.json").exists()
    page = program("benchmark", "leaderboard")
    assert page.returncode == 0
    assert Path(page.stdout.strip()) == Path("benchmarks/results/LEADERBOARD.md")
    assert "| own | **5** |" in (tasks / "results" / "LEADERBOARD.md").read_text()


def test_scores_are_read_again(program: Run, tasks: Path) -> None:
    program("benchmark", "run", "guessing")
    add(tasks, "guessing", asked=7)
    program("benchmark", "leaderboard")
    page = tasks / "results" / "LEADERBOARD.md"
    assert "**5**" in page.read_text()
    program("benchmark", "leaderboard", "--again")
    assert "| own | *5* |" in page.read_text()
    program("benchmark", "leaderboard")
    assert "| own | *5* |" in page.read_text()


def test_one_document(run: Run, tasks: Path) -> None:
    done = run("benchmark", "run", "guessing", "--size", "smoke", "--json")
    (found,) = json.loads(done.stdout)
    assert found["entries"] == [{"method": "own", "scores": {"hits": 5}, "met": True}]
    assert found["cost"]["wall_seconds"] > 0
    # Beside the results that are kept for good.
    assert Path(found["file"]) == Path("benchmarks/smoke/guessing.json")


def test_a_failure_is_shown(program: Run, tasks: Path) -> None:
    add(tasks, "guessing", body="raise ValueError('no [luck]')")
    done = program("benchmark", "run", "guessing")
    assert done.returncode == 1
    assert "0 done, 1 failed" in done.stdout
    assert "ValueError: no [luck]" in done.stderr


def test_estimators_of_ones_own(program: Run, tasks: Path) -> None:
    done = program("benchmark", "run", "--estimator", "mine=exosk:ForestRetriever")
    assert done.returncode == 0
    # The task that compares no estimators is not run, and what is kept for good is left alone.
    assert "lacking" not in done.stderr
    assert (tasks / "community" / "guessing.json").exists()
    assert not (tasks / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "guesing"], "guessing"),
        (["run", "guessing", "--size", "tiny"], "tiny"),
        (["run", "lacking", "--estimator", "a=b:c"], "lacking compares no estimators"),
        (["run", "--estimator", "a"], "package.module:callable"),
        (["list", "--folder", "none"], "--folder"),
        (["leaderboard"], "exosk benchmark run"),
    ],
)
def test_mistakes_are_said_in_a_sentence(
    program: Run, tasks: Path, arguments: list[str], said: str
) -> None:
    done = program("benchmark", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1

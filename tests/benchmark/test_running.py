"""Tasks run in processes of their own, which are watched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exosk.benchmark import Task, find_tasks, read_results, run_task, run_tasks
from exosk.exceptions import RangeError

Write = Callable[..., Path]


def only(folder: Path) -> Task:
    """The task of a folder."""
    return find_tasks(folder)["guessing"]


def test_a_run_is_measured_and_kept(tasks: Path, tmp_path: Path) -> None:
    outcome = run_task(only(tasks), tmp_path / "out", threads=2)
    assert (outcome.problem, outcome.skipped) == ("", "")
    found = read_results(tmp_path / "out")["guessing"]
    assert outcome.result == found
    assert found.size == "full"
    assert found.result == {"hits": {"own": 5}, "threads": "2"}
    assert found.cost is not None
    assert found.cost["wall_seconds"] > 0
    assert found.cost["processor_seconds"] > 0
    # A process that has imported numpy.
    assert 20 < found.cost["peak_mb"] < 4000


def test_a_smoke_run_gets_a_folder_that_goes(tasks: Path, tmp_path: Path) -> None:
    found = run_task(only(tasks), tmp_path / "out", size="smoke").result
    assert found is not None
    assert found.size == "smoke"
    assert list(found.arguments[:3]) == ["--n", "2", "--work"]
    assert not Path(found.arguments[3]).exists()


def test_what_a_machine_lacks_leaves_a_task_out(write_task: Write, tmp_path: Path) -> None:
    folder = write_task(tmp_path / "t", 'needs=("no_such_package",), data=("spectra",),')
    outcome = run_task(only(folder), tmp_path / "out")
    assert outcome.skipped == "needs the package no_such_package and the data spectra"
    assert outcome.result is None
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("sys.exit(3)", "exit status 3"),
        ("sys.exit(0)", r"it wrote no guessing\.json"),
        ("os.kill(os.getpid(), 9)", "exit status -9"),
    ],
)
def test_a_failure_is_said_and_no_earlier_result_taken_for_it(
    write_task: Write, tasks: Path, tmp_path: Path, body: str, said: str
) -> None:
    out = tmp_path / "out"
    before = run_task(only(tasks), out).result
    outcome = run_task(only(write_task(tmp_path / "t", body=body)), out)
    assert outcome.result is None
    with pytest.raises(AssertionError, match=said):
        assert not outcome.problem, outcome.problem
    assert read_results(out)["guessing"] == before


def test_outcomes_come_in_the_order_of_the_tasks(
    write_task: Write, tasks: Path, tmp_path: Path
) -> None:
    broken = only(write_task(tmp_path / "t", body="sys.exit(1)"))
    told: list[Task] = []
    outcomes = list(run_tasks([only(tasks), broken], tmp_path / "out", jobs=2, started=told.append))
    assert [bool(outcome.problem) for outcome in outcomes] == [False, True]
    assert len(told) == 2


def test_estimators_of_the_command_line_stand_alone(tasks: Path, tmp_path: Path) -> None:
    (tasks / "community.toml").write_text('[retriever]\n"theirs" = "exosk:ForestRetriever"\n')
    found = run_task(only(tasks), tmp_path / "a").result
    assert found is not None
    assert list(found.result["hits"]) == ["own", "theirs"]
    alone = run_task(only(tasks), tmp_path / "b", estimators={"mine": "exosk:MLPRetriever"}).result
    assert alone is not None
    assert list(alone.result["hits"]) == ["mine"]


def test_a_size_that_there_is_not(tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(RangeError, match="tiny"):
        run_task(only(tasks), tmp_path, size="tiny")

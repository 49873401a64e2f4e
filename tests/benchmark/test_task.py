"""Tasks are read from scripts, which are not run for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exosk.benchmark import Task, choose_tasks, find_tasks
from exosk.exceptions import FileFormatError, UnknownNameError


def test_a_script_says_what_it_is(tasks: Path) -> None:
    (tasks / "beside.py").write_text("N = 1\n")
    found = find_tasks(tasks)
    assert list(found) == ["guessing"]
    task = found["guessing"]
    assert (task.name, task.title, task.full) == ("guessing", "Guessing", ("--n", "5"))
    assert task.path == (tasks / "guessing.py").resolve()


def test_it_is_not_run_for_that(tasks: Path) -> None:
    path = tasks / "guessing.py"
    path.write_text("raise SystemExit('it was run')\n" + path.read_text())
    assert find_tasks(tasks)["guessing"].title == "Guessing"


@pytest.mark.parametrize(
    "line",
    [
        "TASK = 3",
        "TASK = Task(title=NAME, question='?')",
        "TASK = Task('title', question='?')",
        "TASK = Task(title='a', question='?', colour='red')",
        "TASK = Task(title='a'",
    ],
)
def test_a_task_that_cannot_be_read_names_the_script(tmp_path: Path, line: str) -> None:
    (tmp_path / "odd.py").write_text(f'"""Odd."""\n{line}\n')
    with pytest.raises(FileFormatError, match=re.escape(str(tmp_path / "odd.py"))):
        find_tasks(tmp_path)


def test_a_folder_without_tasks_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no script of"):
        find_tasks(tmp_path)
    with pytest.raises(FileFormatError, match="--folder"):
        find_tasks(tmp_path / "none")


def test_tasks_are_chosen_by_name(tasks: Path) -> None:
    found = find_tasks(tasks)
    assert choose_tasks(found, None) == choose_tasks(found, ["guessing"]) == list(found.values())
    with pytest.raises(UnknownNameError, match="guessing"):
        choose_tasks(found, ["guesing"])


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    task = Task(title="a", question="?", needs=("json", "no_such_package"), data=("spectra",))
    assert task.missing(None) == ["the package no_such_package", "the data spectra"]
    (tmp_path / "spectra").mkdir()
    assert task.missing(tmp_path) == ["the package no_such_package"]

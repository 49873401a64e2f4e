"""Tasks: scripts that measure one thing each and say so in a line that is read, not run.

A file of a benchmark folder is a task if it has a line ``TASK = Task(title=..., ...)`` with plain
values. It is read from the file's text, so that a list of tasks costs no imports and a task whose
packages are missing is listed all the same.
"""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from exosk.exceptions import FileFormatError, UnknownNameError

__all__ = ["Task", "choose_tasks", "find_tasks"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is measured, and how its script is run.

    Attributes
    ----------
    title : str
        A few words for tables.
    question : str
        What is measured, in one sentence.
    smoke, full : tuple of str
        Arguments of the script, at a size of some seconds and at its own. ``{work}`` stands for a
        folder that is there for the run alone.
    needs : tuple of str
        Packages to import that come with a plugin, as ``exosk_taurex``.
    data : tuple of str
        Folders of the shared data, as ``hela``.
    kind : str, optional
        ``retriever`` or ``detector``: estimators of others take part.
    minutes : float
        At its full size on two cores, about.
    path : Path
        The script.
    """

    title: str
    question: str
    smoke: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    kind: str | None = None
    minutes: float = 1.0
    path: Path = field(default=Path(), compare=False)

    @property
    def name(self) -> str:
        """Name of the script, without its ending."""
        return self.path.stem

    def missing(self, data: Path | None) -> list[str]:
        """Say what this machine lacks to run it.

        Parameters
        ----------
        data : Path or None
            Folder of shared data.

        Returns
        -------
        list of str
            Empty if nothing is missing.
        """
        lacking = [
            f"the package {name}" for name in self.needs if importlib.util.find_spec(name) is None
        ]
        lacking += [
            f"the data {name}" for name in self.data if data is None or not (data / name).is_dir()
        ]
        return lacking


def find_tasks(folder: Path) -> dict[str, Task]:
    """Read the tasks of a folder.

    Parameters
    ----------
    folder : Path
        With one script a task.

    Returns
    -------
    dict of str to Task
        By name, sorted.

    Raises
    ------
    FileFormatError
        If there is no such folder or no task in it, or a script's ``TASK`` cannot be read.
    """
    if not folder.is_dir():
        raise FileFormatError(
            f"there is no folder of benchmarks at {folder}; a checkout of exosk has one "
            "(give another by --folder)"
        )
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text("utf-8")
        if "\nTASK" in text:
            found[path.stem] = _read(path, text)
    if not found:
        raise FileFormatError(f"no script of {folder} has a line `TASK = Task(...)`")
    return found


def choose_tasks(tasks: dict[str, Task], names: list[str] | None) -> list[Task]:
    """Return the tasks of these names, or all.

    Parameters
    ----------
    tasks : dict of str to Task
        As :func:`find_tasks` returns them.
    names : list of str or None
        Those to choose, in this order.

    Returns
    -------
    list of Task

    Raises
    ------
    UnknownNameError
        If there is no such task; it names the nearest.
    """
    for name in names or ():
        if name not in tasks:
            raise UnknownNameError.suggest("task", name, tasks)
    return [tasks[name] for name in names or tasks]


def _read(path: Path, text: str) -> Task:
    """Read the task of a script's text."""
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise FileFormatError(f"{path} is no Python: {error}") from error
    calls = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["TASK"]
    ]
    if len(calls) != 1 or not isinstance(calls[0], ast.Call):
        raise FileFormatError(f"{path}: TASK must be one call, Task(title=..., question=..., ...)")
    try:
        values = {k.arg: ast.literal_eval(k.value) for k in calls[0].keywords if k.arg}
        return Task(**values, path=path.resolve())
    except (ValueError, TypeError) as error:
        raise FileFormatError(
            f"{path}: TASK takes plain values by keyword (title, question, smoke, full, needs, "
            f"data, kind, minutes): {error}"
        ) from error

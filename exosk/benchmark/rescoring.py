"""Scores read anew out of what was measured, for when what is judged by has changed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exosk.benchmark.results import Result, write_result
from exosk.benchmark.task import find_tasks

__all__ = ["score_again"]


def score_again(results: Mapping[str, Result], folder: Path) -> dict[str, Result]:
    """Ask each task's ``entries`` for the scores of its result, and keep them.

    The scripts are imported, with all that they need.

    Parameters
    ----------
    results : mapping of str to Result
        As :func:`read_results` returns them.
    folder : Path
        Of the tasks.

    Returns
    -------
    dict of str to Result
        The same with scores, titles and questions of today; those without a script as they were.
    """
    tasks = find_tasks(folder)
    found = dict(results)
    for name in results.keys() & tasks.keys():
        task = tasks[name]
        module = _module(task.path)
        entries = module.entries(results[name].result)
        found[name] = replace(
            results[name], entries=entries, title=task.title, question=task.question
        )
        write_result(found[name])
    return found


def _module(path: Path) -> Any:
    """Import a script, which finds its neighbours."""
    spec = importlib.util.spec_from_file_location(f"_exosk_task_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module

"""Estimators of others, which take part in a benchmark by one line.

The line is ``name = "package.module:callable"`` under ``[retriever]`` or ``[detector]`` of
``community.toml``, beside the tasks; the callable, a class or a function, takes no argument and
returns an estimator that is not fitted: a retriever (``fit``, ``predict``, ``sample_posterior`` and
``posterior``, as :mod:`exosk.testing` checks them) or a detector (``fit``, ``predict_proba``).
"""

from __future__ import annotations

import importlib
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from exosk.exceptions import FileFormatError, UnknownNameError

__all__ = ["FILE", "KINDS", "read_line", "with_community"]

FILE = "community.toml"
KINDS = ("retriever", "detector")
# By which the runner hands lines of the command line to a script.
VARIABLE = "EXOSK_BENCHMARK_ESTIMATORS"


def with_community(
    own: Mapping[str, Callable[[], Any]], kind: str, folder: Path
) -> dict[str, Callable[[], Any]]:
    """Return a task's estimators and those of others, by name.

    Parameters
    ----------
    own : mapping of str to callable
        The task's.
    kind : str
        ``retriever`` or ``detector``.
    folder : Path
        Of the tasks, with a ``community.toml`` or without.

    Returns
    -------
    dict of str to callable
        Each makes one that is not fitted. Where the command line gave estimators, these alone.

    Raises
    ------
    UnknownNameError
        If a line names nothing that can be imported.
    FileFormatError
        If the file is no TOML, or a line is not of the form.
    """
    given = os.environ.get(VARIABLE)
    lines = json.loads(given) if given else _read(folder / FILE).get(kind, {})
    others = {name: _maker(name, place) for name, place in lines.items()}
    return others if given else {**own, **others}


def read_line(line: str) -> tuple[str, str]:
    """Take a line of the command line apart.

    Parameters
    ----------
    line : str
        ``name=package.module:callable``.

    Returns
    -------
    tuple of str
        Name and place.

    Raises
    ------
    FileFormatError
        If it is not of that form.
    """
    name, _, place = (part.strip() for part in line.partition("="))
    _check(name, place)
    return name, place


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(f"{path} is no TOML: {error}") from error
    for kind, lines in found.items():
        if kind not in KINDS or not isinstance(lines, dict):
            raise FileFormatError(f"{path} has [{kind}]; it takes {' and '.join(KINDS)}")
        for name, place in lines.items():
            _check(name, place)
    return found


def _check(name: str, place: Any) -> None:
    parts = place.split(":") if isinstance(place, str) else []
    if not name or len(parts) != 2 or not all(parts):
        raise FileFormatError(
            f"an estimator is named by a line such as my-net = package.module:callable, not "
            f"{name} = {place}"
        )


def _maker(name: str, place: str) -> Callable[[], Any]:
    module, _, attribute = place.partition(":")
    try:
        make = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownNameError(f"the estimator {name} ({place}) cannot be had: {error}") from error
    if not callable(make):
        raise UnknownNameError(f"the estimator {name} ({place}) is no class or function")
    return make  # type: ignore[no-any-return]

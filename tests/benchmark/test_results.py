"""Results go to disk and come back, or are refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exosk.benchmark import (
    Cost,
    Entry,
    Result,
    Score,
    describe_machine,
    read_result,
    read_results,
    write_result,
)
from exosk.exceptions import FileFormatError

ENTRIES = [Entry("a", [Score("R2", 0.5, at_least=0.4), Score("lost", None)], Cost(1.0, None, 2.0))]


def result(path: Path, **measured: object) -> Result:
    """A result with something measured."""
    return Result(
        "guessing", "Guessing", "How?", "full", ("--n", "5"), describe_machine(), ENTRIES,
        measured, figures=[path.parent / "guessing.png"], path=path,
    )  # fmt: skip


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "guessing.json"
    written = replace(result(path, a=[1, 2.5, {"b": None}]), cost={"wall_seconds": 3.0})
    write_result(written)
    read = read_results(path.parent)["guessing"]
    assert read == replace(written, arguments=["--n", "5"])


def test_numbers_of_numpy_and_nan_have_a_form(tmp_path: Path) -> None:
    path = tmp_path / "guessing.json"
    measured = {"x": np.array([1.0, np.nan]), "n": np.int64(3), "s": np.float32(0.5), "t": (1, 2)}
    write_result(result(path, **measured))
    assert read_result(path).result == {"x": [1.0, None], "n": 3, "s": 0.5, "t": [1, 2]}


@pytest.mark.parametrize(
    ("score", "met"),
    [
        (Score("x", 0.5), None),
        (Score("x", None, at_least=0.1), None),
        (Score("x", 0.5, at_least=0.5), True),
        (Score("x", 0.5, at_most=0.4), False),
        (Score("x", 0.5, at_least=0.4, at_most=0.6), True),
        (Score("x", 0.0, at_most=0.0), True),
    ],
)
def test_what_was_asked_is_met_or_missed(score: Score, met: bool | None) -> None:
    assert score.met is met


def test_costs_add_up() -> None:
    assert Cost().total is None
    assert Cost(1.0, None, 2.0).total == 3.0


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "guessing.json"
    write_result(result(path))
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"schema": 2}))
    with pytest.raises(FileFormatError, match=r"guessing\.json is a result of schema 2"):
        read_results(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1}', '{"schema": 1, "entries": [{}]}'])
def test_what_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"odd\.json is"):
        read_result(path)


def test_a_folder_without_results_says_what_writes_them(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileFormatError, match="exosk benchmark run"):
            read_results(folder)


def test_a_failed_write_leaves_the_earlier_result(tmp_path: Path) -> None:
    path = tmp_path / "guessing.json"
    write_result(result(path, a=1))
    with pytest.raises(TypeError):
        write_result(result(path, a=object()))
    assert read_result(path).result == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["guessing.json"]

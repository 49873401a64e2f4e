"""Estimators of others take part by one line."""

from __future__ import annotations

from pathlib import Path

import pytest

import exosk
from exosk.benchmark import with_community
from exosk.benchmark.community import read_line
from exosk.exceptions import FileFormatError, UnknownNameError


def own() -> str:
    """A task's own estimator."""
    return "own"


def test_a_line_adds_one_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "community.toml").write_text(
        '[retriever]\ntheirs = "exosk:ForestRetriever"\n[detector]\nother = "exosk:MLPDetector"\n'
    )
    found = with_community({"own": own}, "retriever", tmp_path)
    assert list(found) == ["own", "theirs"]
    assert isinstance(found["theirs"](), exosk.ForestRetriever)
    assert list(with_community({}, "detector", tmp_path)) == ["other"]


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    assert with_community({"own": own}, "retriever", tmp_path) == {"own": own}


@pytest.mark.parametrize(
    "text", ["[retriever", "[regressor]\na = 'b:c'", "[retriever]\na = 'b'", "retriever = 3"]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "community.toml").write_text(text)
    with pytest.raises(FileFormatError):
        with_community({}, "retriever", tmp_path)


@pytest.mark.parametrize("place", ["exosk:NoSuch", "no_such_package:Thing", "exosk:__version__"])
def test_what_cannot_be_had_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "community.toml").write_text(f'[retriever]\n"my net" = "{place}"\n')
    with pytest.raises(UnknownNameError, match="my net"):
        with_community({}, "retriever", tmp_path)


def test_a_line_of_the_command_line() -> None:
    assert read_line(" my-net = package.module:Class ") == ("my-net", "package.module:Class")
    for line in ("package.module:Class", "a=b", "=a:b", "a=b:c:d", "a=:b"):
        with pytest.raises(FileFormatError, match=r"package\.module:callable"):
            read_line(line)

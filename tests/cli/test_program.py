"""The program itself: help, version, how it starts."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["retrieve", "--help"], ["simulate", "-h"]])
def test_help_teaches(program, arguments):
    done = program(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout
    if len(arguments) > 1:
        assert "Examples" in done.stdout


def test_version(run):
    from importlib import metadata

    assert run("--version").stdout.strip() == f"exosk {metadata.version('exosk')}"


def test_an_unknown_command_is_a_mistake_of_the_user(program):
    done = program("retreive")
    assert done.returncode == 2
    assert "retrieve" in done.stderr

"""`exosk compare-simulators` from a shell, with an installed plugin."""

from __future__ import annotations

import json
import sys

import pytest

from exosk.plugin.manager import default_manager

PLUGIN = """
from exosk.plugin import hookimpl
from exosk.simulators import get_simulator

def broken(**options):
    raise OSError("no [tables] on this machine")

@hookimpl
def exosk_register_simulators():
    return {
        "fewer": lambda **options: get_simulator("builtin", **options | {"n_layers": 10}),
        "broken": broken,
    }
"""
FAST = ("--n", "1", "--n-layers", "20", "--molecules", "H2O", "--range", "1.2", "1.7")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with an installed plugin, to be put on a path."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "exosk_fewer-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "exosk_fewer.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exosk-fewer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[exosk]\nfewer = exosk_fewer\n")
    return folder


@pytest.fixture
def compare(program, installed, monkeypatch):
    """Run it in this process, as one that finds the plugin."""
    monkeypatch.syspath_prepend(installed)
    default_manager.cache_clear()
    yield lambda *arguments: program("compare-simulators", *FAST, *arguments)
    default_manager.cache_clear()
    sys.modules.pop("exosk_fewer", None)


def test_a_table_a_figure_and_the_reasons(run, installed, tmp_path, monkeypatch):
    """From a shell, where the plugin is found as all are."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    done = run("compare-simulators", *FAST, "--simulators", "builtin,fewer,broken", "--out", "new")
    assert done.returncode == 0, done.stderr
    for words in ("fewer", "median", "worst share", "ms a spectrum"):
        assert words in done.stdout
    assert "broken was not compared: OSError: no [tables] on this machine" in done.stdout
    assert max(map(len, done.stdout.split("└")[0].splitlines()[1:])) <= 80
    assert (tmp_path / "new" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_one_document(compare, tmp_path):
    done = compare("--simulators", "fewer", "--seed", "4", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["settings"]["seed"] == 4
    assert document["settings"]["range"] == [1.2, 1.7]
    assert document["simulators"]["fewer"]["rms"] > 0
    for path in document["files"].values():
        assert (tmp_path / path).stat().st_size > 0


def test_when_none_ran_the_status_says_so(compare):
    done = compare("--simulators", "broken", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["failures"] == {"broken": "OSError: no [tables] on this machine"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--simulators", "fewr"), "did you mean 'fewer'"),
        (("--simulators", "builtin"), "no simulator to compare 'builtin' with"),
        (("--simulators", "fewer", "--molecules", "H2OO"), "H2O"),
        (("--simulators", "fewer", "--range", "5", "2"), "low < high"),
        (("--simulators", "fewer", "--range", "40", "50"), "opacities"),
        (("--simulators", "fewer", "--profile", "gilot"), "guillot"),
    ],
)
def test_mistakes_are_said_in_one_sentence(compare, arguments, words):
    done = compare(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr

"""`exosk plugins`: what there is, and why something is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEADER = "from exosk.plugin import hookimpl\n@hookimpl\ndef exosk_register_simulators():\n"
SHELF = {
    "toys": (HEADER + "    return {'toy': object}\n", ""),
    "loud": ("print('hello')\n" + HEADER + "    return {'loud': object}\n", ""),
    "broken": ("import a_package_that_is_not_there\n", ""),
    "asking": ("input('Where are the tables? ')\n", ""),
    "future": ("raise AssertionError('loaded')\n", "Requires-Dist: exosk>=9\n"),
    "rival": (HEADER + "    return {'builtin': object}\n", ""),
    "resting": (HEADER + "    return {}\n", ""),
}


@pytest.fixture
def listed(tmp_path):
    """Run `exosk plugins` where a shelf of distributions is installed."""
    for name, (text, requires) in SHELF.items():
        (tmp_path / f"exosk_{name}.py").write_text(text)
        info = tmp_path / f"exosk_{name}-1.2.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: exosk-{name}\nVersion: 1.2\n"
        (info / "METADATA").write_text(head + requires)
        (info / "entry_points.txt").write_text(f"[exosk]\n{name} = exosk_{name}\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        names = {"PYTHONPATH": str(tmp_path), "EXOSK_DISABLED_PLUGINS": "resting,restign"}
        return subprocess.run(
            [sys.executable, "-m", "exosk", "plugins", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | names | {"COLUMNS": "120"},
        )

    return run


def test_it_lists_every_plugin_with_its_status(listed):
    done = listed("--json")
    assert done.returncode == 0
    plugins = {entry["name"]: entry for entry in json.loads(done.stdout)["plugins"]}
    assert plugins["exosk.simulators.hooks"]["offers"] == {"simulators": ["builtin"]}
    assert plugins["exosk.sources.hooks"]["distribution"] == "exosk"
    assert plugins["toys"] == {
        "name": "toys",
        "distribution": "exosk-toys",
        "version": "1.2",
        "status": "loaded",
        "reason": "",
        "offers": {"simulators": ["toy"]},
    }
    expected = {
        "broken": ("failed", "No module named 'a_package_that_is_not_there'"),
        "asking": ("failed", "asked a question at a prompt"),
        "future": ("incompatible", "needs exosk >=9, this is"),
        "resting": ("blocked", "named in EXOSK_DISABLED_PLUGINS"),
        "rival": ("loaded", "claimed by the plugins 'exosk.simulators.hooks' and 'rival'"),
        "loud": ("loaded", ""),
    }
    for name, (status, reason) in expected.items():
        assert plugins[name]["status"] == status
        assert reason in plugins[name]["reason"]
    # What plugins print, and what a user misspelt, goes elsewhere.
    assert "hello" in done.stderr
    assert "names 'restign', which is no plugin here" in done.stderr


def test_the_table_says_the_same(listed):
    done = listed()
    assert done.returncode == 0
    for text in ("exosk-toys 1.2", "simulators toy", "incompatible", "needs exosk >=9", "blocked"):
        assert text in done.stdout
    assert "hello" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_help_teaches(program):
    done = program("plugins", "--help")
    assert done.returncode == 0
    assert "EXOSK_DISABLED_PLUGINS" in done.stdout
    assert "Examples" in done.stdout

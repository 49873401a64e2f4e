"""Plugins made on the spot: modules and entry points, and whole installed distributions."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Make a module of a given text and an entry point that names it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("EXOSK_DISABLED_PLUGINS", raising=False)

    def make(name: str, text: str) -> EntryPoint:
        module = f"exosk_test_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(text)
        return EntryPoint(name, module, "exosk")

    yield make
    for module in [name for name in sys.modules if name.startswith("exosk_test_")]:
        del sys.modules[module]


@pytest.fixture
def install(tmp_path):
    """Put a distribution `exosk-<name>` on a path that :func:`fresh` processes have."""

    def make(name: str, text: str, requires: str = "") -> None:
        (tmp_path / f"exosk_{name}.py").write_text(text)
        info = tmp_path / f"exosk_{name}-1.2.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: exosk-{name}\nVersion: 1.2\n"
        if requires:
            metadata += f"Requires-Dist: {requires}\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[exosk]\n{name} = exosk_{name}\n")

    return make


@pytest.fixture
def fresh(tmp_path):
    """Run code, or a module with arguments, in a process that sees the installed plugins."""

    def run(*arguments: str, check: bool = True, **environment: str):
        names = {k: v for k, v in os.environ.items() if k != "EXOSK_DISABLED_PLUGINS"}
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
            env=names | {"PYTHONPATH": str(tmp_path)} | environment,
        )

    return run

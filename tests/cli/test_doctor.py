"""`exosk doctor`: what is there, and what it finds fault with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy
import pytest
import torch

import exosk


@pytest.fixture
def doctor(tmp_path):
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        own = {
            "EXOSK_CACHE": str(tmp_path / "cache"),
            "EXOSK_OPACITY_DIR": str(tmp_path / "tables"),
        }
        return subprocess.run(
            [sys.executable, "-m", "exosk", "doctor", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | own | variables | {"COLUMNS": "120"},
        )

    return run


def test_it_tells_what_is_there(doctor, tmp_path):
    done = doctor("--json", OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["exosk"] == exosk.__version__
    assert found["packages"]["numpy"] == {"version": numpy.__version__, "extra": None}
    assert found["packages"]["torch"]["version"] == torch.__version__
    assert found["packages"]["distributed"]["extra"] == "cluster"
    assert "pytest" not in found["packages"]
    assert "H2O" in found["opacities"]["embedded"]
    assert found["compute"]["OMP_NUM_THREADS"] == "1"
    assert found["folders"]["cache"]["path"] == str(tmp_path / "cache")
    assert found["folders"]["cache"]["bytes_free"] > 0
    assert found["problems"] == []


def test_it_names_what_is_to_be_mended(doctor, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "H2O.h5").write_bytes(b"no table")
    (tmp_path / "exosk_broken.py").write_text("import a_package_that_is_not_there\n")
    info = tmp_path / "exosk_broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exosk-broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[exosk]\nbroken = exosk_broken\n")
    done = doctor(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "the plugin broken is not loaded" in done.stdout
    assert "a_package_that_is_not_there" in done.stdout
    assert f"the opacity of H2O ({tmp_path / 'tables' / 'H2O.h5'})" in done.stdout


def test_for_people(doctor):
    done = doctor()
    assert done.returncode == 0, done.stdout
    for word in ("exosk", "packages", "plugins", "opacities", "cores", "free", "nothing to mend"):
        assert word in done.stdout


def test_a_shell_can_complete():
    """Typer's own: `exosk --install-completion`."""
    done = subprocess.run(
        [sys.executable, "-m", "exosk"],
        env=os.environ
        | {"_EXOSK_COMPLETE": "complete_bash", "COMP_WORDS": "exosk surv", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "survey" in done.stdout

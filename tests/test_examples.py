"""The scripts of docs/examples run, each in a process of its own, as a user would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
# So little that it takes seconds; what each must print and draw.
SMALL = {
    "compare_forest_and_cnn": (["--n", "300"], r"log_x_ch4 ", {"comparison.png"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs_and_draws(script, tmp_path):
    arguments, printed, figures = SMALL[script.stem]
    done = subprocess.run(
        [sys.executable, script, *arguments, "--out", tmp_path / "figures"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(printed, done.stdout)
    assert "Warning" not in done.stderr
    assert figures <= {path.name for path in (tmp_path / "figures").glob("*.png")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_what_is_public(script):
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert not re.search(r"(from|import) \S*[. ]_", text)

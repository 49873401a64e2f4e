"""The guide to ASPAs runs from top to bottom."""

import re
from pathlib import Path

import numpy as np
import pytest

from exosk.units import JUPITER_RADIUS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "aspa.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_it_runs_and_draws(tmp_path):
    scope: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for block in BLOCKS:
            exec(block, scope)
    assert scope["images"].shape == (20, 33, 33)
    assert np.isfinite(scope["pixels"].grad.numpy()).all()
    assert {path.name for path in tmp_path.iterdir()} == {"aspa.png", "masked.png"}


def test_the_radius_is_converted_as_it_says():
    (factor,) = re.findall(r"times (0\.\d+)", TEXT)
    assert float(factor) == pytest.approx(6.9911e9 / JUPITER_RADIUS, abs=5e-6)

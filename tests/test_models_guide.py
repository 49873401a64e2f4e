"""The guide to models runs from top to bottom."""

import re
from pathlib import Path

import numpy as np
import pytest

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """Run all blocks in an empty folder."""
    scope: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("guide"))
        for block in BLOCKS:
            exec(block, scope)
        files = {path.name for path in Path("model").iterdir()}
    return scope | {"files": files}


def test_it_ends_with_a_model_that_answers(guide):
    assert guide["files"] == {"card.json", "model.skops", "weights.safetensors"}
    posterior = guide["model"].posterior(guide["spectrum"])
    assert posterior.space == guide["data"].space


def test_what_it_shows_is_sane(guide):
    assert (guide["lower"] <= guide["upper"]).all()
    assert (guide["std"] > 0).all()
    assert guide["components"].shape == (len(guide["test"]), 5)
    assert guide["scores"].metrics()["planet_radius"]["r2"] > 0.5
    assert np.isfinite(guide["found"].metrics()["H2O"]["auc"])

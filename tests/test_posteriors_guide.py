"""The guide to posteriors runs from top to bottom."""

import re
from pathlib import Path

import numpy as np
import pytest

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "posteriors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def guide():
    scope: dict = {}
    for block in BLOCKS:
        exec(block, scope)
    return scope


def test_exact_posteriors_agree(guide):
    exact, reference = guide["exact"], guide["reference"]
    assert exact.meta["verdict"] in ("good", "usable")
    assert (abs(exact.mean - reference.mean) < 0.5 * reference.std).all()


def test_water_is_there_and_the_guard_knows_the_spectrum(guide):
    assert guide["odds"]["H2O"].log_odds > 3
    assert guide["guard"].predict(guide["row"])[0] == 1


def test_checks_find_a_quick_flow_not_hopeless(guide):
    assert np.isfinite(guide["found"].p_value)
    assert 0 <= guide["tarp"].p_value <= 1

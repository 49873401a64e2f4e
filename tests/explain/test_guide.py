"""The guide to explanations runs from top to bottom."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "explaining.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def guide():
    scope: dict = {}
    for block in BLOCKS:
        exec(block, scope)
    return scope


def test_water_shows_where_it_is(guide):
    """The band at 1.4 um, of a planet with nothing else."""
    assert 1.32 < guide["found"].peak < 1.50
    assert guide["score"].rank_correlation > 0.3
    assert guide["score"].overlap >= 0.5
    assert 1.30 < guide["overall"].peak < 1.52


def test_a_network_that_knows_nothing_scores_worse(guide):
    score, real = guide["score_importance"], guide["real"]
    blind = score(guide["nothing"].per_bin, real)
    assert blind.rank_correlation + blind.overlap < (
        guide["score"].rank_correlation + guide["score"].overlap
    )

"""The leaderboard says what was measured, asked, met and paid."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from exosk.benchmark import (
    Cost,
    Entry,
    Result,
    Score,
    describe_machine,
    find_tasks,
    leaderboard,
    read_results,
)

MACHINE = describe_machine()
ROOT = Path(__file__).resolve().parents[2]


def page(entries: list[Entry], tmp_path: Path, **more: object) -> str:
    """The page of one task."""
    found = Result(
        "guessing", "Guessing, of a kind", "How good?", "full", (), MACHINE, entries, {}, **more
    )
    return leaderboard({"guessing": found}, tmp_path / "page.md")


def rows(text: str, k: int) -> list[list[str]]:
    """Cells of the k-th table, as a reader of Markdown sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found: list[list[list[str]]] = []
    for before, token in itertools.pairwise(tokens):
        if before.type == "table_open":
            found.append([])
        if before.type == "tr_open":
            found[-1].append([])
        if before.type in ("td_open", "th_open"):
            found[-1][-1].append(token.content)
    return found[k]


def test_one_row_a_method_with_its_costs(tmp_path: Path) -> None:
    entries = [
        Entry("a", [Score("R2", 0.71234, at_least=0.7), Score("time", 3.0, "s")], Cost(1, 200, 3)),
        Entry("b", [Score("R2", 0.65, error=0.012, at_least=0.7)], Cost(training=7200)),
    ]
    head, first, second = rows(page(entries, tmp_path), 1)
    assert head == ["method", "R2, asked at least 0.7", "time (s)", "simulation", "training",
                    "inference", "total"]  # fmt: skip
    assert first == ["a", "**0.7123**", "3", "1 s", "3 min", "3 s", "3 min"]
    assert second == ["b", "*0.650 ± 0.012*", "-", "-", "2.0 h", "-", "2.0 h"]


def test_many_kinds_of_scores_have_a_row_each(tmp_path: Path) -> None:
    scores = [Score(f"score {k}", k, "ppm", at_most=5) for k in range(12)]
    table = rows(page([Entry("a | b", scores)], tmp_path), 1)
    assert table[0] == ["method", "score", "value", "asked"]
    assert table[1] == ["a | b", "score 0", "**0** ppm", "at most 5 ppm"]
    assert table[-1] == ["", "score 11", "*11* ppm", "at most 5 ppm"]


def test_the_summary_counts_what_was_met(tmp_path: Path) -> None:
    scores = [Score("x", 1.0, at_least=0.5), Score("y", 1.0, at_most=0.5), Score("z", 2.0)]
    cost = {"wall_seconds": 100.0, "processor_seconds": 90.0, "peak_mb": 1500}
    text = page([Entry("a", scores)], tmp_path, cost=cost)
    assert rows(text, 0)[1][1:] == ["1 of 2", "full", MACHINE["date"][:10], "2 min, 1.5 GB"]
    assert "(#guessing-of-a-kind)" in text


def test_figures_are_linked_from_the_page(tmp_path: Path) -> None:
    text = page([], tmp_path, figures=[tmp_path / "results" / "guessing.png"])
    assert "![Guessing, of a kind](results/guessing.png)" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1234567.0, "1,234,567"), (2e12, "2e+12"), (1.23456e-5, "1.2e-05"), (0.5, "0.5")],
)
def test_numbers_are_readable(tmp_path: Path, value: float, shown: str) -> None:
    assert rows(page([Entry("a", [Score("x", value)])], tmp_path), 1)[1][1] == shown


def test_the_page_of_the_documentation_is_that_of_the_results() -> None:
    place = ROOT / "docs" / "leaderboard.md"
    results = read_results(ROOT / "benchmarks" / "results")
    assert place.read_text("utf-8") == leaderboard(results, place), (
        "exosk benchmark leaderboard --out docs/leaderboard.md"
    )
    tasks = find_tasks(ROOT / "benchmarks")
    for name, found in results.items():
        assert (found.title, found.question) == (tasks[name].title, tasks[name].question)
        assert all(figure.is_file() for figure in found.figures)

"""Every task of the benchmarks runs, at its smallest size."""

from __future__ import annotations

from pathlib import Path

import pytest

from exosk.benchmark import find_tasks, read_result, run_task
from exosk.benchmark.rescoring import score_again

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
DATA = FOLDER.parents[1] / "shared" / "data"
TASKS = find_tasks(FOLDER)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_task_runs_and_can_be_scored_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path / "cache"))
    outcome = run_task(TASKS[name], tmp_path / "out", size="smoke", data=DATA)
    if outcome.skipped:
        pytest.skip(f"{name} {outcome.skipped}")
    assert not outcome.problem, outcome.problem
    found = outcome.result
    assert found is not None
    assert found.entries
    assert all(entry.scores for entry in found.entries)
    assert all(figure.is_file() for figure in found.figures)
    # What is kept holds all that scores are made of.
    again = score_again({name: read_result(found.path)}, FOLDER)[name]
    assert again.entries == found.entries


@pytest.mark.slow
def test_an_estimator_of_others_takes_part_by_one_line(tmp_path: Path) -> None:
    task = TASKS["hela"]
    outcome = run_task(
        task, tmp_path, size="smoke", data=DATA, estimators={"theirs": "exosk:MLPRetriever"}
    )
    if outcome.skipped:
        pytest.skip(f"hela {outcome.skipped}")
    assert outcome.result is not None, outcome.problem
    (entry,) = outcome.result.entries
    assert entry.method == "theirs"
    assert -1 < entry.scores[0].value < 1
    assert entry.cost.training > 0

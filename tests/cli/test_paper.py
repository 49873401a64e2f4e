"""`exosk paper` from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exosk.benchmark import Cost, Entry, Result, Score, write_result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for size in ("full", "smoke"):
        path = tmp_path / size / "hela.json"
        scores = [Score("mean R2", 0.6704, at_least=0.672)]
        entries = [Entry(f"method {k}", scores, Cost(training=3.0 + k)) for k in range(3)]
        machine = {"date": "2026-11-28 12:02 UTC"}
        write_result(Result("hela", "A title", "Which?", size, [], machine, entries, {}, path=path))
    return tmp_path / "full"


@pytest.mark.slow
def test_a_paper_is_written_once_and_renewed(program, results):
    arguments = ("paper", "--results", str(results), "--no-planet", "--author", "A. Name")
    done = program(*arguments, "--out", "my paper", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    text = Path(document["text"])
    assert "A. Name" in text.read_text("utf-8")
    assert not document["kept"]
    assert document["author_must_write"]
    assert all(Path(path).exists() for path in document["files"])
    text.write_text("mine", "utf-8")
    again = program("paper", "--results", str(results), "--no-planet", "--out", "my paper")
    assert again.returncode == 0, again.stderr
    assert text.read_text("utf-8") == "mine"
    assert "manuscript.tex is yours" in again.stdout
    assert "0 places for the author" in again.stdout


@pytest.mark.slow
def test_a_note_lists_what_to_write(program, results):
    done = program("paper", "--note", "--results", str(results), "--no-planet")
    assert done.returncode == 0, done.stderr
    assert Path("paper/note.tex").exists()
    assert "places for the author to write" in done.stdout
    assert "what these numbers mean" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--results", "nowhere"), "there is no result"),
        (("--results", "smoke"), "--allow-smoke"),
        (("--results", "full", "--out", "full/hela.json"), "cannot be the folder"),
        (("--results", "full", "--planet", "nobody b"), "nobody b"),
        (("--results", "full", "--planet", "wasp-12b", "--no-planet"), "exclude"),
    ],
)
def test_a_mistake_is_one_sentence(program, results, monkeypatch, arguments, said):
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    done = program("paper", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout

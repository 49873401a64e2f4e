"""The folder of a paper: what is renewed, what is kept, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from exosk.benchmark import Cost, Entry, Score, read_results
from exosk.exceptions import FileFormatError, RangeError
from exosk.paper import results_for_paper, write_paper
from exosk.paper.marks import find_marks, macros_in, words_in
from exosk.paper.references import cited_keys, keys_of
from exosk.paper.sections import KNOWN
from exosk.report.bibtex import known_references

from .conftest import entry, made_result

pytestmark = pytest.mark.usefixtures("quick")


def macros(out) -> dict[str, str]:
    """Read numbers.tex back."""
    text = (out / "numbers.tex").read_text("utf-8")
    return dict(re.findall(r"^\\newcommand\{(\\res[A-Z]\w*)\}\{(.*)\}  % .*$", text, re.MULTILINE))


@pytest.mark.parametrize("note", [False, True])
@pytest.mark.parametrize("with_planet", [False, True])
def test_a_text_uses_only_what_there_is(folder, tmp_path, planet, note, with_planet):
    out = tmp_path / "paper"
    written = write_paper(
        results_for_paper(folder), out, note=note, retrieval=planet if with_planet else None
    )
    text = written.text.read_text("utf-8")
    assert macros_in(text) <= macros(out).keys()
    assert set(cited_keys(text)) <= keys_of((out / "references.bib").read_text("utf-8"))
    for table in re.findall(r"\\resulttable\{(\w+)\}", text):
        assert (out / "tables" / f"{table}.tex").exists()
    assert written.marks
    assert not written.kept
    assert set(re.findall(r"\\ref\{([^}]*)\}", text)) <= set(
        re.findall(r"\\label\{([^}]*)\}", text + "".join(p.read_text() for p in written.files
                                                         if p.suffix == ".tex"))
    )  # fmt: skip


def test_every_section_cites_what_exosk_knows():
    for section in KNOWN.values():
        assert set(cited_keys(section.text)) <= known_references().keys()


def test_a_note_is_as_short_as_the_journal_asks(folder, tmp_path, planet):
    written = write_paper(results_for_paper(folder), tmp_path / "p", note=True, retrieval=planet)
    text = written.text.read_text("utf-8")
    assert 100 < words_in(text) <= 1500
    abstract = text.partition(r"\begin{abstract}")[2].partition(r"\end{abstract}")[0]
    assert words_in(r"\begin{document}" + abstract) <= 150
    assert text.count(r"\begin{figure") + text.count(r"\resulttable{") == 1


def test_numbers_change_and_prose_does_not(folder, tmp_path):
    out = tmp_path / "paper"
    first = write_paper(results_for_paper(folder), out)
    own = first.text.read_text("utf-8") + "% mine\n"
    first.text.write_text(own, "utf-8")
    before = macros(out)
    made_result("hela", [entry("forest", 0.91, 5.0), entry("flow", 0.8, 7.0)], folder)
    again = write_paper(results_for_paper(folder), out)
    assert again.kept
    assert again.text.read_text("utf-8") == own
    assert macros(out)["\\resHelaBestMeanRTwo"] == "$0.910$"
    assert before["\\resHelaBestMeanRTwo"] == "$0.67198$"
    assert not (out / "figures" / "result-hela-curves.png").exists()
    assert any("result-hela-curves.png" in note for note in again.notes)


def test_a_text_is_replaced_only_on_demand_and_kept_beside(folder, tmp_path):
    out = tmp_path / "paper"
    written = write_paper(results_for_paper(folder), out)
    fresh = written.text.read_text("utf-8")
    for k in (1, 2):
        written.text.write_text(f"my prose {k}", "utf-8")
        replaced = write_paper(results_for_paper(folder), out, overwrite=True)
        assert replaced.backup == out / f"manuscript.tex.{k}"
        assert replaced.backup.read_text("utf-8") == f"my prose {k}"
        assert replaced.text.read_text("utf-8") == fresh


def test_what_the_results_no_longer_have_becomes_a_mark(folder, tmp_path, planet):
    out = tmp_path / "paper"
    written = write_paper(results_for_paper(folder), out, retrieval=planet)
    written.text.write_text(
        r"\resMyOwnALoss{} \resulttable{my_own} \citep{Mine2020}" + "\n% \\resCommented", "utf-8"
    )
    (folder / "my_own.json").unlink()
    again = write_paper(results_for_paper(folder), out, retrieval=planet)
    numbers = (out / "numbers.tex").read_text("utf-8")
    assert r"\newcommand{\resMyOwnALoss}{\authormustwrite{" in numbers
    assert "resCommented" not in numbers
    assert not (out / "tables" / "my_own.tex").exists()
    said = " ".join(again.notes)
    assert "my_own, which is no more" in said
    assert "Mine2020" in said
    assert "resMyOwnALoss" in said


def test_the_authors_references_stay(folder, tmp_path):
    out = tmp_path / "paper"
    written = write_paper(results_for_paper(folder), out)
    path = out / "references.bib"
    own = (
        "@article{Mine2020,\n  title = {Mine},\n}\n\n@article{Brown2001,\n  title = {My own},\n}\n"
    )
    path.write_text(own, "utf-8")
    written.text.write_text(r"\citep{Mine2020,Brown2001,Dax2023}", "utf-8")
    again = write_paper(results_for_paper(folder), out)
    assert path.read_text("utf-8").startswith(own.rstrip("\n"))
    assert keys_of(path.read_text("utf-8")) == {"Mine2020", "Brown2001", "Dax2023"}
    assert not any("lacks" in note for note in again.notes)
    content = path.read_bytes()
    write_paper(results_for_paper(folder), out)
    assert path.read_bytes() == content


def test_the_same_results_give_the_same_files(folder, tmp_path, planet):
    folders = [tmp_path / "a", tmp_path / "b"]
    found = [write_paper(results_for_paper(folder), out, retrieval=planet) for out in folders]
    assert [p.relative_to(folders[0]) for p in found[0].files] == [
        p.relative_to(folders[1]) for p in found[1].files
    ]
    for one, other in zip(*(sorted(out.rglob("*.*")) for out in folders), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_another_file_is_not_replaced(folder, tmp_path):
    (tmp_path / "numbers.tex").write_text("mine", "utf-8")
    with pytest.raises(RangeError, match=r"numbers\.tex is there and was not written"):
        write_paper(results_for_paper(folder), tmp_path)
    assert (tmp_path / "numbers.tex").read_text("utf-8") == "mine"
    assert not (tmp_path / "manuscript.tex").exists()


@pytest.mark.parametrize("text", ["[]", "{", '{"schema": 99, "files": []}', '{"schema": 1}'])
def test_a_broken_record_of_the_folder(folder, tmp_path, text):
    (tmp_path / "paper.json").write_text(text, "utf-8")
    with pytest.raises(FileFormatError, match=r"paper\.json"):
        write_paper(results_for_paper(folder), tmp_path)


def test_a_record_removes_nothing_but_figures_and_tables(folder, tmp_path):
    out = tmp_path / "paper"
    out.mkdir()
    (tmp_path / "thesis.tex").write_text("mine", "utf-8")
    names = ["../thesis.tex", "figures/../../thesis.tex", "manuscript.tex"]
    (out / "paper.json").write_text(json.dumps({"schema": 1, "files": names}), "utf-8")
    (out / "manuscript.tex").write_text("mine", "utf-8")
    write_paper(results_for_paper(folder), out)
    assert (tmp_path / "thesis.tex").read_text("utf-8") == "mine"
    assert (out / "manuscript.tex").read_text("utf-8") == "mine"


def test_smoke_is_refused_or_marked(folder, tmp_path):
    made_result("hela", [entry("a", 0.7, 1.0), entry("b", 0.6, 2.0)], folder, size="smoke")
    with pytest.raises(RangeError, match=r"hela .* smoke"):
        results_for_paper(folder)
    out = tmp_path / "paper"
    write_paper(results_for_paper(folder, allow_smoke=True), out)
    numbers = macros(out)
    assert numbers["\\resHelaBestMeanRTwo"].endswith(r"\smokerun{}")
    assert "smoke" not in numbers["\\resExoganTaskGanRTwoOfXEight"]
    assert r"\smokerun{}" in (out / "tables" / "hela.tex").read_text("utf-8")
    text = (out / "manuscript.tex").read_text("utf-8")
    assert r"\smokerun{}" in text.partition(r"\end{abstract}")[0]


def test_every_table_says_at_which_size_it_was_measured(folder, tmp_path):
    out = tmp_path / "paper"
    results = results_for_paper(folder)
    write_paper(results, out)
    for task, result in results.items():
        text = (out / "tables" / f"{task}.tex").read_text("utf-8")
        said = "full size" if result.size == "full" else r"by hand, with \texttt{----n"
        assert said.replace("----", "--") in text


def test_tasks_without_results_are_marked_with_what_to_run(folder, tmp_path):
    written = write_paper(results_for_paper(folder), tmp_path / "paper")
    text = written.text.read_text("utf-8")
    (mark,) = [m for m in find_marks(text) if "no result on disk" in m.text]
    assert r"molecule\_detection" in mark.text
    assert "hela" not in mark.text


def test_what_is_no_result_is_refused(folder, tmp_path):
    with pytest.raises(FileFormatError, match="no result"):
        results_for_paper(tmp_path / "nowhere")
    document = json.loads((folder / "hela.json").read_text("utf-8"))
    (folder / "hela.json").write_text(json.dumps(document | {"schema": 99}), "utf-8")
    with pytest.raises(FileFormatError, match="schema 99"):
        results_for_paper(folder)
    (folder / "hela.json").write_text("{", "utf-8")
    with pytest.raises(FileFormatError, match=r"hela\.json"):
        results_for_paper(folder)


def test_results_without_entries_are_left_out(folder, tmp_path):
    made_result("generation", [], folder)
    assert "generation" not in results_for_paper(folder)
    empty = tmp_path / "empty"
    made_result("generation", [], empty)
    with pytest.raises(FileFormatError, match="entry"):
        results_for_paper(empty)


def test_a_picture_that_is_none(folder, tmp_path):
    (folder / "hela curves.png").write_text("no picture", "utf-8")
    with pytest.raises(FileFormatError, match=r"hela curves\.png"):
        write_paper(results_for_paper(folder), tmp_path / "paper")


def test_a_missing_picture_is_left_out(folder, tmp_path):
    (folder / "hela curves.png").unlink()
    written = write_paper(results_for_paper(folder), tmp_path / "paper")
    assert "result-hela" not in written.text.read_text("utf-8")


def test_a_title_for_a_kept_text_is_refused(folder, tmp_path):
    results = results_for_paper(folder)
    write_paper(results, tmp_path / "p", title="50 % & more", authors=["A_B C", "Zoë Þ"])
    text = (tmp_path / "p" / "manuscript.tex").read_text("utf-8")
    assert r"\title{50 \% \& more}" in text
    assert r"\author{Zoë [U+00DE]}" in text
    with pytest.raises(RangeError, match="--overwrite"):
        write_paper(results, tmp_path / "p", title="Another")


def test_an_unwritable_folder(folder, tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(RangeError, match="cannot be the folder"):
        write_paper(results_for_paper(folder), tmp_path / "file")


def test_methods_whose_macros_would_be_alike(folder, tmp_path):
    alike = [Entry("a-b", [Score("s", 1.0)]), Entry("a b", [Score("s", 2.0)], Cost())]
    made_result("my_own", alike, folder)
    write_paper(results_for_paper(folder), tmp_path / "p")
    numbers = macros(tmp_path / "p")
    assert {numbers["\\resMyOwnABS"], numbers["\\resMyOwnABSB"]} == {"$1.00$", "$2.00$"}


def test_values_are_those_of_the_results(folder, tmp_path):
    """Every number of a table's cell lies within its rounding of one in the JSON."""
    write_paper(results_for_paper(folder), tmp_path / "p")
    text = (tmp_path / "p" / "tables" / "exogan_task.tex").read_text("utf-8")
    shown = [float(v) for v in re.findall(r"& \$([\d.]+)\$", text)]
    values = [s.value for e in read_results(folder)["exogan_task"].entries for s in e.scores]
    for value in values:
        assert any(abs(value - one) < 0.0051 for one in shown)


def test_a_result_may_lack_its_machine(folder, tmp_path):
    results = results_for_paper(folder)
    results["hela"] = replace(results["hela"], machine={})
    write_paper(results, tmp_path / "p")
    assert macros(tmp_path / "p")["\\resHelaDate"] == "unknown"

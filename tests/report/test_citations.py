"""What a report cites: all that was used, nothing else, each once, as BibTeX that parses."""

import dataclasses
import re
from importlib import resources

import numpy as np
import pytest

from exosk.evaluation.predictive import DISCREPANCIES, PredictiveCheck
from exosk.opacities.embedded import cards, line_molecules
from exosk.posterior import Posterior
from exosk.report import citations, method_text
from exosk.report.bibtex import find_references, known_references, references_of
from exosk.report.citations import bibliography
from exosk.retrieval import METHODS
from exosk.sources import load_spectrum

# What a citation's own text looks like.
CITATION = re.compile(r"[A-Z][\w-]+.*\b(19|20)\d\d\b.*(\d+, [A-Z]?\d+|arXiv:)")
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "misc": {"author", "title"},
}


def parse(text):
    """Read BibTeX by its grammar: entries of key and fields, braces in balance."""
    entries, at = {}, 0
    while (start := text.find("@", at)) >= 0:
        assert "%" not in text[at:start] or text[at:start].strip().startswith("%")
        head = re.compile(r"@(\w+)\{([A-Za-z][\w:.-]*),").match(text, start)
        assert head, text[start : start + 40]
        kind, key = head.groups()
        assert key not in entries, f"{key} stands twice"
        at, fields = head.end(), {}
        while True:
            field = re.compile(r"\s*(\w+)\s*=\s*\{").match(text, at)
            if not field:
                break
            value, at = braced(text, field.end())
            assert field[1] not in fields
            fields[field[1]] = value
            assert text[at] == ","
            at += 1
        end = re.compile(r"\s*\}").match(text, at)
        assert end, text[at : at + 40]
        at = end.end()
        entries[key] = (kind, fields)
    assert not text[at:].strip()
    return entries


def braced(text, start):
    depth = 1
    for at in range(start, len(text)):
        # BibTeX counts those behind a backslash too.
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start:at], at + 1
    raise AssertionError("a brace is never closed")


def plain_latex(value):
    """What LaTeX would take for its own, outside of mathematics."""
    return re.findall(r"(?<!\\)[&%#_]", re.sub(r"\$[^$]*\$", "", value))


@pytest.fixture(scope="module")
def known():
    return parse(resources.files("exosk.report").joinpath("references.bib").read_text("utf-8"))


def test_the_file_parses_and_entries_are_whole(known):
    assert len(known) > 60
    for key, (kind, fields) in known.items():
        assert REQUIRED[kind] <= fields.keys(), key
        assert not any(map(plain_latex, fields.values())), key
        assert all(value.isascii() for value in fields.values()), key
        assert " and others and " not in fields["author"]
        if "year" in fields:
            assert 1960 <= int(fields["year"]) <= 2026
        if "doi" in fields:
            assert re.fullmatch(r"10\.\d{4,}/\S+", fields["doi"])
        if "eprint" in fields:
            assert re.fullmatch(r"\d{4}\.\d{4,5}", fields["eprint"])
            assert fields["archiveprefix"] == "arXiv"


def test_keys_begin_with_the_first_author_and_end_with_the_year(known):
    for key, (_, fields) in known.items():
        if "year" in fields:
            assert fields["year"] == key.rstrip("ab")[-4:]
            author = re.sub(r"\\[`'\"~c]|[^A-Za-z]", "", fields["author"].partition(",")[0])
            assert author.startswith(key.rstrip("ab")[:-4]) or key == "Astropy2022", key


def test_the_library_reads_what_a_parser_reads(known):
    found = known_references()
    assert {k: (r.kind, dict(r.fields)) for k, r in found.items()} == known
    assert parse("\n".join(r.bibtex for r in found.values())) == known


def lines_of(module):
    """Every text of a module that is a citation, whatever holds it."""
    found, waiting = set(), list(vars(module).values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and CITATION.match(value) and len(value) < 130:
            found.add(value)
        elif isinstance(value, dict):
            waiting += list(value.values())
        elif isinstance(value, list | tuple):
            waiting += list(value)
    return found


@pytest.mark.parametrize("module", [citations, method_text, cards, line_molecules])
def test_what_exosk_itself_cites_is_known(module):
    lines = lines_of(module)
    assert lines
    unknown = {line for line in lines if not find_references(line)}
    # Known by their number only: what they are called stands in no source that was at hand.
    assert {line[:9] for line in unknown} <= {"Thorngren", "Welbanks "}
    for line in lines - unknown:
        (reference,) = find_references(line)
        surname = re.sub(r"[^A-Za-z]", "", line.split()[0])
        name = re.sub(r"\\[`'\"~c]|[^A-Za-z ]", "", reference.fields["author"])
        assert surname in name.replace(" ", ""), line


def test_embedded_observations_are_known_with_their_systems():
    for name in ("wasp-39b", "wasp-12b"):
        spectrum = load_spectrum(name)
        assert find_references(spectrum.reference)
        for line in spectrum.meta["parameter_references"].values():
            assert find_references(line), line


def test_a_line_may_name_several(known):
    text = load_spectrum("wasp-39b").reference
    assert [r.key for r in references_of(text)] == ["Carter2024", "Rustamkulov2023"]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            "Sing et al. 2016, Nature 529, 59 (ten planets)",
            {
                "author": "Sing and others",
                "year": "2016",
                "journal": "Nature",
                "volume": "529",
                "pages": "59",
            },
        ),
        ("Aas, Jullum & Jones 2024, arXiv:2401.00001", {"author": "Aas and Jullum and Jones"}),
        ("Thorngren 2025, arXiv:2510.00169", {"eprint": "2510.00169", "archiveprefix": "arXiv"}),
        ("doi:10.1234/a_b", {"doi": r"10.1234/a\_b"}),
        ("a file of 50 % & #1_x", {"note": r"a file of 50 \% \& \#1\_x"}),
        (
            "half of {a brace} }",
            {
                "note": r"half of \textbraceleft a brace\textbraceright  "
                r"\textbraceright "
            },
        ),
    ],
)
def test_an_unknown_line_becomes_what_it_says(line, fields):
    (reference,) = references_of(line)
    assert fields.items() <= reference.fields.items()
    assert "title" not in reference.fields
    parsed = parse(reference.bibtex)
    assert parsed == {reference.key: (reference.kind, dict(reference.fields))}
    assert not any(map(plain_latex, reference.fields.values()))
    # The same text has the same key, another has another.
    assert references_of(line)[0].key == reference.key
    assert references_of(line + " again")[0].key != reference.key


def test_every_line_has_an_entry_and_every_entry_a_line(each):
    found = bibliography(each)
    entries = parse(found.bibtex)
    keys = [key for _, lines in found.groups for line in lines for key in line.keys]
    assert set(keys) == entries.keys()
    assert all(line.keys for _, lines in found.groups for line in lines)
    texts = [line.text for _, lines in found.groups for line in lines]
    assert len(texts) == len(set(texts))


def keys(retrieval, *explained_by):
    return {reference.key for reference in bibliography(retrieval, explained_by).references}


def test_only_what_was_used_is_cited(retrieval):
    plain = keys(retrieval)
    assert {"MarquezNeila2018", "DelMoral2006", "MacDonald2020", "exosk"} <= plain
    assert not {"Lange2023", "Durkan2019", "Rozet2022", "Zingales2018", "Lee2018"} & plain
    assert not {"Gelman1996", "Lecavelier2008", "Lundberg2017", "Harris2020"} & plain
    for method in METHODS:
        own = keys(dataclasses.replace(retrieval, method=method))
        assert ("Lange2023" in own) == (method == "nested")
        assert ("Neal2011" in own) == (method == "hmc")
        assert ("Zingales2018" in own) == (method == "gan")
        assert ("Rozet2022" in own) == (method in ("pretrained", "flow", "flow+is"))
        assert ("Gebhard2025" in own) == (method in ("pretrained", "flow+is"))
        assert ("MarquezNeila2018" in own) == (method in ("forest", "hmc"))
        assert {"Hunter2007", "ForemanMackey2016"} <= own


def test_what_a_retrieval_has_more_is_cited_more(real, retrieval):
    before = keys(retrieval)
    zeros = {name: np.zeros(9) for name in DISCREPANCIES}
    check = PredictiveCheck(zeros, zeros, dict.fromkeys(zeros, 0.5), np.zeros(3), np.ones(3))
    assert keys(dataclasses.replace(retrieval, predictive=check)) - before == {"Gelman1996"}
    guard = {"parts": {"embedding": 0.5}, "verdict": "", "outside": False}
    assert keys(dataclasses.replace(retrieval, guard=guard)) - before == {"Lee2018"}
    assert keys(retrieval, "shap", "lime") - before == {"Lundberg2017", "Aas2021", "Ribeiro2016"}
    weighed = Posterior(
        retrieval.posterior.samples, retrieval.posterior.space, meta={"pareto_k": 0.1}
    )
    more = keys(dataclasses.replace(retrieval, posterior=weighed)) - before
    assert more == {"Dax2023", "Vehtari2024"}
    assert {"Kreidberg2015", "Collins2017", "Kempton2017", "Borysow2002"} <= keys(real)
    assert {"Brown2001", "Dalgarno1962", "Chan1965", "Harris2020", "Astropy2022"} <= keys(real)


def test_versions_are_in_the_entries(real):
    entries = parse(bibliography(real).bibtex)
    versions = real.provenance["versions"]
    assert entries["exosk"][1]["version"] == versions["exosk"]
    assert entries["Harris2020"][1]["note"] == f"version {versions['numpy']}"


def test_an_identifier_joins_the_paper_that_it_is_of(retrieval):
    def cited(reference, doi):
        meta = {"doi": doi}
        spectrum = retrieval.spectrum.replace(reference=reference, meta=meta)
        found = bibliography(dataclasses.replace(retrieval, spectrum=spectrum))
        data = dict(found.groups)["Data"]
        entries = parse(found.bibtex)
        return [{k: entries[k][1].get("doi") for k in line.keys} for line in data]

    paper, more = cited("Sing et al. 2016, Nature 529, 59", "10.1038/nature16068")
    assert paper == more
    assert list(paper.values()) == ["10.1038/nature16068"]
    paper, more = cited("Mancini et al. 2018, A&A 613, A41", "10.1051/0004-6361/201732234")
    assert paper == more == {"Mancini2018": "10.1051/0004-6361/201732234"}
    # Of two it is not known which.
    both, _ = cited("Sing et al. 2016, Nature 529, 59; Foo 2017, ApJ 1, 2", "10.1/x")
    assert list(both.values()) == [None, None]


def test_an_archives_thanks_name_its_table(retrieval):
    thanks = "This research has made use of the NASA Exoplanet Archive (DOI 10.26133/NEA13)"
    spectrum = retrieval.spectrum.replace(meta={"citation": thanks})
    found = bibliography(dataclasses.replace(retrieval, spectrum=spectrum))
    assert ("NEA13",) in [line.keys for line in dict(found.groups)["Data"]]

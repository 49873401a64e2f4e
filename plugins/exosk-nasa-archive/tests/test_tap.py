"""Answers of the TAP service: whole, understood and kept, or an error that says why not."""

from __future__ import annotations

import gzip
import io
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.io.votable import from_table
from astropy.io.votable.tree import Info
from astropy.table import Table
from exosk_nasa_archive import NasaArchiveSource
from exosk_nasa_archive.index import COLUMNS, read_index
from exosk_nasa_archive.tap import Tap, read_votable

from exosk.downloads import Cache
from exosk.exceptions import DownloadError
from exosk.testing import Answer, LocalServer
from exosk.testing.suite import check_refused

SYNC = "/TAP/sync"
QUERY = "select a, b from t"


@pytest.fixture
def tap(server, client, cache):
    return Tap(server.url(), client, cache)


def ask(tap, **options):
    return tap.query(QUERY, "t", "a table", **{"max_age": 7.0} | options)


def test_a_query_is_asked_as_the_protocol_says_and_kept(server, tap, votable):
    server.answer(SYNC, Answer(votable(["a", "b"], [{"a": "x", "b": 2.5}, {"a": "ü", "b": None}])))
    table, entry = ask(tap)
    (asked,) = server.requests
    assert asked.method == "GET"
    assert asked.query == {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": QUERY}
    assert list(table["a"]) == ["x", "ü"]
    assert table["b"][0] == 2.5
    assert (entry.source, entry.name, entry.title) == ("nasa-archive", "t.vot", "a table")
    assert "NASA Exoplanet Archive" in entry.citation
    again, same = ask(tap)
    assert same == entry
    assert len(server.requests) == 1
    assert (again["a"] == table["a"]).all()


def test_two_queries_are_two_files(server, tap, votable):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "x"}])))
    _, first = ask(tap)
    _, second = tap.query("select a from other", "t", "a table", max_age=7.0)
    assert (first.name, first.key != second.key) == (second.name, True)
    assert len(server.requests) == 2


def test_two_archives_are_not_mixed(server, client, cache, votable):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "here"}])))
    with LocalServer() as other:
        other.answer(SYNC, Answer(votable(["a"], [{"a": "there"}])))
        here, _ = ask(Tap(server.url(), client, cache))
        there, _ = ask(Tap(other.url(), client, cache))
    assert (here["a"][0], there["a"][0]) == ("here", "there")


def test_an_empty_answer_has_no_rows(server, tap, votable):
    server.answer(SYNC, Answer(votable(["a", "b"], [])))
    table, _ = ask(tap, columns=("a", "b"))
    assert len(table) == 0


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_astropys_own_votables_are_read_alike(archive, server, tap, form):
    """With the standard's units and types."""
    table = Table({name: [row[name] for row in archive.index] for name in COLUMNS})
    table["minwavelng"].unit = table["maxwavelng"].unit = u.um
    server.answer(SYNC, Answer(written(table, form)))
    answer, _ = ask(tap, columns=COLUMNS)
    assert read_index(answer) == read_index(read_own(archive, tap))


def test_wavelengths_are_converted_from_the_units_that_are_stated(archive, server, tap):
    table = Table({name: [row[name] for row in archive.index] for name in COLUMNS})
    for name in ("minwavelng", "maxwavelng"):
        table[name] = 1000 * np.array(table[name])
        table[name].unit = u.nm
    server.answer(SYNC, Answer(written(table, "tabledata")))
    answer, _ = ask(tap)
    found = [(entry.low, entry.high) for entry in read_index(answer)]
    expected = [(entry.low, entry.high) for entry in read_index(read_own(archive, tap))]
    np.testing.assert_allclose(found, expected)


def written(table, form):
    document = from_table(table)
    document.resources[0].type = "results"
    document.resources[0].infos.append(Info(name="QUERY_STATUS", value="OK"))
    file = io.BytesIO()
    document.to_xml(file, tabledata_format=form)
    return file.getvalue()


def read_own(archive, tap):
    path = tap.cache.folder / "own.vot"
    path.write_bytes(archive.votable_of_index())
    return read_votable(path, "own")


def test_a_refused_query_is_told_in_the_services_words(server, tap, refusal):
    said = "ORA-00904: &quot;PL_NAMEE&quot;: invalid identifier\nHelp: https://example.org"
    server.answer(SYNC, Answer(refusal(said), "text/xml"))
    error = check_refused(lambda: ask(tap), "an error document")
    assert re.search(r'refused a query \(a table\): ORA-00904: "PL_NAMEE"', str(error))
    assert tap.cache.entries() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"<html>Maintenance</html>", "text/html"), "web page"),
        (Answer(b""), "empty"),
        (Answer(b"ERROR 504 Upstream Request Timeout"), "not a whole VOTable"),
        (Answer(b"pl_name,spec_path\nWASP-39 b,a.tbl\n", "text/csv"), "not a whole VOTable"),
        (Answer(b"<VOTABLE></VOTABLE>"), "not a whole VOTable"),
        (Answer(b'{"a": 1}'), "not a whole VOTable"),
        (Answer(b"x", status=404), "no such file"),
        (Answer(b"x", status=400), "refused a query"),
        (Answer(b"x", status=500), "busy or down"),
        (Answer(b"x", status=429), "busy or down"),
        (Answer(b"x", wait=3), "no answer in time"),
        (Answer(b"<VOTABLE>" * 100, cut=300), "broke before the end"),
        (Answer(b"<VOTABLE>" * 7000, endless=True), "longer than"),
        (
            Answer(gzip.compress(b"<VOTABLE>" * 100)[:-9], headers={"Content-Encoding": "gzip"}),
            "cut short",
        ),
    ],
    ids=[
        "html", "empty", "text", "csv", "nothing within", "json", "404", "400", "500", "429",
        "time-out", "reset", "endless", "truncated gzip",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_not_kept(server, tap, answer, reason):
    server.answer(SYNC, answer)
    error = check_refused(lambda: ask(tap), reason)
    assert isinstance(error, DownloadError)
    assert reason in str(error)
    assert tap.cache.entries() == []
    assert not [path for path in tap.cache.folder.rglob("*.vot") if path.is_file()]


@pytest.mark.parametrize("where", [0.3, 0.6, 0.95])
def test_a_votable_cut_short_is_not_taken(server, tap, votable, where):
    whole = votable(["a", "b"], [{"a": "x" * 30, "b": 1.0 * k} for k in range(50)])
    server.answer(SYNC, Answer(whole[: int(where * len(whole))]))
    with pytest.raises(DownloadError, match="not a whole VOTable"):
        ask(tap)


def test_a_part_of_the_rows_is_not_taken_for_all(server, tap, votable):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "x"}], status="OVERFLOW")))
    with pytest.raises(DownloadError, match="a part of the rows only"):
        ask(tap)


def test_an_answer_without_a_column_is_told(server, tap, votable):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "x"}])))
    with pytest.raises(DownloadError, match=r"no column b, c.*newer exosk-nasa-archive"):
        ask(tap, columns=("a", "b", "c"))
    assert tap.cache.entries() == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_waited_for(server, tap, votable, status):
    server.answer(SYNC, Answer(b"", status=status), Answer(votable(["a"], [{"a": "x"}])))
    assert ask(tap)[0]["a"][0] == "x"


def test_a_redirection_within_the_archive_is_followed(server, tap, votable):
    server.answer(SYNC, Answer(status=303, headers={"Location": "/results/1"}))
    server.answer("/results/1", Answer(votable(["a"], [{"a": "x"}])))
    assert ask(tap)[0]["a"][0] == "x"


def test_a_redirection_elsewhere_is_not(server, tap, votable):
    with LocalServer() as other:
        other.answer("/x", Answer(votable(["a"], [{"a": "x"}])))
        server.answer(SYNC, Answer(status=302, headers={"Location": other.url("/x")}))
        with pytest.raises(DownloadError, match="another server"):
            ask(tap)
        assert other.requests == []


def test_an_old_answer_is_asked_for_again(server, tap, votable):
    server.answer(SYNC, *(Answer(votable(["a"], [{"a": name}])) for name in ("old", "new")))
    assert ask(tap)[0]["a"][0] == "old"
    assert ask(tap)[0]["a"][0] == "old"
    assert ask(tap, max_age=-1.0)[0]["a"][0] == "new"


def test_an_old_answer_serves_where_no_new_one_is_to_be_had(server, tap, votable, refusal):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "old"}])), Answer(refusal("down")))
    ask(tap)
    table, entry = ask(tap, max_age=-1.0)
    assert table["a"][0] == "old"
    assert "down" in entry.problem


def test_offline_nothing_is_asked(server, client, cache, votable):
    server.answer(SYNC, Answer(votable(["a"], [{"a": "x"}])))
    ask(Tap(server.url(), client, cache))
    server.requests.clear()
    offline = Tap(server.url(), client, Cache(cache.folder, offline=True))
    assert ask(offline, max_age=-1.0)[0]["a"][0] == "x"
    with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
        offline.query("select b from t", "t", "another table", max_age=7.0)
    assert server.requests == []


def test_a_column_of_words_where_numbers_should_be_is_told(source, archive):
    for row in archive.index:
        row["num_datapoints"] = "many"
    with pytest.raises(DownloadError, match="'many' as num_datapoints, which is no number"):
        source.names()


def test_what_breaks_one_answer_breaks_no_later_one(archive, client, cache):
    source = NasaArchiveSource(archive.url, client=client, cache=cache)
    archive.server.answer(SYNC, Answer(b"<html>Maintenance</html>", "text/html"))
    with pytest.raises(DownloadError):
        source.names()
    archive.server.answer(SYNC, archive.tap)
    assert len(source.names()) == 17

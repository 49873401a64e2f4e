"""Once fetched, always at hand; whole or absent; one download however many ask."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from exosk.downloads import Cache, Item, Origin, default_cache
from exosk.exceptions import DownloadError, FileFormatError
from exosk.testing import Answer

BODY = b"wavelength,depth\n1.4,0.02\n"
ITEM = Item("archive", "spectra/1.csv", "1.csv", "WASP-39 b, someone", "cite me", "CC0")


def writing(data, url="http://archive/1"):
    def make(path):
        path.write_bytes(data)
        return Origin(url, "text/csv")

    return make


def never(path):
    raise AssertionError("asked again")


def files(cache):
    found = (path for path in cache.folder.rglob("*") if path.is_file())
    return sorted(path.name for path in found if path.suffix != ".lock")


def backdate(cache, item, days):
    (index,) = (cache.folder / "index").glob("*/*.json")
    stored = json.loads(index.read_text())
    then = datetime.datetime.fromisoformat(stored["retrieved"]) - datetime.timedelta(days=days)
    index.write_text(json.dumps(stored | {"retrieved": then.isoformat()}))


def test_what_was_fetched_is_there(cache):
    entry = cache.fetch(ITEM, writing(BODY))
    assert entry.path.read_bytes() == BODY
    assert entry.path.name == "1.csv"
    assert (entry.citation, entry.licence) == ("cite me", "CC0")
    assert entry.url == "http://archive/1"
    assert cache.fetch(ITEM, never) == entry
    assert cache.entries() == [entry]
    assert Cache(cache.folder, offline=True).fetch(ITEM, never) == entry


def test_an_entry_can_be_written_as_json(cache):
    entry = cache.fetch(ITEM, writing(BODY))
    assert json.loads(json.dumps(entry.to_dict()))["path"] == str(entry.path)


def test_offline_says_what_to_do(cache):
    with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
        Cache(cache.folder, offline=True).fetch(ITEM, never)


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path))
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    assert default_cache() == Cache(tmp_path, offline=True)
    monkeypatch.setenv("EXOSK_OFFLINE", "0")
    assert not default_cache().offline


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="EXOSK_CACHE"):
        Cache(tmp_path / "file").fetch(ITEM, writing(BODY))


@pytest.mark.parametrize("data", [BODY[:-1], BODY.replace(b"4", b"5"), None])
def test_a_file_that_was_changed_is_fetched_again(cache, data):
    entry = cache.fetch(ITEM, writing(BODY))
    if data is None:
        entry.path.unlink()
    else:
        entry.path.write_bytes(data)
    assert not cache.is_whole(entry)
    assert cache.find(ITEM.source, ITEM.key) is None
    again = cache.fetch(ITEM, writing(BODY))
    assert again.path.read_bytes() == BODY


def test_a_damaged_index_is_no_entry(cache):
    cache.fetch(ITEM, writing(BODY))
    (index,) = (cache.folder / "index").glob("*/*.json")
    for text in ("", "{", "[]", '{"version": 99}', '{"version": 1}'):
        index.write_text(text)
        assert cache.entries() == []
        assert cache.find(ITEM.source, ITEM.key) is None
    assert cache.fetch(ITEM, writing(BODY)).path.read_bytes() == BODY


def test_an_index_cannot_point_outside(cache, tmp_path):
    cache.fetch(ITEM, writing(BODY))
    (index,) = (cache.folder / "index").glob("*/*.json")
    stored = json.loads(index.read_text())
    (tmp_path / "secret").write_text("x")
    index.write_text(json.dumps(stored | {"name": "../../../../secret"}))
    assert cache.entries() == []


def test_a_file_that_fails_its_check_is_not_kept(cache):
    def check(path):
        raise FileFormatError("not a spectrum")

    with pytest.raises(FileFormatError):
        cache.fetch(ITEM, writing(BODY), check)
    assert files(cache) == []


def test_a_wrong_checksum_is_not_kept(cache):
    with pytest.raises(DownloadError, match="SHA-256"):
        cache.fetch(replace(ITEM, sha256="00" * 32), writing(BODY))
    assert files(cache) == []
    entry = cache.fetch(ITEM, writing(BODY))
    assert cache.fetch(replace(ITEM, sha256=entry.sha256.upper()), never) == entry


def test_an_answer_is_asked_for_again_when_it_is_old(cache):
    query = replace(ITEM, max_age=7.0)
    cache.fetch(query, writing(BODY))
    assert cache.fetch(query, never).problem == ""
    backdate(cache, query, 8)
    newer = cache.fetch(query, writing(BODY + b"1.5,0.03\n"))
    assert newer.path.read_bytes() == BODY + b"1.5,0.03\n"
    assert len(files(cache)) == 2  # the old file is gone


def test_an_old_answer_serves_where_no_new_one_is_to_be_had(cache):
    query = replace(ITEM, max_age=7.0)
    cache.fetch(query, writing(BODY))
    backdate(cache, query, 8)

    def fail(path):
        raise DownloadError("the archive is down")

    old = cache.fetch(query, fail)
    assert old.path.read_bytes() == BODY
    assert "down" in old.problem
    assert Cache(cache.folder, offline=True).fetch(query, never).problem == ""
    with pytest.raises(DownloadError, match="down"):
        cache.fetch(query, fail, refresh=True)
    assert old.path.read_bytes() == BODY


def test_a_clock_that_was_set_back_does_not_keep_an_answer_for_ever(cache):
    query = replace(ITEM, max_age=7.0)
    cache.fetch(query, writing(BODY))
    backdate(cache, query, -1000)
    assert cache.fetch(query, writing(b"new,1\n")).path.read_bytes() == b"new,1\n"


def test_entries_are_found_by_words(cache):
    first = cache.fetch(ITEM, writing(BODY))
    second = cache.fetch(replace(ITEM, key="2", title="GJ 1214 b, other"), writing(b"2,3\n"))
    assert cache.entries() == [second, first]
    assert cache.entries("wasp-39") == [first]
    assert cache.entries("B OTHER") == [second]
    assert cache.entries("nothing of that") == []


def test_what_is_removed_is_gone_and_the_rest_stays(cache):
    first = cache.fetch(ITEM, writing(BODY))
    same = cache.fetch(replace(ITEM, key="2"), writing(BODY))
    assert first.path == same.path
    cache.remove(first)
    assert cache.find(ITEM.source, ITEM.key) is None
    assert cache.find(ITEM.source, "2") == same
    cache.remove(same)
    assert files(cache) == []
    cache.remove(same)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(BODY, cut=5),
        Answer(b"<html>", "text/html"),
        Answer(BODY, status=404),
        Answer(BODY, status=500),
        Answer(BODY, wait=3),
        Answer(b"0" * 65536, endless=True),
        Answer(b""),
    ],
    ids=["reset", "html", "404", "500", "time-out", "endless", "empty"],
)
def test_no_fault_leaves_anything(cache, client, server, answer):
    server.answer("/1", answer)
    with pytest.raises(DownloadError):
        cache.fetch(ITEM, lambda path: client.download(server.url("/1"), path, max_bytes=1 << 20))
    assert cache.entries() == []
    left = [path for path in (cache.folder / "partial").glob("*") if path.stat().st_size > 5]
    assert left == []


def test_an_interruption_leaves_nothing_that_counts(cache):
    def interrupted(path):
        path.write_bytes(BODY[:5])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fetch(ITEM, interrupted)
    assert cache.entries() == []
    assert cache.fetch(ITEM, writing(BODY)).path.read_bytes() == BODY


def test_what_broke_off_is_gone_on_with_and_can_be_cleared(cache, client, server):
    big = os.urandom(400_000)
    server.answer("/1", Answer(big, etag='"1"', cut=100_000))

    def make(path):
        return client.download(server.url("/1"), path)

    with pytest.raises(DownloadError):
        cache.fetch(ITEM, make)
    server.answer("/1", Answer(big, etag='"1"'))
    assert cache.fetch(ITEM, make).path.read_bytes() == big
    assert "Range" in server.requests[-1].headers
    server.answer("/2", Answer(big, etag='"1"', cut=100_000))
    with pytest.raises(DownloadError):
        cache.fetch(replace(ITEM, key="2"), lambda path: client.download(server.url("/2"), path))
    assert cache.clear_partial() > 0
    assert cache.clear_partial() == 0


_FETCH = """
import sys
from pathlib import Path
from exosk.downloads import Cache, Client, Item
entry = Cache(Path(sys.argv[1])).fetch(
    Item("archive", "k", "1.csv"), lambda path: Client().download(sys.argv[2], path))
print(entry.sha256)
"""


def test_processes_that_fill_one_cache_download_once(cache, server):
    body = b"wavelength,depth\n" + b"1.4,0.02\n" * 20_000
    server.answer("/1", Answer(body, drip=0.05, piece=30_000))
    command = [sys.executable, "-c", _FETCH, str(cache.folder), server.url("/1")]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    assert len({out for out, _ in told}) == 1
    assert len(server.asked("/1")) == 1
    (entry,) = cache.entries()
    assert entry.path.read_bytes() == body
    assert files(cache) == sorted(
        [entry.path.name, *(p.name for p in cache.folder.glob("index/*/*"))]
    )


def test_a_process_that_is_killed_leaves_the_way_free(cache, server):
    server.answer("/1", Answer(BODY, wait=30), Answer(BODY))
    command = [sys.executable, "-c", _FETCH, str(cache.folder), server.url("/1")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not server.requests:
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert cache.entries() == []
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(cache.entries()) == 1

"""`exosk data`: what is at hand is found, listed, written and removed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.downloads import Item, Origin, default_cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EXOSK_OFFLINE", "1")


@pytest.fixture
def filled(monkeypatch):
    monkeypatch.delenv("EXOSK_OFFLINE")
    cache = default_cache()

    def make(text):
        def write(path):
            path.write_text(text)
            return Origin("http://127.0.0.1/file")

        return write

    for k, title in enumerate(("WASP-39 b, NIRISS", "WASP-39 b, PRISM", "GJ 1214 b, MIRI")):
        item = Item("archive", str(k), f"{k}.csv", title, licence="CC0")
        cache.fetch(item, make(title))
    return cache


@pytest.mark.parametrize("words", [["WASP-39"], ["wasp", "39", "prism"], ["wasp_39b"]])
def test_search_finds_the_embedded_ones(program, words):
    done = program("data", "search", *words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["observations"]
    assert ("embedded", "wasp-39b") in [(row["source"], row["name"]) for row in found]
    assert "WASP-39 b" in program("data", "search", *words).stdout


def test_search_says_when_there_is_nothing(program):
    done = program("data", "search", "no such planet")
    assert done.returncode == 2
    assert "no source lists" in done.stderr


def test_fetch_writes_what_can_be_read_again(program, tmp_path):
    done = program("data", "fetch", "WASP-39 b", "wasp12b", "--out", "here", "--json")
    rows = json.loads(done.stdout)["observations"]
    assert {row["planet"] for row in rows} >= {"WASP-39 b", "WASP-12 b"}
    (row,) = [row for row in rows if row["name"] == "wasp-39b"]
    again = exosk.load_spectrum(tmp_path / row["path"])
    assert np.array_equal(again.depth, exosk.load_spectrum("wasp-39b").depth, equal_nan=True)


def test_fetch_of_the_unknown_fetches_the_rest(program):
    done = program("data", "fetch", "wasp-39b", "no such planet")
    assert done.returncode == 2
    assert "wasp-39b: 112 bins" in done.stdout
    assert "unknown observation 'no such planet'" in done.stderr


def test_list_and_path(program, filled):
    text = program("data", "list").stdout
    assert "GJ 1214 b, MIRI" in text
    assert "3 files" in text
    rows = json.loads(program("data", "list", "wasp-39", "--json").stdout)["files"]
    assert [row["title"] for row in rows] == ["WASP-39 b, NIRISS", "WASP-39 b, PRISM"]
    assert all(row["whole"] for row in rows)
    assert program("data", "path").stdout.strip() == str(filled.folder)
    (entry,) = filled.entries("prism")
    assert program("data", "path", "prism").stdout.strip() == str(entry.path)
    assert program("data", "path", "nothing").returncode == 2


def test_a_damaged_file_is_listed_as_such(program, filled):
    (entry,) = filled.entries("prism")
    entry.path.write_text("changed")
    assert "damaged" in program("data", "list").stdout
    rows = json.loads(program("data", "list", "--json").stdout)["files"]
    assert [row["whole"] for row in rows].count(False) == 1


def test_an_empty_cache_is_no_error(program):
    done = program("data", "list")
    assert done.returncode == 0
    assert "holds no file" in done.stdout


def test_remove(program, filled):
    refused = program("data", "remove", "wasp-39")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert len(filled.entries()) == 3
    assert "removed 2 files" in program("data", "remove", "wasp-39", "--yes").stdout
    assert [entry.title for entry in filled.entries()] == ["GJ 1214 b, MIRI"]
    assert program("data", "remove").returncode == 2
    assert program("data", "remove", "nothing", "--yes").returncode == 2
    json.loads(program("data", "remove", "--all", "--yes", "--json").stdout)
    assert filled.entries() == []
    assert program("data", "remove", "--unfinished").returncode == 0


def test_system_of_the_unknown(program):
    done = program("data", "system", "no such planet")
    assert done.returncode == 2
    assert "exosk-nasa-archive" in done.stderr

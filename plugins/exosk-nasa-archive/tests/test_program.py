"""The program, from a planet's name to a retrieval, with the archive on the loopback address."""

from __future__ import annotations

import json

import pytest

from exosk.cli import main


@pytest.fixture
def program(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXOSK_NASA_ARCHIVE_URL", archive.url)
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EXOSK_DISABLED_PLUGINS", "mast")
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        status = main(list(arguments))
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return printed

    return call


def test_a_planet_is_found_fetched_and_kept(program, server, monkeypatch):
    listed = json.loads(program("data", "search", "wasp39b", "niriss", "--json").out)
    names = [row["name"] for row in listed["observations"] if row["source"] == "nasa-archive"]
    assert names == ["WASP-39 b 5078.1"]
    program("data", "fetch", names[0])
    assert "WASP-39 b" in program("data", "list", "wasp-39", "5078").out
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    asked = len(server.requests)
    again = json.loads(program("data", "fetch", names[0], "--out", "here", "--json").out)
    assert again["observations"][0]["n_bins"] > 100
    assert len(server.requests) == asked


def test_a_retrieval_takes_priors_from_the_archive_and_says_so(program, tmp_path):
    done = program("retrieve", "WASP-39 b 3868.1", "--json", "--out", "out")
    document = json.loads(done.out)
    assert document["target"] == "WASP-39 b"
    assert "Taken from" in done.err
    assert "NASA Exoplanet Archive" in done.err
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Taken from" in report

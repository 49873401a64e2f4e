"""A body is whole and from where it was asked for, or there is an error that says why."""

from __future__ import annotations

import gzip
import os
import time
import zlib

import numpy as np
import pytest

from exosk.downloads import Client
from exosk.exceptions import DownloadError
from exosk.testing import Answer, LocalServer

BODY = np.random.default_rng(0).bytes(300_000)


def test_a_body_arrives_as_it_is(server, client, tmp_path):
    server.answer("/file", Answer(BODY, "application/fits"))
    seen = []
    origin = client.download(
        server.url("/file"), tmp_path / "file", progress=lambda *now: seen.append(now)
    )
    assert (tmp_path / "file").read_bytes() == BODY
    assert origin.url == server.url("/file")
    assert origin.content_type == "application/fits"
    assert seen[-1] == (len(BODY), len(BODY))
    assert [n for n, _ in seen] == sorted(n for n, _ in seen)


def test_it_says_who_asks(server, client, tmp_path):
    server.answer("/file", Answer(b"1"))
    client.download(server.url("/file"), tmp_path / "file", params={"a": "b c"})
    (asked,) = server.requests
    assert asked.headers["User-Agent"].startswith("exosk/")
    assert asked.query == {"a": "b c"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_waited_for(server, client, tmp_path, status):
    server.answer("/file", Answer(status=status), Answer(status=status), Answer(BODY))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(server.requests) == 3


def test_a_server_that_says_how_long_is_obeyed(server, client, tmp_path):
    server.answer("/file", Answer(status=429, headers={"Retry-After": "1"}), Answer(b"1"))
    started = time.monotonic()
    client.download(server.url("/file"), tmp_path / "file")
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "no such file"), (403, "not public"), (500, "busy or down"), (429, "busy or down")],
)
def test_what_stays_is_told(server, client, tmp_path, status, reason):
    server.answer("/file", Answer(b"sorry", status=status))
    with pytest.raises(DownloadError, match=rf"answered {status} .*{reason}") as told:
        client.download(server.url("/file"), tmp_path / "file")
    assert told.value.status == status
    assert not (tmp_path / "file").exists()


def test_a_file_that_is_not_there_is_asked_for_once(server, client, tmp_path):
    with pytest.raises(DownloadError):
        client.download(server.url("/none"), tmp_path / "file")
    assert len(server.requests) == 1


def test_a_broken_download_goes_on_where_it_broke(server, client, tmp_path):
    server.answer("/file", Answer(BODY, etag='"1"', cut=100_000), Answer(BODY, etag='"1"'))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    first, second = server.requests
    assert "Range" not in first.headers
    begun = int(second.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun <= 100_000


def test_it_goes_on_in_a_later_call(server, client, tmp_path):
    server.answer("/file", Answer(BODY, etag='"1"', cut=50_000))
    with pytest.raises(DownloadError, match="broke before the end"):
        client.download(server.url("/file"), tmp_path / "file")
    left = (tmp_path / "file").stat().st_size
    assert 0 < left <= 150_000
    server.answer("/file", Answer(BODY, etag='"1"'))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.requests[-1].headers["Range"] == f"bytes={left}-"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("etag", ["", 'W/"1"', '"2"'])
def test_parts_of_two_files_are_never_joined(server, client, tmp_path, etag):
    other = BODY[::-1]
    server.answer("/file", Answer(other, etag=etag and '"1"', cut=100_000), Answer(BODY, etag=etag))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_begun_anew(server, client, tmp_path):
    server.answer("/file", Answer(BODY, etag='"1"', cut=90_000))
    with pytest.raises(DownloadError):
        client.download(server.url("/file"), tmp_path / "file")
    server.answer("/file", Answer(b"short", etag='"1"'))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"short"


def test_a_connection_that_always_breaks_is_told(server, client, tmp_path):
    server.answer("/file", Answer(BODY, cut=1000))
    with pytest.raises(DownloadError, match=r"connection broke before the end.*EXOSK_OFFLINE"):
        client.download(server.url("/file"), tmp_path / "file")
    assert len(server.requests) == 3


def test_a_body_shorter_than_announced_is_not_taken(server, client, tmp_path):
    headers = {"Content-Length": str(len(BODY) + 10), "Connection": "close"}
    server.answer("/file", Answer(BODY, headers=headers, cut=len(BODY)))
    with pytest.raises(DownloadError, match="broke"):
        client.download(server.url("/file"), tmp_path / "file")


def test_no_answer_in_time(server, client, tmp_path):
    server.answer("/file", Answer(BODY, wait=3))
    with pytest.raises(DownloadError, match="no answer in time"):
        client.download(server.url("/file"), tmp_path / "file")


def test_nobody_there(client, tmp_path):
    with LocalServer() as gone:
        url = gone.url("/file")
    with pytest.raises(DownloadError, match="no connection"):
        client.download(url, tmp_path / "file")


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/file"])
def test_an_address_that_is_none(client, tmp_path, url):
    with pytest.raises(DownloadError, match="could not be fetched"):
        client.download(url, tmp_path / "file")


def test_a_body_that_does_not_end_is_left(server, client, tmp_path):
    server.answer("/file", Answer(b"0" * 65536, endless=True))
    with pytest.raises(DownloadError, match=r"longer than 1 MiB"):
        client.download(server.url("/file"), tmp_path / "file", max_bytes=1 << 20)
    assert os.listdir(tmp_path) == []


def test_a_body_that_says_it_is_too_long_is_not_begun(server, client, tmp_path):
    server.answer("/file", Answer(BODY))
    with pytest.raises(DownloadError, match="longer than"):
        client.download(server.url("/file"), tmp_path / "file", max_bytes=1000)
    assert os.listdir(tmp_path) == []


def test_a_body_that_drips_is_left(server, client, tmp_path):
    server.answer("/file", Answer(BODY, drip=0.2, piece=10))
    with pytest.raises(DownloadError, match="faster"):
        client.download(server.url("/file"), tmp_path / "file")


def test_a_redirection_within_the_server_is_followed(server, client, tmp_path):
    server.answer("/file", Answer(status=302, headers={"Location": "/moved"}))
    server.answer("/moved", Answer(BODY))
    assert client.download(server.url("/file"), tmp_path / "file").url == server.url("/moved")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_redirection_elsewhere_is_not(server, client, tmp_path):
    with LocalServer() as other:
        other.answer("/file", Answer(BODY))
        server.answer("/file", Answer(status=302, headers={"Location": other.url("/file")}))
        with pytest.raises(DownloadError, match="another server"):
            client.download(server.url("/file"), tmp_path / "file")
        assert other.requests == []
        allowed = Client(allowed_hosts=("127.0.0.1",), n_retries=0)
        allowed.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_circle_of_redirections_ends(server, client, tmp_path):
    server.answer("/file", Answer(status=302, headers={"Location": "/file"}))
    with pytest.raises(DownloadError, match="redirects"):
        client.download(server.url("/file"), tmp_path / "file")


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY))]
)
def test_a_compressed_body_is_unpacked(server, client, tmp_path, encoding, packed):
    server.answer("/file", Answer(packed, headers={"Content-Encoding": encoding}))
    client.download(server.url("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_compressed_body_cut_short_is_not_taken(server, client, tmp_path):
    packed = gzip.compress(BODY)[:-1000]
    server.answer("/file", Answer(packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(DownloadError, match="cut short"):
        client.download(server.url("/file"), tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_a_compressed_body_that_swells_is_left(server, client, tmp_path):
    packed = gzip.compress(bytes(50_000_000))
    server.answer("/file", Answer(packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(DownloadError, match="longer than"):
        client.download(server.url("/file"), tmp_path / "file", max_bytes=1 << 20)
    assert os.listdir(tmp_path) == []


def test_damage_within_a_compressed_body(server, client, tmp_path):
    server.answer("/file", Answer(b"not gzip at all", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(DownloadError, match="damaged"):
        client.download(server.url("/file"), tmp_path / "file")


def test_a_file_that_cannot_be_written(server, client, tmp_path):
    server.answer("/file", Answer(BODY))
    with pytest.raises(DownloadError, match="cannot be written"):
        client.download(server.url("/file"), tmp_path / "no folder" / "file")


def test_json(server, client):
    server.answer("/list", Answer(b'{"names": ["a"]}', "application/json"))
    assert client.json(server.url("/list"), {"of": "x"}) == {"names": ["a"]}


def test_a_page_in_place_of_json(server, client):
    server.answer("/list", Answer(b"<html>Down for maintenance</html>", "text/html"))
    with pytest.raises(DownloadError, match=r"not JSON .*maintenance"):
        client.json(server.url("/list"))


def test_what_is_wrong_with_a_query_is_passed_on(server, client):
    server.answer("/tap", Answer(b"<INFO>no column <b>pl_mass</b></INFO>", status=400))
    with pytest.raises(DownloadError, match="it said: no column pl_mass"):
        client.text(server.url("/tap"))

"""Files are found below a workspace while it lives, and otherwise the user learns another way."""

from __future__ import annotations

import gzip
import os

import pytest
from exosk_nasa_archive import NasaArchiveSource
from exosk_nasa_archive.workspace import Workspace

from exosk.exceptions import DownloadError
from exosk.testing import Answer, LocalServer
from exosk.testing.suite import check_refused

PAGE = "/cgi-bin/atmospheres/nph-firefly"
SYNC = "/TAP/sync"
FILES = "/workspace/*"
NAME = "WASP-39 b 5295.1"
PATH = "40/24/96/78/WASP_39_b_3.11466_5295_1.tbl"
TABLE = b"\\PL_NAME = WASP-39 b\n|CENTRALWAVELNG|\n|double|\n 1.4\n"
HTML = Answer(b"<html><body>Session expired</body></html>", "text/html")
# Where a file may lie below the workspace TMP_1, in the order in which it is looked for.
PLACES = (
    "/workspace/TMP_1/atmospheres/tab1/data/",
    "/work/TMP_1/atmospheres/data/",
    "/workspace/TMP_1/atmospheres/data/",
    "/workspace/TMP_1/data/",
)


@pytest.fixture
def workspace(server, client, page_of):
    server.answer(PAGE, Answer(page_of("TMP_1"), "text/html"))
    return Workspace(server.url(), client)


def paths(server):
    return [request.path for request in server.requests]


@pytest.mark.parametrize("place", range(4))
def test_it_looks_in_all_places_and_remembers_which(server, workspace, tmp_path, place):
    for name in ("a.tbl", "b.tbl"):
        server.answer(PLACES[place] + name, Answer(TABLE))
    workspace.download("a.tbl", tmp_path / "a")
    assert paths(server) == [PAGE, *(folder + "a.tbl" for folder in PLACES[: place + 1])]
    server.requests.clear()
    origin = workspace.download("b.tbl", tmp_path / "b")
    assert paths(server) == [PLACES[place] + "b.tbl"]
    assert origin.url == server.url(PLACES[place] + "b.tbl")
    assert (tmp_path / "b").read_bytes() == TABLE


def test_one_workspace_serves_many_files(source, archive):
    for name in ("5295.1", "4132.1", "3717.1"):
        source.load(f"WASP-39 b {name}")
    assert len(archive.workspaces) == 1
    assert len(archive.server.asked(PAGE)) == 1


def test_an_expired_workspace_is_made_anew(source, archive):
    source.load("WASP-39 b 4132.1")
    archive.workspaces.append("TMP_another")  # files lie below the last one only
    assert len(source.load(NAME)) == 20
    assert len(archive.server.asked(PAGE)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"gone", status=404),
        Answer(b"gone", status=410),
        Answer(b"forbidden", status=403),
        HTML,
        Answer(b""),
        Answer(b"   \n"),
        Answer(b"ERROR: no such session"),
        Answer(b"\x1f\x8b\x08" + b"x" * 40),
    ],
    ids=["404", "410", "403", "html", "empty", "blank", "text", "gzip"],
)
def test_what_is_no_table_is_taken_for_expiry_once(source, archive, answer):
    """A new workspace may help; if it does not, there is an error and no file."""
    source.names()
    archive.server.answer(FILES, answer)
    with pytest.raises(DownloadError, match=r"by hand .*exosk retrieve WASP_39"):
        source.load(NAME)
    assert len(archive.server.asked(PAGE)) == 2
    kept = source.cache.entries()
    assert [entry.name for entry in kept] == ["spectra.vot"]
    assert not list((source.cache.folder / "partial").glob("*"))
    archive.server.answer(FILES, archive.file)
    assert len(source.load(NAME)) == 20


FAULTS = {
    "time-out": (Answer(b"x", wait=3), "no answer in time"),
    "500": (Answer(b"x", status=500), "busy or down"),
    "503": (Answer(b"x", status=503), "busy or down"),
    "429": (Answer(b"x", status=429), "busy or down"),
    "reset": (Answer(TABLE * 100, cut=150), "broke before the end"),
    "endless": (Answer(TABLE * 9000, endless=True), "longer than 16 MiB"),
    "drip": (Answer(TABLE * 100, drip=0.3, piece=10), "faster"),
    "truncated gzip": (
        Answer(gzip.compress(os.urandom(4000))[:-900], headers={"Content-Encoding": "gzip"}),
        "cut short",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_faults_are_told_at_once(source, archive, fault):
    """With the reason, in one line, and without a second workspace."""
    answer, reason = FAULTS[fault]
    source.names()
    archive.server.answer(FILES, answer)
    error = check_refused(lambda: source.load(NAME), fault)
    assert isinstance(error, DownloadError)
    assert reason in str(error)
    assert "by hand" in str(error)
    assert len(archive.server.asked(PAGE)) == 1
    assert [entry.name for entry in source.cache.entries()] == ["spectra.vot"]
    assert not list((source.cache.folder / "objects").glob("*/*/*.tbl"))


@pytest.mark.parametrize("status", [429, 500])
def test_what_passes_is_waited_for(source, archive, status):
    source.names()
    table = archive.files[PATH]
    archive.server.answer(FILES, Answer(b"", status=status), Answer(table))
    assert len(source.load(NAME)) == 20


def test_a_broken_download_is_gone_on_with(source, archive):
    table = archive.files[PATH]
    archive.server.answer(FILES, Answer(table, etag='"1"', cut=5000), Answer(table, etag='"1"'))
    assert len(source.load(NAME)) == 20
    assert "Range" in archive.server.requests[-1].headers


def test_a_redirection_elsewhere_is_not_followed(source, archive):
    with LocalServer() as other:
        other.answer("/x", Answer(TABLE))
        archive.server.answer(FILES, Answer(status=302, headers={"Location": other.url("/x")}))
        with pytest.raises(DownloadError, match=r"another server.*by hand"):
            source.load(NAME)
        assert other.requests == []


@pytest.mark.parametrize(
    "spec_path",
    [
        "../../etc/passwd.tbl",
        "/etc/a.tbl",
        "40/../../a.tbl",
        "40//a.tbl",
        "a\\b.tbl",
        "40/a\x01.tbl",
    ],
    ids=["up", "root", "up within", "empty", "backslash", "control"],
)
def test_a_path_that_leads_elsewhere_is_not_asked_for(server, workspace, tmp_path, spec_path):
    with pytest.raises(DownloadError, match=r"not asked for"):
        workspace.download(spec_path, tmp_path / "file")
    assert server.requests == []


def test_such_a_path_in_the_index_spoils_no_other_spectrum(source, archive):
    archive.index[0]["spec_path"] = "../../../WASP_39_b_3.11466_3491_1.tbl"
    assert len(source.names()) == len(archive.index)
    check_refused(lambda: source.load("WASP-39 b 3491.1"), "a path that leads out of its folder")
    assert len(source.load(NAME)) == 20


def test_a_name_with_odd_letters_stays_a_name(server, workspace, tmp_path):
    server.answer(PLACES[0] + "40/a b+?#%41.tbl", Answer(TABLE))
    workspace.download("40/a b+?#%41.tbl", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TABLE


@pytest.mark.parametrize(
    "page",
    [
        b"<html>Down for maintenance</html>",
        b"<body onload=\"FF_InitPage ('', '')\">",
        b"<body onload=\"FF_InitPage ('/work/TMP_1/tab1', 'http://evil.example/TMP_1')\">",
        b"<body onload=\"FF_InitPage ('/work/TMP_1/tab1', '//evil.example/TMP_1')\">",
        b"<body onload=\"FF_InitPage ('/work/TMP_1/tab1', '/workspace/../../secret')\">",
        b"<body onload=\"FF_InitPage ('/work/TMP_1/tab1', '@evil.example/TMP_1')\">",
        b"",
    ],
    ids=["maintenance", "empty call", "address", "host", "dots", "user", "nothing"],
)
def test_a_page_without_a_workspace_is_told(server, client, tmp_path, page):
    server.answer(PAGE, Answer(page, "text/html"))
    with pytest.raises(DownloadError, match=r"names no workspace.*by hand"):
        Workspace(server.url(), client).download("a.tbl", tmp_path / "file")
    assert paths(server) == [PAGE]
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"", status=500), "busy or down"),
        (Answer(b"", status=404), "no such file"),
        (Answer(b"x", wait=3), "no answer in time"),
    ],
    ids=["500", "404", "time-out"],
)
def test_a_page_that_cannot_be_had_is_told(server, client, tmp_path, answer, reason):
    server.answer(PAGE, answer)
    with pytest.raises(DownloadError, match=rf"{reason}.*by hand"):
        Workspace(server.url(), client).download("a.tbl", tmp_path / "file")


def test_a_file_by_hand_is_the_way_out(source, archive, data):
    """What the error says works."""
    from exosk.sources import load_spectrum

    by_hand = load_spectrum(data / "WASP_39_b_3.11466_5295_1.tbl")
    assert (by_hand.depth == source.load(NAME).depth).all()


def test_a_mirror_below_a_path_works(archive, client, cache, page_of):
    """Of which all addresses begin with that path."""
    base = archive.url + "/mirror"
    archive.server.answer("/mirror" + SYNC, Answer(archive.votable_of_index(), "text/xml"))
    archive.server.answer("/mirror" + PAGE, Answer(page_of("TMP_1"), "text/html"))
    archive.server.answer("/mirror" + PLACES[0] + PATH, Answer(archive.files[PATH]))
    assert len(NasaArchiveSource(base, client=client, cache=cache).load(NAME)) == 20

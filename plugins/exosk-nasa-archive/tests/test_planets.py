"""A planet is found by any spelling, and by its other names where the archive knows them."""

from __future__ import annotations

import json

import pytest
from exosk_nasa_archive import NasaArchiveSource
from exosk_nasa_archive.planets import match

from exosk.exceptions import UnknownNameError
from exosk.testing import Answer

LOOKUP = "/cgi-bin/Lookup/nph-aliaslookup.py"


@pytest.fixture
def recorded(data):
    """The archive's answer for bet Pic b."""
    path = data.parent / "mast" / "bpicb_aliaslookup.json"
    if not path.is_file():
        pytest.skip("the recorded answer (../shared/data/mast) is not on this machine")
    return path.read_bytes()


@pytest.mark.parametrize("name", ["WASP-12 b", "wasp-12b", "WASP 12 b", "wasp_012B", "WASP12b"])
def test_any_spelling_will_do(source, archive, name):
    assert source.system(name)["orbital_period"] == pytest.approx(1.0914, abs=1e-3)
    assert archive.server.asked(LOOKUP) == []


def test_of_two_that_fold_alike_the_exact_one_is_meant():
    assert match("A-1 b", ["A-1 b", "A 1 b"]) == "A-1 b"
    assert match("A 1 b", ["A-1 b", "A 1 b"]) == "A 1 b"
    assert match("a1b", ["A-1 b", "A 1 b"]) == "A 1 b"
    assert match("A-2 b", ["A-1 b"]) is None


def test_another_name_is_looked_up(source, archive, recorded):
    archive.systems.append({"pl_name": "bet Pic b", "pl_bmassj": 11.0, "st_rad": 1.8})
    archive.server.answer(LOOKUP, Answer(recorded, "application/json"))
    assert source.system("HD 39060 b")["planet_mass"] == 11.0
    (asked,) = archive.server.asked(LOOKUP)
    assert asked.query == {"objname": "HD 39060 b"}
    assert source.system("HD 39060 b")["star_radius"] == 1.8
    assert len(archive.server.asked(LOOKUP)) == 1, "the answer is kept"


def test_a_spectrum_is_found_by_another_name(source, archive):
    manifest = {"lookup_status": "OK", "resolved_name": "WASP-39 b"}
    answer = json.dumps({"manifest": manifest}).encode()
    archive.server.answer(LOOKUP, Answer(answer, "application/json"))
    assert source.load("Malmok").name == "WASP-39 b"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b'{"manifest": {"lookup_status": "Not Found"}}'),
        Answer(b'{"manifest": {"lookup_status": "OK", "resolved_name": "Elsewhere c"}}'),
        Answer(b'{"manifest": {"lookup_status": "OK"}}'),
        Answer(b"[]"),
        Answer(b'{"manifest": 3}'),
        Answer(b"<html>Down</html>", "text/html"),
        Answer(b"", status=500),
        Answer(b"", status=404),
        Answer(b"{}", wait=3),
    ],
    ids=["unknown", "elsewhere", "no name", "list", "number", "html", "500", "404", "time-out"],
)
def test_an_unknown_name_stays_unknown_whatever_the_service_says(source, archive, answer):
    """So that exosk asks the next source."""
    archive.server.answer(LOOKUP, answer)
    with pytest.raises(UnknownNameError, match="no planet 'HD 39060 b'"):
        source.system("HD 39060 b")


@pytest.mark.parametrize("method", ["load", "system", "published"])
def test_an_unknown_name_is_unknown_to_all(source, method):
    with pytest.raises(UnknownNameError, match="no planet 'HD 39060 b'"):
        getattr(source, method)("HD 39060 b")


def test_a_service_that_cannot_be_asked_is_mentioned(source, archive):
    archive.server.answer(LOOKUP, Answer(b"", status=500))
    with pytest.raises(UnknownNameError, match=r"other names could not be asked.*busy or down"):
        source.load("Malmok")


def test_the_nearest_are_suggested(source):
    with pytest.raises(UnknownNameError, match="did you mean 'WASP-12 b'"):
        source.system("WASP-112 b")


@pytest.mark.parametrize("name", ["", "   ", "--", "x" * 100])
def test_what_is_no_name_is_not_looked_up(source, archive, name):
    for call in (source.load, source.system):
        with pytest.raises(UnknownNameError, match="no name of a planet"):
            call(name)
    assert archive.server.asked(LOOKUP) == []


def test_impatience_with_that_service_does_not_spread(archive, client, cache):
    source = NasaArchiveSource(archive.url, cache=cache)
    assert source.client.read_timeout == 60
    assert source._planets.aliases._hasty.read_timeout == 15

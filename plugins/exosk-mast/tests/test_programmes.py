"""Searches by the real astroquery, and files that are whole or an error."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from astropy.io import fits
from exosk_mast import fetch_products, list_products, search_observations

from exosk.downloads import Cache
from exosk.exceptions import DownloadError, RangeError, UnknownNameError
from exosk.testing import Answer

INVOKE, DOWNLOAD = "/api/v0/invoke", "/api/v0.1/Download/file"
NAME = "jw01366-o004_t001_nirspec_prism_x1dints.fits"


def fits_bytes(n=2000):
    table = fits.BinTableHDU.from_columns([fits.Column("FLUX", "D", array=np.arange(float(n)))])
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def bomb():
    """Headers that announce hundreds of gigabytes, packed into nothing."""
    image = fits.CompImageHDU(np.zeros((100, 100), np.float32))
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(stream)
    tall = b"ZNAXIS1 =            300000000"
    return stream.getvalue().replace(b"ZNAXIS1 =                  100", tall)


BODY = fits_bytes()


@pytest.fixture
def products(mast, client):
    """The product list of one file."""
    mast.add("004", NAME, BODY)
    return list_products(search_observations(programme=1366, client=client), client=client)


# ---------------------------------------------------------------------- search


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"programme": 1366}, ["001", "004", "011"]),
        ({"programme": "GO 01366"}, ["001", "004", "011"]),
        ({"planet": "WASP-39 b"}, ["001", "004"]),
        ({"planet": "WASP-43 b", "programme": 1366}, ["011"]),
        ({"programme": 1366, "instrument": "NIRISS"}, ["001"]),
        ({"programme": 1366, "instrument": "NIRSPEC/SLIT"}, ["004"]),
        ({"planet": "WASP-39", "mission": "HST"}, ["800"]),
        ({"planet": "WASP-39", "mission": ["HST", "JWST"]}, ["001", "004", "800"]),
        ({"programme": 1366, "target_name": "WASP-43"}, ["011"]),
        ({"programme": 9999}, []),
    ],
    ids=lambda value: "-".join(map(str, value.values() if isinstance(value, dict) else value)),
)
def test_observations_are_found(mast, client, asked, found):
    table = search_observations(**asked, client=client)
    assert sorted(table["obsid"]) == found
    if found:
        assert {"instrument_name", "proposal_id", "t_min"} <= set(table.colnames)


def test_a_planet_is_looked_for_where_the_resolver_has_it(mast, client):
    search_observations("WASP-43 b", client=client)
    names = [r.query["name"] for r in mast.server.asked("/Santa-war/query")]
    assert names == ["WASP-43 b", "WASP-43"]  # the star, as the planet is not known
    (params,) = mast.asked("Mast.Caom.Filtered.Position")
    place = [float(number) for number in params["position"].split(",")]
    assert place == pytest.approx([*mast.places["wasp-43"], 0.02])


def test_recorded_observations_are_read(mast, client, recorded):
    answer = recorded("caom")
    mast.server.answer(INVOKE, Answer(json.dumps(answer).encode(), "application/json"))
    table = search_observations(programme=5371, mission="HST", client=client)
    assert len(table) == len(answer["data"])
    assert list(table["obs_id"]) == [row["obs_id"] for row in answer["data"]]
    assert table["t_exptime"][0] == answer["data"][0]["t_exptime"]


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({}, RangeError, "needs a planet, a programme or both"),
        ({"programme": "ERS"}, RangeError, "'ERS' is no number of a programme"),
        ({"programme": 0}, RangeError, "0 is no number"),
        ({"planet": "Nibiru b"}, UnknownNameError, "knows no object 'Nibiru b'"),
        ({"planet": " "}, UnknownNameError, "knows no object"),
        ({"programme": 1, "calib_lev": 3}, UnknownNameError, "'calib_lev' does not exist.*level"),
    ],
    ids=["nothing", "word", "zero", "nibiru", "blank", "criterion"],
)
def test_what_cannot_be_asked_is_told(mast, client, asked, kind, message):
    with pytest.raises(kind, match=message) as told:
        search_observations(**asked, client=client)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(status=404), "answered 404"),
        (Answer(status=500), "answered 500.*busy or down"),
        (Answer(b"<html>maintenance</html>", "text/html"), "something else than observations"),
        (Answer(b"[]", "application/json"), "something else than observations"),
        (Answer(b'{"status": "COMPLETE"}', "application/json"), "something else than"),
        (Answer(b'{"status": "ERROR", "msg": "no such service"}'), "no such service"),
        (Answer(b"{}", wait=3), "no answer in time"),
        (Answer(b'{"status": "COMPLETE"}', cut=5), "could not be asked"),
    ],
    ids=["404", "500", "html", "list", "no table", "error", "time-out", "reset"],
)
def test_a_search_that_fails_is_told(mast, client, hasty, answer, message):
    mast.server.answer(INVOKE, answer)
    with pytest.raises(DownloadError, match=message) as told:
        search_observations(programme=1366, client=hasty if answer.wait else client)
    assert "\n" not in str(told.value)
    assert mast.server.url() in str(told.value) or "no such service" in str(told.value)


def test_a_busy_server_is_asked_again(mast, client):
    answered = []

    def busy_twice(request):
        answered.append(request)
        return Answer(status=429) if len(answered) < 3 else mast.invoke(request)

    mast.server.answer(INVOKE, busy_twice)
    assert len(search_observations(programme=1366, client=client)) == 3
    assert len(answered) == 3


def test_nobody_there_is_told(client):
    with pytest.raises(DownloadError, match="no connection"):
        search_observations(programme=1366, client=client)
    with pytest.raises(DownloadError, match="no connection"):
        search_observations("WASP-39 b", client=client)


@pytest.mark.parametrize("body", [b"[]", b'{"resolvedCoordinate": [{"ra": "?"}]}', b"<html>"])
def test_a_resolver_that_answers_something_else_is_told(mast, client, body):
    mast.server.answer("/Santa-war/query", Answer(body, "application/json"))
    with pytest.raises(DownloadError, match=r"something else than coordinates|not JSON"):
        search_observations("WASP-39 b", client=client)


def test_offline_nothing_is_asked(mast, client, monkeypatch):
    observations = search_observations(programme=1366, client=client)
    n = len(mast.server.requests)
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    for ask in (
        lambda: search_observations(programme=1366, client=client),
        lambda: search_observations("WASP-39 b", client=client),
        lambda: list_products(observations, client=client),
    ):
        with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
            ask()
    assert len(mast.server.requests) == n


# ---------------------------------------------------------------------- products


def test_files_of_a_kind_are_listed_once(mast, client):
    for name, kind in (
        ("jw01366004001_04101_00001-seg002_nrs1_x1dints.fits", "X1DINTS"),
        ("jw01366004001_04101_00001-seg001_nrs1_x1dints.fits", "X1DINTS"),
        ("jw01366004001_04101_00001-seg001_nrs1_x1dints.png", "X1DINTS"),
        ("jw01366004001_04101_00001-seg001_nrs1_calints.fits", "CALINTS"),
    ):
        mast.add("004", name, b"x")
        mast.products[-1]["productSubGroupDescription"] = kind
    mast.products.append(dict(mast.products[0]))
    observations = search_observations(programme=1366, client=client)
    listed = list_products(observations, client=client)
    assert [name[-32:] for name in listed["productFilename"]] == [
        "04101_00001-seg001_nrs1_x1dints.fits"[-32:],
        "04101_00001-seg002_nrs1_x1dints.fits"[-32:],
    ]
    assert len(list_products(observations, None, client=client)) == 3
    assert len(list_products(observations, ["CALINTS", "X1DINTS"], client=client)) == 3
    assert len(list_products(observations[0], "CALINTS", client=client)) == 1
    with pytest.raises(UnknownNameError, match=r"'RATE'.*CALINTS, X1DINTS"):
        list_products(observations, "RATE", client=client)


def test_recorded_products_are_read(mast, client, recorded):
    observations = search_observations(programme=1366, client=client)
    answer = recorded("products")
    mast.server.answer(INVOKE, Answer(json.dumps(answer).encode(), "application/json"))
    table = list_products(observations, None, client=client)
    uris = {r["dataURI"] for r in answer["data"] if r["productFilename"].endswith(".fits")}
    assert set(table["dataURI"]) == uris
    (drizzled,) = list_products(observations, "DRZ", client=client)
    assert drizzled["size"] == 27227520


def test_no_observations_have_no_products(mast, client):
    with pytest.raises(UnknownNameError, match="no observation was found"):
        list_products(search_observations(programme=9999, client=client), client=client)


# ---------------------------------------------------------------------- files


def test_a_file_is_fetched_once(mast, products, cache, client):
    seen = []
    (entry,) = fetch_products(products, cache, lambda *now: seen.append(now), client=client)
    assert entry.path.read_bytes() == BODY
    assert entry.path.name == NAME
    assert "MAST" in entry.citation
    assert entry.licence
    assert seen[-1] == (NAME, len(BODY), len(BODY))
    assert fetch_products(products[0], cache, client=client) == [entry]
    (asked,) = mast.server.asked(DOWNLOAD)
    assert asked.query == {"uri": f"mast:JWST/product/{NAME}"}
    assert fetch_products(products, Cache(cache.folder, offline=True), client=client) == [entry]


def test_offline_a_file_that_was_not_fetched_is_told(products, cache, client):
    with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
        fetch_products(products, Cache(cache.folder, offline=True), client=client)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(status=404), "answered 404.*no such file"),
        (Answer(status=401), "answered 401.*not public"),
        (Answer(b"<html>Log in</html>", "text/html"), "web page"),
        (Answer(b"SIMPLE is the file you seek"), "something else than a FITS file"),
        (Answer(BODY[:-2880]), "cut short"),
        (Answer(fits_bytes(1000)), f"lists it|{len(BODY):,}"),
        (Answer(fits_bytes(9000)), "longer than"),
        (Answer(bomb()), "unpack to more than"),
        (Answer(BODY, wait=3), "no answer in time"),
        (Answer(BODY, cut=5000), "connection broke"),
        (Answer(BODY, drip=0.2, piece=100), "faster"),
        (Answer(b"0" * 65536, endless=True), "longer than"),
        (Answer(status=302, headers={"Location": "http://elsewhere.invalid/x"}), "another server"),
        (Answer(b""), "empty"),
    ],
    ids=[
        "404", "401", "html", "not fits", "truncated", "smaller", "larger", "bomb", "time-out",
        "reset", "drip", "endless", "redirected", "empty",
    ],
)  # fmt: skip
def test_what_is_not_the_file_is_told_and_not_kept(
    mast, products, cache, client, hasty, answer, message
):
    mast.server.answer(DOWNLOAD, answer)
    with pytest.raises(DownloadError, match=message):
        fetch_products(products, cache, client=hasty if answer.wait or answer.drip else client)
    assert cache.entries() == []
    mast.server.answer(DOWNLOAD, mast.download)
    (entry,) = fetch_products(products, cache, client=client)
    assert entry.path.read_bytes() == BODY


def test_a_busy_server_is_waited_for(mast, products, cache, client):
    mast.server.answer(DOWNLOAD, Answer(status=429), Answer(status=503), Answer(BODY))
    (entry,) = fetch_products(products, cache, client=client)
    assert entry.path.read_bytes() == BODY
    assert len(mast.server.asked(DOWNLOAD)) == 3


def test_a_broken_download_is_gone_on_with(mast, products, cache, client):
    mast.server.answer(DOWNLOAD, Answer(BODY, etag='"1"', cut=9000), Answer(BODY, etag='"1"'))
    (entry,) = fetch_products(products, cache, client=client)
    assert entry.path.read_bytes() == BODY
    first, second = mast.server.asked(DOWNLOAD)
    assert "Range" not in first.headers
    assert 0 < int(second.headers["Range"].removeprefix("bytes=").removesuffix("-")) <= 9000


def test_a_file_that_was_made_anew_can_be_had(mast, products, cache, client):
    anew = fits_bytes(9000)
    mast.files[f"mast:JWST/product/{NAME}"] = anew
    (entry,) = fetch_products(products, cache, check_size=False, client=client)
    assert entry.path.read_bytes() == anew


def test_a_name_that_leads_elsewhere_is_refused(mast, products, cache, client):
    products["productFilename"] = "../../evil.fits"
    with pytest.raises(DownloadError, match="outside"):
        fetch_products(products, cache, client=client)
    assert cache.entries() == []

"""Exo.MAST's spectra and parameters, from a server that answers as it does."""

from __future__ import annotations

import json
from urllib.parse import unquote

import numpy as np
import pytest
from exosk_mast import ExoMastSource, Orbit
from exosk_mast.files import parse_name

import exosk
from exosk.downloads import Cache, Client
from exosk.exceptions import DownloadError, ExoskError, FileFormatError, UnknownNameError
from exosk.plugin import default_manager
from exosk.sources import search_spectra
from exosk.testing import Answer, LocalServer, SourceSuite

API = "/api/v0.1"
HEADER = """# HAT-P-26 b, someone et al.
# Columns: wavelength (microns), Delta wavelength (microns), (Rp/Rs)^2, (Rp/Rs)^2 +/-uncertainty
"""


def table(header=HEADER, n=12, depth=0.0052, low=1.1, step=0.05):
    wavelength = low + step * np.arange(n)
    rows = [
        f"  {w:.4f}   {step:.4f}  {depth + 1e-5 * k:.6f} {4e-5}" for k, w in enumerate(wavelength)
    ]
    return header + "\n".join(rows) + "\n"


def record(catalogue, **values):
    """One catalogue's set of values, as Exo.MAST writes it."""
    return {
        "canonical_name": "HAT-P-26 b",
        "catalog_name": catalogue,
        "Rs": 0.788,
        "Rs_unit": "R_Sun",
        "Rs_upper": 0.098,
        "Rs_lower": 0.043,
        "Rs_ref": "Hartman et al. 2011",
        "Teff": 5079.0,
        "Teff_unit": "K",
        "Teff_upper": 88.0,
        "Teff_lower": 88.0,
        "Teff_ref": "Hartman et al. 2011",
        "Mp": 0.059,
        "Mp_unit": "M_Jupiter",
        "Mp_upper": 0.007,
        "Mp_lower": 0.007,
        "Mp_ref": "Hartman et al. 2011",
        "Rp": 0.565,
        "Rp_unit": "R_Jupiter",
        "Rp_upper": 0.072,
        "Rp_lower": None,
        "Rp_ref": None,
        "Tp": 1001.0,
        "Tp_unit": "K",
        "Tp_upper": 66.0,
        "Tp_lower": -37.0,
        "Tp_ref": "Hartman et al. 2011",
        "orbital_period": 4.234516,
        "orbital_period_unit": "days",
        "transit_time": 55304.15222,
        "transit_time_unit": "MJD",
        "a/Rs": 13.06,
        "inclination": 88.6,
        "inclination_unit": "degrees",
        "eccentricity": 0.0,
        "omega": None,
    } | values


class FakeExoMast:
    """Answers as Exo.MAST does.

    Attributes
    ----------
    spectra : dict of str to dict of str to str
        Files of each planet.
    names : dict of str to str
        Canonical names, of names in lower case.
    records : dict of str to list of dict
        Parameters of each planet.
    """

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.spectra = {
            "HAT-P-26 b": {
                "HAT-P-26b_transmission_Wakeford2017.txt": table(),
                "HAT-P-26b_transmission_Stevenson2016.txt": table(depth=0.0051, low=0.72),
                "HAT-P-26b_eclipse_Someone2020.txt": "an eclipse",
            },
            "WASP-39 b": {
                "WASP-39b_transmission_Wakeford2018.txt": table(
                    "# wavelength (microns) half-band (microns) Rp/Rs error\n", depth=0.145
                )
            },
            "HD 189733 b": {},
        }
        self.names = {"hat-p-26b": "HAT-P-26 b", "gsc 0320-01027 b": "HAT-P-26 b"}
        self.records = {"HAT-P-26 b": [record("exoplanets.org"), record("nexsci", Rs=0.87)]}
        server.answer(f"{API}/spectra/*", self.spectrum)
        server.answer(f"{API}/exoplanets/*", self.planet)
        server.answer(f"{API}/exoplanets/identifiers/", self.identifiers)

    def spectrum(self, request):
        planet, what, *name = unquote(request.path.removeprefix(f"{API}/spectra/")).split("/")
        files = self.spectra.get(planet, {})
        if what == "filelist":
            body = json.dumps({"filenames": list(files)})
            return Answer(body.encode(), "application/json")
        return Answer(files[name[0]].encode()) if name[0] in files else Answer(status=404)

    def planet(self, request):
        planet, what = request.path.removeprefix(f"{API}/exoplanets/").split("/")
        assert what == "properties"
        return Answer(json.dumps(self.records.get(planet, [])).encode(), "application/json")

    def identifiers(self, request):
        name = self.names.get(request.query["name"].casefold())
        if name is None:
            return Answer(b"", "application/json")
        return Answer(json.dumps({"canonicalName": name}).encode(), "application/json")


@pytest.fixture
def exomast(server):
    return FakeExoMast(server)


@pytest.fixture
def source(exomast, client, cache):
    return ExoMastSource(
        exomast.server.url(), client=client, cache=cache, planets=["HAT-P-26 b", "WASP-39 b"]
    )


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    with LocalServer() as server:
        FakeExoMast(server)
        client = Client(connect_timeout=2, read_timeout=2, n_retries=1, backoff=0.01)
        cache = Cache(tmp_path_factory.mktemp("exo-mast"))
        yield ExoMastSource(server.url(), client=client, cache=cache)


class TestExoMastSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def take_source(self, lasting):
        self.lasting = lasting

    def make(self):
        return self.lasting

    def planets(self, source):
        return ["HAT-P-26 b"]


class TestOffline(TestExoMastSource):
    """All of it, from the cache."""

    def make(self):
        for name in self.lasting.names():
            self.lasting.load(name)
        self.lasting.system("HAT-P-26 b")
        cache = Cache(self.lasting.cache.folder, offline=True)
        return ExoMastSource(self.lasting.url, cache=cache, planets=[])

    def test_an_unknown_name_is_told_as_such(self, source):
        """Offline nobody can tell whether it is known."""
        with pytest.raises(UnknownNameError):
            source.load("")
        for ask in (source.load, source.system):
            with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
                ask("no such planet")

    def test_what_it_knows_of_a_system_says_whose_it_is(self, source):
        assert source.system("hat-p-26b")["references"]["star_radius"]


def test_names_have_planet_and_publication(source):
    assert source.names() == [
        "HAT-P-26 b Stevenson 2016",
        "HAT-P-26 b Wakeford 2017",
        "WASP-39 b Wakeford 2018",
    ]
    first = source.listings()[0]
    assert (first.planet, first.reference) == ("HAT-P-26 b", "Stevenson 2016 (Exo.MAST)")


def test_depths_are_the_files_own(source):
    spectrum = source.load("HAT-P-26 b Wakeford 2017")
    np.testing.assert_allclose(spectrum.depth, 0.0052 + 1e-5 * np.arange(12))
    np.testing.assert_allclose(spectrum.sigma, 4e-5)
    np.testing.assert_allclose(spectrum.wavelength, 1.1 + 0.05 * np.arange(12))
    np.testing.assert_allclose(spectrum.half_width, 0.025)
    assert spectrum.name == "HAT-P-26 b"
    assert spectrum.reference.startswith("Wakeford 2017")
    assert spectrum.meta["comments"][0] == "HAT-P-26 b, someone et al."
    assert "sha256" in spectrum.meta["provenance"]
    assert any("full" in note for note in spectrum.meta["notes"])


def test_radius_ratios_are_squared(source):
    spectrum = source.load("WASP-39 b")
    np.testing.assert_allclose(spectrum.depth[0], 0.145**2, rtol=1e-9)
    np.testing.assert_allclose(spectrum.sigma[0], 2 * 0.145 * 4e-5, rtol=1e-3)


@pytest.mark.parametrize("name", ["HAT-P-26 b", "hat-p-26b", "HAT_P_26_b", "GSC 0320-01027 b"])
def test_of_a_planet_the_newest_is_taken(source, name):
    spectrum = source.load(name)
    assert spectrum.reference.startswith("Wakeford 2017")
    assert "'HAT-P-26 b Stevenson 2016'" in spectrum.meta["notes"][0]


def test_a_planet_that_is_not_listed_loads_and_is_then_listed(exomast, client, cache):
    source = ExoMastSource(exomast.server.url(), client=client, cache=cache, planets=[])
    assert source.names() == []
    source.load("hat-p-26b")
    assert source.names() == ["HAT-P-26 b Stevenson 2016", "HAT-P-26 b Wakeford 2017"]
    assert source.load("HAT-P-26b_transmission_Stevenson2016").depth[0] == pytest.approx(0.0051)


def test_a_publication_on_a_planet_that_is_not_listed(exomast, client, cache):
    source = ExoMastSource(exomast.server.url(), client=client, cache=cache, planets=[])
    spectrum = source.load("GSC 0320-01027 b Stevenson 2016")
    assert (spectrum.name, spectrum.depth[0]) == ("HAT-P-26 b", pytest.approx(0.0051))


def test_what_was_fetched_is_not_asked_for_again(source, exomast):
    source.load("HAT-P-26 b")
    source.system("HAT-P-26 b")
    source.names()
    n = len(exomast.server.requests)
    source.load("hat-p-26b wakeford 2017")
    source.load("HAT-P-26 b")
    source.system("hat-p-26 b")
    source.names()
    assert len(exomast.server.requests) == n


def test_offline_it_has_what_was_fetched(source, exomast):
    source.load("HAT-P-26 b")
    offline = ExoMastSource(
        exomast.server.url(), cache=Cache(source.cache.folder, offline=True), planets=["WASP-39 b"]
    )
    n = len(exomast.server.requests)
    assert offline.names() == ["HAT-P-26 b Stevenson 2016", "HAT-P-26 b Wakeford 2017"]
    assert len(offline.load("HAT-P-26 b")) == 12
    for name in ("HAT-P-26 b Stevenson 2016", "WASP-39 b"):
        with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
            offline.load(name)
    assert len(exomast.server.requests) == n


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>down</html>", "text/html"),
        Answer(b"{", "application/json"),
        Answer(status=500),
        Answer(b"{}", wait=3),
        Answer(b'{"filenames": []}', cut=5),
        Answer(b"0" * 65536, endless=True),
    ],
    ids=["html", "half", "500", "time-out", "reset", "endless"],
)
def test_a_service_in_trouble_is_told_and_asked_once(source, exomast, client, hasty, answer):
    exomast.server.answer(f"{API}/spectra/*", answer)
    source.client = hasty if answer.wait else client
    with pytest.raises(DownloadError):
        source.names()
    asked = {request.path for request in exomast.server.requests}
    assert len(asked) == 1  # not one planet after the other
    with pytest.raises(DownloadError):
        source.load("WASP-39 b")
    source.client = client
    exomast.server.answer(f"{API}/spectra/*", exomast.spectrum)
    assert len(source.names()) == 3


def test_old_answers_serve_where_no_new_one_is_to_be_had(source, exomast, monkeypatch):
    source.load("HAT-P-26 b")
    for path in source.cache.folder.glob("index/*/*.json"):
        stored = json.loads(path.read_text())
        path.write_text(json.dumps(stored | {"retrieved": "2020-01-01T00:00:00+00:00"}))
    exomast.server.answer(f"{API}/spectra/*", Answer(status=503))
    assert len(source.load("HAT-P-26 b")) == 12


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no such planet", UnknownNameError),
        ("", UnknownNameError),
        ("x" * 200, UnknownNameError),
        ("HD 189733 b", UnknownNameError),
        ("HAT-P-26 b Nobody 1999", UnknownNameError),
        ("HAT-P-26 b 5087.1", UnknownNameError),
        ("GJ 1 b Somebody 2020", UnknownNameError),
    ],
    ids=["none", "empty", "long", "no spectra", "author", "archive", "planet"],
)
def test_what_it_does_not_have_is_told(source, name, kind):
    with pytest.raises(kind):
        source.load(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("# only (Rp/Rs)^2\n", "not the four numbers"),
        (HEADER + "1.1 0.05 0.005\n", "not the four numbers"),
        (HEADER + "1.1 0.05 abc 1e-5\n", "not the four numbers"),
        (table("# wavelength width value error\n"), "does not say whether"),
        (table(depth=0.5), "percent"),
        (HEADER + "1.1 0.05 0.005 0.0\n1.2 0.05 0.005 1e-5\n", "an error of zero"),
        ("<html>gone</html>", "web page"),
    ],
    ids=["empty", "no rows", "three", "words", "unsaid", "percent", "no error", "html"],
)
def test_a_file_that_cannot_be_read_is_told(source, exomast, text, message):
    exomast.spectra["WASP-39 b"] = {"WASP-39b_transmission_Wakeford2018.txt": text}
    with pytest.raises(ExoskError, match=message) as told:
        source.load("WASP-39 b")
    assert "Wakeford" in str(told.value)


@pytest.mark.parametrize(
    ("header", "depth"),
    [
        ("# um um (Rp/Rs)^2 [%] err\n", 0.52),
        ("# um um transit depth (ppm) err\n", 5200.0),
        ("# um um (R_p/R_s)**2 err\n", 0.0052),
        ("wavelength width (Rp/R*)^2 err\n", 0.0052),
    ],
    ids=["percent", "ppm", "stars", "no comment"],
)
def test_units_are_the_headers(source, exomast, header, depth):
    text = header + f"1.1 0.05 {depth} {depth / 100}\n1.15 0.05 {depth} {depth / 100}\n"
    exomast.spectra["WASP-39 b"] = {"WASP-39b_transmission_Wakeford2018.txt": text}
    np.testing.assert_allclose(source.load("WASP-39 b").depth, 0.0052)


@pytest.mark.parametrize(
    ("name", "reference", "year"),
    [
        ("HAT-P-26b_transmission_Wakeford2017.txt", "Wakeford 2017", 2017),
        ("WASP-12b_transmission_Sing2016_v2.txt", "Sing 2016 v2", 2016),
        ("GJ436b_transmission_team.txt", "team", 0),
        ("GJ436b_transmission.txt", "unnamed", 0),
    ],
)
def test_names_of_files_are_understood(name, reference, year):
    file = parse_name(name)
    assert (file.reference, file.year) == (reference, year)


@pytest.mark.parametrize("name", ["WASP-12b_eclipse_Line2016.txt", "README", "x.fits", ""])
def test_other_files_are_no_transmission_spectra(name):
    assert parse_name(name) is None


# ---------------------------------------------------------------------- systems


def test_parameters_have_units_errors_and_references(source):
    system = source.system("hat-p-26b")
    assert system["star_radius"] == 0.87  # of the catalogue that is preferred
    assert system["star_radius_err"] == pytest.approx((0.098 + 0.043) / 2)
    assert system["planet_mass"] == pytest.approx(0.059)
    assert system["equilibrium_temperature_err"] == pytest.approx((66 + 37) / 2)
    assert "planet_radius_err" not in system  # of one side only
    assert system["references"]["star_radius"] == "Hartman et al. 2011 (nexsci)"
    assert system["references"]["planet_radius"].startswith("Exo.MAST")
    assert system["origin"].startswith("Exo.MAST")


@pytest.mark.parametrize(
    ("values", "mass"),
    [
        ({"Mp": 317.83, "Mp_unit": "M_Earth"}, 1.0),
        ({"Mp": 1.0, "Mp_unit": None}, 1.0),
        ({"Mp": 1.0, "Mp_unit": "bushel"}, 0.059),
        ({"Mp": 0.0}, 0.059),
        ({"Mp": None}, 0.059),
        ({"Mp": "1"}, 0.059),
        ({"Mp": 5000.0}, 0.059),
    ],
    ids=["earth", "no unit", "bushel", "zero", "null", "text", "huge"],
)
def test_a_value_that_makes_no_sense_is_taken_from_the_next_catalogue(
    source, exomast, values, mass
):
    exomast.records["HAT-P-26 b"] = [record("exoplanets.org"), record("nexsci", **values)]
    assert source.system("HAT-P-26 b")["planet_mass"] == pytest.approx(mass, rel=1e-3)


def test_a_planet_without_parameters_is_told(source, exomast):
    for records in ([], [{"catalog_name": "nexsci"}]):
        exomast.records["WASP-39 b"] = records
        with pytest.raises(UnknownNameError, match=r"no parameters of WASP-39 b"):
            source.system("WASP-39 b")
    with pytest.raises(UnknownNameError):
        source.system("no such planet")


def test_the_orbit_is_published(source, exomast):
    orbit = source.orbit("HAT-P-26 b")
    assert orbit == Orbit(4.234516, 2455304.65222, 13.06, 88.6)
    half = record("nexsci")
    del half["a/Rs"]
    exomast.records["WASP-39 b"] = [half]
    with pytest.raises(UnknownNameError, match="no complete orbit of WASP-39 b"):
        source.orbit("WASP-39 b")


# ---------------------------------------------------------------------- exosk


def test_it_is_registered_under_its_name(exomast, monkeypatch, tmp_path):
    monkeypatch.setenv("EXOSK_EXOMAST_URL", exomast.server.url())
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path))
    source = default_manager().make("sources", "exo-mast")
    assert len(exosk.load_spectrum("HAT-P-26 b", [source])) == 12
    found, failures = search_spectra("hat-p 26", [("exo-mast", source)])
    assert [listing.name for _, listing in found] == [
        "HAT-P-26 b Stevenson 2016",
        "HAT-P-26 b Wakeford 2017",
    ]
    assert failures == []


def test_a_damaged_list_in_the_cache_is_asked_for_again(source, exomast):
    source.names()
    for entry in source.cache.entries():
        entry.path.write_text("{")
    assert len(source.load("HAT-P-26 b Wakeford 2017")) == 12
    assert len(source.names()) == 3


def test_an_eclipse_alone_is_no_transmission_spectrum(source, exomast):
    exomast.spectra["WASP-39 b"] = {"WASP-39b_eclipse_Line2016.txt": "x"}
    with pytest.raises(UnknownNameError, match="no transmission spectrum of WASP-39 b"):
        source.load("WASP-39 b")
    with pytest.raises((UnknownNameError, FileFormatError)):
        source.load("WASP-39b_eclipse_Line2016")

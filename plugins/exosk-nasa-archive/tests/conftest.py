"""The archive on the loopback address: its index, tables, workspaces and files, as they are.

The files are real ones of the archive's (../shared/data/nasa_archive); the index is made of their
heads, and the tables of parameters of recorded answers.
"""

from __future__ import annotations

import csv
import re
from copy import deepcopy
from functools import cache as cache_once
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from exosk_nasa_archive import NasaArchiveSource
from exosk_nasa_archive.index import COLUMNS

from exosk.downloads import Cache, Client
from exosk.sources import EmbeddedSource
from exosk.testing import Answer, LocalServer, Request

SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
PAGE = "/cgi-bin/atmospheres/nph-firefly"
LOOKUP = "/cgi-bin/Lookup/nph-aliaslookup.py"
SYNC = "/TAP/sync"
FOLDER = "40/24/96/78"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real files of the archive's, which are never copied into the project."""
    folder = SHARED_DATA / "nasa_archive"
    if not folder.is_dir():
        pytest.skip("the archive's files (../shared/data/nasa_archive) are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_ones_own(tmp_path_factory, monkeypatch):
    """Neither the developer's cache nor the live archive."""
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))
    monkeypatch.delenv("EXOSK_OFFLINE", raising=False)
    monkeypatch.delenv("EXOSK_NASA_ARCHIVE_URL", raising=False)


@pytest.fixture
def client():
    """Without patience."""
    return Client(connect_timeout=2, read_timeout=0.5, max_seconds=1, n_retries=1, backoff=0.01)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def server():
    with LocalServer() as local:
        yield local


@pytest.fixture
def archive(server, data):
    """The archive, with the files of WASP-39 b."""
    return FakeArchive(server, data)


@pytest.fixture
def votable():
    """Write a VOTable as the archive does: `votable(columns, rows, status)`."""
    return write_votable


@pytest.fixture
def refusal():
    """Write the answer to a query that a service cannot do: `refusal(said)`."""
    return error_document


@pytest.fixture
def parse_tbl():
    """Read an IPAC table apart from any library: `parse_tbl(path)` gives its head and its rows."""
    return read_tbl


@pytest.fixture
def page_of():
    """Write the page of atmospheric spectroscopy: `page_of(workspace)`."""
    return write_page


@pytest.fixture
def anchor():
    """Write a reference as the archive does: `anchor(author, bibcode)`."""
    return write_anchor


@pytest.fixture
def source(archive, client, cache):
    return NasaArchiveSource(archive.url, client=client, cache=cache)


def read_tbl(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read an IPAC table by the places of the bars, apart from any library."""
    head, names, bars, rows = {}, [], [], []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("\\"):
            key, _, value = line[1:].partition("=")
            head[key.strip()] = value.strip()
        elif line.startswith("|"):
            if not names:
                bars = [k for k, letter in enumerate(line) if letter == "|"]
                names = [line[a + 1 : b].strip() for a, b in pairwise(bars)]
        elif line.strip():
            cells = [line[a:b].strip() for a, b in pairwise(bars)]
            rows.append(dict(zip(names, cells)))
    return head, rows


def index_row(path: Path, folder: str = FOLDER) -> dict[str, Any]:
    """Return what the archive's index says of a file."""
    head, rows = read_tbl(path)
    wavelengths = [float(row["CENTRALWAVELNG"]) for row in rows]
    links = {row[k] for row in rows for k in ("PL_TRANDEP_URL", "PL_RATROR_URL")}
    bibcode = next(m[1] for link in sorted(links) if (m := re.search(r"/abs/([^/]+)", link)))
    return {
        "pl_name": head["PL_NAME"],
        "spec_type": head["SPEC_TYPE"],
        "authors": head["REFERENCE"],
        "bibcode": bibcode,
        "num_datapoints": len(rows),
        "instrument": head["INSTRUMENT"],
        "facility": head["FACILITY"],
        "minwavelng": min(wavelengths),
        "maxwavelng": max(wavelengths),
        "note": head["NOTE"],
        "spec_path": f"{folder}/{path.name}",
    }


# As the archive states them; of the other columns none.
UNITS = {
    "minwavelng": "microns",
    "maxwavelng": "microns",
    "pl_orbper": "days",
    "pl_orbsmax": "au",
    "pl_radj": "Rjupiter",
    "pl_bmassj": "Mjupiter",
    "pl_rade": "Rearth",
    "pl_bmasse": "Mearth",
    "pl_eqt": "K",
    "pl_insol": "Searth",
    "st_teff": "K",
    "st_rad": "Rsun",
    "st_lum": "log(Lsun)",
    "st_logg": "log(cm/s**2)",
}
_INTEGERS = re.compile(r"num_datapoints|.*lim|.*_flag")


def write_votable(columns: list[str], rows: list[dict[str, Any]], status: str = "OK") -> bytes:
    """Write a VOTable as the archive's service does (nexsciTAP's writer), its slips included."""
    fields = []
    for name in columns:
        base = re.sub(r"(err[12]|lim)$", "", name)
        unit = f' unit="{UNITS[base]}"' if base in UNITS and not name.endswith("lim") else ""
        values = [row.get(name) for row in rows if row.get(name) not in (None, "")]
        if any(isinstance(value, str) for value in values) or not (values or unit):
            fields.append(f'<FIELD ID="{name}" arraysize="*" datatype="char" name="{name}">')
        else:
            kind = "int" if _INTEGERS.fullmatch(name) else "double"
            fields.append(f'<FIELD ID="{name}" datatype="{kind}" name="{name}"{unit}>')
        fields.append(f"<DESCRIPTION><![CDATA[ {name} ]]></DESCRIPTION>\n</FIELD>\n>")
    cells = []
    for row in rows:
        cells.append("<TR>")
        for name in columns:
            value = row.get(name)
            text = "" if value is None else value if isinstance(value, str) else repr(value)
            cells.append(f"<TD>{f'<![CDATA[{text}]]>' if isinstance(value, str) else text}</TD>")
        cells.append("</TR>")
    body = ["<DATA>", "<TABLEDATA>", *cells, "</TABLEDATA>", "</DATA>"] if rows else []
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
            '<RESOURCE type="results">',
            f'<INFO name="QUERY_STATUS" value="{status}"/>',
            "<TABLE>",
            *fields,
            *body,
            "</TABLE>",
            "</RESOURCE>",
            "</VOTABLE>",
        ]
    ).encode()


def error_document(said: str) -> bytes:
    """Return what a TAP service answers to a query that it cannot do."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.4" '
        'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
        f'<INFO name="QUERY_STATUS" value="ERROR">{said}</INFO></RESOURCE></VOTABLE>'
    ).encode()


def write_anchor(author: str, bibcode: str) -> str:
    return (
        f"<a refstr={author.upper().replace(' ', '_')} "
        f"href=https://ui.adsabs.harvard.edu/abs/{bibcode}/abstract target=ref>{author}</a>"
    )


def recorded_system(path: Path) -> dict[str, Any]:
    """Return a recorded row of `pscomppars` with the columns that exosk asks for."""
    (row,) = csv.DictReader(path.read_text("utf-8").splitlines())
    found: dict[str, Any] = {"pl_name": row["pl_name"], "hostname": row["hostname"]}
    for name in ("pl_orbper", "pl_orbsmax", "pl_eqt", "st_teff", "st_rad", "pl_rade", "pl_bmasse"):
        found[name] = float(row[name]) if row[name] else None
    found["pl_radj"] = (found["pl_rade"] * u.R_earth).to_value(u.R_jup).item()
    found["pl_bmassj"] = (found["pl_bmasse"] * u.M_earth).to_value(u.M_jup).item()
    for name in ("pl_radj", "pl_bmassj", "pl_eqt", "st_teff", "st_rad", "pl_orbper"):
        found[f"{name}_reflink"] = row["disc_refname"]
    return found


def wasp39() -> dict[str, Any]:
    """Return a row of `pscomppars` for WASP-39 b, with what exosk's own observation has of it."""
    meta = EmbeddedSource().load("wasp-39b").meta
    row: dict[str, Any] = {"pl_name": "WASP-39 b", "hostname": "WASP-39", "pl_bmassprov": "Mass"}
    for column, name in (
        ("st_rad", "star_radius"),
        ("pl_bmassj", "planet_mass"),
        ("pl_radj", "planet_radius"),
        ("pl_eqt", "equilibrium_temperature"),
    ):
        row[column] = meta[name]
        row[f"{column}err1"], row[f"{column}err2"] = meta[f"{name}_err"], -meta[f"{name}_err"]
        row[f"{column}lim"] = 0
        row[f"{column}_reflink"] = write_anchor("Mancini et al. 2018", "2018A%26A...613A..41M")
    return row


@cache_once
def contents(data: Path) -> tuple[Any, ...]:
    """Read the files once for all tests."""
    paths = sorted(data.glob("*.tbl"))
    systems = [recorded_system(path) for path in sorted(data.glob("pscomppars_*.csv"))]
    return (
        [index_row(path) for path in paths],
        {f"{FOLDER}/{path.name}": path.read_bytes() for path in paths},
        [*systems, wasp39()],
        read_publications(data / "ps_petitRADTRANS_test.tab"),
    )


class FakeArchive:
    """Answers as the archive does; a test may replace any of its answers on the server.

    Attributes
    ----------
    url : str
        Its address.
    index : list of dict
        Rows of `spectra`.
    systems, publications : list of dict
        Rows of `pscomppars` and `ps`.
    files : dict of str to bytes
        By their paths.
    workspaces : list of str
        Those made so far; files are below the last one only, the others have expired.
    """

    def __init__(self, server: LocalServer, data: Path) -> None:
        self.server = server
        self.url = server.url()
        self.index, self.files, self.systems, self.publications = deepcopy(contents(data))
        self.workspaces: list[str] = []
        server.answer(SYNC, self.tap)
        server.answer(PAGE, self.page)
        server.answer("/workspace/*", self.file)
        server.answer(LOOKUP, self.aliases)

    def tap(self, request: Request) -> Answer:
        assert (request.query["REQUEST"], request.query["LANG"]) == ("doQuery", "ADQL")
        found = re.fullmatch(
            r"select (.+) from (\w+)(?: where (\w+) = '(.*)')?", request.query["QUERY"]
        )
        assert found, request.query["QUERY"]
        columns, table, key, value = found.groups()
        rows = {"spectra": self.index, "pscomppars": self.systems, "ps": self.publications}[table]
        names = columns.split(", ")
        if columns == "*":
            names = list(dict.fromkeys(name for row in rows for name in row))
        if key is not None:
            rows = [row for row in rows if row[key] == value.replace("''", "'")]
        return Answer(write_votable(names, rows), "text/xml")

    def page(self, request: Request) -> Answer:
        assert request.query == {"atmospheres": ""}
        workspace = f"TMP_x{len(self.workspaces)}_{27000 + len(self.workspaces)}"
        self.workspaces.append(workspace)
        return Answer(write_page(workspace), "text/html")

    def file(self, request: Request) -> Answer:
        _, _, workspace, tail = request.path.split("/", 3)
        path = tail.removeprefix("atmospheres/tab1/data/")
        if workspace != self.workspaces[-1] or path == tail or path not in self.files:
            return Answer(b"<html>Not Found</html>", "text/html", status=404)
        return Answer(self.files[path])

    def aliases(self, request: Request) -> Answer:
        return Answer(
            b'{"manifest": {"lookup_status": "Not Found", "requested_name": "?"}}',
            "application/json",
        )

    def queries(self) -> list[str]:
        """Return the queries that were asked."""
        return [request.query["QUERY"] for request in self.server.asked(SYNC)]

    def votable_of_index(self) -> bytes:
        return write_votable(list(COLUMNS), self.index)


def write_page(workspace: str) -> bytes:
    """Return the page of atmospheric spectroscopy."""
    return (
        '<html><head><title>Atmospheric Spectroscopy</title></head><body onload="FF_InitPage ('
        f"'/work/{workspace}/atmospheres/tab1', '/workspace/{workspace}', '/exodata/FDL', "
        "'Exoplanet Archive (FF v1.0)', 'tab1Tab', '0', 'ops')\"></body></html>"
    ).encode()


_KEPT = re.compile(r"(default_flag|(pl_(orbper|bmassj|radj|eqt)|st_(teff|rad|lum))(err[12]|lim)?)")


def read_publications(path: Path) -> list[dict[str, Any]]:
    """Read rows of `ps` that petitRADTRANS tests with."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = []
    for row in csv.DictReader(lines, delimiter="\t"):
        kept: dict[str, Any] = {}
        for name, text in row.items():
            if name in ("pl_name", "pl_refname", "st_refname", "pl_bmassprov"):
                kept[name] = text
            elif _KEPT.fullmatch(name):
                number = float(text) if text else None
                is_int = number is not None and _INTEGERS.fullmatch(name)
                kept[name] = int(number) if is_int else number
        rows.append(kept)
    return rows

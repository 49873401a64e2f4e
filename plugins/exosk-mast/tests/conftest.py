"""MAST, its name resolver and Exo.MAST on the loopback address, and files as they have them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from exosk_mast import Orbit
from exosk_mast.lightcurve import transit_shape

from exosk.downloads import Cache, Client
from exosk.testing import Answer, LocalServer, Request

SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
INVOKE = "/api/v0/invoke"
COLUMNS = "/portal/Mashup/Mashup.asmx/columnsconfig"
DOWNLOAD = "/api/v0.1/Download/file"
RESOLVER = "/Santa-war/query"
MJD = 2400000.5


@pytest.fixture(autouse=True)
def no_settings_of_ones_own(tmp_path_factory, monkeypatch):
    """Neither the developer's cache nor the live services: the discard port answers nobody."""
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))
    monkeypatch.delenv("EXOSK_OFFLINE", raising=False)
    for name in ("EXOSK_MAST_URL", "EXOSK_EXOMAST_URL", "EXOSK_MAST_RESOLVER_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def recorded():
    """Recorded answers of MAST's, which are never copied into the project."""
    folder = SHARED_DATA / "mast"
    if not folder.is_dir():
        pytest.skip("MAST's recorded answers (../shared/data/mast) are not on this machine")
    return lambda name: json.loads((folder / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def client():
    """Tries again at once, and lets a busy machine answer."""
    return Client(connect_timeout=10, read_timeout=20, n_retries=2, backoff=0.01)


@pytest.fixture
def hasty():
    """Without patience, for servers that are slow on purpose."""
    return Client(connect_timeout=10, read_timeout=0.3, max_seconds=1, n_retries=2, backoff=0.01)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def server():
    with LocalServer() as local:
        yield local


@pytest.fixture
def mast(server, monkeypatch):
    """MAST with two programmes, at the address that the environment names."""
    monkeypatch.setenv("EXOSK_MAST_URL", server.url())
    monkeypatch.setenv("EXOSK_MAST_RESOLVER_URL", server.url())
    return FakeMast(server)


@pytest.fixture
def orbit():
    """WASP-39 b's."""
    return Orbit(4.0552842, 2459770.8356, 11.39, 87.75)


@pytest.fixture
def observe(orbit):
    """Simulate a time series: `observe(depth, sigma=..., n=...)`; see :func:`simulate`."""
    return lambda *args, **options: simulate(orbit, *args, **options)


@pytest.fixture
def write_x1dints(tmp_path):
    """Write an x1dints file as the pipeline does; see :func:`x1dints`."""

    def write(name: str, *args: Any, **options: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(x1dints(*args, **options))
        return path

    return write


@pytest.fixture
def write_light_curve():
    """Give the writer of light curves; see :func:`light_curve`."""
    return light_curve


# ---------------------------------------------------------------------- services

# Of MAST's description of columns, what tells kinds of filters apart.
_TEXT = (
    "intentType",
    "obs_collection",
    "instrument_name",
    "proposal_id",
    "target_name",
    "dataproduct_type",
    "provenance_name",
    "obs_id",
    "project",
)
COLUMNS_CONFIG = {
    **{name: {"text": name, "vot.datatype": "char"} for name in _TEXT},
    "calib_level": {"text": "level", "vot.datatype": "int"},
    "t_exptime": {"text": "exposure", "vot.datatype": "double"},
    "s_ra": {"text": "RA", "vot.datatype": "double"},
}

WASP39 = (217.32667, -3.44444)
WASP43 = (154.90821, -9.80645)


def observation(obsid: str, **values: Any) -> dict[str, Any]:
    """Return a row of MAST's observations, of WASP-39 by JWST unless told otherwise."""
    return {
        "intentType": "science",
        "obs_collection": "JWST",
        "provenance_name": "CALJWST",
        "instrument_name": "NIRSPEC/SLIT",
        "project": "JWST",
        "filters": "CLEAR;PRISM",
        "target_name": "WASP-39",
        "obs_id": f"jw01366-o{obsid}",
        "s_ra": WASP39[0],
        "s_dec": WASP39[1],
        "dataproduct_type": "spectrum",
        "proposal_id": "1366",
        "calib_level": 3,
        "t_min": 59770.7,
        "t_max": 59771.0,
        "t_exptime": 27000.0,
        "obsid": obsid,
        "distance": 0.0,
    } | values


def product(obsid: str, name: str, kind: str, size: int = 1000, **values: Any) -> dict[str, Any]:
    """Return a row of MAST's products."""
    return {
        "obsID": obsid,
        "obs_collection": "JWST",
        "dataproduct_type": "spectrum",
        "obs_id": name.rsplit("_", 1)[0],
        "description": "",
        "type": "S",
        "dataURI": f"mast:JWST/product/{name}",
        "productType": "SCIENCE",
        "productSubGroupDescription": kind,
        "project": "CALJWST",
        "productFilename": name,
        "size": size,
        "proposal_id": "1366",
    } | values


_KINDS = {str: "string", int: "int", float: "float"}


def answer_table(rows: list[dict[str, Any]], like: dict[str, Any]) -> Answer:
    """Answer a query as MAST does."""
    fields = [{"name": name, "type": _KINDS[type(value)]} for name, value in like.items()]
    document = {
        "status": "COMPLETE",
        "msg": "",
        "data": rows,
        "fields": fields,
        "paging": {"page": 1, "pageSize": 50000, "pagesFiltered": 1, "rows": len(rows)},
    }
    return Answer(json.dumps(document).encode(), "application/json")


class FakeMast:
    """Answers as MAST does; a test may replace any of its answers on the server.

    Attributes
    ----------
    observations, products : list of dict
        What there is.
    files : dict of str to bytes
        By their address, as ``mast:JWST/product/...``.
    places : dict of str to (float, float)
        What the name resolver knows, in lower case.
    """

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.observations = [
            observation("004"),
            observation("001", instrument_name="NIRISS/SOSS", filters="CLEAR;GR700XD"),
            observation(
                "011",
                instrument_name="MIRI/SLITLESS",
                target_name="WASP-43",
                s_ra=WASP43[0],
                s_dec=WASP43[1],
            ),
            observation("900", proposal_id="2783", target_name="OTHER", s_ra=10.0, s_dec=10.0),
            observation(
                "800", obs_collection="HST", instrument_name="WFC3/IR", proposal_id="14260"
            ),
        ]
        self.products: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.places = {"wasp-39": WASP39, "wasp-39 b": WASP39, "wasp-43": WASP43}
        server.answer(COLUMNS, Answer(json.dumps(COLUMNS_CONFIG).encode(), "application/json"))
        server.answer(INVOKE, self.invoke)
        server.answer(RESOLVER, self.resolve)
        server.answer(DOWNLOAD, self.download)

    def add(self, obsid: str, name: str, data: bytes, kind: str = "X1DINTS", **values: Any) -> None:
        """Offer a file."""
        row = product(obsid, name, kind, len(data), **values)
        self.products.append(row)
        self.files[row["dataURI"]] = data

    def invoke(self, request: Request) -> Answer:
        asked = json.loads(request.query["request"])
        params = asked["params"]
        if asked["service"] == "Mast.Caom.Products":
            wanted = params["obsid"].split(",")
            rows = [row for row in self.products if row["obsID"] in wanted]
            return answer_table(rows, product("0", "x_y", "Z"))
        assert asked["service"] in ("Mast.Caom.Filtered", "Mast.Caom.Filtered.Position")
        rows = [row for row in self.observations if _passes(row, params["filters"])]
        if "position" in params:
            ra, dec, radius = (float(number) for number in params["position"].split(","))
            place = SkyCoord(ra, dec, unit="deg")
            rows = [
                row
                for row in rows
                if SkyCoord(row["s_ra"], row["s_dec"], unit="deg").separation(place).deg < radius
            ]
        return answer_table(rows, observation("0"))

    def resolve(self, request: Request) -> Answer:
        name = request.query["name"].lower()
        found = []
        if name in self.places:
            ra, dec = self.places[name]
            found = [{"searchString": name, "resolver": "SIMBAD", "ra": ra, "decl": dec}]
        return Answer(
            json.dumps({"resolvedCoordinate": found, "status": ""}).encode(), "application/json"
        )

    def download(self, request: Request) -> Answer:
        data = self.files.get(request.query["uri"])
        if data is None:
            return Answer(b"not found", status=404)
        return Answer(data, "application/fits", etag='"1"')

    def asked(self, service: str) -> list[dict[str, Any]]:
        """Return the parameters of the queries to a service."""
        queries = [json.loads(r.query["request"]) for r in self.server.asked(INVOKE)]
        return [query["params"] for query in queries if query["service"] == service]


def _passes(row: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    for entry in filters:
        value = str(row[entry["paramName"]])
        pattern = re.escape(entry.get("freeText", "\0")).replace("%", ".*")
        if value not in entry["values"] and not re.fullmatch(pattern, value):
            return False
    return True


# ---------------------------------------------------------------------- files


def simulate(
    orbit: Orbit,
    depth: Any,
    wavelength: Any = None,
    n: int = 200,
    sigma: float = 1e-3,
    seed: int = 0,
    limb_darkening: tuple[float, float] = (0.12, 0.15),
    half: float = 0.14,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return times, wavelengths, fluxes (Jy) and errors of a transit with known depths."""
    depth = np.atleast_1d(depth)
    if wavelength is None:
        wavelength = np.linspace(1.0, 5.0, len(depth))
    time = orbit.transit_time + 3 * orbit.period + np.linspace(-half, half, n)
    star = 0.02 * (wavelength / wavelength[0]) ** -1.5
    phase = orbit.phase(time)
    curves = np.array([transit_shape(phase, orbit, d, *limb_darkening) for d in depth]).T
    flux = star * curves * (1 + 0.02 * phase)[:, None]
    error = np.broadcast_to(sigma * star, flux.shape)
    noise = np.random.default_rng(seed).normal(size=flux.shape)
    return time, np.asarray(wavelength), flux + error * noise, error


def x1dints(
    time: np.ndarray,
    wavelength: np.ndarray,
    flux: np.ndarray,
    error: np.ndarray,
    dq: np.ndarray | None = None,
    *,
    layout: str = "rows",
    times: str = "own",
    barycentric: bool = True,
    first: int = 1,
    detector: str = "NRS1",
    unit: str = "um",
    pad: int = 0,
    orders: dict[int, slice] | None = None,
    **header: Any,
) -> bytes:
    """Write a file in one of the pipeline's two layouts.

    `layout` is "rows" (a table with a row for each integration) or "tables" (a table for each
    integration); `times` is "own" (with the spectra), "listed" (in INT_TIMES) or "none"; `first` is
    the number of the first integration. `pad` adds NaN at the end of each row; `orders` are ranges
    of wavelengths that have a table of their own.
    """
    n = len(time)
    dq = np.zeros(flux.shape, dtype=np.uint32) if dq is None else dq
    primary = fits.PrimaryHDU()
    primary.header.update(
        {
            "TELESCOP": "JWST",
            "INSTRUME": "NIRSPEC",
            "GRATING": "PRISM",
            "FILTER": "CLEAR",
            "DETECTOR": detector,
            "PROGRAM": "01366",
            "TARGPROP": "WASP-39",
            "CAL_VER": "1.18.0",
            "INTSTART": first,
            **header,
        }
    )
    utc = time - MJD - 0.003  # some minutes, as the barycentre may be away
    tdb = time - MJD if barycentric else np.full(n, np.nan)
    hdus: list[Any] = [primary]
    for order, cut in (orders or {1: slice(None)}).items():
        parts = (wavelength[cut], flux[:, cut], error[:, cut], dq[:, cut])
        make = _by_row if layout == "rows" else _by_table
        hdus += make(parts, utc, tdb, first, times == "own", unit, pad, order)
    if times == "listed":
        columns = [fits.Column("integration_number", "J", array=first + np.arange(n))]
        for system, middle in (("MJD_UTC", utc), ("BJD_TDB", tdb)):
            for place, shift in (("start", -1e-4), ("mid", 0.0), ("end", 1e-4)):
                columns.append(
                    fits.Column(f"int_{place}_{system}", "D", array=middle + shift, unit="d")
                )
        hdus.insert(1, fits.BinTableHDU.from_columns(columns, name="INT_TIMES"))
    hdus.append(fits.BinTableHDU.from_columns([fits.Column("ASDF", "B", array=[0])], name="ASDF"))
    stream = io.BytesIO()
    fits.HDUList(hdus).writeto(stream)
    return stream.getvalue()


def _by_row(parts, utc, tdb, first, own, unit, pad, order):
    wavelength, flux, error, dq = parts
    n, width = flux.shape
    tail = np.full((n, pad), np.nan)
    rows = {
        "WAVELENGTH": (np.hstack([np.broadcast_to(wavelength, flux.shape), tail]), unit),
        "FLUX": (np.hstack([flux, tail]), "Jy"),
        "FLUX_ERROR": (np.hstack([error, tail]), "Jy"),
    }
    columns = [fits.Column("INT_NUM", "J", array=first + np.arange(n))]
    columns += [
        fits.Column(name, f"{width + pad}D", array=values, unit=said)
        for name, (values, said) in rows.items()
    ]
    flags = np.hstack([dq, np.ones((n, pad), dtype=np.uint32)])
    columns.append(fits.Column("DQ", f"{width + pad}J", array=flags.astype(np.int32)))
    for name, values in (("MJD-AVG", utc), ("TDB-MID", tdb)):
        stamped = values if own else np.full(n, np.nan)
        columns.append(fits.Column(name, "D", array=stamped, unit="d"))
    hdu = fits.BinTableHDU.from_columns(columns, name="EXTRACT1D")
    hdu.header["SPORDER"] = order
    return [hdu]


def _by_table(parts, utc, tdb, first, own, unit, pad, order):
    wavelength, flux, error, dq = parts
    hdus = []
    for k in range(len(flux)):
        columns = [
            fits.Column("WAVELENGTH", "D", array=wavelength, unit=unit),
            fits.Column("FLUX", "D", array=flux[k], unit="Jy"),
            fits.Column("FLUX_ERROR", "D", array=error[k], unit="Jy"),
            fits.Column("DQ", "J", array=dq[k].astype(np.int32)),
        ]
        hdu = fits.BinTableHDU.from_columns(columns, name="EXTRACT1D", ver=k + 1)
        hdu.header["SPORDER"] = order
        if own:
            hdu.header.update({"INT_NUM": first + k, "MJD-AVG": utc[k]})
            if np.isfinite(tdb[k]):
                hdu.header["TDB-MID"] = tdb[k]
        hdus.append(hdu)
    return hdus


def light_curve(
    time: np.ndarray,
    flux: np.ndarray,
    mission: str = "TESS",
    period: int = 10,
    flags: np.ndarray | None = None,
    target: str = "TIC 181949561",
) -> bytes:
    """Write a light curve as the pipelines of TESS and Kepler do."""
    primary = fits.PrimaryHDU()
    key, offset = {"TESS": ("SECTOR", 2457000), "Kepler": ("QUARTER", 2454833)}[mission]
    primary.header.update(
        {
            "TELESCOP": mission,
            "OBJECT": target,
            key: period,
            "RA_OBJ": WASP39[0],
            "DEC_OBJ": WASP39[1],
            "CREATOR": "LightCurveExporterPipelineModule",
            "ORIGIN": "NASA/Ames",
        }
    )
    if mission == "Kepler":
        primary.header["MISSION"] = mission
    flags = np.zeros(len(time), dtype=np.int32) if flags is None else flags
    quality = "QUALITY" if mission == "TESS" else "SAP_QUALITY"
    columns = [
        fits.Column("TIME", "D", array=time - offset, unit=f"BJD - {offset}, days"),
        fits.Column("CADENCENO", "J", array=np.arange(len(time))),
        fits.Column("SAP_FLUX", "E", array=1.1 * flux, unit="e-/s"),
        fits.Column("SAP_FLUX_ERR", "E", array=0.001 * flux, unit="e-/s"),
        fits.Column("PDCSAP_FLUX", "E", array=flux, unit="e-/s"),
        fits.Column("PDCSAP_FLUX_ERR", "E", array=0.001 * flux, unit="e-/s"),
        fits.Column(quality, "J", array=flags),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    table.header.update({"TELESCOP": mission, "BJDREFI": offset, "BJDREFF": 0.0, "TIMESYS": "TDB"})
    table.header["OBJECT"] = target
    stream = io.BytesIO()
    fits.HDUList([primary, table]).writeto(stream)
    return stream.getvalue()

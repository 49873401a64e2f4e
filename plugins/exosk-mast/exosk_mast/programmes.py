"""JWST and HST programmes at MAST: search, list, fetch.

The searches are astroquery's. What has to be fetched is fetched by exosk's own client into its
cache, see :func:`fetch_products`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.downloads import Cache, CacheEntry, Client, Item, default_cache
from exosk.exceptions import DownloadError, RangeError, UnknownNameError
from exosk_mast.addresses import (
    CITATION,
    HOSTS,
    LICENCE,
    MAST,
    base_url,
    download_url,
    resolver_url,
)
from exosk_mast.portal import make_portal, translated

if TYPE_CHECKING:
    from astropy.table import Row, Table

__all__ = ["fetch_products", "list_products", "query", "resolve", "search_observations"]

_RADIUS = 0.02  # degrees; targets of JWST are centred to less than that
_LARGEST = 4 * 1024**3  # bytes, where MAST does not say how large a file is
_PROGRAMME = re.compile(r"(?:[A-Za-z]+[\s-]*)?0*(\d+)")
_PLANET_LETTER = re.compile(r"(?<=[\w.])[\s-]*[b-k]$")


def search_observations(
    planet: str | None = None,
    programme: int | str | None = None,
    mission: str | Sequence[str] = "JWST",
    instrument: str | None = None,
    *,
    radius: float = _RADIUS,
    url: str | None = None,
    client: Client | None = None,
    **criteria: Any,
) -> Table:
    """Search MAST for observations of a planet, of a programme, or of both.

    Parameters
    ----------
    planet : str, optional
        Name of a planet or star that MAST's resolver knows.
    programme : int or str, optional
        Number of the programme: 1366 is JWST's Early Release Science of transiting planets.
    mission : str or list of str, default="JWST"
        ``"JWST"``, ``"HST"``, ``"TESS"``, ``"Kepler"``.
    instrument : str, optional
        Beginning of MAST's name of the instrument: ``"NIRSPEC"``, ``"NIRISS/SOSS"``, ``"WFC3"``.
    radius : float, default=0.02
        Of the search around the planet, in degrees.
    url : str, optional
        MAST's address; that of the environment's ``EXOSK_MAST_URL`` by default, or the live one.
    client : Client, optional
        Whose patience counts.
    **criteria
        Further ones of MAST's, as ``calib_level=3``: see
        https://mast.stsci.edu/api/v0/_c_a_o_mfields.html.

    Returns
    -------
    astropy.table.Table
        One row an observation, with MAST's columns; without rows where there is nothing.

    Raises
    ------
    RangeError
        If neither planet nor programme is given, or the programme is no number.
    UnknownNameError
        If MAST does not know the planet, or a criterion.
    DownloadError
        If MAST cannot be asked.
    """
    if planet is None and programme is None:
        raise RangeError(
            "a search of MAST needs a planet, a programme or both, as programme=1366 for JWST's "
            "Early Release Science of transiting planets"
        )
    client = _client(client)
    asked: dict[str, Any] = {"obs_collection": mission, "intentType": "science"}
    if programme is not None:
        asked["proposal_id"] = _programme(programme)
    if instrument is not None:
        asked["instrument_name"] = instrument if "*" in instrument else f"{instrument}*"
    if planet is not None:
        from astropy.coordinates import SkyCoord

        place = SkyCoord(*resolve(planet, client), unit="deg")
        asked |= {"coordinates": place, "radius": radius}
    what = " ".join(str(p) for p in (mission, planet, programme, instrument) if p is not None)
    return query(asked | criteria, f"observations ({what})", url, client)


def query(criteria: dict[str, Any], what: str, url: str | None, client: Client | None) -> Table:
    """Return MAST's observations that meet criteria.

    Parameters
    ----------
    criteria : dict
        See :func:`search_observations`.
    what : str
        What they are, for errors.
    url, client
        See :func:`search_observations`.
    """
    base = base_url(MAST, url)
    _check_online("searched")
    with translated(base, what):
        return make_portal(base, _client(client)).query_criteria(**criteria)


def list_products(
    observations: Table | Row,
    kind: str | Sequence[str] | None = "X1DINTS",
    *,
    extension: str = ".fits",
    url: str | None = None,
    client: Client | None = None,
) -> Table:
    """List the files of observations.

    Parameters
    ----------
    observations : Table or Row
        From :func:`search_observations`, or some of its rows.
    kind : str, list of str or None, default="X1DINTS"
        MAST's `productSubGroupDescription`; all for None. JWST's extracted spectra of each
        integration are ``X1DINTS``.
    extension : str, default=".fits"
        End of the files' names; a preview has the same kind.
    url, client
        See :func:`search_observations`.

    Returns
    -------
    astropy.table.Table
        One row a file, each once, by name; `dataURI`, `productFilename`, `size` in bytes, ...

    Raises
    ------
    UnknownNameError
        If there is no such file; the kinds that there are, are named.
    DownloadError
        If MAST cannot be asked.
    """
    from astropy.table import Row, Table

    observations = Table(observations) if isinstance(observations, Row) else observations
    if not len(observations):
        raise UnknownNameError("no observation was found whose products could be listed")
    _check_online("asked")
    client, base = _client(client), base_url(MAST, url)
    with translated(base, f"the products of {len(observations)} observations"):
        products = make_portal(base, client).get_product_list(observations)
        kinds = np.asarray(products["productSubGroupDescription"].filled("")).astype(str)
        names = np.asarray(products["productFilename"].filled("")).astype(str)
        _, first = np.unique(products["dataURI"].filled(""), return_index=True)
    wanted = np.isin(np.arange(len(products)), first) & np.char.endswith(names, extension)
    if kind is not None:
        wanted &= np.isin(kinds, [kind] if isinstance(kind, str) else list(kind))
    if not wanted.any():
        there = ", ".join(sorted({k for k in kinds if k})) or "none"
        raise UnknownNameError(
            f"those observations have no file of kind {kind!r} that ends in {extension!r}; kinds "
            f"that they have: {there}"
        )
    chosen = products[wanted]
    chosen.sort("productFilename")
    return chosen


def fetch_products(
    products: Table | Row,
    cache: Cache | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
    *,
    check_size: bool = True,
    url: str | None = None,
    client: Client | None = None,
) -> list[CacheEntry]:
    """Fetch files into the cache, each once and for ever.

    Parameters
    ----------
    products : Table or Row
        From :func:`list_products`, or some of its rows.
    cache : Cache, optional
        The user's by default.
    progress : callable, optional
        Called with the file's name, the bytes so far and all of them.
    check_size : bool, default=True
        Whether to refuse a file of another size than MAST lists.
    url, client
        See :func:`search_observations`.

    Returns
    -------
    list of CacheEntry
        In the order of the rows; `path` is the file.

    Raises
    ------
    DownloadError
        If one cannot be had, is damaged, or is not what was listed. Those that came before it stay
        in the cache, and a part that came of it is gone on with next time.
    """
    # Not by astroquery's own downloader: that one takes a file for complete that has another
    # file's size or none, keeps a page of errors under the file's name, waits without end for a
    # server that went silent, does not try again, and has a cache of its own in which two
    # processes write the same file.
    from astropy.table import Row

    cache = default_cache() if cache is None else cache
    client, base = _client(client), base_url(MAST, url)
    rows = [products] if isinstance(products, Row) else list(products)
    return [_fetch(row, cache, progress, check_size, base, client) for row in rows]


def resolve(name: str, client: Client | None = None) -> tuple[float, float]:
    """Return where an object is, by the name resolver of MAST.

    Parameters
    ----------
    name : str
        Of a planet or a star. Where a planet is not known, its star is looked for.
    client : Client, optional
        Asks.

    Returns
    -------
    right_ascension, declination : float
        In degrees (ICRS).

    Raises
    ------
    UnknownNameError
        If neither is known.
    DownloadError
        If the service cannot be asked.
    """
    # Not by astroquery, whose address of this service is fixed and whose request has no time-out.
    client = _client(client)
    _check_online("asked")
    star = _PLANET_LETTER.sub("", name.strip())
    for candidate in dict.fromkeys((name.strip(), star)):
        params = {"name": candidate, "outputFormat": "json", "resolveAll": "false"}
        answer = client.json(resolver_url(), params) if candidate else {}
        try:
            found = answer.get("resolvedCoordinate") or []
            for place in found:
                return float(place["ra"]), float(place["decl"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DownloadError(
                f"{resolver_url()} answered with something else than coordinates when asked for "
                f"{candidate!r}; try again later"
            ) from error
    raise UnknownNameError(
        f"MAST's name resolver knows no object {name!r}; give the planet or star as SIMBAD has it"
    )


def _fetch(
    row: Row,
    cache: Cache,
    progress: Callable[[str, int, int | None], None] | None,
    check_size: bool,
    base: str,
    client: Client,
) -> CacheEntry:
    uri, name = str(row["dataURI"]), str(row["productFilename"])
    size = row["size"]
    size = 0 if np.ma.is_masked(size) else int(size)
    programme = _text(row, "proposal_id")
    item = Item(
        MAST,
        uri,
        name,
        f"{name}, {_text(row, 'obs_collection')} {programme}".strip(" ,"),
        f"{CITATION}. File {uri}",
        LICENCE,
    )
    told = None if progress is None else functools.partial(progress, name)
    limit = size if size > 0 and check_size else _LARGEST

    def make(path: Path) -> Any:
        return client.download(download_url(uri, base), path, max_bytes=limit, progress=told)

    return cache.fetch(item, make, lambda path: _check(path, name, size if check_size else 0))


def _check(path: Path, name: str, size: int) -> None:
    """Refuse a file that is not the one that MAST lists."""
    with path.open("rb") as file:
        start = file.read(9)
    if name.endswith(".fits") and start != b"SIMPLE  =":
        raise DownloadError(f"{name}: MAST sent something else than a FITS file; try again later")
    found = path.stat().st_size
    if size > 0 and found != size:
        raise DownloadError(
            f"{name} has {found:,} bytes, and {size:,} where MAST lists it, which happens when a "
            f"file was made anew; list the products again, or give check_size=False"
        )


def _client(client: Client | None) -> Client:
    """Return the client, or one that lets a file of gigabytes come."""
    return Client(allowed_hosts=HOSTS, max_seconds=7200.0) if client is None else client


def _check_online(done: str) -> None:
    if default_cache().offline:
        raise DownloadError(
            f"MAST cannot be {done}, since exosk is offline (EXOSK_OFFLINE); what was fetched "
            f"before is still in the cache"
        )


def _programme(programme: int | str) -> str:
    found = _PROGRAMME.fullmatch(str(programme).strip())
    if found is None or int(found[1]) == 0:
        raise RangeError(f"programme {programme!r} is no number of a programme, such as 1366")
    return str(int(found[1]))


def _text(row: Row, column: str) -> str:
    value = row[column] if column in row.colnames else ""
    return "" if np.ma.is_masked(value) else str(value)

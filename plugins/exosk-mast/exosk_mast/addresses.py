"""Where the services are, and what a paper that uses them says.

References
----------
MAST's interface: https://mast.stsci.edu/api/v0/
Exo.MAST's: https://exo.mast.stsci.edu/docs/
Acknowledgement: https://archive.stsci.edu/publishing/mission-acknowledgements
"""

from __future__ import annotations

import os
from urllib.parse import quote

__all__ = [
    "CITATION",
    "EXOMAST",
    "EXOMAST_CITATION",
    "HOSTS",
    "LICENCE",
    "MAST",
    "base_url",
    "download_url",
    "file_list_url",
    "file_url",
    "identifiers_url",
    "properties_url",
    "resolver_url",
]

#: The sources of what is in the cache; the second is also a registered name.
MAST, EXOMAST = "mast", "exo-mast"

_RESOLVER = "mast-resolver"
_LIVE = {
    MAST: ("EXOSK_MAST_URL", "https://mast.stsci.edu"),
    EXOMAST: ("EXOSK_EXOMAST_URL", "https://exo.mast.stsci.edu"),
    _RESOLVER: ("EXOSK_MAST_RESOLVER_URL", "https://mastresolver.stsci.edu"),
}

#: Where MAST's own servers may redirect a download to.
HOSTS = ("mast.stsci.edu", "exo.mast.stsci.edu", "archive.stsci.edu")

CITATION = (
    "Based on data from the Mikulski Archive for Space Telescopes (MAST) at the Space Telescope "
    "Science Institute, which is operated by the Association of Universities for Research in "
    "Astronomy, Inc., under NASA contract NAS 5-03127 for JWST and NAS 5-26555 for HST"
)
EXOMAST_CITATION = (
    "This research has made use of Exo.MAST (https://exo.mast.stsci.edu) of the Mikulski Archive "
    "for Space Telescopes (MAST) at the Space Telescope Science Institute"
)
LICENCE = "public data of MAST, free to use with its acknowledgement"


def base_url(service: str, url: str | None = None) -> str:
    """Return a service's address: the one given, else the environment's, else the live one.

    Parameters
    ----------
    service : {"mast", "exo-mast", "mast-resolver"}
        Which.
    url : str, optional
        Another one.
    """
    variable, live = _LIVE[service]
    return (url or os.environ.get(variable) or live).rstrip("/")


def download_url(uri: str, base: str) -> str:
    """Return where MAST has a product, as ``mast:JWST/product/...``."""
    return f"{base}/api/v0.1/Download/file?uri={quote(uri, safe=':/')}"


def resolver_url() -> str:
    """Return who turns names of objects into coordinates."""
    return f"{base_url(_RESOLVER)}/Santa-war/query"


def identifiers_url(base: str) -> str:
    """Return who knows a planet's other names, given ``name``."""
    return f"{base}/api/v0.1/exoplanets/identifiers/"


def properties_url(planet: str, base: str) -> str:
    """Return where a planet's parameters are, by its canonical name."""
    return f"{base}/api/v0.1/exoplanets/{quote(planet, safe='')}/properties"


def file_list_url(planet: str, base: str) -> str:
    """Return where a planet's curated spectra are listed."""
    return f"{base}/api/v0.1/spectra/{quote(planet, safe='')}/filelist"


def file_url(planet: str, name: str, base: str) -> str:
    """Return where one of them is."""
    return f"{base}/api/v0.1/spectra/{quote(planet, safe='')}/file/{quote(name, safe='')}"

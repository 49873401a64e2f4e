"""Where the archive is, and what a paper that uses it says.

References
----------
Acknowledgement: https://exoplanetarchive.ipac.caltech.edu/docs/acknowledge.html
DOIs: https://exoplanetarchive.ipac.caltech.edu/docs/doi.html
"""

from __future__ import annotations

import os

__all__ = [
    "CITATION",
    "COMPOSITE_DOI",
    "LICENCE",
    "LIVE_URL",
    "SOURCE",
    "SYSTEMS_DOI",
    "URL_VARIABLE",
    "base_url",
]

#: As it is registered, and as its files are listed in the cache.
SOURCE = "nasa-archive"

LIVE_URL = "https://exoplanetarchive.ipac.caltech.edu"
URL_VARIABLE = "EXOSK_NASA_ARCHIVE_URL"

#: Of the tables `ps` (one row a publication) and `pscomppars` (one row a planet).
SYSTEMS_DOI = "10.26133/NEA12"
COMPOSITE_DOI = "10.26133/NEA13"

CITATION = (
    "This research has made use of the NASA Exoplanet Archive, which is operated by the California "
    "Institute of Technology, under contract with the National Aeronautics and Space "
    "Administration under the Exoplanet Exploration Program (Planetary Systems Composite "
    f"Parameters: DOI {COMPOSITE_DOI})"
)

LICENCE = "none stated; cite each publication and the archive"


def base_url(url: str | None = None) -> str:
    """Return the archive's address: the one given, else the environment's, else the live one."""
    return (url or os.environ.get(URL_VARIABLE) or LIVE_URL).rstrip("/")

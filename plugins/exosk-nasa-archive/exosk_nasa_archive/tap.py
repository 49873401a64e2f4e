"""Queries to the archive's Table Access Protocol service, with the answers kept in the cache.

pyvo knows the protocol: how a query is written as an address, and what an answer says. In between,
exosk's own client fetches the answer, so that it comes whole, in time and from where it was asked
for, and the cache keeps it as the VOTable that came.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from exosk.downloads import Cache, CacheEntry, Client, Item, Origin
from exosk.exceptions import DownloadError
from exosk_nasa_archive.service import CITATION, LICENCE, SOURCE

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Tap", "read_votable"]

_BAD_REQUEST = 400
_LONGEST = 300  # characters of a service's own words


@dataclass
class Tap:
    """The archive's tables.

    Parameters
    ----------
    base : str
        The archive's address.
    client : Client
        Asks.
    cache : Cache
        Keeps the answers.
    """

    base: str
    client: Client
    cache: Cache

    def query(
        self, adql: str, name: str, title: str, *, max_age: float, columns: tuple[str, ...] = ()
    ) -> tuple[Table, CacheEntry]:
        """Return the answer to a query, from the cache or newly asked for.

        Parameters
        ----------
        adql : str
            The query.
        name, title : str
            What its answer is called in the cache.
        max_age : float
            Days after which it is asked again. An old answer serves where no new one can be had;
            the entry's `problem` then says why.
        columns : tuple of str
            What the answer must have.

        Returns
        -------
        table : astropy.table.Table
            As the service gives it.
        entry : CacheEntry
            Where it is kept.

        Raises
        ------
        DownloadError
            If there is no answer, or it is an error, cut short, or without the columns.
        """
        item = Item(
            SOURCE,
            f"{self.base}/TAP {adql}",
            f"{name}.vot",
            title,
            CITATION,
            LICENCE,
            max_age=max_age,
        )
        entry = self.cache.fetch(
            item,
            lambda path: self._ask(adql, path),
            lambda path: read_votable(path, title, columns),
        )
        return read_votable(entry.path, title, columns), entry

    def _ask(self, adql: str, path: Path) -> Origin:
        from pyvo.dal import TAPQuery

        asked = TAPQuery(f"{self.base}/TAP", adql)
        try:
            return self.client.download(asked.queryurl, path, params=dict(asked))
        except DownloadError as error:
            if error.status == _BAD_REQUEST:
                raise _refused(adql, str(error)) from error
            raise


def read_votable(path: Path, label: str, columns: tuple[str, ...] = ()) -> Table:
    """Read the answer of a TAP service.

    Parameters
    ----------
    path : Path
        The VOTable.
    label : str
        What it is called in errors.
    columns : tuple of str
        What it must have.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    DownloadError
        If it is no VOTable, or one that says that the query failed or that rows are missing, or
        lacks a column.
    """
    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import VOTableSpecError
    from pyvo.dal import DALFormatError, DALQueryError, TAPResults

    with warnings.catch_warnings():
        # The archive's VOTables have units and types that the standard does not know.
        warnings.simplefilter("ignore")
        try:
            results = TAPResults(parse(path))
        except DALQueryError as error:
            raise _refused(label, str(error)) from error
        except (DALFormatError, VOTableSpecError, ExpatError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:_LONGEST]
            raise DownloadError(
                f"{label}: the archive answered with something that is not a whole VOTable "
                f"({reason}); try again later"
            ) from error
        if results.query_status.upper() == "OVERFLOW":
            raise DownloadError(
                f"{label}: the archive sent a part of the rows only (QUERY_STATUS OVERFLOW), which "
                f"was not kept; try again later"
            )
        table = results.to_table()
    missing = [column for column in columns if column not in table.colnames]
    if missing:
        raise DownloadError(
            f"{label}: the archive's answer has no column {', '.join(missing)}, so that its tables "
            f"have changed; a newer exosk-nasa-archive may know them"
        )
    return table


def _refused(what: str, said: str) -> DownloadError:
    reason = " ".join(said.split())[:_LONGEST]
    return DownloadError(
        f"the archive refused a query ({what}): {reason}; try again later, or, if its tables have "
        f"changed, with a newer exosk-nasa-archive"
    )

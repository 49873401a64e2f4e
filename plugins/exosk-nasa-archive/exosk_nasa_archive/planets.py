"""Planets by any of their names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from exosk.downloads import Cache, Client, Item, Origin
from exosk.exceptions import DownloadError, UnknownNameError
from exosk.sources import fold_name
from exosk_nasa_archive.rows import rows_of
from exosk_nasa_archive.service import CITATION, LICENCE, SOURCE
from exosk_nasa_archive.tap import Tap

__all__ = ["LOOKUP", "Aliases", "Planets", "match"]

LOOKUP = "/cgi-bin/Lookup/nph-aliaslookup.py?objname="

_QUERY = "select pl_name from pscomppars"
_MAX_AGE = 30.0  # days
_MAX_BYTES = 4 * 1024 * 1024
_LONGEST_NAME = 60
_PATIENCE = 15.0  # seconds; the service is known to hang


def match(name: str, known: Iterable[str]) -> str | None:
    """Return the one of the known names that is meant, whatever its spelling; None without it."""
    folded = fold_name(name)
    found = [candidate for candidate in known if fold_name(candidate) == folded]
    return name if name in found else min(found, default=None)


@dataclass
class Aliases:
    """The archive's own service for other names of a planet, as ``HD 39060 b`` for bet Pic b.

    Parameters
    ----------
    base : str
        The archive's address.
    client : Client
        Asks, with less patience than it has for data.
    cache : Cache
        Keeps the answers.
    """

    base: str
    client: Client
    cache: Cache
    _hasty: Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._hasty = replace(
            self.client,
            read_timeout=min(self.client.read_timeout, _PATIENCE),
            n_retries=min(self.client.n_retries, 1),
        )

    def resolve(self, name: str) -> str | None:
        """Return what the archive calls a planet; None where it does not know the name.

        Raises
        ------
        DownloadError
            If the service cannot be asked, or answers something else.
        """
        item = Item(
            SOURCE,
            f"{self.base}/aliases {name.casefold()}",
            "aliases.json",
            f"names of {name}",
            CITATION,
            LICENCE,
            max_age=_MAX_AGE,
        )
        entry = self.cache.fetch(item, lambda path: self._ask(name, path), _read_manifest)
        manifest = _read_manifest(entry.path)
        resolved = manifest.get("resolved_name")
        return str(resolved) if manifest.get("lookup_status") == "OK" and resolved else None

    def _ask(self, name: str, path: Path) -> Origin:
        return self._hasty.download(
            self.base + LOOKUP + quote(name, safe=""), path, max_bytes=_MAX_BYTES
        )


def _hint(name: str, known: Iterable[str]) -> str:
    """Name the nearest planets; thousands would be no help."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    return "; did you mean " + " or ".join(repr(folded[k]) for k in near) + "?" if near else ""


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8"))["manifest"])
    except (ValueError, LookupError, TypeError) as error:
        raise DownloadError(
            "the archive's service for other names answered with something else; try again later"
        ) from error


@dataclass
class Planets:
    """The confirmed planets, as the archive calls them.

    Parameters
    ----------
    tap : Tap
        Has the table of them.
    aliases : Aliases
        Is asked where no spelling fits.
    """

    tap: Tap
    aliases: Aliases

    def names(self) -> list[str]:
        """Return all names, sorted."""
        table, _ = self.tap.query(
            _QUERY,
            "planets",
            "the names of all planets of the NASA Exoplanet Archive",
            max_age=_MAX_AGE,
            columns=("pl_name",),
        )
        names = {row.text("pl_name") for row in rows_of(table)}
        return sorted(names - {""})

    def find(self, name: str, known: Iterable[str] | None = None) -> str:
        """Return what the archive calls a planet.

        Parameters
        ----------
        name : str
            In any spelling; another name of the planet is fine.
        known : iterable of str, optional
            Planets to choose from, rather than all.

        Raises
        ------
        UnknownNameError
            If it is none of them.
        DownloadError
            If they cannot be had.
        """
        if not fold_name(name) or len(name) > _LONGEST_NAME:
            raise UnknownNameError(f"{name[:_LONGEST_NAME]!r} is no name of a planet")
        known = self.names() if known is None else list(known)
        found = match(name, known)
        if found is not None:
            return found
        unasked = ""
        try:
            other = self.aliases.resolve(name)
        except DownloadError as error:
            other, unasked = None, f" (its service for other names could not be asked: {error})"
        found = None if other is None else match(other, known)
        if found is None:
            raise UnknownNameError(
                f"the NASA Exoplanet Archive has no planet {name!r}{_hint(name, known)}{unasked}"
            )
        return found

"""Exo.MAST's curated transmission spectra, and its parameters of planets and stars.

Exo.MAST lists the spectra of one planet, and nowhere the planets that have some. The planets that
are listed here are therefore those that somebody named: the ones that were asked for before, whose
lists are in the cache; and a few for which Exo.MAST is known to have spectra (:data:`PLANETS`), so
that there is something to choose from at first. Any other planet loads as well, by its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exosk.downloads import Cache, CacheEntry, Client, Item, Origin, default_cache
from exosk.exceptions import DownloadError, UnknownNameError
from exosk.sources import Listing, fold_name
from exosk.spectra import Spectrum
from exosk_mast import addresses
from exosk_mast.addresses import EXOMAST, EXOMAST_CITATION, HOSTS, LICENCE
from exosk_mast.files import CuratedFile, parse_name, read_curated
from exosk_mast.orbit import Orbit
from exosk_mast.properties import describe_orbit, describe_system

__all__ = ["PLANETS", "ExoMastSource"]

#: The ten of Sing et al. 2016 (Nature 529, 59), and one of Wakeford et al. 2017 (Science 356, 628).
PLANETS = (
    "HAT-P-1 b",
    "HAT-P-12 b",
    "HAT-P-26 b",
    "HD 189733 b",
    "HD 209458 b",
    "WASP-6 b",
    "WASP-12 b",
    "WASP-17 b",
    "WASP-19 b",
    "WASP-31 b",
    "WASP-39 b",
)

_LIST_AGE, _NAME_AGE, _SYSTEM_AGE = 7.0, 90.0, 30.0  # days
_MAX_BYTES = 4 * 1024 * 1024
_LONGEST_NAME = 60
# "HAT-P-26 b Wakeford 2017"; one word is the author's.
_PUBLISHED = re.compile(r"(?P<planet>.+)[\s_]+(?P<reference>[^\s\d_]+[\s_]*(?:19|20)\d\d\S*)")
_LISTS = "/filelist "  # in the keys of lists of files, before the planet


@dataclass(frozen=True)
class _Known:
    """A curated spectrum of a planet."""

    planet: str
    file: CuratedFile

    @property
    def name(self) -> str:
        # A point would make a path of it.
        return f"{self.planet} {self.file.reference}".replace(".", "-").replace("/", "-")


class ExoMastSource:
    """Curated transmission spectra, and parameters of planets and stars, of Exo.MAST.

    Nothing is asked for when it is made. What was asked for is kept in the cache: spectra for ever,
    lists of them for 7 days, parameters for 30, and longer where Exo.MAST cannot be reached.

    Parameters
    ----------
    url : str, optional
        Exo.MAST's address; that of the environment's ``EXOSK_EXOMAST_URL`` by default, or the live
        one.
    client : Client, optional
        Asks; one with less than the usual patience by default, since several planets are asked for
        at once.
    cache : Cache, optional
        Keeps the answers; the user's by default.
    planets : iterable of str, optional
        Planets that :meth:`names` lists, besides those that were asked for before;
        :data:`PLANETS` by default.
    """

    citation = EXOMAST_CITATION
    # A curated choice of some planets: whoever has more is asked before.
    rank = 1

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Client | None = None,
        cache: Cache | None = None,
        planets: Iterable[str] | None = None,
    ) -> None:
        self.url = addresses.base_url(EXOMAST, url)
        self.client = _hasty() if client is None else client
        self.cache = default_cache() if cache is None else cache
        self.planets = tuple(PLANETS if planets is None else planets)

    def names(self) -> list[str]:
        """Return the names of known spectra, as ``HAT-P-26 b Wakeford 2017``, sorted.

        Raises
        ------
        DownloadError
            If no list of files is in the cache, and none can be had.
        """
        return [known.name for known in self._all()]

    def listings(self) -> list[Listing]:
        """Describe the known spectra; see :meth:`names`."""
        return [
            Listing(known.name, known.planet, reference=f"{known.file.reference} (Exo.MAST)")
            for known in self._all()
        ]

    def load(self, name: str) -> Spectrum:
        """Return one transmission spectrum.

        Parameters
        ----------
        name : str
            As in :meth:`names`, or of a file without its ending; or a planet, whether it is listed
            or not. Of a planet with several spectra the newest is taken; a note says so, and how
            another one is named.

        Returns
        -------
        Spectrum
            ``meta`` has the file's comments, ``licence``, ``citation``, ``provenance``, and
            ``notes``.

        Raises
        ------
        UnknownNameError
            If Exo.MAST has no such planet, or no transmission spectrum of it.
        DownloadError
            If it cannot be had.
        ExoskError
            If the file cannot be read.
        """
        notes: list[str] = []
        known = self._named(name) or self._newest(self._canonical(name), notes)
        entry = self._fetch_file(known)
        spectrum = read_curated(entry.path, known.planet, known.file)
        meta = spectrum.meta | {
            "licence": LICENCE,
            "citation": entry.citation,
            "provenance": f"Exo.MAST, {known.file.name}, fetched on {entry.retrieved[:10]}, sha256 "
            f"{entry.sha256}",
            "notes": [*notes, *spectrum.meta["notes"]],
        }
        return spectrum.replace(meta=meta)

    def system(self, planet: str) -> dict[str, Any]:
        """Return what is published of a planet and its star.

        Parameters
        ----------
        planet : str
            Any of its names, in any spelling.

        Returns
        -------
        dict
            See :class:`exosk.sources.Source`; ``equilibrium_temperature`` is Exo.MAST's `Tp`.

        Raises
        ------
        UnknownNameError
            If Exo.MAST has no such planet, or nothing of it.
        DownloadError
            If it cannot be asked.
        """
        name, records, entry = self._records(planet)
        system = describe_system(records)
        if not system["references"]:
            raise UnknownNameError(f"Exo.MAST has no parameters of {name}")
        system["origin"] = f"Exo.MAST ({entry.retrieved[:10]})"
        return system

    def orbit(self, planet: str) -> Orbit:
        """Return the published orbit of a planet, for a quick look at its light curves.

        Parameters
        ----------
        planet : str
            Any of its names, in any spelling.

        Raises
        ------
        UnknownNameError
            If Exo.MAST has no such planet, or no complete orbit of it.
        DownloadError
            If it cannot be asked.
        """
        name, records, _ = self._records(planet)
        return describe_orbit(records, name)

    # ------------------------------------------------------------------ spectra

    def _all(self) -> list[_Known]:
        """Return the known spectra, each name once."""
        planets = {fold_name(p): p for p in (*self._asked_before(), *self.planets)}
        found: dict[str, _Known] = {}
        failure: DownloadError | None = None
        for planet in planets.values():
            try:
                # Who does not answer is not asked a dozen times.
                files = self._files(planet, Cache(self.cache.folder, True) if failure else None)
            except UnknownNameError:
                continue
            except DownloadError as error:
                failure = failure or error
                continue
            for file in files:
                known = _Known(planet, file)
                found.setdefault(fold_name(known.name), known)
        if failure is not None and not found and not self.cache.offline:
            raise failure
        return sorted(found.values(), key=lambda known: known.name)

    def _named(self, name: str) -> _Known | None:
        """Return the spectrum of a name, or of a file's name; None where it names a planet only."""
        folded = fold_name(name)
        known = {fold_name(p): p for p in (*self._asked_before(), *self.planets)}
        planet = next((p for f, p in known.items() if folded.startswith(f) and folded != f), None)
        published = _PUBLISHED.fullmatch(name.strip())
        if planet is None and published is not None:
            planet = self._canonical(published["planet"])
            folded = fold_name(f"{planet} {published['reference']}")
        if planet is None:
            return None
        spectra = [_Known(planet, file) for file in self._files(planet)]
        for one in spectra:
            if folded in (fold_name(one.name), fold_name(Path(one.file.name).stem)):
                return one
        raise UnknownNameError.suggest("spectrum of Exo.MAST's", name, [s.name for s in spectra])

    def _newest(self, planet: str, notes: list[str]) -> _Known:
        """Choose among the spectra of a planet, and note how."""
        files = sorted(self._files(planet), key=lambda file: (file.year, file.name))
        if not files:
            raise UnknownNameError(f"Exo.MAST has no transmission spectrum of {planet}")
        if len(files) > 1:
            others = ", ".join(repr(_Known(planet, file).name) for file in files[:-1])
            notes.append(
                f"Exo.MAST has {len(files)} transmission spectra of {planet}; this is the newest. "
                f"Others: {others}."
            )
        return _Known(planet, files[-1])

    def _asked_before(self) -> list[str]:
        """Return the planets whose lists of files are in the cache."""
        start = self.url + _LISTS
        keys = [entry.key for entry in self.cache.entries(EXOMAST) if entry.source == EXOMAST]
        return [key.removeprefix(start) for key in keys if key.startswith(start)]

    def _files(self, planet: str, cache: Cache | None = None) -> list[CuratedFile]:
        answer, _ = self._ask(
            _LISTS + planet,
            addresses.file_list_url(planet, self.url),
            f"list of the spectra of {planet}",
            planet,
            _LIST_AGE,
            cache,
        )
        try:
            names = [str(name) for name in answer["filenames"]]
        except (TypeError, KeyError):
            raise UnknownNameError(f"Exo.MAST has no spectra of {planet!r}") from None
        return [file for file in map(parse_name, names) if file is not None]

    def _fetch_file(self, known: _Known) -> CacheEntry:
        url = addresses.file_url(known.planet, known.file.name, self.url)
        item = Item(
            EXOMAST,
            url,
            known.file.name,
            f"{known.name}, transmission spectrum",
            f"{known.file.reference}. {EXOMAST_CITATION}",
            LICENCE,
        )
        return self.cache.fetch(
            item, lambda path: self.client.download(url, path, max_bytes=_MAX_BYTES)
        )

    # ------------------------------------------------------------------ planets

    def _canonical(self, name: str) -> str:
        """Return what Exo.MAST calls a planet."""
        if not fold_name(name) or len(name) > _LONGEST_NAME:
            raise UnknownNameError(f"{name[:_LONGEST_NAME]!r} is no name of a planet")
        known = {fold_name(p): p for p in (*self._asked_before(), *self.planets)}
        if fold_name(name) in known:
            return known[fold_name(name)]
        answer, _ = self._ask(
            f"/identifiers {fold_name(name)}",
            addresses.identifiers_url(self.url),
            f"names of {name}",
            name,
            _NAME_AGE,
            params={"name": name},
        )
        answer = answer[0] if isinstance(answer, list) and answer else answer
        canonical = answer.get("canonicalName") if isinstance(answer, dict) else None
        if not canonical:
            raise UnknownNameError(f"Exo.MAST knows no planet {name!r}")
        return str(canonical)

    def _records(self, planet: str) -> tuple[str, list[dict[str, Any]], CacheEntry]:
        name = self._canonical(planet)
        answer, entry = self._ask(
            f"/properties {name}",
            addresses.properties_url(name, self.url),
            f"parameters of {name}",
            name,
            _SYSTEM_AGE,
        )
        records = answer if isinstance(answer, list) else [answer]
        return name, [record for record in records if isinstance(record, dict)], entry

    def _ask(
        self,
        key: str,
        url: str,
        title: str,
        planet: str,
        max_age: float,
        cache: Cache | None = None,
        params: dict[str, str] | None = None,
    ) -> tuple[Any, CacheEntry]:
        """Return an answer, from the cache or anew; UnknownNameError where there is none."""
        unknown = UnknownNameError(f"Exo.MAST knows nothing of {planet!r}")
        item = Item(
            EXOMAST,
            self.url + key,
            "answer.json",
            f"Exo.MAST's {title}",
            EXOMAST_CITATION,
            LICENCE,
            max_age=max_age,
        )

        def make(path: Path) -> Origin:
            try:
                origin = self.client.download(url, path, params=params, max_bytes=_MAX_BYTES)
            except DownloadError as error:
                if error.status == 404:
                    raise unknown from error
                raise
            if not path.read_bytes().strip():  # as it answers for a planet that it does not know
                path.unlink()
                raise unknown
            return origin

        cache = self.cache if cache is None else cache
        entry = cache.fetch(item, make, _read_json)
        return _read_json(entry.path), entry


def _hasty() -> Client:
    return Client(allowed_hosts=HOSTS, connect_timeout=5.0, read_timeout=30.0, n_retries=2)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DownloadError(
            "Exo.MAST answered with something that is not JSON; try again later"
        ) from error

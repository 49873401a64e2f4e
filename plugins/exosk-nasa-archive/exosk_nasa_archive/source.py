"""The archive as a source of observations and of systems' parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exosk.downloads import Cache, CacheEntry, Client, Item, default_cache
from exosk.exceptions import DownloadError, ExoskError, UnknownNameError
from exosk.sources import Listing, fold_name, read_spectrum
from exosk.spectra import Spectrum
from exosk_nasa_archive import index
from exosk_nasa_archive.index import IndexEntry
from exosk_nasa_archive.planets import Aliases, Planets
from exosk_nasa_archive.references import ads_link, author_text
from exosk_nasa_archive.rows import rows_of
from exosk_nasa_archive.service import CITATION, LICENCE, SOURCE, base_url
from exosk_nasa_archive.system import describe_system
from exosk_nasa_archive.tap import Tap
from exosk_nasa_archive.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import QTable, Table

__all__ = ["NasaArchiveSource"]

_INDEX_AGE, _SYSTEM_AGE = 7.0, 30.0  # days


class NasaArchiveSource:
    """Transmission spectra, and parameters of planets and stars, of the NASA Exoplanet Archive.

    Nothing is asked for when it is made. What was asked for is kept in the cache: spectra for ever,
    the index of spectra for 7 days, parameters for 30, and longer where the archive cannot be
    reached.

    Parameters
    ----------
    url : str, optional
        The archive's address; that of the environment's ``EXOSK_NASA_ARCHIVE_URL`` by default, or
        the live one.
    client : Client, optional
        Asks; one with the usual patience by default.
    cache : Cache, optional
        Keeps the answers; the user's by default.
    """

    citation = CITATION

    def __init__(
        self, url: str | None = None, *, client: Client | None = None, cache: Cache | None = None
    ) -> None:
        self.url = base_url(url)
        self.client = Client() if client is None else client
        self.cache = default_cache() if cache is None else cache
        self._tap = Tap(self.url, self.client, self.cache)
        self._planets = Planets(self._tap, Aliases(self.url, self.client, self.cache))
        self._workspace = Workspace(self.url, self.client)

    def names(self) -> list[str]:
        """Return the names of all transmission spectra, as ``WASP-39 b 5087.1``, sorted.

        Raises
        ------
        DownloadError
            If the index cannot be had.
        """
        return [entry.name for entry in self._index()[0]]

    def listings(self) -> list[Listing]:
        """Describe all transmission spectra, as the archive's index does; see :meth:`names`."""
        return [entry.listing() for entry in self._index()[0]]

    def at_hand(self) -> list[str]:
        """Return the names of those spectra whose files have been fetched, sorted."""
        try:
            table, _ = self._ask_index(replace(self.cache, offline=True))
        except DownloadError:
            return []
        return [
            entry.name
            for entry in index.read_index(table)
            if self.cache.find(SOURCE, self._key(entry)) is not None
        ]

    def load(self, name: str, **reading: Any) -> Spectrum:
        """Return one transmission spectrum.

        Parameters
        ----------
        name : str
            As in :meth:`names`, or the name of a file without its ending; or a planet. Of a planet
            with several spectra the one with the most points is taken, of equals the newest; a note
            says so, and how another one is named.
        **reading
            Passed to :func:`exosk.sources.read_spectrum`, as `bin_width` for a single point.

        Returns
        -------
        Spectrum
            ``meta`` has what the file says (``star_radius`` among it), ``facility``,
            ``instrument_name``, ``bibcode``, ``ads``, ``remarks``, ``licence``, ``citation`` and
            ``provenance``, and in ``notes`` where file and index disagree.

        Raises
        ------
        UnknownNameError
            If the archive has no such spectrum.
        DownloadError
            If it cannot be had.
        ExoskError
            If the file cannot be read.
        """
        entries, problem = self._index()
        notes = [problem] if problem else []
        entry = _named(entries, name)
        if entry is None:
            entry = self._chosen(entries, name, notes)
        return self._read(entry, self._fetch(entry), notes, reading)

    def system(self, planet: str) -> dict[str, Any]:
        """Return what is published of a planet and its star (table `pscomppars`).

        Parameters
        ----------
        planet : str
            Any of its names, in any spelling.

        Returns
        -------
        dict
            ``star_radius`` (R_sun), ``star_temperature`` (K), ``planet_mass`` (M_jup),
            ``planet_radius`` (R_jup), ``equilibrium_temperature`` (K) and ``orbital_period`` (d),
            as far as they are known, with errors (``planet_mass_err``) where both sides are;
            ``references``, which also say what was calculated rather than measured; ``notes`` on
            limits, which are left out; and ``origin``.

        Raises
        ------
        UnknownNameError
            If the archive has no such planet, or nothing of it.
        DownloadError
            If the archive cannot be asked.
        """
        name, table, entry = self._rows("pscomppars", planet)
        system = describe_system(rows_of(table)[0])
        if not system["references"]:
            raise UnknownNameError(f"the NASA Exoplanet Archive has no parameters of {name}")
        if entry.problem:
            system["notes"] = [*system.get("notes", []), _outdated(entry)]
        system["origin"] = f"the NASA Exoplanet Archive (pscomppars, {entry.retrieved[:10]})"
        return system

    def published(self, planet: str) -> QTable:
        """Return all published sets of parameters of a planet (table `ps`).

        Parameters
        ----------
        planet : str
            Any of its names, in any spelling.

        Returns
        -------
        astropy.table.QTable
            One row a publication, the archive's default first, with the archive's columns: values,
            ``...err1`` and ``...err2`` (upper, and lower with a minus sign), ``...lim`` (1 for an
            upper, -1 for a lower limit) and ``..._refname``, as plain text.

        Raises
        ------
        UnknownNameError
            If the archive has no such planet.
        DownloadError
            If the archive cannot be asked.
        """
        from exosk_nasa_archive.publications import tidy_publications

        _, table, _ = self._rows("ps", planet)
        return tidy_publications(table)

    def _rows(self, table: str, planet: str) -> tuple[str, Table, CacheEntry]:
        """Return the rows of one planet."""
        from pyvo.dal.tap import escape

        name = self._planets.find(planet)
        answer, entry = self._tap.query(
            # All columns: one that the archive renames must not cost the others.
            f"select * from {table} where pl_name = '{escape(name)}'",
            f"{table}-{name.replace(' ', '-').replace('/', '-')}",
            f"{name}, parameters ({table})",
            max_age=_SYSTEM_AGE,
            columns=("pl_name",),
        )
        if not len(answer):
            raise UnknownNameError(f"the NASA Exoplanet Archive has nothing of {name} in {table}")
        return name, answer, entry

    def _index(self) -> tuple[list[IndexEntry], str]:
        """Return what there is, and a note if that may be out of date."""
        table, entry = self._ask_index(self.cache)
        return index.read_index(table), _outdated(entry) if entry.problem else ""

    def _ask_index(self, cache: Cache) -> tuple[Table, CacheEntry]:
        return Tap(self.url, self.client, cache).query(
            index.QUERY,
            "spectra",
            "the NASA Exoplanet Archive's index of transmission spectra",
            max_age=_INDEX_AGE,
            columns=index.COLUMNS,
        )

    def _key(self, entry: IndexEntry) -> str:
        return f"{self.url}/spectra {entry.spec_path}"

    def _chosen(self, entries: list[IndexEntry], name: str, notes: list[str]) -> IndexEntry:
        """Choose among the spectra of a planet, and note how."""
        planet = self._planets.find(name, {entry.planet for entry in entries})
        those = index.of_planet(entries, planet)
        entry = index.best(those)
        if len(those) > 1:
            another = next(other.name for other in those if other is not entry)
            notes.append(
                f"The NASA Exoplanet Archive has {len(those)} transmission spectra of {planet}; "
                f"this is {entry.name!r}, which has the most points (of equals the newest). For "
                f"another give its name, as {another!r}; `exosk data search {planet}` lists them."
            )
        return entry

    def _fetch(self, entry: IndexEntry) -> CacheEntry:
        item = Item(
            SOURCE,
            self._key(entry),
            f"{entry.stem}.tbl",
            f"{entry.name}, {entry.observed_with}, {entry.reference}",
            f"{entry.reference}. {CITATION}",
            LICENCE,
        )
        return self.cache.fetch(
            item, lambda path: self._workspace.download(entry.spec_path, Path(path))
        )

    def _read(
        self, entry: IndexEntry, file: CacheEntry, notes: list[str], reading: dict[str, Any]
    ) -> Spectrum:
        try:
            spectrum = read_spectrum(file.path, **reading)
        except ExoskError as error:
            raise type(error)(f"{error}; the file is {file.path}") from error
        if fold_name(spectrum.name) not in (fold_name(entry.planet), fold_name(file.path.stem)):
            notes.append(
                f"The archive's index has this spectrum as one of {entry.planet}, its file as one "
                f"of {spectrum.name}."
            )
        bibcode = entry.bibcode or spectrum.meta.get("bibcode", "")
        told = {
            "facility": entry.facility,
            "instrument_name": entry.instrument,
            "bibcode": bibcode,
            "ads": ads_link(bibcode) if bibcode else "",
            "remarks": entry.note,
            "licence": LICENCE,
            "citation": file.citation,
            "provenance": f"NASA Exoplanet Archive, spectra, {entry.spec_path}, fetched on "
            f"{file.retrieved[:10]}, sha256 {file.sha256}",
        }
        meta = spectrum.meta | {key: text for key, text in told.items() if text}
        found = [*meta.get("notes", []), *notes, *index.compare(entry, spectrum)]
        return spectrum.replace(
            name=entry.planet,
            instrument=entry.observed_with or spectrum.instrument,
            reference=entry.reference or author_text(spectrum.reference) or file.citation,
            meta=meta | {"notes": found} if found else meta,
        )


def _named(entries: list[IndexEntry], name: str) -> IndexEntry | None:
    """Return the spectrum of a name, or of a file's name."""
    folded = fold_name(name)
    by_name = (entry for entry in entries if fold_name(entry.name) == folded)
    by_file = (entry for entry in entries if fold_name(entry.stem) == folded)
    return next(by_name, None) or next(by_file, None)


def _outdated(entry: CacheEntry) -> str:
    return (
        f"{entry.title[:1].upper()}{entry.title[1:]} is of {entry.retrieved[:10]}; a newer one "
        f"could not be had: {entry.problem}."
    )

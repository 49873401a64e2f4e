"""A spectrum by name or by path, and what is published of its system, from whoever has it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from exosk.exceptions import ExoskError, UnknownNameError
from exosk.plugin import default_manager
from exosk.sources.files import read_spectrum
from exosk.sources.naming import fold_name
from exosk.sources.protocol import Listing, Source
from exosk.spectra import Spectrum

__all__ = [
    "SYSTEM",
    "complete_system",
    "listings_named",
    "load_spectrum",
    "registered_sources",
    "search_spectra",
]

#: What a retrieval wants to know of a planet and its star, as keys of a spectrum's `meta`.
SYSTEM = ("star_radius", "planet_mass", "equilibrium_temperature")

_AT_HAND = "embedded"
# ".csv" is a suffix, the ".01" of "TOI-1234.01" is a planet's number.
_SUFFIX = re.compile(r"\.[A-Za-z]\w*$")


def load_spectrum(
    name_or_path: str | os.PathLike[str],
    sources: Iterable[Source] | None = None,
    **reading: Any,
) -> Spectrum:
    """Load an observed spectrum.

    Parameters
    ----------
    name_or_path : str or path-like
        A file, when it exists, has a suffix or a folder separator; otherwise the name of an
        observation, in any of the usual spellings.
    sources : iterable of Source, optional
        Asked for the name in this order; all that exosk and its plugins register when not
        given.
    **reading
        Passed to :func:`exosk.sources.read_spectrum` for a file: `depth_unit`,
        `wavelength_unit`, `width`, `bin_width`, `columns`, `table`, ...

    Returns
    -------
    Spectrum

    Raises
    ------
    UnknownNameError
        If there is no such file, or no source knows the name; the nearest are suggested.
    ExoskError
        Whatever reading the file, or loading from the one source that has it, raises.

    Examples
    --------
    >>> len(load_spectrum("WASP-39 b"))
    112
    """
    if _is_path(name_or_path):
        return read_spectrum(Path(name_or_path).expanduser(), **reading)
    name = os.fspath(name_or_path)
    known: list[str] = []
    failures: list[str] = []
    for _, source in registered_sources(failures) if sources is None else _numbered(sources):
        try:
            return source.load(name)
        except UnknownNameError:
            known.extend(_names(source))
        except (ExoskError, OSError) as error:
            # One source that is out of reach must not hide what the next one has.
            failures.append(f"{type(source).__name__} could not be asked: {error}")
    unknown = UnknownNameError.suggest("observation", name, known)
    raise UnknownNameError("; ".join([str(unknown).rstrip("."), *failures])) from None


def search_spectra(
    text: str = "", sources: Iterable[tuple[str, Source]] | None = None
) -> tuple[list[tuple[str, Listing]], list[str]]:
    """Find observations by a part of their planet's name, their instrument or their reference.

    Parameters
    ----------
    text : str
        Words that must all be there. Case, spaces, hyphens and zeros before a number do not matter
        in a planet's name: ``"wasp 96"`` finds WASP-96 b.
    sources : iterable of (str, Source), optional
        Names and sources; all that are registered when not given.

    Returns
    -------
    found : list of (str, Listing)
        The source's name and what it lists, in its order.
    failures : list of str
        Which sources could not be asked, and why.
    """
    failures: list[str] = []
    found = []
    for label, source in registered_sources(failures) if sources is None else sources:
        try:
            listings = _listings(source)
        except (ExoskError, OSError) as error:
            failures.append(f"{label} could not be asked: {error}")
            continue
        found.extend((label, listing) for listing in listings if _fits(listing, text))
    return found, failures


def listings_named(name: str, listed: Iterable[tuple[str, Listing]]) -> list[tuple[str, Listing]]:
    """Return the observation of a name, or all of a planet, in any spelling.

    Parameters
    ----------
    name : str
        Of an observation or a planet.
    listed : iterable of (str, Listing)
        From :func:`search_spectra`.
    """
    folded, listed = fold_name(name), list(listed)
    return [one for one in listed if fold_name(one[1].name) == folded] or [
        one for one in listed if fold_name(one[1].planet) == folded
    ]


def complete_system(
    spectrum: Spectrum,
    sources: Iterable[tuple[str, Source]] | None = None,
    stated: Collection[str] = (),
) -> Spectrum:
    """Fill in what a spectrum does not say of its planet and star, from who has published values.

    Parameters
    ----------
    spectrum : Spectrum
        With the planet's name.
    sources : iterable of (str, Source), optional
        Asked in this order, if they know systems; all that are registered when not given.
    stated : collection of str
        What of :data:`SYSTEM` is known from elsewhere.

    Returns
    -------
    Spectrum
        The same, if nothing of :data:`SYSTEM` is missing, or nobody knows. Otherwise its `meta` has
        the values, and in ``"notes"`` which they are, whose, and who was asked; or why nobody could
        be.
    """
    failures: list[str] = []
    meta = dict(spectrum.meta)
    notes: list[str] = []
    for label, source in registered_sources(failures) if sources is None else sources:
        missing = [name for name in SYSTEM if name not in meta and name not in stated]
        if not missing or not spectrum.name:
            break
        if not hasattr(source, "system"):
            continue
        try:
            system = source.system(spectrum.name)
        except UnknownNameError:
            continue
        except (ExoskError, OSError) as error:
            failures.append(f"{label} could not be asked for the system's parameters: {error}")
            continue
        known = {*meta, "references", "origin", "notes"}
        notes += system.get("notes", [])
        taken = [name for name in missing if name in system]
        if not taken:
            continue
        # A value and its error are one publication's: neither is taken without the other.
        meta |= {k: v for k, v in system.items() if k.removesuffix("_err") not in known}
        notes.append(_said(system, taken))
        if "planet_mass" in taken and "planet_mass_err" not in system:
            notes.append("No error of the planet's mass is published; ten per cent are assumed.")
    lacking = [name for name in SYSTEM if name not in meta and name not in stated]
    if notes or (failures and lacking):
        meta["notes"] = [*meta.get("notes", []), *notes, *(() if notes else failures)]
        return spectrum.replace(meta=meta)
    return spectrum


def registered_sources(failures: list[str]) -> Iterator[tuple[str, Source]]:
    """Make all sources that are registered, in the order in which they are asked.

    Parameters
    ----------
    failures : list of str
        Takes why a source could not be made.

    Yields
    ------
    name : str
        That it is registered under.
    source : Source
    """
    manager = default_manager()
    names = sorted(manager.names("sources"))
    # What is at hand answers before any other is made.
    for group in ([n for n in names if n == _AT_HAND], [n for n in names if n != _AT_HAND]):
        made = []
        for name in group:
            try:
                made.append((name, manager.make("sources", name)))
            except ExoskError as error:
                failures.append(str(error))
        yield from sorted(made, key=lambda one: getattr(one[1], "rank", 0))


def _numbered(sources: Iterable[Source]) -> Iterator[tuple[str, Source]]:
    return ((type(source).__name__, source) for source in sources)


def _is_path(name_or_path: str | os.PathLike[str]) -> bool:
    if not isinstance(name_or_path, str):
        return True
    # A folder of results is often called after the planet, so only a file shadows a name.
    return (
        "/" in name_or_path
        or os.sep in name_or_path
        or bool(_SUFFIX.search(name_or_path))
        or os.path.isfile(name_or_path)
    )


def _names(source: Source) -> list[str]:
    try:
        return source.names()
    except (ExoskError, OSError):
        return []


def _listings(source: Source) -> list[Listing]:
    if hasattr(source, "listings"):
        return list(source.listings())
    return [Listing(name, name) for name in source.names()]


def _fits(listing: Listing, text: str) -> bool:
    said = " ".join((listing.name, listing.instrument, listing.reference)).casefold()
    planet = fold_name(listing.planet)

    def in_name(part: str) -> bool:
        # WASP-9 is not WASP-96.
        return re.search(re.escape(fold_name(part)) + r"(?!\d)", planet) is not None

    return in_name(text) or all(word in said or in_name(word) for word in text.casefold().split())


def _said(system: dict[str, Any], taken: list[str]) -> str:
    references = system.get("references", {})
    values = ", ".join(
        f"{name.replace('_', ' ')} {system[name]:g}"
        + (f" ({references[name]})" if references.get(name) else "")
        for name in taken
    )
    return f"Taken from {system.get('origin', 'a catalogue')}: {values}."

"""A spectrum by name or by path, from whichever source has it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from exosk.exceptions import ExoskError, UnknownNameError
from exosk.plugin import default_manager
from exosk.sources.files import read_spectrum
from exosk.sources.protocol import Source
from exosk.spectra import Spectrum

__all__ = ["load_spectrum"]

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
        `wavelength_unit`, `width`, `columns`, ...

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
    for source in _registered_sources(failures) if sources is None else sources:
        try:
            return source.load(name)
        except UnknownNameError:
            known.extend(_names(source))
        except (ExoskError, OSError) as error:
            # One source that is out of reach must not hide what the next one has.
            failures.append(f"{type(source).__name__} could not be asked: {error}")
    unknown = UnknownNameError.suggest("observation", name, known)
    raise UnknownNameError("; ".join([str(unknown).rstrip("."), *failures])) from None


def _registered_sources(failures: list[str]) -> Iterator[Source]:
    """Make the sources one at a time: a later one may never be needed, and one may fail."""
    manager = default_manager()
    names = manager.names("sources")
    # What is at hand answers before an archive is asked.
    for name in sorted(names, key=lambda name: (name != "embedded", name)):
        try:
            source = manager.make("sources", name)
        except ExoskError as error:
            failures.append(str(error))
        else:
            yield source


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

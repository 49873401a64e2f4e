"""The few errors that exosk raises on purpose.

Each names the thing, the value and the remedy. All derive from :class:`ExoskError`,
so that a caller (the command line is one) can tell a user's mistake from a bug, and each
also derives from the built-in error that scientific Python would raise in its place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DownloadError",
    "ExoskError",
    "FileFormatError",
    "GridError",
    "PluginError",
    "RangeError",
    "UnitError",
    "UnknownNameError",
]


_MOST_LISTED = 40  # names in a message


class ExoskError(Exception):
    """Base class of every error that exosk raises on purpose."""


class UnitError(ExoskError, ValueError):
    """A quantity has the wrong unit, or a bare number looks like one in another unit."""


class GridError(ExoskError, ValueError):
    """Spectral bins are malformed, or two grids do not match."""


class RangeError(ExoskError, ValueError):
    """A value lies outside the range of a table, a prior or a model."""


class FileFormatError(ExoskError, ValueError):
    """A file is not what it claims to be, or cannot be read without guessing."""


class DownloadError(ExoskError, OSError):
    """A file or an answer could not be fetched, or is not what was asked for.

    Attributes
    ----------
    status : int or None
        What a server that refused answered, as 404.
    """

    status: int | None = None


class PluginError(ExoskError, RuntimeError):
    """A plugin could not be loaded, or two plugins claim one name."""


class UnknownNameError(ExoskError, LookupError):
    """A name (molecule, planet, simulator, ...) is not known."""

    @classmethod
    def suggest(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the error with the known names nearest to `name`.

        Parameters
        ----------
        kind : str
            What the name stands for, as in ``"molecule"``.
        name : str
            The name that is not known.
        known : iterable of str
            All names that are.
        """
        known = sorted(known)
        folded = {candidate.casefold(): candidate for candidate in known}
        near = difflib.get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.5)
        if near:
            hint = "did you mean " + " or ".join(repr(folded[match]) for match in near) + "?"
        elif len(known) > _MOST_LISTED:
            hint = f"{len(known)} names are known, none of them near."
        elif known:
            hint = "known: " + ", ".join(known) + "."
        else:
            hint = "none is known."
        return cls(f"unknown {kind} {name!r}; {hint}")

"""What exosk asks of a source of observed spectra."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from exosk.spectra import Spectrum

__all__ = ["Source"]


@runtime_checkable
class Source(Protocol):
    """A collection of observations that can be asked for by name.

    An archive, a folder, a simulated survey: whatever lists names and loads spectra.

    Attributes
    ----------
    citation : str
        What a paper that uses the source should cite.
    """

    citation: str

    def names(self) -> list[str]:
        """Return the names that :meth:`load` understands, sorted."""
        ...

    def load(self, name: str) -> Spectrum:
        """Return one observation.

        Raises
        ------
        UnknownNameError
            If the source has nothing of that name; the next source is then asked.
        ExoskError
            If it has, but cannot give it (no network, a broken file).
        """
        ...

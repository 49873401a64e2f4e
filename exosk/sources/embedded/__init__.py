"""Observations that come with exosk, so that it has something to show without a network.

``build.py`` beside this file makes them and says where every number is from.
"""

from __future__ import annotations

from importlib import resources

from exosk.exceptions import UnknownNameError
from exosk.sources.files import read_spectrum
from exosk.sources.naming import fold_name
from exosk.sources.protocol import Listing
from exosk.spectra import Spectrum

__all__ = ["EmbeddedSource"]


class EmbeddedSource:
    """The observations in this folder, one ECSV file each."""

    citation = "the publication in each spectrum's `reference`"

    def names(self) -> list[str]:
        """Return the names of the observations, sorted."""
        files = resources.files(__name__).iterdir()
        return sorted(f.name.removesuffix(".ecsv") for f in files if f.name.endswith(".ecsv"))

    def at_hand(self) -> list[str]:
        """Return the names of all: they are files of the package."""
        return self.names()

    def listings(self) -> list[Listing]:
        """Describe the observations."""
        return [Listing.of(name, self.load(name)) for name in self.names()]

    def load(self, name: str) -> Spectrum:
        """Return one observation.

        Parameters
        ----------
        name : str
            In any of the usual spellings: ``"wasp-39b"``, ``"WASP-39 b"``, ``"wasp39b"``.

        Returns
        -------
        Spectrum
            ``meta`` has the system's published parameters and their references.

        Raises
        ------
        UnknownNameError
            If it is not one of :meth:`names`.
        """
        names = self.names()
        match = next((known for known in names if fold_name(known) == fold_name(name)), None)
        if match is None:
            raise UnknownNameError.suggest("embedded observation", name, names)
        with resources.as_file(resources.files(__name__) / f"{match}.ecsv") as path:
            return read_spectrum(path)

"""What exosk asks of a source of observed spectra."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from exosk.spectra import Spectrum

__all__ = ["Listing", "Source"]


@dataclass(frozen=True)
class Listing:
    """An observation as a catalogue lists it, before anything is fetched.

    Attributes
    ----------
    name : str
        What :meth:`Source.load` takes.
    planet : str
        As the source spells it.
    instrument, reference : str
        With what, and where it was published.
    n_bins : int or None
        How many depths it has.
    low, high : float or None
        Shortest and longest wavelength, in um.
    """

    name: str
    planet: str
    instrument: str = ""
    reference: str = ""
    n_bins: int | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, name: str, spectrum: Spectrum) -> Listing:
        """List an observation that is at hand."""
        return cls(
            name,
            spectrum.name,
            spectrum.instrument,
            spectrum.reference,
            len(spectrum),
            *(float(x) for x in spectrum.grid.range),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@runtime_checkable
class Source(Protocol):
    """A collection of observations that can be asked for by name.

    An archive, a folder, a simulated survey: whatever lists names and loads spectra. It may have
    more methods, which are used where they are there:

    - ``listings() -> list[Listing]`` describes all observations without loading them;
    - ``at_hand() -> list[str]`` names those that can be loaded without asking anybody;
    - ``system(planet) -> dict`` returns published parameters of a planet and its star, under the
      names and in the units of a Spectrum's `meta`: ``star_radius`` (R_sun), ``planet_mass`` and
      ``planet_radius`` (Jupiter's), ``equilibrium_temperature`` and ``star_temperature`` (K), each
      with its 1-sigma error as ``planet_mass_err``; ``references``, a dict from these names to who
      published the value; ``origin``, who was asked; and, if there is something to say of what was
      left out, ``notes``, a list of sentences. It raises UnknownNameError for a planet
      that it does not know.

    An attribute ``rank``, 0 unless it is there, tells when it is asked for a planet that several
    have: lower ones first, those of one rank by their names.

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

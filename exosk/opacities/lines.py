"""Line lists, and what lines and grids are to the sum of their profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from astropy import constants

from exosk.exceptions import FileFormatError, RangeError

__all__ = [
    "REFERENCE_TEMPERATURE",
    "SECOND_RADIATION_CONSTANT",
    "LineList",
    "LogGrid",
    "Profiles",
    "line_intensities",
]

REFERENCE_TEMPERATURE = 296.0  # K, of all HITRAN parameters
SECOND_RADIATION_CONSTANT = (constants.h * constants.c / constants.k_B).cgs.value  # cm K


@dataclass(frozen=True, eq=False)
class LineList:
    """Lines of one molecule, HITRAN's parameters at 296 K.

    All are arrays of shape (n_lines,); the constructor sorts them by wavenumber.

    Attributes
    ----------
    wavenumber : ndarray
        cm^-1, vacuum.
    intensity : ndarray
        cm per molecule, isotopic abundance included.
    gamma_foreign, gamma_self : ndarray
        Lorentzian half widths at half maximum, cm^-1 per atm. "Foreign" is air in HITRAN's own
        lists, and H2 and He where those widths are known.
    elower : ndarray
        Energy of the lower state, cm^-1.
    n_foreign : ndarray
        Temperature exponent of the foreign width, used for both widths.
    delta_foreign : ndarray
        Pressure shift, cm^-1 per atm.
    isotopologue : ndarray of int
        HITRAN's local isotopologue number.

    Raises
    ------
    FileFormatError
        If the lengths differ.
    RangeError
        If a value is not finite, or a wavenumber not positive.
    """

    wavenumber: np.ndarray
    intensity: np.ndarray
    gamma_foreign: np.ndarray
    gamma_self: np.ndarray
    elower: np.ndarray
    n_foreign: np.ndarray
    delta_foreign: np.ndarray
    isotopologue: np.ndarray

    def __post_init__(self) -> None:
        wavenumber = np.asarray(self.wavenumber, dtype=np.float64)
        if wavenumber.ndim != 1:
            raise FileFormatError("a line list must be one-dimensional")
        order = np.argsort(wavenumber, kind="stable")
        for field in fields(self):
            kind = np.int64 if field.name == "isotopologue" else np.float64
            values = np.asarray(getattr(self, field.name), dtype=kind)
            if values.shape != wavenumber.shape:
                raise FileFormatError(
                    f"the line list has {wavenumber.size} wavenumbers but {field.name} of shape "
                    f"{values.shape}"
                )
            if not np.all(np.isfinite(values)):
                raise RangeError(f"the line list has a {field.name} that is not finite")
            object.__setattr__(self, field.name, values[order])
        if np.any(wavenumber <= 0):
            raise RangeError("the line list has a wavenumber that is not positive")

    def __len__(self) -> int:
        return self.wavenumber.size

    def select(self, keep: np.ndarray) -> LineList:
        """Return the lines of a mask or an index array."""
        return LineList(*(getattr(self, field.name)[keep] for field in fields(self)))


def line_intensities(
    lines: LineList, temperature: float, partition: Callable[[int, float], float]
) -> np.ndarray:
    """Line intensities at a temperature.

    The first equation of :mod:`exosk.opacities.line_by_line`.

    Parameters
    ----------
    lines : LineList
        The lines.
    temperature : float
        K.
    partition : callable
        ``partition(isotopologue, temperature)`` gives the total internal partition sum.

    Returns
    -------
    ndarray of shape (n_lines,)
        cm per molecule.
    """
    ratio = np.ones(len(lines))
    for number in np.unique(lines.isotopologue):
        ratio[lines.isotopologue == number] = partition(
            int(number), REFERENCE_TEMPERATURE
        ) / partition(int(number), temperature)
    c2, t0 = SECOND_RADIATION_CONSTANT, REFERENCE_TEMPERATURE
    boltzmann = np.exp(-c2 * lines.elower * (1.0 / temperature - 1.0 / t0))
    emission = np.expm1(-c2 * lines.wavenumber / temperature)
    emission /= np.expm1(-c2 * lines.wavenumber / t0)
    return lines.intensity * ratio * boltzmann * emission


@dataclass(frozen=True)
class LogGrid:
    """A grid uniform in ln(wavenumber).

    Attributes
    ----------
    start : float
        ln of the first wavenumber in cm^-1.
    step : float
        Of ln(wavenumber).
    size : int
        Number of points.
    """

    start: float
    step: float
    size: int

    @property
    def wavenumber(self) -> np.ndarray:
        """cm^-1, ascending, of shape (size,)."""
        return np.exp(self.start + self.step * np.arange(self.size))

    def nodes(self, level: int) -> int:
        """Points of the grid with 2^level times the step: one before the start, some beyond."""
        return ((self.size - 1) >> level) + 5


@dataclass(frozen=True)
class Profiles:
    """What the sum of Voigt profiles needs to know of each line; arrays of shape (n_lines,).

    Attributes
    ----------
    centre : ndarray
        cm^-1, ascending, at no pressure.
    doppler : ndarray
        Standard deviation of the Gaussian over the wavenumber.
    lorentz : ndarray
        Half width at half maximum, cm^-1 per bar.
    shift : ndarray
        cm^-1 per bar.
    strength : ndarray
        cm per molecule.
    """

    centre: np.ndarray
    doppler: np.ndarray
    lorentz: np.ndarray
    shift: np.ndarray
    strength: np.ndarray

    def near(self, grid: LogGrid, distance: float) -> Profiles:
        """Those with a centre less than a distance (cm^-1) from the grid's ends."""
        first, last = np.exp([grid.start, grid.start + grid.step * grid.size])
        return self.select(
            slice(*np.searchsorted(self.centre, [first - distance, last + distance]))
        )

    def select(self, kept: np.ndarray | slice) -> Profiles:
        """Those of a mask or a slice."""
        return Profiles(
            self.centre[kept],
            self.doppler[kept],
            self.lorentz[kept],
            self.shift[kept],
            self.strength[kept],
        )

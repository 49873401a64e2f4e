"""Cross sections from a line list: HITRAN scaling, Voigt profiles, any grid.

For each line, with T0 = 296 K, c2 = hc/k and Q the partition function (Rothman et al. 1998,
JQSRT 60, 665, appendix A; the same in Gordon et al. 2022, JQSRT 277, 107949),

    S(T) = S(T0) Q(T0)/Q(T) exp(-c2 E (1/T - 1/T0)) (1 - exp(-c2 nu/T)) / (1 - exp(-c2 nu/T0))
    gamma(P, T) = P (T0/T)^n ((1 - x) gamma_foreign + x gamma_self),        P in atm
    nu(P) = nu + delta P

and sigma(nu) is the sum of S times a Voigt profile of Doppler width nu sqrt(kT/m)/c and
Lorentzian half width gamma. A line's wing is cut 25 cm^-1 from its centre, the convention that
goes back to Clough, Kneizys & Davies (1989, Atmos. Res. 23, 229); far wings are not Lorentzian,
and no better general rule is known (Hedges & Madhusudhan 2016, MNRAS 458, 1427, on what it costs).
Where gamma nears the cut-off, above some 100 bar, part of the strength is lost.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from astropy import constants
from scipy.special import wofz

from exosk.exceptions import FileFormatError, RangeError
from exosk.opacities.binning import Mode, bin_average, bin_samples

__all__ = ["LineList", "cross_sections", "line_intensities", "monochromatic", "voigt"]

REFERENCE_TEMPERATURE = 296.0  # K, of all HITRAN parameters
SECOND_RADIATION_CONSTANT = (constants.h * constants.c / constants.k_B).cgs.value  # cm K
ATMOSPHERE = 1.01325  # bar
WING_CUTOFF = 25.0  # cm-1

_SPEED_OF_LIGHT = constants.c.cgs.value
_BOLTZMANN = constants.k_B.cgs.value
_ATOMIC_MASS = constants.u.cgs.value
# Line-times-wavelength products evaluated at once: some 20 arrays of 4 MB at a time.
_CHUNK = 1 << 19
# |z|^2 beyond which two terms of the continued fraction give the Voigt function to 1e-4.
_FAR = 225.0


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

    @classmethod
    def from_par(cls, path: str | os.PathLike[str]) -> LineList:
        """Read HITRAN's 160-character records (a .par file, or a HAPI table's .data file).

        Parameters
        ----------
        path : path-like
            The file; what follows character 160 is left alone.

        Raises
        ------
        FileFormatError
            If a record is not of that form.
        """
        columns = {  # field: (first character, end), Rothman et al. 2005, JQSRT 96, 139, table 1
            "wavenumber": (3, 15),
            "intensity": (15, 25),
            "gamma_foreign": (35, 40),
            "gamma_self": (40, 45),
            "elower": (45, 55),
            "n_foreign": (55, 59),
            "delta_foreign": (59, 67),
        }
        # HITRAN numbers isotopologue 10 as 0, 11 as A, 12 as B.
        isotopologue = {str(i % 10): i for i in range(1, 11)} | {"A": 11, "B": 12}
        records = [line for line in Path(path).read_text().splitlines() if line.strip()]
        try:
            parsed = {
                name: np.array([float(record[first:end]) for record in records])
                for name, (first, end) in columns.items()
            }
            number = np.array([isotopologue[record[2]] for record in records])
        except (ValueError, KeyError, IndexError) as error:
            raise FileFormatError(
                f"{os.fspath(path)!r} does not hold 160-character HITRAN records ({error})"
            ) from error
        return cls(**parsed, isotopologue=number)


def line_intensities(
    lines: LineList, temperature: float, partition: Callable[[int, float], float]
) -> np.ndarray:
    """Line intensities at a temperature (the module's first equation).

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


def voigt(offset: np.ndarray, doppler: np.ndarray, lorentz: np.ndarray) -> np.ndarray:
    """Voigt profile, normalised to unit area.

    The real part of the Faddeeva function (scipy's `wofz`) near the line, its two-term continued
    fraction (Humlicek 1982, JQSRT 27, 437, region 1), good to 1e-4, in the wings.

    Parameters
    ----------
    offset : array of shape (n,)
        Distance from line centre, cm^-1.
    doppler : array of shape (n,)
        Standard deviation of the Gaussian, cm^-1.
    lorentz : array of shape (n,)
        Half width at half maximum of the Lorentzian, cm^-1.

    Returns
    -------
    ndarray of shape (n,)
        cm.
    """
    scale = 1.0 / (np.sqrt(2.0) * doppler)
    x2 = (offset * scale) ** 2
    y = lorentz * scale
    y2 = y * y
    half = 0.5 + y2
    profile = y * (half + x2) / ((half - x2) ** 2 + 4.0 * x2 * y2) / np.sqrt(np.pi)
    near = np.flatnonzero(x2 + y2 < _FAR)
    profile[near] = wofz(np.sqrt(x2[near]) + 1j * y[near]).real
    return profile * scale / np.sqrt(np.pi)


def monochromatic(
    lines: LineList,
    wavenumber: np.ndarray,
    temperature: float,
    pressure: float,
    *,
    partition: Callable[[int, float], float],
    mass: Mapping[int, float],
    cutoff: float = WING_CUTOFF,
    self_fraction: float = 0.0,
    weakest: float = 0.0,
) -> np.ndarray:
    """Cross section at given wavenumbers, at one temperature and pressure.

    Parameters
    ----------
    lines : LineList
        The lines.
    wavenumber : array of shape (n,)
        cm^-1, ascending.
    temperature, pressure : float
        K and bar.
    partition : callable
        ``partition(isotopologue, temperature)``: the total internal partition sum.
    mass : mapping
        Isotopologue number to molar mass, g/mol.
    cutoff : float
        Where the wings end, cm^-1 from line centre.
    self_fraction : float
        Mixing ratio of the absorber itself, for the pressure width.
    weakest : float
        Lines weaker than this at the temperature, cm per molecule, are left out.

    Returns
    -------
    ndarray of shape (n,)
        cm^2 per molecule.
    """
    strength = line_intensities(lines, temperature, partition)
    masses = np.array([mass[int(number)] for number in lines.isotopologue])
    speed = np.sqrt(_BOLTZMANN * temperature / (masses * _ATOMIC_MASS))
    doppler = lines.wavenumber * speed / _SPEED_OF_LIGHT
    atmospheres = pressure / ATMOSPHERE
    width = (1.0 - self_fraction) * lines.gamma_foreign + self_fraction * lines.gamma_self
    lorentz = atmospheres * width * (REFERENCE_TEMPERATURE / temperature) ** lines.n_foreign
    centre = lines.wavenumber + lines.delta_foreign * atmospheres

    first = np.searchsorted(wavenumber, centre - cutoff, side="left")
    length = np.searchsorted(wavenumber, centre + cutoff, side="right") - first
    # Lines that underflowed (a cold gas, a high lower state) cost as much as strong ones.
    used = np.flatnonzero((length > 0) & (strength > weakest))
    sigma = np.zeros(wavenumber.size)
    for chunk in _chunks(length[used]):
        line = used[chunk]
        count = length[line]
        start = np.cumsum(count) - count
        owner = np.repeat(np.arange(line.size), count)
        index = np.arange(count.sum()) + (first[line] - start)[owner]
        value = voigt(
            wavenumber[index] - centre[line][owner],
            doppler[line][owner],
            lorentz[line][owner],
        )
        value *= strength[line][owner]
        low, high = index.min(), index.max() + 1
        sigma[low:high] += np.bincount(index - low, weights=value, minlength=high - low)
    return sigma


def cross_sections(
    lines: LineList,
    wavelength: np.ndarray,
    temperature: np.ndarray,
    pressure: np.ndarray,
    *,
    partition: Callable[[int, float], float],
    mass: Mapping[int, float],
    mode: Mode = "sample",
    samples_per_bin: int = 200,
    cutoff: float = WING_CUTOFF,
    self_fraction: float = 0.0,
    weakest: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Cross sections on a grid of pressure, temperature and wavelength.

    Parameters
    ----------
    lines : LineList
        The lines.
    wavelength : array of shape (n_wavelength,)
        um, ascending.
    temperature : array of shape (n_temperature,)
        K.
    pressure : array of shape (n_pressure,)
        bar.
    partition, mass, cutoff, self_fraction, weakest
        As for :func:`monochromatic`.
    mode : {'sample', 'mean', 'log_mean', 'power_mean'}
        What a grid point stands for; see :mod:`exosk.opacities.binning`.
    samples_per_bin : int
        Wavelengths evaluated per grid point in the mean modes. 'mean' wants steps below the
        Doppler width; the other two are dominated by the wings and content with coarser ones.
    progress : callable, optional
        Called as ``progress(done, total)`` after each pressure and temperature.

    Returns
    -------
    ndarray of shape (n_pressure, n_temperature, n_wavelength)
        cm^2 per molecule; zero where no line reaches.

    Raises
    ------
    UnknownNameError
        If there is no such mode.
    """
    wavelength = np.asarray(wavelength, dtype=np.float64)
    wavenumber = 1e4 / bin_samples(wavelength, mode, samples_per_bin)[::-1]
    result = np.zeros((len(pressure), len(temperature), wavelength.size))
    total = len(pressure) * len(temperature)
    for t, this_temperature in enumerate(temperature):
        for p, this_pressure in enumerate(pressure):
            sigma = monochromatic(
                lines,
                wavenumber,
                float(this_temperature),
                float(this_pressure),
                partition=partition,
                mass=mass,
                cutoff=cutoff,
                self_fraction=self_fraction,
                weakest=weakest,
            )
            result[p, t] = bin_average(sigma[::-1], wavelength.size, mode)
            if progress is not None:
                progress(t * len(pressure) + p + 1, total)
    return result


def _chunks(lengths: np.ndarray) -> list[slice]:
    """Cut a list of window lengths into runs of at most `_CHUNK` elements (or one window)."""
    if lengths.size == 0:
        return []
    group = (np.cumsum(lengths) - 1) // _CHUNK
    border = np.flatnonzero(np.diff(group)) + 1
    edges = np.concatenate([[0], border, [lengths.size]])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]

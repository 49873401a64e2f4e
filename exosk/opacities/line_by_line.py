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

:func:`monochromatic` adds up all profiles at each wavenumber; :func:`resolved` and
:func:`cross_sections`, for many wavenumbers, do so on nested grids
(:mod:`exosk.opacities.multigrid`), tens of times faster. The sum then errs by 0.6 % at most, but
within 0.3 cm^-1 of where a strong line's wing ends; for lists of thousands of lines means over
R = 1000 bins err by 0.2 % at most from 300 K on and up to 10 bar, above 1e-28 cm^2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from astropy import constants
from numpy.typing import ArrayLike
from scipy.special import wofz

from exosk.opacities.binning import Mode, bin_edges, check_mode, reduce_bins
from exosk.opacities.lines import (
    REFERENCE_TEMPERATURE,
    LineList,
    LogGrid,
    Profiles,
    line_intensities,
)
from exosk.opacities.multigrid import PressureSums

__all__ = [
    "cross_sections",
    "fine_grid",
    "monochromatic",
    "resolved",
    "voigt",
]

ATMOSPHERE = 1.01325  # bar
WING_CUTOFF = 25.0  # cm-1
#: Samples per unit of ln(wavelength): 500 in each bin of R = 1000. Their power means then err by
#: 0.3 % rms for SO2 at 400 K and 1 ubar, whose Doppler width is half a step, and less for others;
#: with 200 they would by 10 %.
FINE_SAMPLING = 5e5

_SPEED_OF_LIGHT = constants.c.cgs.value
_BOLTZMANN = constants.k_B.cgs.value
_ATOMIC_MASS = constants.u.cgs.value
# Line-times-wavelength products evaluated at once: some 20 arrays of 4 MB at a time.
_CHUNK = 1 << 19
# Lines whose peak is below this at the Doppler width, cm^2, are left out: a hundredth of the
# smallest cross section that a table holds.
_INVISIBLE = 1e-40
# |z|^2 beyond which two terms of the continued fraction give the Voigt function to 1e-4.
_FAR = 225.0


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
    profiles = _profiles(lines, temperature, partition, mass, self_fraction)
    profiles = profiles.select(profiles.strength > weakest)
    return _direct(profiles, wavenumber, pressure, cutoff)


def _direct(
    profiles: Profiles, wavenumber: np.ndarray, pressure: float, cutoff: float
) -> np.ndarray:
    """Every profile at every wavenumber."""
    strength = profiles.strength
    doppler = profiles.centre * profiles.doppler
    lorentz = pressure * profiles.lorentz
    centre = profiles.centre + pressure * profiles.shift

    first = np.searchsorted(wavenumber, centre - cutoff, side="left")
    length = np.searchsorted(wavenumber, centre + cutoff, side="right") - first
    used = np.flatnonzero(length > 0)
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


def fine_grid(wavelength: np.ndarray, samples_per_bin: int | None = None) -> LogGrid:
    """Grid that resolves the bins around given points, with all their widths in whole steps.

    Parameters
    ----------
    wavelength : array of shape (n,)
        um, ascending; n of two or more.
    samples_per_bin : int, optional
        In the narrowest bin; by default as many as make `FINE_SAMPLING`.

    Returns
    -------
    LogGrid
        From the last bin's far edge to the first's.
    """
    edges = np.log(1e4 / bin_edges(wavelength))[::-1]
    narrowest = np.diff(edges).min()
    samples = samples_per_bin or max(int(np.ceil(FINE_SAMPLING * narrowest - 0.5)), 1)
    n_bins = (edges[-1] - edges[0]) / narrowest
    if n_bins < 1.001 * wavelength.size:  # equal bins but for rounding: samples at the same places
        n_bins = wavelength.size
    size = int(np.ceil(n_bins * samples))
    step = (edges[-1] - edges[0]) / size
    return LogGrid(float(edges[0] + 0.5 * step), float(step), size)


def resolved(
    lines: LineList,
    grid: LogGrid,
    temperature: float,
    pressure: ArrayLike,
    *,
    partition: Callable[[int, float], float],
    mass: Mapping[int, float],
    cutoff: float = WING_CUTOFF,
    self_fraction: float = 0.0,
) -> np.ndarray:
    """Cross section on a fine grid, at one temperature and any pressures.

    Parameters
    ----------
    lines : LineList
        The lines.
    grid : LogGrid
        Uniform in ln(wavenumber); see :func:`fine_grid`.
    temperature : float
        K.
    pressure : array of shape (n_pressure,)
        bar.
    partition, mass, cutoff, self_fraction
        As for :func:`monochromatic`.

    Returns
    -------
    ndarray of shape (n_pressure, grid.size)
        cm^2 per molecule, by ascending wavenumber.
    """
    profiles = _profiles(lines, temperature, partition, mass, self_fraction)
    sums = PressureSums(_visible(profiles).near(grid, 2 * cutoff), grid, cutoff)
    return np.array([sums.at(float(p)) for p in np.atleast_1d(pressure)])


def cross_sections(
    lines: LineList,
    wavelength: np.ndarray,
    temperature: np.ndarray,
    pressure: np.ndarray,
    *,
    partition: Callable[[int, float], float],
    mass: Mapping[int, float],
    mode: Mode = "sample",
    samples_per_bin: int | None = None,
    cutoff: float = WING_CUTOFF,
    self_fraction: float = 0.0,
    weakest: float = 0.0,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Cross sections on a grid of pressure, temperature and wavelength.

    Parameters
    ----------
    lines : LineList
        The lines.
    wavelength : array of shape (n_wavelength,)
        um, ascending; two or more.
    temperature : array of shape (n_temperature,)
        K.
    pressure : array of shape (n_pressure,)
        bar.
    partition, mass, cutoff, self_fraction, weakest
        As for :func:`monochromatic`.
    mode : {'sample', 'mean', 'log_mean', 'power_mean'}
        What a grid point stands for; see :mod:`exosk.opacities.binning`.
    samples_per_bin : int, optional
        Wavelengths evaluated in the narrowest bin in the mean modes, by default 500 at R = 1000.
        'mean' wants steps below the Doppler width; the other two are dominated by the wings and
        content with coarser ones.
    n_jobs : int
        Processes that share the temperatures, as joblib counts them: -1 is all processors.
    progress : callable, optional
        Called as ``progress(done, total)`` after each temperature with the number of pressures
        and temperatures done.

    Returns
    -------
    ndarray of shape (n_pressure, n_temperature, n_wavelength)
        cm^2 per molecule; zero where no line reaches.

    Raises
    ------
    UnknownNameError
        If there is no such mode.
    """
    import joblib

    check_mode(mode)
    wavelength = np.asarray(wavelength, dtype=np.float64)
    temperature, pressure = np.atleast_1d(temperature), np.atleast_1d(pressure)

    def at(t: float) -> Profiles:
        # Here, because a partition function need not travel to another process.
        profiles = _profiles(lines, t, partition, mass, self_fraction)
        return profiles.select(profiles.strength > weakest) if weakest else _visible(profiles)

    task = joblib.delayed(_one_temperature)
    jobs = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        task(at(float(t)), wavelength, pressure, mode, samples_per_bin, cutoff) for t in temperature
    )
    result = np.zeros((pressure.size, temperature.size, wavelength.size))
    for t, values in enumerate(jobs):
        result[:, t] = values
        if progress is not None:
            progress((t + 1) * pressure.size, temperature.size * pressure.size)
    return result


def _one_temperature(
    profiles: Profiles,
    wavelength: np.ndarray,
    pressure: np.ndarray,
    mode: Mode,
    samples_per_bin: int | None,
    cutoff: float,
) -> np.ndarray:
    result = np.zeros((pressure.size, wavelength.size))
    if mode == "sample":
        for row, p in zip(result, pressure):
            row[:] = _direct(profiles, 1e4 / wavelength[::-1], float(p), cutoff)[::-1]
        return result
    whole = fine_grid(wavelength, samples_per_bin)
    edges = np.log(1e4 / bin_edges(wavelength))[::-1]
    first = np.ceil((edges - whole.start) / whole.step - 1e-3).astype(np.int64)
    for bins in _octaves(edges):
        border = first[bins.start : bins.stop + 1]
        start = whole.start + whole.step * border[0]
        grid = LogGrid(float(start), whole.step, int(border[-1] - border[0]))
        near = profiles.near(grid, 2 * cutoff)
        if near.centre.size == 0:
            continue
        sums = PressureSums(near, grid, cutoff)
        for row, p in zip(result, pressure):
            row[::-1][bins] = reduce_bins(sums.at(float(p)), border[:-1] - border[0], mode)
    return result


def _octaves(edges: np.ndarray) -> Iterable[slice]:
    """Cut bins into runs that span a factor of two at most, or one bin."""
    begin = 0
    while begin < edges.size - 1:
        end = int(np.searchsorted(edges, edges[begin] + np.log(2.0), side="right")) - 1
        yield slice(begin, max(end, begin + 1))
        begin = max(end, begin + 1)


def _profiles(
    lines: LineList,
    temperature: float,
    partition: Callable[[int, float], float],
    mass: Mapping[int, float],
    self_fraction: float,
) -> Profiles:
    """Give what the lines are at a temperature, per bar."""
    numbers, which = np.unique(lines.isotopologue, return_inverse=True)
    masses = np.array([mass[int(number)] for number in numbers])
    doppler = np.sqrt(_BOLTZMANN * temperature / (masses * _ATOMIC_MASS)) / _SPEED_OF_LIGHT
    width = (1.0 - self_fraction) * lines.gamma_foreign + self_fraction * lines.gamma_self
    width = width * (REFERENCE_TEMPERATURE / temperature) ** lines.n_foreign
    return Profiles(
        lines.wavenumber,
        doppler[which],
        width / ATMOSPHERE,
        lines.delta_foreign / ATMOSPHERE,
        line_intensities(lines, temperature, partition),
    )


def _visible(profiles: Profiles) -> Profiles:
    peak = profiles.strength / (np.sqrt(2 * np.pi) * profiles.doppler * profiles.centre)
    return profiles.select(peak > _INVISIBLE)


def _chunks(lengths: np.ndarray) -> list[slice]:
    """Cut a list of window lengths into runs of at most `_CHUNK` elements (or one window)."""
    if lengths.size == 0:
        return []
    group = (np.cumsum(lengths) - 1) // _CHUNK
    border = np.flatnonzero(np.diff(group)) + 1
    edges = np.concatenate([[0], border, [lengths.size]])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]

"""From a line list to an opacity table with its card.

A HITRAN list is made for 296 K: it leaves out the lines that are weak then, most of all the hot
bands. What it lacks can be measured without another list. In a harmonic oscillator the transition
v -> v + 1 has v + 1 times the strength of 0 -> 1, and with stimulated emission taken off

    sum_v (v + 1) (n_v - n_(v+1)) = sum_v n_v = 1:

a fundamental with all its hot bands has the same strength at any temperature (an overtone gains a
little). The strength that a list gives at T over that at 296 K is therefore the share that it has
kept, or a little more; where that falls below 90 % in a strong band, a table's valid temperatures
end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from exosk.exceptions import RangeError
from exosk.opacities.binning import Mode, check_mode
from exosk.opacities.hitran import isotopologue_masses, partition_sums
from exosk.opacities.line_by_line import WING_CUTOFF, cross_sections
from exosk.opacities.line_lists import LineFile, read_line_list
from exosk.opacities.lines import REFERENCE_TEMPERATURE, LineList, line_intensities
from exosk.opacities.table import OpacityTable

__all__ = ["build_opacity", "kept_strength", "line_card", "valid_temperature", "wavelength_grid"]

#: cm^-1; below it rotation mixes in, whose strength does grow with temperature.
VIBRATIONAL = 700.0
KEPT = 0.9  # of a band's strength: where a list's valid temperatures end
STRONG = 0.1  # of the strength of all bands: those that count for that
_CITATION = (
    "Gamache et al. 2021, JQSRT 271, 107713 (TIPS-2021)",
    "Kochanov et al. 2016, JQSRT 177, 15 (HAPI)",
)
_HITRAN = "Gordon et al. 2022, JQSRT 277, 107949 (HITRAN2020)"


def build_opacity(
    source: str | os.PathLike[str] | LineFile,
    name: str | None = None,
    *,
    molecule: str | None = None,
    wavelength: ArrayLike | None = None,
    temperature: ArrayLike | None = None,
    pressure: ArrayLike | None = None,
    mode: Mode = "power_mean",
    cutoff: float = WING_CUTOFF,
    bands: Sequence[tuple[float, float]] = ((VIBRATIONAL, np.inf),),
    card: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> OpacityTable:
    """Compute an opacity table from a HITRAN line list.

    Parameters
    ----------
    source : path-like or LineFile
        The list; see :func:`exosk.opacities.line_lists.read_line_list`.
    name : str, optional
        The absorber, as the simulators shall know it; the molecule's by default.
    molecule : str, optional
        HITRAN's molecule, if `source` is a file that does not say it or to make sure.
    wavelength, temperature, pressure : array-like, optional
        um, K and bar, ascending; by default those of the embedded tables, which is what the
        built-in simulator needs.
    mode : {'power_mean', 'log_mean', 'mean', 'sample'}
        What a grid point stands for; see :mod:`exosk.opacities.binning`.
    cutoff : float
        Where wings end, cm^-1 from line centre.
    bands : sequence of (float, float)
        cm^-1; where the strength that the list keeps is measured.
    card : mapping, optional
        Entries that replace or add to those of :func:`line_card`.
    n_jobs : int
        Processes, as joblib counts them.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    OpacityTable
        With its card as `provenance`.

    Raises
    ------
    FileFormatError
        If the list cannot be read.
    RangeError
        If an axis is not positive and ascending, or no line lies on the wavelengths.
    UnknownNameError
        If the mode or the molecule is not known.
    PluginError
        If hitran-api, which has the partition sums, is not installed.
    """
    check_mode(mode)
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise RangeError(f"the cut-off of the wings must be positive, got {cutoff:g} cm-1")
    file = source if isinstance(source, LineFile) else read_line_list(source, molecule=molecule)
    wavelength, temperature, pressure = _axes(wavelength, temperature, pressure)
    centre = file.lines.wavenumber
    if centre.max() + cutoff < 1e4 / wavelength[-1] or centre.min() - cutoff > 1e4 / wavelength[0]:
        raise RangeError(
            f"{file.file} has lines from {1e4 / centre.max():.4g} to {1e4 / centre.min():.4g} um, "
            f"none on the wavelengths asked for ({wavelength[0]:.4g} to {wavelength[-1]:.4g} um)"
        )
    partition = partition_sums(file.molecule)
    for number in np.unique(file.lines.isotopologue):
        for t in temperature:
            partition(int(number), float(t))  # what is not known is said before the work
    cross_section = cross_sections(
        file.lines,
        wavelength,
        temperature,
        pressure,
        partition=partition,
        mass=isotopologue_masses(file.molecule),
        mode=mode,
        cutoff=cutoff,
        n_jobs=n_jobs,
        progress=progress,
    )
    said = line_card(file, wavelength, temperature, mode=mode, cutoff=cutoff, bands=bands)
    said.update(card or {})
    return OpacityTable.from_cross_section(
        name or file.name, wavelength, temperature, pressure, cross_section, said
    )


def wavelength_grid(resolution: float, low: float, high: float) -> np.ndarray:
    """Wavelengths evenly spaced in their logarithm.

    Parameters
    ----------
    resolution : float
        Wavelength over the distance of neighbours.
    low, high : float
        um; the grid begins at the first and ends by the second.
    """
    if not (np.isfinite(resolution) and resolution >= 1 and 0 < low < high):
        raise RangeError(
            f"a resolution of {resolution:g} from {low:g} to {high:g} um makes no grid; ask for a "
            "resolution of 1 and more"
        )
    return low * np.exp(np.arange(int(np.log(high / low) * resolution) + 1) / resolution)


def kept_strength(
    lines: LineList,
    temperature: float,
    partition: Callable[[int, float], float],
    bands: Sequence[tuple[float, float]],
) -> np.ndarray:
    """Strength of bands at a temperature over that at 296 K (see the module's docstring).

    Parameters
    ----------
    lines : LineList
        The lines.
    temperature : float
        K.
    partition : callable
        ``partition(isotopologue, temperature)``.
    bands : sequence of (float, float)
        Wavenumbers from and to, wide enough for the hot bands, cm^-1.

    Returns
    -------
    ndarray of shape (n_bands + 1,)
        Of each band, and of all of them together; NaN where there is no line.
    """
    strength = line_intensities(lines, temperature, partition)
    inside = [(lines.wavenumber >= low) & (lines.wavenumber < high) for low, high in bands]
    inside.append(np.any(inside, axis=0))
    cold = np.array([lines.intensity[band].sum() for band in inside])
    hot = np.array([strength[band].sum() for band in inside])
    return np.where(cold > 0, hot / np.where(cold > 0, cold, 1.0), np.nan)


def valid_temperature(
    lines: LineList,
    temperature: np.ndarray,
    partition: Callable[[int, float], float],
    bands: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Temperatures of a table between which its list keeps `KEPT` of each strong band.

    Parameters
    ----------
    lines, partition, bands
        As for :func:`kept_strength`.
    temperature : array of shape (n_temperature,)
        The table's, K. The result ends between them, on a multiple of 50 K.

    Returns
    -------
    low, high : float
        K. The list is complete when cold: the first is the table's lowest.
    """
    low, high = float(temperature[0]), float(temperature[-1])
    tried = np.arange(50.0 * np.ceil(REFERENCE_TEMPERATURE / 50.0), high + 1.0, 50.0)
    end = max(low, min(high, REFERENCE_TEMPERATURE))
    inside = [(lines.wavenumber >= a) & (lines.wavenumber < b) for a, b in bands]
    share = np.array([lines.intensity[band].sum() for band in inside])
    strong = np.flatnonzero((share > 0) & (share >= STRONG * share.sum()))
    for t in tried if strong.size else []:
        if kept_strength(lines, float(t), partition, bands)[strong].min() < KEPT:
            break
        end = max(end, float(t))
    return low, end


def line_card(
    file: LineFile,
    wavelength: np.ndarray,
    temperature: np.ndarray,
    *,
    mode: str,
    cutoff: float = WING_CUTOFF,
    bands: Sequence[tuple[float, float]] = ((VIBRATIONAL, np.inf),),
) -> dict[str, Any]:
    """Say where a table made of a line list comes from and what it cannot do.

    Parameters
    ----------
    file : LineFile
        The list.
    wavelength, temperature : array
        The table's axes, um and K.
    mode, cutoff, bands
        As for :func:`build_opacity`.

    Returns
    -------
    dict
        The table's provenance: JSON.
    """
    lines, partition = file.lines, partition_sums(file.molecule)
    centre = lines.wavenumber
    low, high = valid_temperature(lines, temperature, partition, bands)
    kept = {}
    for t in (500.0, 800.0, 1000.0):
        *each, together = kept_strength(lines, t, partition, bands)
        if np.isfinite(together):
            named = zip(bands, each) if len(bands) > 1 else ()
            kept[f"{t:.0f} K"] = {
                **{_in_um(band): round(float(share), 2) for band, share in named},
                "all": round(float(together), 2),
            }
    shortest = float(max(wavelength[0], 1e4 / centre.max()))
    longest = float(min(wavelength[-1], 1e4 / centre.min()))
    shares = ", ".join(f"{share['all']:g} at {at}" for at, share in kept.items())
    limit = (
        "a 296 K list without the hottest bands: of its bands' strength it keeps "
        f"{shares or 'an unknown share'}"
    )
    if high < temperature[-1]:
        limit += (
            f"; above {high:.0f} K it has too little opacity, most of all between the strong "
            "lines, and abundances come out too high"
        )
    limits = [limit]
    if shortest > wavelength[0]:
        limits.append(
            f"no data below {shortest:.3f} um, where the list ends, which is not zero opacity"
        )
    if longest < wavelength[-1]:
        limits.append(
            f"no data above {longest:.3f} um, where the list begins, which is not zero opacity"
        )
    if "by air" in file.broadening:
        limits.append("widths by air, not by H2 and He")
    if file.unassigned:
        limits.append(
            f"{100 * file.unassigned:.2g} % of the strength at 296 K in lines with no known lower "
            "state, taken as the ground state"
        )
    return {
        "source": f"computed line by line from HITRAN's {file.name} ({file.file}: {len(lines):,} "
        f"lines, {centre.min():.0f}-{centre.max():,.0f} cm-1), terrestrial isotopologues; "
        f"{file.broadening}, wings to {cutoff:g} cm-1, TIPS-2021 partition sums",
        "source_version": "HITRAN, of an edition that the file does not say",
        "source_sha256": file.sha256,
        "licence": "computed by exosk; cite HITRAN",
        "citation": [_HITRAN, *_CITATION],
        "sampling": mode,
        "kept_strength": kept,
        "valid_temperature": [low, high],
        "valid_wavelength": [round(shortest, 4), round(longest, 4)],
        "limits": limits,
    }


def _in_um(band: tuple[float, float]) -> str:
    low, high = band
    return f"{1e4 / high:.3g}-{1e4 / low:.3g} um"


def _axes(
    wavelength: ArrayLike | None, temperature: ArrayLike | None, pressure: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from exosk.opacities.library import load_embedded

    default = load_embedded("H2O")
    axes = []
    for axis, values, unit in (
        ("wavelength", wavelength, "um"),
        ("temperature", temperature, "K"),
        ("pressure", pressure, "bar"),
    ):
        given = getattr(default, axis) if values is None else np.asarray(values, dtype=np.float64)
        least = 2 if axis == "wavelength" else 1
        if given.ndim != 1 or given.size < least:
            raise RangeError(f"give {least} or more values of {axis}, got {given.tolist()}")
        if not (np.all(np.isfinite(given)) and np.all(given > 0) and np.all(np.diff(given) > 0)):
            raise RangeError(
                f"{axis} must be positive and ascending ({unit}), got {given.tolist()[:5]}"
            )
        axes.append(given)
    return axes[0], axes[1], axes[2]

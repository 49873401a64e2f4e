"""13CO, C18O and C17O from the lines of 12C16O.

The rarer isotopologues are a hundredth of carbon monoxide, yet they fill the gaps between the
lines of the abundant one: without them the transit radius in the 4.7 um band is half a scale height
too small. Their lines follow from those of 12C16O. Term values are a Dunham expansion,

    E(v, J) = sum_kl Y_kl (v + 1/2)^k [J (J + 1)]^l,      Y_kl proportional to mu^-(k/2 + l)

with mu the reduced mass (Dunham 1932, Phys. Rev. 41, 721), whose differences between isotopologues
are added to the measured positions and lower states, so that the expansion's own errors cancel.
With rho = sqrt(mu_12 / mu) the intensity is scaled by abundance, by rho^2 for the partition
function (a rotor's), by the wavenumber, by rho^|dv| for the vibrational transition moment squared
(a harmonic oscillator's amplitude), and by the Boltzmann factor of the new lower state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.lines import (
    REFERENCE_TEMPERATURE,
    SECOND_RADIATION_CONSTANT,
    LineList,
)

__all__ = ["with_rare_isotopologues"]

# HITRAN's (terrestrial) abundances of 12C16O, 13C16O, 12C18O and 12C17O, by its numbers.
_ABUNDANCE = {1: 0.986544, 2: 0.011084, 3: 0.0019782, 4: 0.000367867}
_ATOMS = {  # carbon, oxygen, g/mol
    1: (12.0, 15.994915),
    2: (13.003355, 15.994915),
    3: (12.0, 17.999160),
    4: (12.0, 16.999132),
}
# Dunham coefficients Y_kl of 12C16O, cm^-1, from the constants in Huber & Herzberg 1979.
_DUNHAM = {
    (1, 0): 2169.81358,
    (2, 0): -13.28831,
    (3, 0): 0.010511,
    (0, 1): 1.93128087,
    (1, 1): -0.01750441,
    (2, 1): 5.487e-7,
    (0, 2): -6.12147e-6,
    (1, 2): 1.153e-9,
}


def with_rare_isotopologues(lines: LineList, path: Path) -> LineList:
    """Add the three next isotopologues to a list of 12C16O.

    Parameters
    ----------
    lines : LineList
        12C16O, intensities with HITRAN's abundance.
    path : Path
        The records it was read from, for the quantum numbers.

    Returns
    -------
    LineList
        Four times as many lines.

    Raises
    ------
    FileFormatError
        If the records do not give the quantum numbers.
    """
    upper_v, upper_j, lower_v, lower_j = _quantum_numbers(path)
    parts = {name: [getattr(lines, name)] for name in lines.__dataclass_fields__}
    upper_12 = _term(1, upper_v, upper_j)
    lower_12 = _term(1, lower_v, lower_j)
    for number in (2, 3, 4):
        rho = _rho(number)
        upper, lower = _term(number, upper_v, upper_j), _term(number, lower_v, lower_j)
        wavenumber = lines.wavenumber + (upper - lower) - (upper_12 - lower_12)
        rise = lower - lower_12
        intensity = lines.intensity * _ABUNDANCE[number] / _ABUNDANCE[1]
        intensity = intensity * rho ** (2 + np.abs(upper_v - lower_v))
        intensity *= wavenumber / lines.wavenumber
        intensity *= np.exp(-SECOND_RADIATION_CONSTANT * rise / REFERENCE_TEMPERATURE)
        new = {
            "wavenumber": wavenumber,
            "intensity": intensity,
            "elower": lines.elower + rise,
            "isotopologue": np.full(len(lines), number),
        }
        for name, values in parts.items():
            values.append(new.get(name, getattr(lines, name)))
    return LineList(**{name: np.concatenate(values) for name, values in parts.items()})


def _rho(number: int) -> float:
    def reduced(carbon: float, oxygen: float) -> float:
        return carbon * oxygen / (carbon + oxygen)

    return float(np.sqrt(reduced(*_ATOMS[1]) / reduced(*_ATOMS[number])))


def _term(number: int, v: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Energy above v = 0, J = 0, cm^-1."""
    rho = _rho(number)
    energy = np.zeros(v.shape)
    for (k, power), value in _DUNHAM.items():
        scaled = value * rho ** (k + 2 * power)
        energy += scaled * (v + 0.5) ** k * (j * (j + 1.0)) ** power
        if power == 0:
            energy -= scaled * 0.5**k
    return energy


def _quantum_numbers(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """v', J', v'', J'' in order of wavenumber (HITRAN's classes 1 and 1)."""
    records = [line for line in path.read_text().splitlines() if line.strip()]
    records.sort(key=lambda record: float(record[3:15]))
    try:
        upper_v = np.array([int(record[67:82]) for record in records])
        lower_v = np.array([int(record[82:97]) for record in records])
        branch = np.array([{"P": -1, "R": 1}[record[112:127].split()[0]] for record in records])
        lower_j = np.array([int(record[112:127].split()[1]) for record in records])
    except (ValueError, KeyError, IndexError) as error:
        raise FileFormatError(f"{path} gives no quantum numbers of a diatomic ({error})") from error
    return upper_v, lower_j + branch, lower_v, lower_j

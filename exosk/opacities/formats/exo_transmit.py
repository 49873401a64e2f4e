"""Exo_Transmit's text tables (Kempton et al. 2017, PASP 129, 044402).

The first line holds the temperatures (K), the second the pressures (Pa). Then follows, for each
wavelength (m), a line with it and a line a pressure: the pressure or its log10, and the cross
sections at all temperatures, m^2 per molecule.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.formats.assembly import (
    FileContent,
    assemble_table,
    damage_is_a_format_error,
)
from exosk.opacities.formats.file_units import StatedUnits, choose_unit
from exosk.opacities.formats.names import read_name
from exosk.opacities.table import OpacityTable

__all__ = ["parse_exo_transmit", "read_exo_transmit"]

KIND = "Exo_Transmit text"


def parse_exo_transmit(
    text: str, label: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read the numbers of an Exo_Transmit table, in the units in which it has them.

    Parameters
    ----------
    text : str
        The file's content.
    label : str
        What to call it in messages.

    Returns
    -------
    temperature : ndarray of shape (n_temperature,)
        K.
    pressure : ndarray of shape (n_pressure,)
        Pa.
    wavelength : ndarray of shape (n_wavelength,)
        m.
    cross_section : ndarray of shape (n_pressure, n_temperature, n_wavelength)
        m^2 per molecule.

    Raises
    ------
    FileFormatError
        If it is truncated, holds anything but numbers, or is no such table.
    """
    lines = text.lstrip().split("\n", 2)
    if len(lines) < 3:
        raise FileFormatError(f"{label} has no three lines and is no Exo_Transmit table")
    try:
        temperature, pressure = (np.array(line.split(), dtype=np.float64) for line in lines[:2])
        values = np.array(lines[2].split(), dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(f"{label} is no Exo_Transmit table of numbers: {error}") from error
    n_t, n_p = temperature.size, pressure.size
    block = 1 + n_p * (1 + n_t)
    if not (n_t and n_p and values.size) or values.size % block:
        raise FileFormatError(
            f"{label} holds {values.size} numbers behind its {n_t} temperatures and {n_p} "
            f"pressures, not a multiple of {block}: it is truncated, or no Exo_Transmit table"
        )
    blocks = values.reshape(-1, block)
    cube = blocks[:, 1:].reshape(-1, n_p, 1 + n_t)
    repeated = cube[:, :, 0]
    with np.errstate(over="ignore"):
        agrees = np.allclose(repeated, pressure, rtol=1e-3) or np.allclose(
            10.0**repeated, pressure, rtol=1e-3
        )
    if not agrees:
        raise FileFormatError(
            f"{label} does not repeat its pressures at each wavelength: it is no Exo_Transmit table"
        )
    return temperature, pressure, blocks[:, 0], np.moveaxis(cube[:, :, 1:], 0, -1)


def looks_like_exo_transmit(head: bytes) -> bool:
    """Whether a file begins with two lines of ascending numbers, as a table's axes are."""
    try:
        lines = head.decode("ascii").lstrip().split("\n")
        rows = [np.array(line.split(), dtype=np.float64) for line in lines[:2]]
        third = lines[2].split()
    except (UnicodeDecodeError, ValueError, IndexError):
        return False
    return all(row.size and np.all(np.diff(row) > 0) for row in rows) and len(third) <= 1


def read_exo_transmit(path: Path, units: StatedUnits, name: str | None) -> OpacityTable:
    """Read an Exo_Transmit table; its definition says the units (m, Pa, m^2)."""
    with damage_is_a_format_error(path, KIND):
        text = path.read_text(encoding="ascii")
    temperature, pressure, wavelength, sigma = parse_exo_transmit(text, str(path))
    where = str(path)
    return assemble_table(
        FileContent(
            path=path,
            kind=KIND,
            name=read_name(path, name),
            spectral=wavelength,
            temperature=temperature,
            pressure=pressure,
            values=sigma,
            spectral_unit=choose_unit(
                where, "spectral axis", stated=units.spectral, found=None, default="m"
            ),
            pressure_unit=choose_unit(
                where, "pressure", stated=units.pressure, found=None, default="Pa"
            ),
            cross_section_unit=choose_unit(
                where, "cross section", stated=units.cross_section, found=None, default="m2"
            ),
            card={"citation": ["Kempton et al. 2017, PASP 129, 044402 (Exo_Transmit)"]},
        )
    )

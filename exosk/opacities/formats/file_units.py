"""Units as files of opacities write them, and what a user states where a file is silent.

A unit is never guessed: TauREx once took every HDF5 table for one in bar, and multiplied those
already in Pa by 1e5 (ucl-exoplanets/TauREx3, issue 172).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from exosk.exceptions import UnitError

__all__ = ["StatedUnits", "UnitChoice", "choose_unit", "to_bar", "to_cm2", "to_um"]

_TO_BAR = {
    "bar": 1.0,
    "mbar": 1e-3,
    "ubar": 1e-6,
    "Pa": 1e-5,
    "hPa": 1e-3,
    "kPa": 1e-2,
    "atm": 1.01325,
    "Torr": 1.01325 / 760,
    "dyn/cm2": 1e-6,
}
_TO_CM2 = {"cm2": 1.0, "m2": 1e4}
_WAVELENGTH_TO_UM = {"um": 1.0, "nm": 1e-3, "angstrom": 1e-4, "cm": 1e4, "m": 1e6}
_WAVENUMBER_TO_PER_CM = {"cm-1": 1.0, "m-1": 1e-2}
_SPECTRAL = {**_WAVELENGTH_TO_UM, **_WAVENUMBER_TO_PER_CM}

_SPELLINGS = {
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "micrometre": "um",
    "\u00b5m": "um",
    "\u03bcm": "um",
    "nanometer": "nm",
    "aa": "angstrom",
    "meter": "m",
    "1/cm": "cm-1",
    "wavenumber": "cm-1",
    "1/m": "m-1",
    "pascal": "pa",
    "bars": "bar",
    "mb": "mbar",
    "microbar": "ubar",
    "barye": "dyn/cm2",
    "dyncm-2": "dyn/cm2",
    "dyne/cm2": "dyn/cm2",
}


@dataclass(frozen=True)
class StatedUnits:
    """Units that the user states; they win over what a file says.

    Attributes
    ----------
    pressure : str, optional
        As in ``"bar"`` or ``"Pa"``.
    cross_section : str, optional
        As in ``"cm2"`` or ``"m2"``, per molecule.
    spectral : str, optional
        Of the spectral axis: ``"cm-1"``, ``"um"``, ``"nm"``, ``"m"``.
    """

    pressure: str | None = None
    cross_section: str | None = None
    spectral: str | None = None


@dataclass(frozen=True)
class UnitChoice:
    """A unit, and who said so."""

    unit: str
    said_by: str

    def __str__(self) -> str:
        """Give the words that go on a table's card."""
        return f"{self.unit} ({self.said_by})"


def choose_unit(
    where: str, quantity: str, *, stated: str | None, found: object, default: str | None = None
) -> UnitChoice:
    """Decide which unit a quantity of a file is in.

    Parameters
    ----------
    where : str
        The file, for messages.
    quantity : {'pressure', 'cross section', 'spectral axis'}
        What is read.
    stated : str, optional
        The user's word.
    found : object
        The file's own word (str, bytes or array of one), or None.
    default : str, optional
        What the format's definition says, if it does.

    Raises
    ------
    UnitError
        If nobody says it, or it is no known unit.
    """
    written = _text(found)
    if stated is not None:
        against = f", against the file's {written!r}" if written else ""
        return UnitChoice(_known(where, quantity, stated), f"stated by the user{against}")
    if written:
        return UnitChoice(_known(where, quantity, written), "from the file")
    if default is not None:
        return UnitChoice(default, "the format's definition")
    raise UnitError(
        f"{where} does not say in which unit its {quantity} is; state it with {_option(quantity)} "
        f"({', '.join(_KNOWN[quantity])})"
    )


def to_bar(pressure: np.ndarray, unit: str) -> np.ndarray:
    """Convert pressures to bar, with the rounding error of a unit's factor rounded away."""
    # 1e-4 Pa times 1e-5 is 1.0000000000000001e-09, which lies above the table's own 1e-9 bar.
    converted = np.asarray(pressure, dtype=np.float64) * _TO_BAR[unit]
    return np.array([float(f"{p:.13g}") for p in converted.ravel()]).reshape(converted.shape)


def to_cm2(unit: str) -> float:
    """Factor from a cross section's unit to cm^2 per molecule."""
    return _TO_CM2[unit]


def to_um(spectral: np.ndarray, unit: str) -> np.ndarray:
    """Convert wavelengths or wavenumbers to wavelengths in um."""
    values = np.asarray(spectral, dtype=np.float64)
    if unit in _WAVENUMBER_TO_PER_CM:
        return 1e4 / (values * _WAVENUMBER_TO_PER_CM[unit])
    return values * _WAVELENGTH_TO_UM[unit]


_KNOWN = {
    "pressure": _TO_BAR,
    "cross section": _TO_CM2,
    "spectral axis": _SPECTRAL,
}


def _option(quantity: str) -> str:
    name = {"spectral axis": "spectral"}.get(quantity, quantity.replace(" ", "_"))
    return f"{name}_unit=, or --{name.replace('_', '-')}-unit on the command line"


def _known(where: str, quantity: str, written: str) -> str:
    plain = _normal(written)
    for unit in _KNOWN[quantity]:
        if unit.casefold() == plain:
            return unit
    raise UnitError(
        f"{where} gives its {quantity} in {written!r}, which is no unit that exosk knows for it; "
        f"state it with {_option(quantity)} ({', '.join(_KNOWN[quantity])})"
    )


def _normal(written: str) -> str:
    """Bring ``cm^2/molecule``, ``cm**2 molecule^-1`` and ``cm2`` to one spelling."""
    plain = re.sub(r"\*\*|\^|\s|\{|\}", "", written).casefold()
    plain = re.sub(r"(/|\.)?(molecules?|molec)(-1)?$", "", plain)
    return _SPELLINGS.get(plain, plain)


def _text(found: object) -> str:
    if isinstance(found, np.ndarray):
        found = found.ravel()[0] if found.size else None
    if isinstance(found, bytes):
        return found.decode("utf-8", errors="replace").strip()
    return "" if found is None else str(found).strip()

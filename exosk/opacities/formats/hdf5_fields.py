"""Fields of foreign HDF5 files: names, units, and exosk's own card where it wrote the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from exosk.exceptions import FileFormatError
from exosk.opacities.formats.file_units import StatedUnits, choose_unit

__all__ = [
    "CARD",
    "check_temperature_unit",
    "field_units",
    "first_text",
    "own_card",
    "read_card",
    "write_fields",
]

#: The attribute (or key) in which exosk's card travels through another code's format.
CARD = "exosk_provenance"


def first_text(file: h5py.File, key: str) -> str:
    """Text of a dataset that holds a string, or a list with one; empty if there is none."""
    if key not in file:
        return ""
    value = file[key][()]
    while not isinstance(value, str | bytes):
        if not hasattr(value, "__len__") or len(value) == 0:
            return ""
        value = value[0]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def field_units(
    path: Path, file: h5py.File, units: StatedUnits, *, values: str, spectral: str
) -> dict[str, Any]:
    """Find the units of pressure, cross section and wavenumber.

    Parameters
    ----------
    path : Path
        For messages.
    file : h5py.File
        Open.
    units : StatedUnits
        The user's word.
    values, spectral : str
        Names of the two datasets.

    Returns
    -------
    dict of str to UnitChoice
        As :class:`FileContent` calls them. ``bin_edges`` are wavenumbers by their definition;
        pressures are in bar or Pa, cross sections in cm^2 or m^2, and nothing but their
        ``units`` tells.

    Raises
    ------
    UnitError
        If the file does not say, and the user neither.
    """
    where = str(path)

    def found(key: str) -> Any:
        attributes = file[key].attrs
        return attributes.get("units", attributes.get("unit"))

    return {
        "pressure_unit": choose_unit(where, "pressure", stated=units.pressure, found=found("p")),
        "cross_section_unit": choose_unit(
            where, "cross section", stated=units.cross_section, found=found(values)
        ),
        "spectral_unit": choose_unit(
            where, "spectral axis", stated=units.spectral, found=found(spectral), default="cm-1"
        ),
    }


def check_temperature_unit(path: Path, file: h5py.File) -> None:
    """Refuse temperatures that the file itself says are not in K.

    Raises
    ------
    FileFormatError
        Naming the unit.
    """
    unit = file["t"].attrs.get("units", "K")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit.strip().casefold() not in ("k", "kelvin"):
        raise FileFormatError(f"{path} gives temperatures in {unit!r}; convert them to K")


def read_card(file: h5py.File) -> dict[str, Any]:
    """Read what an HDF5 file says of itself: exosk's card if it has one, else DOI and date."""
    if CARD in file.attrs:
        return own_card(file.attrs[CARD])
    card: dict[str, Any] = {}
    doi, date = first_text(file, "DOI"), first_text(file, "Date_ID")
    if doi:
        card["citation"] = [doi]
    if date:
        card["source_version"] = date
    return card


def own_card(text: str) -> dict[str, Any]:
    """Read the card that exosk wrote into a file of another format.

    Raises
    ------
    ValueError
        If it is no JSON object.
    """
    card = json.loads(text)
    if not isinstance(card, dict):
        raise ValueError(f"{CARD} is no JSON object")
    return card


def write_fields(
    file: h5py.File, fields: Mapping[str, tuple[Any, str, str]], card: Mapping[str, Any]
) -> None:
    """Write datasets with a description and a unit each, and exosk's card beside them.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    fields : mapping of str to (data, str, str)
        Value, what it is (``long_name``), unit (left out if empty).
    card : mapping
        Provenance; must be JSON.
    """
    for key, (data, meaning, unit) in fields.items():
        dataset = file.create_dataset(key, data=data)
        dataset.attrs["long_name"] = meaning
        if unit:
            dataset.attrs["units"] = unit
    file.attrs[CARD] = json.dumps(card, sort_keys=True)

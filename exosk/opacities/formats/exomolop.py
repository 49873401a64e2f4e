"""HDF5 cross sections as ExoMolOP gives them and TauREx 3 reads them.

Chubb et al. 2021, A&A 646, A21. Datasets ``bin_edges`` (wavenumbers of the points, despite the
name), ``p``, ``t``, ``xsecarr`` (pressure, temperature, wavenumber) and ``mol_name``.
petitRADTRANS 3's line-by-line files are of the same layout with some more fields, and are read
here too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from exosk.opacities.formats.assembly import (
    FileContent,
    assemble_table,
    damage_is_a_format_error,
)
from exosk.opacities.formats.file_units import StatedUnits
from exosk.opacities.formats.hdf5_fields import (
    check_temperature_unit,
    field_units,
    first_text,
    read_card,
    write_fields,
)
from exosk.opacities.formats.names import read_name
from exosk.opacities.table import OpacityTable
from exosk.storage import atomic_path

__all__ = ["FIELDS", "cross_section_fields", "read_exomolop", "write_taurex"]

KIND = "ExoMolOP/TauREx HDF5"
FIELDS = frozenset({"bin_edges", "p", "t", "xsecarr"})


def read_exomolop(path: Path, units: StatedUnits, name: str | None) -> OpacityTable:
    """Read cross sections of ExoMolOP, TauREx or petitRADTRANS."""
    with damage_is_a_format_error(path, KIND), h5py.File(path, "r") as file:
        check_temperature_unit(path, file)
        return assemble_table(
            FileContent(
                path=path,
                kind=KIND,
                name=read_name(path, name, first_text(file, "mol_name")),
                spectral=file["bin_edges"][()],
                temperature=file["t"][()],
                pressure=file["p"][()],
                values=file["xsecarr"],
                card=read_card(file),
                **field_units(path, file, units, values="xsecarr", spectral="bin_edges"),
            )
        )


def cross_section_fields(table: OpacityTable) -> dict[str, tuple[Any, str, str]]:
    """Datasets of the layout, in wavenumber, bar and cm^2."""
    # "None" is written as 1e-38 and not as zero: the codes that read it take its logarithm.
    sigma = 10.0 ** table.log_cross_section[..., ::-1].astype(np.float64)
    return {
        "bin_edges": (1e4 / table.wavelength[::-1], "Wavenumber grid", "cm^-1"),
        "p": (table.pressure, "Pressure grid", "bar"),
        "t": (table.temperature, "Temperature grid", "K"),
        "xsecarr": (
            sigma,
            "Table of the cross-sections with axes (pressure, temperature, wavenumber)",
            "cm^2/molecule",
        ),
        "mol_name": (
            np.array([table.name], dtype=h5py.string_dtype()),
            "Name of the species described",
            "",
        ),
    }


def write_taurex(table: OpacityTable, path: Path) -> None:
    """Write cross sections that TauREx's ``HDF5Opacity`` reads, with units."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        write_fields(file, cross_section_fields(table), table.provenance)

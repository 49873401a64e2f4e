"""k-tables computed with HELIOS-K, as photochem's climate model stores them.

HELIOS-K: Grimm & Heng 2015, ApJ 808, 182. Datasets ``wavelengths`` (edges of the bins, um), ``T``
(K), ``log10P`` (bar), ``log10k`` (bin, temperature, pressure, g; cm^2 per molecule), ``weights``
over g, ``species`` and ``notes``.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.formats.assembly import (
    FileContent,
    assemble_ktable,
    damage_is_a_format_error,
)
from exosk.opacities.formats.file_units import StatedUnits, choose_unit
from exosk.opacities.formats.hdf5_fields import first_text
from exosk.opacities.formats.ktable import KTable
from exosk.opacities.formats.names import read_name

__all__ = ["FIELDS", "read_helios_k"]

KIND = "HELIOS-K k-table"
FIELDS = frozenset({"wavelengths", "T", "log10P", "log10k", "weights"})


def read_helios_k(path: Path, units: StatedUnits, name: str | None) -> KTable:
    """Read a k-table of HELIOS-K; its notes say the units (um, bar, cm^2 per molecule)."""
    where = str(path)
    with damage_is_a_format_error(path, KIND), h5py.File(path, "r") as file:
        log_k = np.asarray(file["log10k"][()], dtype=np.float64)
        if log_k.ndim != 4:
            raise FileFormatError(f"{path} holds log10k of {log_k.ndim} axes instead of four")
        if not np.all(np.isfinite(log_k)):
            raise FileFormatError(f"{path} has NaN or infinity in log10k")
        log_k = np.moveaxis(log_k, (2, 1, 0), (0, 1, 2))
        return assemble_ktable(
            FileContent(
                path=path,
                kind=KIND,
                name=read_name(path, name, first_text(file, "species").strip()),
                spectral=file["wavelengths"][()],
                temperature=file["T"][()],
                pressure=10.0 ** np.asarray(file["log10P"][()], dtype=np.float64),
                values=10.0**log_k,
                weights=file["weights"][()],
                spectral_unit=choose_unit(
                    where, "spectral axis", stated=units.spectral, found=None, default="um"
                ),
                pressure_unit=choose_unit(
                    where, "pressure", stated=units.pressure, found=None, default="bar"
                ),
                cross_section_unit=choose_unit(
                    where, "cross section", stated=units.cross_section, found=None, default="cm2"
                ),
                card={
                    "source_version": " ".join(first_text(file, "notes").split())
                    or "not given in the file",
                    "citation": ["Grimm & Heng 2015, ApJ 808, 182 (HELIOS-K)"],
                },
            )
        )

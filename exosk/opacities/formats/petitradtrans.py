"""petitRADTRANS 3's HDF5 files (Molliere et al. 2019, A&A 627, A67; Blain et al. 2024).

Line-by-line: ExoMolOP's layout (see :mod:`exosk.opacities.formats.exomolop`) with the molar mass
and the ranges. Correlated-k: ``bin_centers`` and ``bin_edges`` in wavenumber, ``kcoeff`` (pressure,
temperature, bin, g), ``samples`` and ``weights`` over g. petitRADTRANS takes the middle of the
edges for the centres, and 16 points of g for granted: two Gauss-Legendre quadratures of eight,
below and above g = 0.9.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from exosk.exceptions import RangeError
from exosk.opacities.binning import bin_edges
from exosk.opacities.formats.assembly import (
    FileContent,
    assemble_ktable,
    damage_is_a_format_error,
)
from exosk.opacities.formats.exomolop import cross_section_fields
from exosk.opacities.formats.file_units import StatedUnits
from exosk.opacities.formats.hdf5_fields import (
    check_temperature_unit,
    field_units,
    first_text,
    read_card,
    write_fields,
)
from exosk.opacities.formats.ktable import KTable
from exosk.opacities.formats.names import read_name
from exosk.opacities.masses import molar_mass
from exosk.opacities.table import OpacityTable
from exosk.storage import atomic_path

__all__ = [
    "FIELDS",
    "file_name",
    "g_quadrature",
    "read_ktable",
    "write_correlated_k",
    "write_line_by_line",
]

KIND = "petitRADTRANS/ExoMolOP k-table"
FIELDS = frozenset({"bin_edges", "p", "t", "kcoeff", "weights"})
_SPLIT, _POINTS = 0.9, 8


def g_quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Give petitRADTRANS's 16 points of g and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    rest = 1.0 - _SPLIT
    return (
        np.concatenate([_SPLIT * nodes, _SPLIT + rest * nodes]),
        np.concatenate([_SPLIT * weights, rest * weights]),
    )


def file_name(table: OpacityTable | KTable, correlated_k: bool) -> str:
    """Name by which petitRADTRANS finds a file in its folder of a species."""
    wavelength = table.wavelength
    step = np.log(wavelength[-1] / wavelength[0]) / max(wavelength.size - 1, 1)
    resolution = round(1.0 / step) if wavelength.size > 1 else 1
    extension = "ktable" if correlated_k else "xsec"
    # S-O2-NatAbund: no isotope is singled out.
    atoms = "-".join(re.findall(r"[A-Z][a-z]?\d*", table.name)) or table.name
    return (
        f"{atoms}-NatAbund__exosk.R{resolution}_{wavelength[0]:.2g}-{wavelength[-1]:.3g}mu."
        f"{extension}.petitRADTRANS.h5"
    )


def read_ktable(path: Path, units: StatedUnits, name: str | None) -> KTable:
    """Read a k-table of petitRADTRANS 3, or of ExoMolOP in the same layout."""
    with damage_is_a_format_error(path, KIND), h5py.File(path, "r") as file:
        check_temperature_unit(path, file)
        return assemble_ktable(
            FileContent(
                path=path,
                kind=KIND,
                name=read_name(path, name, first_text(file, "mol_name")),
                spectral=file["bin_edges"][()],
                temperature=file["t"][()],
                pressure=file["p"][()],
                values=file["kcoeff"],
                weights=file["weights"][()],
                negative_is_none=True,  # as petitRADTRANS itself takes them
                card=read_card(file),
                **field_units(path, file, units, values="kcoeff", spectral="bin_edges"),
            )
        )


def write_line_by_line(table: OpacityTable, path: Path) -> None:
    """Write cross sections in the layout of petitRADTRANS's ``LineByLineOpacity``.

    Raises
    ------
    UnknownNameError
        If the name is no formula, so that no molar mass is known.
    """
    fields = {**cross_section_fields(table), **_common_fields(table)}
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        write_fields(file, fields, table.provenance)


def write_correlated_k(table: OpacityTable | KTable, path: Path) -> None:
    """Write a k-table in the layout of petitRADTRANS's ``CorrelatedKOpacity``.

    A table of cross sections has no distribution within its bins: all 16 points of g hold the
    same value. A k-table of other points is brought to those 16 (:meth:`KTable.at_weights`).

    Raises
    ------
    UnknownNameError
        If the name is no formula, so that no molar mass is known.
    RangeError
        If a table of cross sections has but one wavelength.
    """
    samples, weights = g_quadrature()
    if isinstance(table, KTable):
        edges = 1e4 / table.wavelength_edges[::-1]
        same = table.weights.size == weights.size and np.allclose(table.weights, weights, atol=1e-4)
        # From weak to strong by definition; petitRADTRANS wants bins by wavenumber.
        log_k = (table if same else table.at_weights(weights)).log_k[:, :, ::-1]
    else:
        if table.wavelength.size < 2:
            raise RangeError(f"{table.name} has one wavelength, of which no bin can be made")
        edges = _edges_around(1e4 / table.wavelength[::-1])
        log_k = np.repeat(table.log_cross_section[:, :, ::-1, None], weights.size, axis=-1)
    fields = {
        **_common_fields(table),
        "bin_centers": (0.5 * (edges[1:] + edges[:-1]), "Centers of the wavenumber bins", "cm^-1"),
        "bin_edges": (edges, "Separations between the wavenumber bins", "cm^-1"),
        "kcoeff": (
            10.0 ** log_k.astype(np.float64),
            "Table of the k-coefficients with axes (pressure, temperature, wavenumber, g-space)",
            "cm^2/molecule",
        ),
        "method": (_text("petit_samples"), "Name of the method used to sample g-space", ""),
        "mol_name": (_text(table.name), "Name of the species described", ""),
        "ngauss": (weights.size, "Number of points used to sample the g-space", ""),
        "p": (table.pressure, "Pressure grid", "bar"),
        "samples": (samples, "Abscissas used to sample the k-coefficients in g-space", ""),
        "t": (table.temperature, "Temperature grid", "K"),
        "weights": (weights, "Weights used in the g-space quadrature", ""),
    }
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        write_fields(file, fields, table.provenance)


def _common_fields(table: OpacityTable | KTable) -> dict[str, tuple[Any, str, str]]:
    wavelength = table.wavelength[[0, -1]]
    citation = "; ".join(table.provenance.get("citation", []))
    return {
        "DOI": (_text(citation), "Data object identifier linked to the data", ""),
        "Date_ID": (
            _text(str(table.provenance.get("source_version", ""))),
            "Version of the data, written by exosk",
            "",
        ),
        "mol_mass": (np.array([molar_mass(table.name)]), "Mass of the species", "AMU"),
        "temperature_grid_type": (
            _text("regular"),
            "Whether the temperatures are the same at all pressures",
            "",
        ),
        "wlrange": (wavelength, "Wavelength range covered", "\u00b5m"),
        "wnrange": (1e4 / wavelength[::-1], "Wavenumber range covered", "cm^-1"),
    }


def _text(value: str) -> np.ndarray:
    return np.array([value], dtype=h5py.string_dtype())


def _edges_around(centre: np.ndarray) -> np.ndarray:
    """Edges of bins whose middles are the given wavenumbers.

    On a grid of constant resolving power they exist. Where they would not lie between their
    centres, ordinary edges are taken, and the middles move by a small part of a bin.
    """
    edges = np.empty(centre.size + 1)
    edges[0] = 2.0 * centre[0] / (1.0 + centre[1] / centre[0])
    for k, middle in enumerate(centre):
        edges[k + 1] = 2.0 * middle - edges[k]
    if np.all(edges[:-1] < centre) and np.all(centre < edges[1:]):
        return edges
    return bin_edges(centre)

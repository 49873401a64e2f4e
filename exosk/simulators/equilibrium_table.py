"""The table of equilibrium abundances: what it holds, and its file."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError, UnknownNameError
from exosk.storage import create_hdf5, open_hdf5

__all__ = ["AXES", "FLOOR", "EquilibriumTable", "load_equilibrium_table"]

#: Names and units of the axes, in the order of the cube.
AXES = {"temperature": "K", "pressure": "bar", "log_metallicity": "dex", "c_o_ratio": ""}
#: log10 mixing ratio below which a species is as good as absent.
FLOOR = -14.0

_KIND, _VERSION = "equilibrium-chemistry", 1
# dex; half of it is the rounding error, far below that of interpolating.
_STEP = 1e-3


@dataclass(frozen=True)
class EquilibriumTable:
    """Volume mixing ratios of a gas in chemical equilibrium.

    Attributes
    ----------
    species : tuple of str
        As in ``"H2O"``.
    axes : mapping of str to ndarray
        Ascending nodes of each of :data:`AXES`.
    log_x : ndarray of shape (n_species, n_temperatures, n_pressures, n_metallicities, n_c_o)
        log10 mixing ratios by volume among the gases, float32, at least :data:`FLOOR`.
    provenance : dict
        Code, versions, settings and references, as JSON has it.
    """

    species: tuple[str, ...]
    axes: Mapping[str, np.ndarray]
    log_x: np.ndarray
    provenance: Mapping[str, Any]

    def index(self, species: str) -> int:
        """Return the place of a species, in any case.

        Raises
        ------
        UnknownNameError
            If the table does not have it.
        """
        folded = [name.casefold() for name in self.species]
        if species.casefold() not in folded:
            error = UnknownNameError.suggest("species of the chemistry", species, self.species)
            raise UnknownNameError(
                f"{error} Equilibrium chemistry has {', '.join(self.species)}; leave the others "
                f"out, or let abundances be free"
            )
        return folded.index(species.casefold())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table, rounded to 0.001 dex; the file is either whole or absent."""
        codes = np.rint((self.log_x.astype(float) - FLOOR) / _STEP).astype(np.int16)
        with create_hdf5(path, _KIND, _VERSION) as file:
            file.attrs["provenance"] = np.bytes_(json.dumps(dict(self.provenance)).encode())
            file.attrs["species"] = np.bytes_(json.dumps(self.species).encode())
            for name, unit in AXES.items():
                file.create_dataset(name, data=self.axes[name], fletcher32=True)
                file[name].attrs["unit"] = np.bytes_(unit.encode())
            # Neighbours in C/O, the last axis, resemble each other most.
            file.create_dataset(
                "codes",
                data=codes,
                chunks=(1, *codes.shape[1:]),
                compression="gzip",
                compression_opts=9,
                shuffle=True,
                fletcher32=True,
            )
            file["codes"].attrs.update(step=_STEP, floor=FLOOR)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> EquilibriumTable:
        """Read a table that :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            If the file is none, is damaged, of a later version or in other units.
        """
        with open_hdf5(path, _KIND, _VERSION) as file:
            axes = {name: file[name][()] for name in AXES}
            for name, unit in AXES.items():
                found = file[name].attrs["unit"]
                if found != np.bytes_(unit.encode()):
                    raise FileFormatError(f"{path} gives {name} in {found!r}, not in {unit!r}")
            codes = file["codes"]
            step, floor = float(codes.attrs["step"]), float(codes.attrs["floor"])
            log_x = (floor + step * codes[()].astype(float)).astype(np.float32)
            species = tuple(json.loads(file.attrs["species"]))
            provenance = json.loads(file.attrs["provenance"])
        expected = (len(species), *(len(nodes) for nodes in axes.values()))
        if log_x.shape != expected:
            raise FileFormatError(f"{path} holds a table of shape {log_x.shape}, not {expected}")
        return cls(species, axes, log_x, provenance)


@functools.cache
def load_equilibrium_table() -> EquilibriumTable:
    """Load the table that comes with exosk; the same object at each call."""
    source = resources.files("exosk.simulators") / "embedded" / "equilibrium.h5"
    with resources.as_file(source) as path:
        return EquilibriumTable.load(path)

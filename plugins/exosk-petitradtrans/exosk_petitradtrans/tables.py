"""exosk's opacity tables as files of petitRADTRANS, kept in a cache.

The cache is one folder of input data as petitRADTRANS expects it. A file's name holds a hash of
the table that it was made of, so that every name stands for one content and matches one file, and
the file holds a hash of its own arrays, by which damage is seen. Files are written by
petitRADTRANS's own writers, beside the folder, and moved into it when they are complete.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import platformdirs

from exosk.opacities import CollisionTable, OpacityTable
from exosk.opacities.masses import molar_mass
from exosk_petitradtrans.engine import petitradtrans

__all__ = ["cache_folder", "collision_file", "line_file"]

# Counts changes of what is written for the same table.
_FORMAT = "1"
# petitRADTRANS's reader takes 16 points in g; all hold the same here, whatever the weights.
_N_G = 16
_LOSCHMIDT = 2.686780111e19  # particles per cm^3 in one amagat (CODATA 2018)
_HASH = "exosk_sha256"
_CHECKED: set[tuple[str, int, int]] = set()


def cache_folder() -> Path:
    """Return where files are kept: below ``EXOSK_CACHE_DIR``, or the user's cache folder."""
    root = os.environ.get("EXOSK_CACHE_DIR") or platformdirs.user_cache_dir("exosk")
    return Path(root).expanduser().absolute() / "petitradtrans"


def line_file(table: OpacityTable, mode: str, folder: Path) -> str:
    """Make sure that a molecule's cross sections are in the cache.

    Parameters
    ----------
    table : OpacityTable
        With the pressures and temperatures between which petitRADTRANS shall interpolate.
    mode : {"c-k", "lbl"}
        petitRADTRANS's kind of table.
    folder : Path
        The cache.

    Returns
    -------
    str
        The species' name for petitRADTRANS.
    """
    opacities = petitradtrans()[1]
    kind = opacities.CorrelatedKOpacity if mode == "c-k" else opacities.LineByLineOpacity
    source = _digest(mode, table.name, *_axes(table), table.pressure, table.log_cross_section)
    name = f"{table.name}__exosk-{source}"

    def write(path: Path) -> None:
        # In ascending wavenumber, from cm^2 per molecule to the same.
        sections = 10.0 ** table.log_cross_section[..., ::-1].astype(np.float64)
        wavenumber = 1e4 / table.wavelength[::-1]
        shared = {
            "file": str(path),
            "species_name": name,
            "pressures": table.pressure,
            "temperatures": table.temperature,
            "temperature_grid_type": "regular",
            "molar_mass": molar_mass(table.name),
            **_provenance(table),
        }
        if mode == "lbl":
            kind.write(cross_sections=sections, wavenumber_bin_edges=wavenumber, **shared)
            return
        samples, weights = np.polynomial.legendre.leggauss(_N_G)
        edges = _edges(wavenumber)
        kind.write(
            k_coefficients=np.repeat(sections[..., None], _N_G, axis=-1),
            wavenumber_bin_centers=_centers(edges),
            wavenumber_bin_edges=edges,
            g_samples=(samples + 1) / 2,
            g_weights=weights / weights.sum(),
            **shared,
        )

    _keep(_path(kind, name, table, folder), write)
    return name


def collision_file(table: CollisionTable, folder: Path) -> str:
    """Make sure that a pair's collision-induced absorption is in the cache.

    Returns
    -------
    str
        The pair's name for petitRADTRANS.
    """
    opacities = petitradtrans()[1]
    source = _digest("cia", table.name, *_axes(table), table.log_coefficient)
    name = f"{'--'.join(table.pair)}-NatAbund__exosk-{source}"

    def write(path: Path) -> None:
        # In 1/cm at one amagat of either gas. No opacity stays above the smallest double.
        log_alpha = table.log_coefficient[:, ::-1].astype(np.float64) + 2 * np.log10(_LOSCHMIDT)
        opacities.CIAOpacity.write(
            file=str(path),
            colliding_species=table.pair,
            alphas=10.0**log_alpha,
            wavenumbers=1e4 / table.wavelength[::-1],
            pressures=np.ones(1),
            temperatures=table.temperature,
            molar_mass=np.array([molar_mass(gas) for gas in table.pair]),
            **_provenance(table),
        )

    _keep(_path(opacities.CIAOpacity, name, table, folder), write)
    return name


def _path(kind: Any, name: str, table: OpacityTable | CollisionTable, folder: Path) -> Path:
    """Where petitRADTRANS looks for a file, by its own rules."""
    wavelength = table.wavelength
    opacity = kind.from_species(
        species=name,
        spectral_sampling=round(float(np.mean(1 / np.diff(np.log(wavelength))))),
        wavelength_min=round(float(wavelength[0]), 3),
        wavelength_max=round(float(wavelength[-1]), 3),
        path_input_data=str(folder),
    )
    path = Path(opacity.get_absolute_path())
    # It names a pair's file after isotopes, and looks for one without.
    _, separator, rest = path.name.partition("__")
    return path.with_name(f"{name.partition('__')[0]}{separator}{rest}") if "--" in name else path


def _provenance(table: OpacityTable | CollisionTable) -> dict[str, Any]:
    citation = table.provenance.get("citation", "")
    return {
        "doi": citation if isinstance(citation, str) else "; ".join(citation),
        "contributor": "exosk",
        "description": str(table.provenance.get("source", "")),
        "wavelength_range": tuple(table.wavelength[[0, -1]] * 1e-4),
    }


def _edges(centers: np.ndarray) -> np.ndarray:
    """Edges half-way between centres."""
    middle = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])


def _centers(edges: np.ndarray) -> np.ndarray:
    """Middles of bins as petitRADTRANS computes them from the edges, to the last digit.

    Its reader leaves bins empty that lie outside the computed range by more than rounding.
    """
    radtrans = petitradtrans()[0]
    frequency = radtrans.um2hz(radtrans.hz2um(radtrans.cst.c * edges))
    return (frequency[1:] + frequency[:-1]) / 2 / radtrans.cst.c


def _axes(table: OpacityTable | CollisionTable) -> tuple[np.ndarray, np.ndarray]:
    return table.wavelength, table.temperature


def _digest(*parts: str | np.ndarray) -> str:
    """Hash of what a file is made of, short enough for a name."""
    total = hashlib.sha256(_FORMAT.encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()[:16]


def _keep(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file unless it is there and whole.

    Not with exosk's `atomic_path`, whose temporary file lies beside the target: petitRADTRANS
    would find it too, and ask which of the two to take. Two processes that write at once move
    the same content to the same name.
    """
    if _is_whole(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = next(parent for parent in path.parents if parent.name == "opacities").parent
    with tempfile.TemporaryDirectory(dir=partial, prefix=".partial-") as folder:
        temporary = Path(folder) / path.name
        write(temporary)
        with h5py.File(temporary, "r+") as file:
            file.attrs[_HASH] = _hash_arrays(file)
        os.replace(temporary, path)


def _is_whole(path: Path) -> bool:
    """Whether a file's arrays are those that were written; asked once of each state of a file."""
    try:
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
        if key not in _CHECKED:
            with h5py.File(path, "r") as file:
                if file.attrs.get(_HASH) != _hash_arrays(file):
                    return False
            _CHECKED.add(key)
    except (OSError, RuntimeError, LookupError, ValueError):  # HDF5 on a damaged file
        return False
    return True


def _hash_arrays(file: h5py.File) -> str:
    total = hashlib.sha256()
    for name in _numeric(file):
        total.update(name.encode() + np.ascontiguousarray(file[name][()]).tobytes())
    return total.hexdigest()


def _numeric(file: h5py.File) -> Iterable[str]:
    """Names of the data sets that hold numbers, which are all that petitRADTRANS computes with."""
    return sorted(name for name, dataset in file.items() if dataset.dtype.kind in "fiu")

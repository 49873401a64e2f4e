"""Tables of log10 opacity as small HDF5 files.

A table is a cube of log10 values over named axes. The values are quantised to 16-bit integers,

    log10 value = offset + scale * code,    code in [-32767, 32767],

with the code -32768 kept for "no opacity" (the table's floor). `scale` is the table's range over
65534, so the largest error is half of that: for a table that spans 20 dex, 1.5e-4 dex or
0.035 % of the opacity. Shuffled and gzipped, a molecule of 1.8 million values takes 1-2 MB.
The wavelength axis is stored first and the others last, because neighbours in temperature and
pressure resemble each other more than neighbours in wavelength and so compress better; in memory
the wavelength is last, as the radiative transfer wants it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from exosk.exceptions import FileFormatError
from exosk.storage import atomic_path

__all__ = [
    "Header",
    "Layout",
    "StoredTable",
    "quantisation_step",
    "read_header",
    "read_table",
    "write_table",
]

SCHEMA_VERSION = 1
NO_OPACITY_CODE = -32768
LARGEST_CODE = 32767
BLOCK = 256  # wavelengths a compressed chunk


@dataclass(frozen=True)
class Layout:
    """What a kind of table looks like on disk.

    Attributes
    ----------
    kind : str
        The value of the file's ``format`` attribute.
    axes : dict of str to str
        Axis names and units, in the order of the cube in memory; the last is the wavelength.
    values, unit : str
        Name and unit of the cube.
    floor : float
        log10 value that stands for "no opacity".
    """

    kind: str
    axes: Mapping[str, str]
    values: str
    unit: str
    floor: float


@dataclass(frozen=True)
class StoredTable:
    """The content of a file: a name, axes, the cube of log10 values, where it came from."""

    name: str
    axes: dict[str, np.ndarray]
    log_values: np.ndarray
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Header:
    """A file without its cube: what kind of table, of what, over which axes, from where."""

    kind: str
    name: str
    axes: dict[str, np.ndarray]
    provenance: dict[str, Any]


def quantisation_step(log_values: np.ndarray, floor: float) -> tuple[float, float]:
    """Scale and offset that spread the values above the floor over the 16-bit codes.

    Parameters
    ----------
    log_values : ndarray
        log10 values.
    floor : float
        Values at or below it have a code of their own and do not count.

    Returns
    -------
    scale, offset : float
        Step of the quantisation and the value of code 0, both in dex.
    """
    above = log_values[log_values > floor]
    if above.size == 0:
        return 1.0, 0.0
    low, high = float(above.min()), float(above.max())
    return max((high - low) / (2 * LARGEST_CODE), 1e-7), 0.5 * (low + high)


def write_table(path: str | os.PathLike[str], layout: Layout, table: StoredTable) -> None:
    """Write a table; the file is either whole or absent.

    Parameters
    ----------
    path : path-like
        Where to. An existing file is replaced.
    layout : Layout
        The kind of table.
    table : StoredTable
        What to write; the cube in the order of ``layout.axes``.
    """
    scale, offset = quantisation_step(table.log_values, layout.floor)
    codes = np.rint((table.log_values.astype(np.float64) - offset) / scale)
    codes = np.where(table.log_values > layout.floor, codes, NO_OPACITY_CODE)
    codes = np.ascontiguousarray(np.moveaxis(codes, -1, 0).astype(np.int16))
    # As in exosk.storage.create_hdf5: with checksums, a damaged table is an error and not another
    # opacity.
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        file.attrs["format"] = _fixed(layout.kind)
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["name"] = _fixed(table.name)
        file.attrs["provenance"] = _fixed(json.dumps(table.provenance, indent=1, sort_keys=True))
        for axis, unit in layout.axes.items():
            values = table.axes[axis].astype(np.float64)
            file.create_dataset(axis, data=values, chunks=values.shape, fletcher32=True)
            file[axis].attrs["unit"] = _fixed(unit)
        dataset = file.create_dataset(
            layout.values,
            data=codes,
            chunks=(min(BLOCK, codes.shape[0]), *codes.shape[1:]),
            compression="gzip",
            compression_opts=9,
            shuffle=True,
            fletcher32=True,
        )
        dataset.attrs["unit"] = _fixed(layout.unit)
        dataset.attrs["scale"] = scale
        dataset.attrs["offset"] = offset
        dataset.attrs["no_opacity_code"] = NO_OPACITY_CODE


def read_table(path: str | os.PathLike[str], layout: Layout) -> StoredTable:
    """Read a table that :func:`write_table` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    layout : Layout
        The kind of table that is expected.

    Returns
    -------
    StoredTable
        The cube as float32, in the order of ``layout.axes``.

    Raises
    ------
    FileFormatError
        If the file is truncated, no HDF5 file, of another kind, of a newer schema or in other
        units.
    FileNotFoundError
        If there is no such file.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_header(path, file, layout)
            axes = {axis: file[axis][()] for axis in layout.axes}
            dataset = file[layout.values]
            codes = np.moveaxis(dataset[()], 0, -1)
            scale, offset = float(dataset.attrs["scale"]), float(dataset.attrs["offset"])
            missing = codes == int(dataset.attrs["no_opacity_code"])
            name = _text(file.attrs["name"])
            provenance = json.loads(_text(file.attrs["provenance"]))
    except FileNotFoundError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{os.fspath(path)!r} cannot be read as an {layout.kind} file ({error}); "
            "it may be truncated: fetch or build it again"
        ) from error
    log_values = np.where(missing, layout.floor, offset + scale * codes).astype(np.float32)
    return StoredTable(name, axes, np.ascontiguousarray(log_values), provenance)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read what a file says of itself, in milliseconds whatever its size.

    Parameters
    ----------
    path : path-like
        A file that :func:`write_table` wrote, of any kind.

    Raises
    ------
    FileFormatError
        If it is truncated, no HDF5 file, or none of ours.
    """
    try:
        with h5py.File(path, "r") as file:
            kind = _text(file.attrs.get("format"))
            if kind not in ("exosk-opacity", "exosk-collision"):
                raise FileFormatError(f"{os.fspath(path)!r} is no exosk table of opacities")
            axes = {
                axis: np.asarray(file[axis][()], dtype=np.float64)
                for axis in ("pressure", "temperature", "wavelength")
                if axis in file
            }
            if not all(axis.ndim == 1 and axis.size for axis in axes.values()):
                raise FileFormatError(f"{os.fspath(path)!r} has an axis that is no list")
            return Header(
                kind,
                _text(file.attrs["name"]),
                axes,
                dict(json.loads(_text(file.attrs["provenance"]))),
            )
    except FileFormatError:
        raise
    except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{os.fspath(path)!r} cannot be read as an exosk table of opacities ({reason}); it may "
            "be truncated: fetch or build it again"
        ) from error


def _fixed(text: str) -> np.bytes_:
    """Text of fixed length: other text lies outside the checksums, and HDF5 can hang on it."""
    return np.bytes_(text.encode("utf-8"))


def _text(value: Any) -> str:
    """Text of either kind; earlier tables have the other one."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _check_header(path: str | os.PathLike[str], file: h5py.File, layout: Layout) -> None:
    kind = _text(file.attrs.get("format"))
    if kind != layout.kind:
        raise FileFormatError(
            f"{os.fspath(path)!r} is not an {layout.kind} file (its format is {kind!r})"
        )
    version = int(file.attrs["schema_version"])
    if version > SCHEMA_VERSION:
        raise FileFormatError(
            f"{os.fspath(path)!r} has schema version {version}, newer than {SCHEMA_VERSION}; "
            "update exosk"
        )
    for name, unit in {**layout.axes, layout.values: layout.unit}.items():
        found = _text(file[name].attrs.get("unit"))
        if found != unit:
            raise FileFormatError(
                f"{os.fspath(path)!r} gives {name} in {found!r} where {unit!r} is expected"
            )

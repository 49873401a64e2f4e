"""What tables of log10 opacity over named axes have in common."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from exosk.exceptions import FileFormatError, RangeError
from exosk.opacities.hdf5 import Layout, StoredTable, write_table
from exosk.opacities.interpolation import check_within

__all__ = ["floored_log10", "freeze", "save_table", "select_wavelengths"]


def freeze(table: Any, layout: Layout) -> None:
    """Validate a table and make its arrays read-only (cached tables are shared).

    Raises
    ------
    FileFormatError
        If the shapes do not belong together, or an axis is not ascending.
    RangeError
        If an axis is not positive or a value is not finite.
    """
    set_field = object.__setattr__
    for axis, unit in layout.axes.items():
        values = np.array(getattr(table, axis), dtype=np.float64)
        if values.ndim != 1 or values.size == 0:
            raise FileFormatError(f"{table.name}: {axis} must be a list of values in {unit}")
        if not np.all(np.isfinite(values)) or np.any(values <= 0):
            raise RangeError(f"{table.name}: {axis} must be finite and positive ({unit})")
        if np.any(np.diff(values) <= 0):
            raise FileFormatError(f"{table.name}: {axis} must ascend without repeats")
        values.setflags(write=False)
        set_field(table, axis, values)
    cube = np.array(getattr(table, layout.values), dtype=np.float32)
    expected = tuple(getattr(table, axis).size for axis in layout.axes)
    if cube.shape != expected:
        raise FileFormatError(
            f"{table.name}: {layout.values} has shape {cube.shape} where "
            f"({', '.join(layout.axes)}) calls for {expected}"
        )
    if not np.all(np.isfinite(cube)):
        raise RangeError(
            f"{table.name}: {layout.values} must be finite; use {layout.floor:g} for 'none'"
        )
    np.maximum(cube, np.float32(layout.floor), out=cube)
    cube.setflags(write=False)
    set_field(table, layout.values, cube)
    set_field(table, "provenance", dict(table.provenance))


def save_table(table: Any, layout: Layout, path: str | os.PathLike[str]) -> None:
    """Write a table to HDF5, atomically."""
    axes = {axis: getattr(table, axis) for axis in layout.axes}
    stored = StoredTable(table.name, axes, getattr(table, layout.values), table.provenance)
    write_table(path, layout, stored)


def floored_log10(values: ArrayLike, floor: float) -> np.ndarray:
    """Take log10, with the floor for zero; NaN stays NaN."""
    # Clipping first keeps NaN a NaN, which the constructor refuses, where 0 is a lawful "none".
    return np.log10(np.maximum(np.asarray(values, dtype=np.float64), 10.0**floor))


def select_wavelengths(name: str, wavelength: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the mask of the points between two wavelengths, limits included.

    Raises
    ------
    RangeError
        If a limit lies outside the table or no point between them.
    """
    check_within(name, "wavelength", np.array([low, high]), wavelength, "um")
    keep = (wavelength >= low) & (wavelength <= high)
    if not keep.any():
        raise RangeError(f"the {name} table has no wavelength between {low:g} and {high:g} um")
    return keep

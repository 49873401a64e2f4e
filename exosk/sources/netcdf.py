"""Spectra in netCDF files and xarray Datasets, as the JWST ERS teams publish them.

The Transiting Exoplanet Community's early-release teams agreed on a layout (the notebook "Data
Reduction Uniformity for JWST" of Alderson, Alam, Batalha and Wakeford): variables
``transit_depth`` and ``transit_depth_error`` (or ``..._pos`` and ``..._neg``) over the coordinate
``central_wavelength``, with ``bin_half_width`` or ``start_wavelength`` and ``end_wavelength``. Each
has an attribute ``units``, such as ``micron`` and ``(R_jup*R_jup)/(R_jup*R_jup)``. The widths often
have a dimension of their own, as long as that of the wavelengths; they are matched by position.
Other names and units are read as those of any table.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from astropy import units as u

from exosk.exceptions import ExoskError, FileFormatError, UnitError, UnknownNameError
from exosk.sources.cells import CellTable
from exosk.sources.columns import classify
from exosk.sources.contents import HDF5
from exosk.sources.extras import import_extra
from exosk.sources.tables import plain, reason_of
from exosk.units import canonical

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["cells_of_dataset", "parse_netcdf"]

# A variable may be much larger than its file, when it is compressed or was never written.
_MAX_VALUES = 1_000_000


def parse_netcdf(
    data: bytes, kind: str, label: str, which: str | int | None, columns: Mapping[str, str]
) -> CellTable:
    """Read the spectrum of a netCDF file of version 3 or 4.

    Parameters
    ----------
    data : bytes
        The whole file.
    kind : str
        :data:`~exosk.sources.contents.HDF5` for version 4.
    label : str
        The file's name, for errors.
    which : str or int, optional
        The group of a netCDF 4 file, where the spectrum is not at the root.
    columns : mapping of str to str
        What the caller says of the variables.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If the file is damaged, is HDF5 but not netCDF, or holds no spectrum or more than one.
    UnknownNameError
        If there is no such group.
    ExoskError
        If xarray or h5netcdf is not installed.
    """
    group = _choose_group(data, label, which, columns) if kind == HDF5 else None
    if kind != HDF5 and which is not None:
        raise FileFormatError(f"{label} has no groups; leave out table")
    xarray = import_extra("xarray", "a netCDF file")
    if kind == HDF5:
        import_extra("h5netcdf", "a netCDF 4 file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of variables that nobody uses
            with xarray.open_dataset(
                io.BytesIO(data),
                engine="h5netcdf" if kind == HDF5 else "scipy",
                decode_times=False,
                **({"group": group, "phony_dims": "sort"} if kind == HDF5 else {}),
            ) as dataset:
                return cells_of_dataset(dataset, label, columns, first_row=1)
    except ExoskError:
        raise
    except Exception as error:  # xarray, h5py and scipy raise a dozen kinds for a broken file
        raise FileFormatError(f"{label} is not a valid netCDF file: {reason_of(error)}") from error


def cells_of_dataset(
    dataset: Dataset, label: str, columns: Mapping[str, str], *, first_row: int = 0
) -> CellTable:
    """Turn the variables of an xarray Dataset that belong to a spectrum into cells.

    Parameters
    ----------
    dataset : xarray.Dataset
        Only the variables that are needed are loaded.
    label : str
        What to call it in errors.
    columns : mapping of str to str
        What the caller says of the variables.
    first_row : int, default=0
        The number of the first value in errors.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If no variable is a list of depths, or it is too long for a spectrum.
    """
    lists = {str(name): v for name, v in dataset.variables.items() if _is_list(v)}
    main = _depth(lists, columns)
    if main is None:
        raise _no_depth(dataset, label)
    size = lists[main].size
    if size > _MAX_VALUES:
        raise FileFormatError(f"{label}: {main!r} has {size} values, too many for a spectrum")
    if not size:
        raise FileFormatError(f"{label}: {main!r} has no values")
    chosen = {name: v for name, v in lists.items() if v.size == size}
    return CellTable(
        label=label,
        names=list(chosen),
        columns=[_values(variable) for variable in chosen.values()],
        rows=list(range(first_row, first_row + size)),
        row_word="value",
        units=[_units(variable) for variable in chosen.values()],
        meta=_meta(dataset.attrs),
    )


def _is_list(variable: Any) -> bool:
    """Whether a variable has one dimension but for those of length 1."""
    return variable.ndim >= 1 and variable.size == max(variable.shape)


def _depth(names: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    """Return the name of the variable that holds the depths."""
    for key in ("depth", "rp_rs"):
        if columns.get(key) in names:
            return columns[key]
    for index, name in enumerate(names):
        try:
            # Units are left for later, when the caller's word on them counts too.
            role = classify(index, name).role
        except UnitError:
            continue
        if role in ("depth", "ratio"):
            return name
    return None


def _no_depth(dataset: Dataset, label: str) -> FileFormatError:
    dims = {str(name): size for name, size in dataset.sizes.items()}
    timed = [name for name, size in dims.items() if name.startswith("time") and size > 1]
    names = [str(name) for name in dataset.variables]
    if timed:
        return FileFormatError(
            f"{label} holds a time series ({timed[0]}: {dims[timed[0]]}), not transit depths; give "
            f"the file of the transmission spectrum"
        )
    if not names:
        return FileFormatError(f"{label} is netCDF without any variable, so without a spectrum")
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return FileFormatError(
        f"{label} has no list of transit depths; its variables are "
        f"{', '.join(map(repr, names[:8]))}{more}; say which with "
        f"columns={{'depth': ...}} (--column depth=...)"
    )


def _values(variable: Any) -> list[str] | np.ndarray:
    values = np.asarray(variable.values).reshape(-1)
    if values.dtype.kind in "fiu":
        return values.astype(float)
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]


def _units(variable: Any) -> str | None:
    """Return what the attribute ``units`` states."""
    found = variable.attrs.get("units", variable.attrs.get("unit"))
    return str(found).strip() or None if found is not None else None


def _meta(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Read a file's attributes: empty ones left out, JSON opened, the star's radius understood."""
    meta = {}
    for key, value in plain(attributes).items():
        if isinstance(value, str) and value.strip().startswith("{"):
            with contextlib.suppress(ValueError):  # braces may stand in any text
                value = json.loads(value)
        if value not in ("", None):
            meta[key] = value
    system = meta.get("system_params")
    star = system.get("rs") if isinstance(system, dict) else None
    # A bare number has no unit, and may be in metres.
    if isinstance(star, dict) and {"value", "unit"} <= set(star):
        with contextlib.suppress(ValueError, TypeError):  # a template that nobody filled in
            radius = u.Quantity(float(star["value"]), star["unit"])
            meta.setdefault("star_radius", float(canonical(radius, "star_radius")))
    return meta


def _choose_group(
    data: bytes, label: str, which: str | int | None, columns: Mapping[str, str]
) -> str | None:
    """Return the one group that holds depths; refuse HDF5 that is not netCDF."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            if not _is_netcdf(file):
                raise FileFormatError(
                    f"{label} is an HDF5 file but not netCDF: its arrays name no dimensions; "
                    f"export the spectrum as CSV or ECSV"
                )
            items = _items(file)
            _refuse_long(items, label)
            groups = {"/": file} | {
                f"/{name}": item for name, item in items if isinstance(item, h5py.Group)
            }
            if which is not None:
                key = "/" + str(which).strip("/")
                if key not in groups:
                    raise UnknownNameError.suggest(f"group of {label}", str(which), groups)
                return key
            found = [
                key
                for key, group in groups.items()
                if _depth({k: v for k, v in group.items() if isinstance(v, h5py.Dataset)}, columns)
            ]
    except ExoskError:
        raise
    except Exception as error:  # h5py raises what HDF5's layers do
        raise FileFormatError(f"{label} is not a valid HDF5 file: {reason_of(error)}") from error
    if len(found) > 1:
        raise FileFormatError(
            f"{label} holds transit depths in {len(found)} groups, {', '.join(found[:5])}; say "
            f"which with table={found[0]!r} (--table {found[0]})"
        )
    return found[0] if found else None


def _refuse_long(items: list[tuple[str, Any]], label: str) -> None:
    """Refuse lists that are no spectrum's: xarray loads coordinates when it opens a file."""
    for name, item in items:
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.size > _MAX_VALUES:
            raise FileFormatError(
                f"{label}: {name!r} has {item.size} values, too many for a spectrum"
            )


def _items(file: h5py.File) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((name, item)))
    return found


def _is_netcdf(file: h5py.File) -> bool:
    """Whether a file was written as netCDF: it says so, or its arrays share named dimensions."""
    if "_NCProperties" in file.attrs:
        return True
    return any(
        item.attrs.get("CLASS") in (b"DIMENSION_SCALE", "DIMENSION_SCALE")
        for _, item in _items(file)
        if isinstance(item, h5py.Dataset)
    )

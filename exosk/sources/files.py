"""Spectra in files: CSV, ECSV and white-space tables in, ECSV out.

exosk's own layout is a table with the columns ``wavelength_um``, ``bin_half_width_um``,
``transit_depth`` and ``transit_depth_err`` (both plain fractions), and optionally
``instrument``. Other names, units and layouts are read when the file or the caller says what
they are; see :mod:`exosk.sources.columns` for the names. Nothing is guessed in silence: what
is decided on the way is listed in ``spectrum.meta["notes"]``, and what cannot be decided is
an error with its remedy.
"""

from __future__ import annotations

import datetime
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.utils.exceptions import AstropyWarning

from exosk.exceptions import ExoskError, FileFormatError
from exosk.sources.binning import read_bins
from exosk.sources.columns import Column
from exosk.sources.depths import read_depths
from exosk.sources.selection import Stated, choose_columns
from exosk.sources.text import CellTable, decode, parse_table, read_bytes
from exosk.spectra import Spectrum
from exosk.storage import atomic_path

__all__ = ["read_spectrum", "write_spectrum"]

_NAME_KEYS = ("target", "planet", "object", "pl_name")


def read_spectrum(
    path: str | os.PathLike[str],
    *,
    depth_unit: str | u.UnitBase | None = None,
    wavelength_unit: str | u.UnitBase | None = None,
    width: str | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    instrument: str | None = None,
    reference: str | None = None,
) -> Spectrum:
    """Read one transmission spectrum from a text table.

    Parameters
    ----------
    path : path-like
        A CSV, ECSV, semicolon-, tab- or blank-separated table with a header.
    depth_unit : {"fraction", "percent", "ppm", "rp_rs"} or astropy unit, optional
        Unit of the depths, or that they are Rp/Rs. Needed where the file does not say; wins
        over the file where it does.
    wavelength_unit : {"um", "nm", "angstrom", "m"} or astropy unit, optional
        The same for the wavelengths.
    width : {"half", "full"}, optional
        Whether the column of bin widths holds half of each bin or all of it. Wins over the
        column's name.
    columns : mapping of str to str, optional
        Which header holds which quantity, where the names do not tell or two compete. Keys:
        ``wavelength``, ``half_width``, ``full_width``, ``low``, ``high``, ``depth``,
        ``rp_rs``, ``error``, ``error_up``, ``error_low``, ``instrument``.
    name, instrument, reference : str, optional
        Win over what the file says.

    Returns
    -------
    Spectrum
        In um and plain fractions, bins in ascending order. Rows with a wavelength and no
        depth are missing bins (NaN). ``meta`` holds the file's metadata, ``notes`` on what
        was decided, and ``missing_bins`` when there are any.

    Raises
    ------
    UnknownNameError
        If the file, or a column named in `columns`, does not exist.
    FileFormatError
        If the file is not such a table, or something in it can be read in two ways.
    UnitError
        If a unit is not stated or cannot be right, or an error is not positive.
    GridError
        If the bins make no sense, as when full widths are given as half widths.
    """
    path = Path(path)
    stated = Stated.check(depth_unit, wavelength_unit, width)
    table = _load_table(path)
    try:
        chosen = choose_columns(table, columns)
        table.accept_decimal_commas(
            column.index for role, column in chosen.items() if role != "instrument"
        )
        notes: list[str] = []
        depth, sigma = read_depths(table, chosen, stated, notes)
        grid, order = read_bins(table, chosen, stated, notes)
        meta = dict(table.meta)
        used = {column.index for column in chosen.values()}
        ignored = [text for index, text in enumerate(table.names) if index not in used]
        if ignored:
            notes.append(f"Columns not used: {', '.join(ignored)}.")
        if notes := [*_as_list(meta.get("notes")), *table.notes, *notes]:
            # A file that exosk wrote carries the notes of the file that it was read from.
            meta["notes"] = list(dict.fromkeys(notes))
        if n_missing := int(np.isnan(depth).sum()):
            meta["missing_bins"] = n_missing
        instruments = _instruments(table, chosen, order, grid.wavelength, meta)
        return Spectrum(
            grid,
            depth[order],
            sigma[order],
            name=_take_name(meta, path.stem) if name is None else name,
            instrument=instruments if instrument is None else instrument,
            reference=_take_text(meta, "reference") if reference is None else reference,
            meta=meta,
        )
    except ExoskError as error:
        if path.name in str(error):
            raise
        raise type(error)(f"{path.name}: {error}") from error


def write_spectrum(spectrum: Spectrum, path: str | os.PathLike[str]) -> None:
    """Write a spectrum as ECSV, with units and metadata.

    The bins are written as edges, and every number with all its digits, so that
    :func:`read_spectrum` gives back the same spectrum to the last bit. The file is whole or
    absent.

    Parameters
    ----------
    spectrum : Spectrum
        What to write. Its `meta` must be plain data (text, numbers, lists, dictionaries).
    path : path-like
        Where to; by convention it ends in ``.ecsv``.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    from astropy.table import Table  # a third of a second, which only ECSV should cost

    table = Table(
        {
            "wavelength": spectrum.wavelength,
            "wavelength_low": spectrum.grid.lower,
            "wavelength_high": spectrum.grid.upper,
            "transit_depth": spectrum.depth,
            "transit_depth_err": spectrum.sigma,
        }
    )
    for column in table.colnames[:3]:
        table[column].unit = u.um
    table["transit_depth"].description = "(Rp/Rs)^2 as a plain fraction; nan is a missing bin"
    table["transit_depth_err"].description = "1-sigma error, a plain fraction"
    attributes = {"name": spectrum.name}
    for key in ("instrument", "reference"):
        if getattr(spectrum, key):
            attributes[key] = getattr(spectrum, key)
    table.meta = attributes | {
        k: v for k, v in _plain(spectrum.meta).items() if k not in attributes
    }
    try:
        with atomic_path(path) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileFormatError(f"{os.fspath(path)} cannot be written: {reason}") from error


def _load_table(path: Path) -> CellTable:
    """Turn a file into cells, by whichever of the two formats it is in."""
    text, notes = decode(read_bytes(path), path.name)
    if text.lstrip().startswith("# %ECSV"):
        table = _from_ecsv(text, path.name)
    else:
        table = parse_table(text, path.name)
    table.notes[:0] = notes
    return table


def _from_ecsv(text: str, label: str) -> CellTable:
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            # Odd units of columns that are not used concern nobody; the others are refused.
            warnings.simplefilter("ignore", AstropyWarning)
            content = Table.read(text.lstrip().split("\n"), format="ascii.ecsv")
    except Exception as error:  # astropy and yaml raise a dozen kinds for a broken file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileFormatError(f"{label} is not valid ECSV: {reason[:160].rstrip('.')}") from error
    if not len(content):
        raise FileFormatError(f"{label} has a header but no rows")
    columns: list[list[str] | np.ndarray] = []
    units: list[str | None] = []
    for column in content.itercols():
        values = getattr(column, "value", column)
        mask = np.array(getattr(column, "mask", False))
        # Times, coordinates and lists may stand beside a spectrum; they are kept as text.
        if getattr(values, "ndim", 1) == 1 and np.asarray(values).dtype.kind in "fiu":
            columns.append(np.where(mask, np.nan, np.asarray(values, dtype=float)))
        else:
            masked = np.broadcast_to(
                mask.reshape(len(mask), -1).all(1) if mask.ndim else mask, len(content)
            )
            columns.append(["" if m else str(v) for v, m in zip(values, masked, strict=True)])
        unit = column.info.unit
        # ECSV has no word for "a plain fraction": no unit means that nothing is stated.
        units.append(None if unit is None or str(unit) == "" else str(unit))
    return CellTable(
        label=label,
        names=list(content.colnames),
        columns=columns,
        rows=list(range(1, len(content) + 1)),
        row_word="row",
        units=units,
        meta=_plain({key: value for key, value in content.meta.items() if key != "__attributes__"}),
    )


def _instruments(
    table: CellTable,
    columns: dict[str, Column],
    order: np.ndarray,
    wavelength: np.ndarray,
    meta: dict[str, Any],
) -> str:
    """Join the names of the instruments; put where each observed into `meta`."""
    if "instrument" not in columns:
        return _take_text(meta, "instrument")
    labels = np.array(table.text(columns["instrument"].index))[order]
    names = [label for label in dict.fromkeys(labels.tolist()) if label]
    if len(names) > 1:
        # Ranges, not a label a bin: they stay true when bins are dropped or joined.
        meta["instrument_ranges_um"] = {
            label: [round(float(end(wavelength[labels == label])), 6) for end in (np.min, np.max)]
            for label in names
        }
    meta.pop("instrument", None)
    return ", ".join(names)


def _take_name(meta: dict[str, Any], default: str) -> str:
    """Find the target's name in the metadata, whatever its key."""
    if "name" in meta:
        return _take_text(meta, "name")
    keys = {key.casefold(): key for key in meta}
    # These may say more than a name, so they stay.
    return next(
        (str(meta[keys[key]]) for key in _NAME_KEYS if meta.get(keys.get(key, ""))), default
    )


def _take_text(meta: dict[str, Any], key: str) -> str:
    """Move one entry out of the metadata, as text."""
    value = meta.pop(key, None)
    return ", ".join(map(str, _as_list(value)))


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _plain(value: Any) -> Any:
    """Reduce metadata to what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, u.Quantity):
        return {"value": _plain(value.value), "unit": str(value.unit)}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)

"""From columns of cells to a spectrum: the way that every format goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from exosk.exceptions import ExoskError
from exosk.sources import archive, layouts
from exosk.sources.binning import read_bins
from exosk.sources.cells import CellTable
from exosk.sources.columns import Column
from exosk.sources.depths import read_depths
from exosk.sources.selection import Stated, choose_columns
from exosk.spectra import Spectrum

__all__ = ["build_spectrum"]

# How many columns that are not used a note names.
_NAMED = 8
_NAME_KEYS = ("target", "planet", "object", "pl_name")


def build_spectrum(
    table: CellTable,
    *,
    depth_unit: str | u.UnitBase | None = None,
    wavelength_unit: str | u.UnitBase | None = None,
    width: str | None = None,
    bin_width: Any | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    instrument: str | None = None,
    reference: str | None = None,
    default_name: str = "",
) -> Spectrum:
    """Understand the columns of a table and make them a spectrum.

    Parameters
    ----------
    table : CellTable
        Columns, units and metadata.
    depth_unit, wavelength_unit, width, bin_width, columns, name, instrument, reference
        See :func:`exosk.sources.read_spectrum`.
    default_name : str
        The spectrum's name where neither the caller nor the table tells.

    Returns
    -------
    Spectrum

    Raises
    ------
    ExoskError
        If something in it can be read in two ways, or not at all; the error names the table.
    """
    stated = Stated.check(depth_unit, wavelength_unit, width, bin_width)
    try:
        for arrange in (archive.arrange, layouts.arrange):
            arrange(table, columns or {})
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
            more = f" and {len(ignored) - _NAMED} more" if len(ignored) > _NAMED else ""
            notes.append(f"Columns not used: {', '.join(ignored[:_NAMED])}{more}.")
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
            name=_take_name(meta, default_name) if name is None else name,
            instrument=instruments if instrument is None else instrument,
            reference=_take_text(meta, "reference") if reference is None else reference,
            meta=meta,
        )
    except ExoskError as error:
        if table.label in str(error):
            raise
        raise type(error)(f"{table.label}: {error}") from error


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
    meta.pop("instruments", None)
    said = _take_text(meta, "instrument")
    if len(names) > 1:
        # Ranges stay true when bins are averaged; where they overlap they do not tell.
        meta["instrument_ranges_um"] = {
            label: [round(float(end(wavelength[labels == label])), 6) for end in (np.min, np.max)]
            for label in names
        }
    if len(names) > 1 and labels.all():
        meta["instruments"] = names
        meta["instrument"] = [names.index(label) for label in labels.tolist()]
    return said or ", ".join(names)


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

"""Spectra of the NASA Exoplanet Archive: what its columns mean, and which of them to believe.

The archive's tables of atmospheric spectroscopy have each point as a transit depth in percent
(``PL_TRANDEP``), a radius ratio (``PL_RATROR``) and a radius (``PL_RADJ``). One of them was
published; the others are "Calculated" from it, and from a star's radius that the publication may
not have used. What was published is read.

``BANDWIDTH`` is meant to be the full width of a bin, and is that in some files; in others the
archive has copied half widths (WASP-39 b: Sing et al. 2016, Feinstein et al. 2022, the Eureka!
spectrum of 2022). The reader takes full widths, and says so where they fill half of the spectrum
only. Some wavelengths and widths were rounded until bins coincide or have no width; such bins are
kept, with a note.

References
----------
https://exoplanetarchive.ipac.caltech.edu/docs/atmospheres/atmospheres_columns.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

import numpy as np
from astropy import units as u

from exosk.exceptions import FileFormatError, UnitError
from exosk.sources.cells import CellTable
from exosk.sources.columns import DEPTH_UNITS, depth_unit
from exosk.units import canonical

__all__ = ["arrange"]

# The archive's column of values, and the key of `columns=` that it is.
_QUANTITIES = {"pl_trandep": "depth", "pl_ratror": "rp_rs"}
_SOLAR_RADII = {"solar radii", "solar radius", "solrad", "r_sun", "rsun"}
_BIBCODE = re.compile(r"/abs/([^/\s]+)")


def arrange(table: CellTable, assigned: Mapping[str, str]) -> None:
    """Prepare one of the archive's tables in place; leave any other alone.

    Parameters
    ----------
    table : CellTable
        A table with the archive's column names, in whatever format.
    assigned : mapping of str to str
        What the caller says of the columns.

    Raises
    ------
    FileFormatError
        If the spectrum is not one of transmission, or two published quantities contradict each
        other.
    """
    wavelength = table.find("centralwavelng")
    if wavelength is None:
        return
    kind = str(table.meta.get("spec_type", "Transmission"))
    if kind.casefold() != "transmission":
        raise FileFormatError(
            f"{table.label} holds a spectrum of the type {kind!r}, not a transmission spectrum; "
            f"choose one of the archive's transmission spectra"
        )
    table.lenient = True
    present = {name: index for name in _QUANTITIES if (index := table.find(name)) is not None}
    _drop_empty_rows(table, [wavelength, *present.values()])
    _blank_zero_widths(table, assigned)
    quantity = _choose(table, present, assigned)
    if quantity is not None:
        _blank_limits(table, quantity, present[quantity])
    _set_roles(table, quantity)
    _name_meta(table, quantity)


def _drop_empty_rows(table: CellTable, indices: list[int]) -> None:
    """Leave out rows that have neither a wavelength nor a value."""
    empty = np.all([np.isnan(table.numbers(index)) for index in indices], axis=0)
    if empty.all():
        raise FileFormatError(f"{table.label} has no row with a wavelength and a value")
    if empty.any():
        where = table.where(np.flatnonzero(empty))
        table.notes.append(f"Nothing stands in {where}; left out.")
        table.keep_rows(~empty)


def _blank_zero_widths(table: CellTable, assigned: Mapping[str, str]) -> None:
    index = table.find("bandwidth")
    if index is None or table.names[index] in assigned.values():
        return
    zero = table.numbers(index) == 0
    if zero.any():
        where = table.where(np.flatnonzero(zero))
        table.notes.append(f"A width of 0 in {where} was taken for one that is missing.")
        table.blank(index, zero)


def _choose(table: CellTable, present: dict[str, int], assigned: Mapping[str, str]) -> str | None:
    """Return which quantity to read; None when the caller names a column of another one."""
    said = {str(assigned[key]).strip().casefold() for key in ("depth", "rp_rs") if key in assigned}
    if said:
        return next((name for name in present if name in said), None)
    filled = [name for name in present if not np.isnan(table.numbers(present[name])).all()]
    if not filled:
        return None
    published = [name for name in filled if not _is_calculated(table, name, present[name])]
    if not published:
        table.notes.append(f"{filled[0].upper()} was calculated by the archive, not published.")
        return filled[0]
    chosen = published[0]
    if len(published) == 2:
        _compare(table, present)
    elif len(filled) == 2:
        other = next(name for name in filled if name != chosen)
        table.notes.append(
            f"{chosen.upper()} was read, which is published; {other.upper()} was calculated from "
            f"it by the archive."
        )
    _note_lost(table, present, chosen)
    return chosen


def _is_calculated(table: CellTable, name: str, index: int) -> bool:
    """Whether the archive calculated all values of a column."""
    authors = table.find(f"{name}_authors")
    if authors is None:
        return False
    said = np.array([text.casefold() for text in table.text(authors)])
    return bool((said[~np.isnan(table.numbers(index))] == "calculated").all())


def _compare(table: CellTable, present: dict[str, int]) -> None:
    """Note that depths were chosen over ratios; refuse the two if they contradict each other."""
    depth_index, ratio_index = present["pl_trandep"], present["pl_ratror"]
    error_index = table.find("pl_trandeperr1")
    unit = table.units[depth_index]
    if error_index is not None and unit is not None:
        depth = table.numbers(depth_index)
        apart = np.abs(depth - DEPTH_UNITS[_known(unit)] * table.numbers(ratio_index) ** 2)
        errors = np.abs(table.numbers(error_index))
        use = np.isfinite(apart) & (errors > 0)
        off = float(np.median(apart[use] / errors[use])) if use.any() else 0.0
        if off > 1:
            raise FileFormatError(
                f"{table.label}: PL_TRANDEP and the square of PL_RATROR, both published, differ by "
                f"{off:.1f} standard errors; say which with columns={{'depth': 'PL_TRANDEP'}} or "
                f"columns={{'rp_rs': 'PL_RATROR'}} (--column depth=PL_TRANDEP, ...)"
            )
    table.notes.append("PL_TRANDEP was read; PL_RATROR, published too, agrees with it.")


def _known(unit: str) -> str:
    name = depth_unit(unit)
    if name not in DEPTH_UNITS:
        raise UnitError(f"column 'PL_TRANDEP' cannot be in {unit}")
    return name


def _note_lost(table: CellTable, present: dict[str, int], chosen: str) -> None:
    """Note rows of which only the other quantity is known."""
    for other, index in present.items():
        lost = np.isnan(table.numbers(present[chosen])) & ~np.isnan(table.numbers(index))
        if other != chosen and lost.any():
            table.notes.append(
                f"Of {table.where(np.flatnonzero(lost))} only {other.upper()} is known; read it "
                f"with columns={{{_QUANTITIES[other]!r}: {table.names[index]!r}}}."
            )


def _blank_limits(table: CellTable, quantity: str, index: int) -> None:
    """Make limits missing: a limit is no measurement with an error."""
    flags = table.find(f"{quantity}lim")
    if flags is None:
        return
    limits = (np.nan_to_num(table.numbers(flags)) != 0) & ~np.isnan(table.numbers(index))
    if not limits.any():
        return
    name = quantity.upper()
    if limits.all():
        raise FileFormatError(
            f"{table.label}: every value of {name} is marked as a limit by {name}LIM; read another "
            f"quantity, as in columns={{'depth': 'PL_TRANDEP'}} (--column depth=PL_TRANDEP)"
        )
    where = table.where(np.flatnonzero(limits))
    table.notes.append(f"{name} is a limit in {where}, which counts as missing.")
    table.blank(index, limits)


def _set_roles(table: CellTable, quantity: str | None) -> None:
    """Say which columns hold the spectrum."""
    names = {"centralwavelng": "wavelength", "bandwidth": "full_width"}
    if quantity is not None:
        names |= {
            quantity: _QUANTITIES[quantity],
            f"{quantity}err1": "error_up",
            f"{quantity}err2": "error_low",
        }
    found = {key: table.find(name) for name, key in names.items()}
    table.roles = {key: table.names[index] for key, index in found.items() if index is not None}
    for key, unit in (("wavelength", "um"), ("full_width", "um"), ("depth", "percent")):
        index = found.get(key)
        if index is not None and table.units[index] is None:
            # Its other formats have no place for units; its documentation has these.
            table.units[index] = unit
            table.notes.append(f"{table.names[index]} is in {unit}, as the archive has it.")


def _name_meta(table: CellTable, quantity: str | None) -> None:
    """Give the metadata the names that exosk uses."""
    meta = table.meta
    meta.pop("spec_type", None)
    for key, name in (("pl_name", "name"), ("note", "remarks")):
        if key in meta:
            meta[name] = meta.pop(key)
    if quantity is not None and (found := _only(table, f"{quantity}_url", _BIBCODE)):
        meta["bibcode"] = found
    index = table.find("st_rad")
    if index is None or str(table.units[index]).casefold() not in _SOLAR_RADII:
        return
    radii = np.unique(table.numbers(index)[~np.isnan(table.numbers(index))])
    if radii.size != 1:
        return
    meta["star_radius"] = float(canonical(radii[0] * u.R_sun, "star_radius"))
    sides = [table.find(f"st_raderr{side}") for side in (1, 2)]
    errors = [np.abs(table.numbers(k)[0]) for k in sides if k is not None]
    if len(errors) == 2 and np.mean(errors) > 0:
        meta["star_radius_err"] = float(np.mean(errors))
    if author := _only(table, "st_rad_authors", re.compile("(.+)")):
        code = _only(table, "st_rad_url", _BIBCODE)
        meta["parameter_references"] = {"star_radius": f"{author} ({code})" if code else author}


def _only(table: CellTable, name: str, pattern: re.Pattern[str]) -> str:
    """Return what a pattern finds in a column of text, if it finds one thing only."""
    index = table.find(name)
    if index is None:
        return ""
    found = {unquote(match[1]) for text in table.text(index) if (match := pattern.search(text))}
    return found.pop() if len(found) == 1 else ""

"""The tables that JWST pipelines write, which do not say all that they mean.

Eureka! (Bell et al. 2022, JOSS 7, 4503)
    Stage 6 writes ``wavelength bin_width rp^2_value rp^2_errorneg rp^2_errorpos`` without units:
    um, *half* of each bin (``wave_errs`` in ``s6_spectra.py``) and plain fractions; or the same for
    ``rp``, the radius ratio, and ``fp``, an eclipse.
exoTEDRF, formerly supreme-SPOON (Radica et al. 2023, MNRAS 524, 835)
    ``wave, wave_err, dppm, dppm_err`` and for SOSS the ``order``: um, half of each bin, ppm. The
    comments above name the target, and whether it is ``(Rp/R*)^2`` or ``(Fp/F*)``. The spectra of
    the JWST ERS team's NIRISS paper (Feinstein et al. 2023, Nature 614, 670) have the columns
    ``wave_error`` and ``quality``, whose 0 is good.

Tiberius (Kirk et al. 2017, 2021) names its columns and units in a comment, so that nothing must be
known of it. The netCDF layout of the JWST ERS teams is in :mod:`exosk.sources.netcdf`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.sources.cells import CellTable

__all__ = ["arrange"]

_EUREKA = ("wavelength", "bin_width")


def arrange(table: CellTable, assigned: Mapping[str, str]) -> None:
    """Say what the columns of a pipeline's table mean; leave any other table alone.

    Parameters
    ----------
    table : CellTable
        Changed in place.
    assigned : mapping of str to str
        What the caller says of the columns.

    Raises
    ------
    FileFormatError
        If it is a table of an eclipse.
    """
    names = {name.strip().casefold() for name in table.names}
    if names.issuperset(_EUREKA):
        for quantity, key in (("rp^2", "depth"), ("rp", "rp_rs"), ("fp", "")):
            if f"{quantity}_value" in names:
                _read_eureka(table, quantity, key)
    if names.issuperset(("wave", "dppm", "dppm_err")) and names & {"wave_err", "wave_error"}:
        _read_exotedrf(table, assigned)


def _read_eureka(table: CellTable, quantity: str, key: str) -> None:
    if not key:
        raise _eclipse(table)
    columns = {
        "wavelength": ("wavelength", "um"),
        "half_width": ("bin_width", "um"),
        key: (f"{quantity}_value", "fraction"),
        "error_low": (f"{quantity}_errorneg", "fraction"),
        "error_up": (f"{quantity}_errorpos", "fraction"),
    }
    _assign(table, columns)
    table.notes.append(
        "Read as a Stage 6 table of Eureka!: wavelengths in um, bin_width is half of a bin."
    )


def _read_exotedrf(table: CellTable, assigned: Mapping[str, str]) -> None:
    comments = [str(line) for line in table.meta.get("comments", [])]
    if any("fp/f*" in line.casefold() for line in comments):
        raise _eclipse(table)
    columns = {
        "wavelength": ("wave", "um"),
        "half_width": ("wave_err", "um"),
        "depth": ("dppm", "ppm"),
        "error": ("dppm_err", "ppm"),
    }
    if table.find("wave_err") is None:
        columns["half_width"] = ("wave_error", "um")
    _assign(table, columns)
    table.notes.append(
        f"Read as a table of exoTEDRF: wavelengths in um, {columns['half_width'][0]} is half of a "
        f"bin."
    )
    for line in comments:
        key, colon, value = line.partition(":")
        if colon and key.strip().casefold() in ("target", "instrument") and value.strip():
            table.meta.setdefault(key.strip().casefold(), value.strip())
    _blank_bad(table, assigned)


def _blank_bad(table: CellTable, assigned: Mapping[str, str]) -> None:
    quality, depth = table.find("quality"), table.find("dppm")
    if quality is None or depth is None or table.names[quality] in assigned.values():
        return
    bad = np.nan_to_num(table.numbers(quality)) != 0
    if bad.any():
        table.notes.append(f"quality is not 0 in {table.where(np.flatnonzero(bad))}: missing bins.")
        table.blank(depth, bad)


def _assign(table: CellTable, columns: dict[str, tuple[str, str]]) -> None:
    """Give columns their roles, and units where the table states none."""
    for key, (name, unit) in columns.items():
        index = table.find(name)
        if index is not None:
            table.roles[key] = table.names[index]
            table.units[index] = table.units[index] or unit


def _eclipse(table: CellTable) -> FileFormatError:
    return FileFormatError(
        f"{table.label} holds the depths of an eclipse (Fp/Fs), not of a transit; give a "
        f"transmission spectrum"
    )

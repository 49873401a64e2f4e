"""Spectra in FITS files: a binary or ASCII table with a wavelength and a depth, or a 1-D image.

Which HDU is the spectrum is decided by the names of its columns, never by its position: one table
with a wavelength and a depth is it; two are asked about. Images of one dimension go through
specutils, which knows the world coordinates; its assumptions on units that a header does not state
are undone.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.utils.exceptions import AstropyWarning

from exosk.exceptions import ExoskError, FileFormatError, UnitError, UnknownNameError
from exosk.sources.cells import CellTable
from exosk.sources.columns import classify
from exosk.sources.extras import import_extra
from exosk.sources.spectral import cells_of_specutils
from exosk.sources.tables import cells_of_table, reason_of

__all__ = ["header_meta", "parse_fits"]

# The few cards that say what exosk's metadata say.
_CARDS = {
    "OBJECT": "target",
    "TARGNAME": "target",
    "INSTRUME": "instrument",
    "TELESCOP": "facility",
    "REFERENC": "reference",
    "BIBCODE": "bibcode",
    "DOI": "doi",
    "AUTHOR": "author",
}
_SIGMAS = ("ERR", "ERROR", "SIGMA", "STD", "UNCERT")
_PUBLISHED = "use the published spectrum, or the reduction of the plugin exosk-mast"


def parse_fits(
    data: bytes, label: str, which: str | int | None, columns: Mapping[str, str]
) -> CellTable:
    """Read the spectrum of a FITS file.

    Parameters
    ----------
    data : bytes
        The whole file.
    label : str
        Its name, for errors.
    which : str or int, optional
        Name or number of the HDU, where several could be the spectrum.
    columns : mapping of str to str
        What the caller says of the columns; a table that has them all may be the spectrum.

    Returns
    -------
    CellTable

    Raises
    ------
    FileFormatError
        If the file is damaged, or holds no spectrum, or more than one.
    UnknownNameError
        If there is no such HDU.
    """
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # what is cut off is found below
            with fits.open(io.BytesIO(data), memmap=False, lazy_load_hdus=False) as hdus:
                _refuse_truncated(hdus, data, label)
                hdu = _choose(hdus, label, which, columns)
                meta = header_meta(hdus[0].header) | header_meta(hdu.header)
                if _is_table(hdu):
                    return _read_table(hdu, label, meta)
                return _read_image(hdus, hdu, label, meta)
    except ExoskError:
        raise
    except Exception as error:  # astropy raises a dozen kinds for a broken file
        raise FileFormatError(f"{label} is not a valid FITS file: {reason_of(error)}") from error


def header_meta(header: Any) -> dict[str, Any]:
    """Take what exosk's metadata have from a FITS header."""
    found = {
        name: str(header[card]).strip()
        for card, name in _CARDS.items()
        if card in header and str(header[card]).strip()
    }
    return {name: text for name, text in found.items() if text.casefold() not in ("none", "n/a")}


def _refuse_truncated(hdus: Any, data: bytes, label: str) -> None:
    """Refuse a file whose headers promise more than there is, before room is made for it."""
    end = 0
    for number, hdu in enumerate(hdus):
        info = hdu.fileinfo()
        end = info["datLoc"] + info["datSpan"]
        if end > len(data):
            raise FileFormatError(
                f"{label} is cut off: HDU {number} should end at byte {end}, but the file has "
                f"{len(data)}; fetch it again"
            )
    if data[end:].strip(b"\0 \n"):
        # What astropy cannot read ends a file for it.
        raise FileFormatError(f"{label} is cut off or damaged after byte {end}; fetch it again")


def _is_table(hdu: Any) -> bool:
    from astropy.io import fits

    # A compressed image is a table in the file, and is no table to anyone.
    return isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)) and not isinstance(
        hdu, fits.CompImageHDU
    )


def _choose(hdus: Any, label: str, which: str | int | None, columns: Mapping[str, str]) -> Any:
    """Return the one HDU that is the spectrum."""
    tables = [hdu for hdu in hdus if _is_table(hdu)]
    if which is not None:
        return _named(hdus, label, which)
    found = [hdu for hdu in tables if _is_spectrum(hdu, columns)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise FileFormatError(
            f"{label} holds {len(found)} tables that may be the spectrum, "
            f"{_list(hdus, found)}; say which with table={_key(hdus, found[0])!r} "
            f"(--table {_key(hdus, found[0])})"
        )
    _refuse_stars(hdus, label)
    lines = [hdu for hdu in hdus if not _is_table(hdu) and _is_line(hdu)]
    if lines and not tables:
        names = ("FLUX", "SCI", "DATA", "PRIMARY")
        return next((hdu for name in names for hdu in lines if hdu.name == name), lines[0])
    if len(tables) == 1:
        return tables[0]  # whose columns are told in the error that follows
    if tables:
        raise FileFormatError(
            f"{label} holds no table with a wavelength and a transit depth, but "
            f"{_list(hdus, tables)}; say which with table=... (--table), and name its columns with "
            f"columns=... (--column)"
        )
    shapes = [hdu.shape for hdu in hdus if hdu.header.get("NAXIS", 0)]
    held = f"images of {' and '.join(map(str, shapes[:3]))} pixels" if shapes else "headers only"
    raise FileFormatError(f"{label} holds {held}, not a spectrum; {_PUBLISHED}")


def _named(hdus: Any, label: str, which: str | int) -> Any:
    """Return the HDU that the caller names."""
    names = {_key(hdus, hdu): hdu for hdu in hdus} | {str(k): hdu for k, hdu in enumerate(hdus)}
    key = str(which).strip().upper()
    if key not in names:
        raise UnknownNameError.suggest(f"HDU of {label}", str(which), [_key(hdus, h) for h in hdus])
    hdu = names[key]
    if not _is_table(hdu) and not _is_line(hdu):
        raise FileFormatError(f"{label}: HDU {which} is no table and no 1-D spectrum")
    return hdu


def _key(hdus: Any, hdu: Any) -> str:
    """Name an HDU by what tells it from the others: its name, else its number."""
    same = [other for other in hdus if other.name == hdu.name]
    return hdu.name if hdu.name and len(same) == 1 else str(hdus.index_of(hdu))


def _list(hdus: Any, some: list[Any]) -> str:
    names = [f"{hdus.index_of(hdu)} {hdu.name or 'without a name'}" for hdu in some]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return "HDUs " + ", ".join(names[:5]) + more


def _is_line(hdu: Any) -> bool:
    """Whether an HDU is an image of one dimension, and not compressed."""
    from astropy.io import fits

    plain = isinstance(hdu, (fits.PrimaryHDU, fits.ImageHDU))
    return plain and not isinstance(hdu, fits.CompImageHDU) and len(hdu.shape) == 1


def _is_spectrum(hdu: Any, columns: Mapping[str, str]) -> bool:
    """Whether a table has a wavelength and a depth, by its names or by the caller's word."""
    names = hdu.columns.names
    if columns and set(columns.values()) <= set(names):
        return True
    roles = set()
    for index, name in enumerate(names):
        try:
            roles.add(classify(index, name).role)
        except UnitError:
            continue
    roles |= {"depth"} if {"rp^2_value", "dppm"} & {name.casefold() for name in names} else set()
    return bool(roles & {"wavelength", "low"}) and bool(roles & {"depth", "ratio"})


def _refuse_stars(hdus: Any, label: str) -> None:
    """Refuse spectra of the star, from which transit depths are still to be fitted."""
    for hdu in hdus:
        names = {name.upper() for name in hdu.columns.names} if _is_table(hdu) else set()
        if hdu.name in ("EXTRACT1D", "COMBINE1D") or {"WAVELENGTH", "FLUX", "FLUX_ERROR"} <= names:
            raise FileFormatError(
                f"{label} holds fluxes of the star ({hdu.name or 'FLUX'}), from which transit "
                f"depths are still to be fitted: x1dints files are light curves; {_PUBLISHED}"
            )


def _read_table(hdu: Any, label: str, meta: dict[str, Any]) -> CellTable:
    from astropy.table import Table

    content = Table.read(hdu)
    if len(content) == 1 and (lengths := _lengths(content)):
        content = _unfolded(content, lengths)
    units = {column.name: column.unit or None for column in hdu.columns}
    return cells_of_table(content, label, units=[units[n] for n in content.colnames], meta=meta)


def _lengths(content: Any) -> set[int]:
    """How long the lists in the only row of a table are."""
    return {content[n].shape[1] for n in content.colnames if len(content[n].shape) == 2}


def _unfolded(content: Any, lengths: set[int]) -> Any:
    """Turn a table of one row that holds whole columns (IDL writes such) into many rows."""
    from astropy.table import Table

    longest = max(lengths)
    lists = [n for n in content.colnames if content[n].shape == (1, longest)]
    return Table({name: content[name][0] for name in lists})


def _read_image(hdus: Any, hdu: Any, label: str, meta: dict[str, Any]) -> CellTable:
    """Read a 1-D image and the errors beside it by specutils."""
    from astropy.io import fits

    specutils = import_extra("specutils", "a spectrum as a FITS image")
    header = hdu.header
    plain = fits.HDUList([fits.PrimaryHDU(hdu.data, header)])
    # specutils fails where there is no unit, and knows only one name for standard deviations.
    plain[0].header.setdefault("BUNIT", "")
    for other in hdus:
        if other is not hdu and _is_line(other):
            name = "STD" if other.name in _SIGMAS else other.name
            plain.append(fits.ImageHDU(other.data, other.header, name=name))
    # The class was called Spectrum1D before specutils 2.
    reader = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    try:
        spectrum = reader.read(plain, format="wcs1d-fits", hdu=0)
    except Exception as error:  # of specutils, astropy's units and the world coordinates
        raise FileFormatError(
            f"{label}: the image {hdu.name} is no spectrum to specutils ({reason_of(error)}); "
            f"export it as a table"
        ) from error
    cells = cells_of_specutils(spectrum, label)
    cells.meta = meta
    # specutils takes fractions and Angstrom where a header says nothing.
    if "BUNIT" not in header:
        cells.units[1:] = [None] * len(cells.units[1:])
    if not str(header.get("CUNIT1", "")).strip() and "units=" not in str(header.get("WAT1_001")):
        cells.columns[0] = np.array(spectrum.spectral_axis.value, dtype=float)
        cells.units[0] = None
    return cells

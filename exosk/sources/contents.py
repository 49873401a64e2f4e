"""The bytes of a file, and what kind of file they are.

Suffixes say little (``.txt`` is anything, the JWST ERS teams write netCDF as ``.nc`` and ``.xc``),
so the first bytes decide.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from exosk.exceptions import FileFormatError, UnknownNameError

__all__ = ["FITS", "HDF5", "NETCDF3", "kind_of", "read_contents"]

FITS = "a FITS file"
HDF5 = "an HDF5 file"
NETCDF3 = "a netCDF file"

# A spectrum has some thousands of rows at most; a file of this size is something else, and
# reading it only to say so would take the machine's memory.
MAX_BYTES = 64 * 1024 * 1024

_MAGIC = (
    (b"SIMPLE  =", FITS),
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"CDF\x01", NETCDF3),
    (b"CDF\x02", NETCDF3),
    (b"CDF\x05", "a netCDF file of the 64-bit data kind"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
)


def read_contents(path: Path) -> bytes:
    """Read a file whole, or say in one sentence why not.

    Raises
    ------
    UnknownNameError
        If there is no such file; the nearest names in its folder are suggested.
    FileFormatError
        If it is a folder, unreadable, empty, or too large for a spectrum.
    """
    # Not Path.is_dir, which raises when the folder above may not be searched.
    if os.path.isdir(path):
        raise FileFormatError(f"{path} is a folder; give one file in it")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnknownNameError(_missing_path(path)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileFormatError(f"{path.name} cannot be read: {reason.lower()}") from error
    if len(data) > MAX_BYTES:
        limit = MAX_BYTES / 1e6
        raise FileFormatError(
            f"{path.name} is larger than {limit:.0f} MB, too large for a spectrum"
        )
    if not data.strip():
        raise FileFormatError(f"{path.name} is empty")
    return data


def kind_of(data: bytes) -> str:
    """Name the kind of a binary file, as in ``"a FITS file"``; empty for what may be text."""
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")


def _missing_path(path: Path) -> str:
    folder = path.parent
    if not os.path.isdir(folder):
        return f"there is no folder {str(folder)!r}, so no file {path.name!r} in it"
    try:
        names = {entry.name.casefold(): entry.name for entry in folder.iterdir()}
    except OSError:
        names = {}
    near = difflib.get_close_matches(path.name.casefold(), names, n=3, cutoff=0.6)
    hint = "; did you mean " + " or ".join(repr(names[match]) for match in near) + "?"
    return f"there is no file {str(path)!r}" + (hint if near else "")

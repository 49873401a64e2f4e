"""What a downloaded file must not be: a web page, cut short, or far larger than it looks."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from exosk.exceptions import DownloadError

__all__ = ["check_contents", "safe_name"]

_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script)", re.I)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@-]+")
_LONGEST = 120  # characters; file systems end at 255 bytes
_CHUNK = 1 << 20
_MIB = 1024 * 1024


def safe_name(name: str) -> str:
    """Return a file name that stays in its folder, from one that a server gave.

    Parameters
    ----------
    name : str
        As the server has it.

    Raises
    ------
    DownloadError
        If it has folders, is hidden, or has nothing to call a file by.

    Examples
    --------
    >>> safe_name("WASP_39_b 3.11466.tbl")
    'WASP_39_b-3.11466.tbl'
    """
    if "/" in name or "\\" in name or "\0" in name or name.startswith("."):
        raise DownloadError(
            f"the archive calls a file {name!r}, which could lie outside the cache; it was refused"
        )
    clean = _UNSAFE.sub("-", name).strip("-")
    if not clean:
        raise DownloadError(f"the archive calls a file {name!r}, which is no name")
    if len(clean) <= _LONGEST:
        return clean
    suffix = Path(clean).suffix[:20]
    return clean[: _LONGEST - len(suffix)] + suffix


def check_contents(path: Path, label: str, max_unpacked: int = 4096 * _MIB) -> None:
    """Check a file that has just come, whatever its suffix says.

    Parameters
    ----------
    path : Path
        The file.
    label : str
        What it is called in errors.
    max_unpacked : int
        Bytes that it may hold once unpacked.

    Raises
    ------
    DownloadError
        If it is empty, a web page, a damaged or truncated gzip, zip or FITS file, an archive with
        a path that leads out of it, or one that would unpack to more than `max_unpacked`.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if not start.strip():
        raise DownloadError(f"{label}: the archive sent an empty file; try again later")
    if _MARKUP.match(start):
        raise DownloadError(
            f"{label}: the archive sent a web page in the file's place, as it does when an address "
            f"has expired or the service is down; try again later"
        )
    if start.startswith(b"\x1f\x8b"):
        _check_gzip(path, label, max_unpacked)
    elif start.startswith(b"PK\x03\x04"):
        _check_zip(path, label, max_unpacked)
    elif start.startswith(b"SIMPLE  ="):
        _check_fits(path, label, max_unpacked)


def _bomb(label: str, max_unpacked: int) -> DownloadError:
    return DownloadError(
        f"{label} would unpack to more than {max_unpacked / _MIB:.3g} MiB; it was not kept"
    )


def _check_gzip(path: Path, label: str, max_unpacked: int) -> None:
    size = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > max_unpacked:
                    raise _bomb(label, max_unpacked)
    except DownloadError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise DownloadError(
            f"{label}: the gzip file is damaged or cut short ({error}); try again"
        ) from error


def _check_zip(path: Path, label: str, max_unpacked: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_unpacked:
                raise _bomb(label, max_unpacked)
            for member in members:
                inside = PurePosixPath(member.filename.replace("\\", "/"))
                if inside.is_absolute() or ".." in inside.parts:
                    raise DownloadError(
                        f"{label} holds {member.filename!r}, which would be unpacked outside its "
                        f"folder; it was not kept"
                    )
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"{label}: the zip file is damaged ({error}); try again") from error
    if damaged is not None:
        raise DownloadError(f"{label}: {damaged} in the zip file is damaged; try again")


def _check_fits(path: Path, label: str, max_unpacked: int) -> None:
    """Read the headers alone: data that they announce must be there, and be of a sane size."""
    import warnings

    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    actual, announced, unpacked = path.stat().st_size, 0, 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # truncation is judged below
            with fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
                k = 0
                while True:
                    try:
                        hdu = hdus[k]
                    except IndexError:
                        break
                    info = hdu.fileinfo()
                    announced = max(announced, info["datLoc"] + info["datSpan"])
                    unpacked += _unpacked(hdu.header, hdu.size)
                    k += 1
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DownloadError(
            f"{label}: the FITS file is damaged or cut short ({error}); try again"
        ) from error
    if unpacked > max_unpacked:
        raise _bomb(label, max_unpacked)
    if announced > actual or not _is_blank(path, announced):
        raise DownloadError(
            f"{label}: the FITS file announces {announced:,} bytes and has {actual:,}, so that it "
            f"is damaged or cut short; try again"
        )


def _is_blank(path: Path, start: int) -> bool:
    """Tell whether nothing follows after so many bytes: astropy passes over half a header."""
    with path.open("rb") as file:
        file.seek(start)
        return not file.read(_CHUNK).strip(b" \0")


def _unpacked(header: object, size: int) -> int:
    """Return the bytes of data, those of a compressed image once unpacked."""
    get = header.get  # type: ignore[attr-defined]
    if not get("ZIMAGE", False):
        return int(size)
    pixels = abs(int(get("ZBITPIX", 8))) // 8
    for axis in range(1, int(get("ZNAXIS", 0)) + 1):
        pixels *= int(get(f"ZNAXIS{axis}", 1))
    return pixels

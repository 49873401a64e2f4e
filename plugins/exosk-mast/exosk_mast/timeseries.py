"""JWST's extracted spectra of each integration (``x1dints``) as arrays of time and wavelength.

The pipeline has written two layouts, and both are read:

- since 2025, a table ``EXTRACT1D`` for each spectral order (and detector), with a row for each
  integration: vectors ``WAVELENGTH``, ``FLUX``, ``FLUX_ERROR`` and ``DQ``, padded to equal length,
  and the columns ``INT_NUM``, ``MJD-AVG`` and ``TDB-MID``;
- before, a table ``EXTRACT1D`` for each integration, with a row for each wavelength; times are in
  the headers, or in the table ``INT_TIMES`` of the same file.

astropy reads the tables themselves: specutils has readers of both layouts, which leave out the
times and the flags that light curves need.

References
----------
https://jwst-pipeline.readthedocs.io/en/latest/jwst/data_products/science_products.html#x1d
https://jwst-pipeline.readthedocs.io/en/latest/jwst/extract_1d/description.html
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from exosk.downloads import check_contents
from exosk.exceptions import DownloadError, FileFormatError, UnknownNameError

__all__ = ["SpectralTimeSeries", "read_time_series"]

_DO_NOT_USE = 1  # of the pipeline's flags
_MJD = 2400000.5
_SAME = 1e-6  # relative; wavelengths that agree to this are the same
# From the best to the worst: column or keyword, column of INT_TIMES, what it is.
_TIMES = (
    ("TDB-MID", "int_mid_BJD_TDB", "BJD_TDB"),
    ("MJD-AVG", "int_mid_MJD_UTC", "JD_UTC"),
)
_PROVENANCE = {
    "TARGPROP": "target",
    "PROGRAM": "programme",
    "OBSERVTN": "observation",
    "DATE-OBS": "date",
    "INSTRUME": "instrument",
    "FILTER": "filter",
    "GRATING": "grating",
    "PUPIL": "pupil",
    "DETECTOR": "detector",
    "EXP_TYPE": "exposure_type",
    "SUBARRAY": "subarray",
    "CAL_VER": "pipeline",
    "CRDS_CTX": "reference_files",
}


@dataclass(frozen=True, eq=False)
class SpectralTimeSeries:
    """Spectra of one star, one after the other: a light curve at each wavelength.

    Attributes
    ----------
    time : ndarray of shape (n_integrations,)
        Middles of the integrations, in days, ascending.
    wavelength : ndarray of shape (n_wavelengths,)
        In um, ascending.
    flux, error : ndarray of shape (n_integrations, n_wavelengths)
        In the unit of ``meta["flux_unit"]``; NaN where the pipeline flags a value as not to be
        used.
    time_system : str
        ``BJD_TDB``; or ``JD_UTC`` where the file has no barycentric times, which are up to 8.4
        minutes from these.
    meta : dict
        From the headers: ``target``, ``programme``, ``instrument``, ``grating``, ``filter``,
        ``detector``, ``order``, ``pipeline``, ...; ``files``; and ``notes``.
    """

    time: np.ndarray
    wavelength: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    time_system: str = "BJD_TDB"
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.time), len(self.wavelength))
        for label in ("flux", "error"):
            found = getattr(self, label).shape
            if found != shape:
                raise FileFormatError(
                    f"{label} has the shape {found}, and not {shape} of times and wavelengths"
                )

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        low, high = (self.wavelength[[0, -1]]) if len(self.wavelength) else (np.nan, np.nan)
        return (
            f"SpectralTimeSeries({self.label}: {len(self)} integrations, {len(self.wavelength)} "
            f"wavelengths of {low:.3f}-{high:.3f} um)"
        )

    @property
    def label(self) -> str:
        """With what it was observed, as ``JWST NIRSPEC PRISM``."""
        parts = [self.meta.get(key, "") for key in ("telescope", "instrument")]
        # A filter that only blocks other orders says less than the grating.
        optics = [str(self.meta.get(key) or "N/A") for key in ("grating", "pupil", "filter")]
        parts.append(next((name for name in optics if name not in ("N/A", "CLEAR")), ""))
        if str(self.meta.get("detector", "")).startswith("NRS"):
            parts.append(self.meta["detector"])
        if self.meta.get("order") not in (None, 1, -1, 0):
            parts.append(f"order {self.meta['order']}")
        return " ".join(str(part) for part in parts if part)


@dataclass
class _Block:
    """What one table holds."""

    key: tuple[Any, ...]
    wavelength: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    times: dict[str, np.ndarray]
    meta: dict[str, Any]


def read_time_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> list[SpectralTimeSeries]:
    """Read JWST's ``x1dints`` files of one observation.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, segments in any order.

    Returns
    -------
    list of SpectralTimeSeries
        One for each detector, spectral order and slit; the one with the most values first. Segments
        are put together in the order of time.

    Raises
    ------
    UnknownNameError
        If there is no such file.
    FileFormatError
        If a file is none of these, has no times, or has the same integrations as another.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise FileFormatError("no file of a time series was given")
    blocks: dict[tuple[Any, ...], list[_Block]] = {}
    for path in map(Path, files):
        for block in _read_file(path):
            blocks.setdefault(block.key, []).append(block)
    series = [_assemble(parts) for parts in blocks.values()]
    return sorted(series, key=lambda one: -one.flux.size)


def _read_file(path: Path) -> list[_Block]:
    try:
        # astropy passes over what follows a cut, so that integrations would be missing in silence.
        check_contents(path, path.name)
        with warnings.catch_warnings():
            # Slips of headers that concern nobody; truncation is told by an error.
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(path) as hdus:
                primary = hdus[0].header
                tables = [hdu for hdu in hdus if hdu.name == "EXTRACT1D"]
                stamps = hdus["INT_TIMES"].data if "INT_TIMES" in hdus else None
                if not tables:
                    raise FileFormatError(
                        f"{path.name} has no table EXTRACT1D, so that it is no x1dints file of "
                        f"JWST's; it has {', '.join(h.name or '?' for h in hdus)}"
                    )
                counted: dict[tuple[Any, ...], int] = {}
                blocks = []
                for hdu in tables:
                    key = _key(primary, hdu.header)
                    block = _read_table(path, hdu, key, primary, stamps, counted.get(key, 0))
                    counted[key] = counted.get(key, 0) + len(block.flux)
                    blocks.append(block)
                return blocks
    except FileNotFoundError:
        raise UnknownNameError(f"there is no file {str(path)!r}") from None
    except FileFormatError:
        raise
    except DownloadError as error:
        raise FileFormatError(str(error)) from error
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:160]
        raise FileFormatError(f"{path.name} cannot be read as an x1dints file: {reason}") from error


def _key(primary: fits.Header, header: fits.Header) -> tuple[Any, ...]:
    """Tell apart what was observed at the same time: detectors, orders, slits."""
    return (
        primary.get("INSTRUME"),
        header.get("DETECTOR") or primary.get("DETECTOR"),
        header.get("SPORDER"),
        header.get("SLTNAME"),
        header.get("SOURCEID"),
    )


def _read_table(
    path: Path,
    hdu: fits.BinTableHDU,
    key: tuple[Any, ...],
    primary: fits.Header,
    stamps: fits.FITS_rec | None,
    n_before: int,
) -> _Block:
    """Return one table's integrations; `n_before` of the same key came before it in the file."""
    data, names = hdu.data, {name.upper(): name for name in hdu.columns.names}
    error_name = "FLUX_ERROR" if "FLUX_ERROR" in names else "ERROR"
    missing = {"WAVELENGTH", "FLUX", error_name} - set(names)
    if missing:
        raise FileFormatError(f"{path.name}: a table EXTRACT1D has no {', '.join(sorted(missing))}")
    # As rows of integrations, whichever way round the table is.
    wavelength, flux, error = (
        np.atleast_2d(np.asarray(data[names[name]], dtype=float))
        for name in ("WAVELENGTH", "FLUX", error_name)
    )
    n_integrations = len(flux)
    by_row = np.ndim(data[names["FLUX"]]) == 2
    flagged = ~np.isfinite(flux)
    if "DQ" in names:
        flagged |= (np.atleast_2d(data[names["DQ"]]).astype(np.int64) & _DO_NOT_USE) > 0
    flux, error = np.where(flagged, np.nan, flux), np.where(flagged, np.nan, error)
    numbers = _values(hdu, names, "INT_NUM", by_row, n_integrations)
    if not (numbers > 0).all():
        first = int(primary.get("INTSTART", 1) or 1) + n_before
        numbers = np.arange(first, first + n_integrations)
    times = {}
    for name, column, system in _TIMES:
        own = _values(hdu, names, name, by_row, n_integrations)
        listed = _stamped(stamps, column, numbers)
        times[system] = _MJD + np.where(own > 0, own, listed)
    meta = {ours: primary[theirs] for theirs, ours in _PROVENANCE.items() if theirs in primary}
    meta |= {"telescope": primary.get("TELESCOP", "JWST"), "file": path.name}
    meta["flux_unit"] = str(hdu.columns[names["FLUX"]].unit or "")
    for theirs, ours in (("DETECTOR", "detector"), ("SPORDER", "order"), ("SLTNAME", "slit")):
        if theirs in hdu.header:
            meta[ours] = hdu.header[theirs]
    unit = str(hdu.columns[names["WAVELENGTH"]].unit or "um")
    return _Block(key, _common(path, wavelength, unit), flux, error, times, meta)


def _values(
    hdu: fits.BinTableHDU, names: dict[str, str], name: str, by_row: bool, n_rows: int
) -> np.ndarray:
    """Return a number of each integration, from its row or from the header; NaN without it."""
    if by_row and name in names:
        return np.asarray(hdu.data[names[name]], dtype=float)
    value = hdu.header.get(name)
    known = not by_row and isinstance(value, int | float)
    return np.full(n_rows, float(value) if known else np.nan)


def _stamped(stamps: fits.FITS_rec | None, column: str, numbers: np.ndarray) -> np.ndarray:
    """Return times of the table INT_TIMES, by the integrations' numbers; NaN without them."""
    if stamps is None or column not in stamps.names or not len(stamps):
        return np.full(len(numbers), np.nan)
    known = np.asarray(stamps["integration_number"], dtype=float)
    order = np.argsort(known)
    place = order[np.clip(np.searchsorted(known, numbers, sorter=order), 0, len(known) - 1)]
    found = np.asarray(stamps[column], dtype=float)[place]
    return np.where((known[place] == numbers) & (found > 0), found, np.nan)


def _common(path: Path, wavelength: np.ndarray, unit: str) -> np.ndarray:
    """Return the wavelengths that all integrations share, in um; NaN where one is padded."""
    try:
        factor = u.Unit(unit).to(u.um)
    except (ValueError, TypeError) as error:
        raise FileFormatError(
            f"{path.name}: wavelengths are in {unit!r}, no unit of length"
        ) from error
    first = wavelength[0]
    differs = np.abs(wavelength - first) > _SAME * np.abs(first)
    if differs.any():
        raise FileFormatError(
            f"{path.name}: the wavelengths change from integration to integration, so that there "
            f"is no light curve at any of them; extract the spectra on one grid"
        )
    return first * factor


def _assemble(blocks: Sequence[_Block]) -> SpectralTimeSeries:
    """Put segments together, in the order of time and wavelength."""
    first = blocks[0]
    for block in blocks[1:]:
        same = block.wavelength.shape == first.wavelength.shape and np.allclose(
            block.wavelength, first.wavelength, rtol=_SAME, atol=0, equal_nan=True
        )
        if not same:
            raise FileFormatError(
                f"{first.meta['file']} and {block.meta['file']} are of one detector and order, and "
                f"have other wavelengths; read them apart"
            )
    flux, error = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("flux", "error")
    )
    files = list(dict.fromkeys(block.meta["file"] for block in blocks))
    time, system = _choose_times(blocks, files)
    notes = []
    if system != "BJD_TDB":
        notes.append(
            "The files have no barycentric times: these are UTC at the telescope, up to 8.4 "
            "minutes from BJD_TDB."
        )
    known = np.isfinite(time)
    if not known.all():
        notes.append(f"{(~known).sum()} integrations without a time were left out.")
    order = np.flatnonzero(known)[np.argsort(time[known], kind="stable")]
    if (np.diff(time[order]) <= 0).any():
        raise FileFormatError(
            f"two integrations of {', '.join(files)} have the same time: the same exposure was "
            f"given twice, perhaps as its segments and as the product that joins them"
        )
    bins = np.flatnonzero(first.wavelength > 0)
    bins = bins[np.argsort(first.wavelength[bins], kind="stable")]
    if not bins.size or not np.isfinite(flux).any():
        raise FileFormatError(f"{', '.join(files)}: every flux is missing or flagged")
    cut = np.ix_(order, bins)
    meta = {k: v for k, v in first.meta.items() if k != "file" and v is not None}
    meta |= {"files": files, "notes": notes}
    return SpectralTimeSeries(
        time[order], first.wavelength[bins], flux[cut], error[cut], system, meta
    )


def _choose_times(blocks: Sequence[_Block], files: list[str]) -> tuple[np.ndarray, str]:
    """Return the best times that are there, and what they are."""
    for _, _, system in _TIMES:
        time = np.concatenate([block.times[system] for block in blocks])
        if np.isfinite(time).any():
            return time, system
    raise FileFormatError(
        f"{', '.join(files)}: there are no times, neither with the spectra nor in a table "
        f"INT_TIMES; a light curve needs them"
    )

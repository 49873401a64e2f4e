"""Spectra in files: text tables, IPAC, FITS and netCDF in, ECSV out.

exosk's own layout is a table with the columns ``wavelength_um``, ``bin_half_width_um``,
``transit_depth`` and ``transit_depth_err`` (both plain fractions), and optionally
``instrument``. Other names, units and layouts are read when the file or the caller says what
they are; see :mod:`exosk.sources.columns` for the names, :mod:`exosk.sources.layouts` for the
tables of JWST pipelines, :mod:`exosk.sources.archive` for the NASA Exoplanet Archive's and
:mod:`exosk.sources.netcdf` for the JWST ERS teams'. Nothing is guessed in silence: what is decided
on the way is listed in ``spectrum.meta["notes"]``, and what cannot be decided is an error with its
remedy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from exosk.exceptions import FileFormatError
from exosk.sources.building import build_spectrum
from exosk.sources.cells import CellTable
from exosk.sources.contents import FITS, HDF5, NETCDF3, kind_of, read_contents
from exosk.sources.ipac import is_ipac, parse_ipac
from exosk.sources.selection import Stated
from exosk.sources.tables import parse_ecsv, plain
from exosk.sources.text import decode, parse_table
from exosk.spectra import Spectrum
from exosk.storage import atomic_path

__all__ = ["read_spectrum", "write_spectrum"]


def read_spectrum(
    path: str | os.PathLike[str],
    *,
    depth_unit: str | u.UnitBase | None = None,
    wavelength_unit: str | u.UnitBase | None = None,
    width: str | None = None,
    bin_width: float | u.Quantity | None = None,
    columns: Mapping[str, str] | None = None,
    table: str | int | None = None,
    name: str | None = None,
    instrument: str | None = None,
    reference: str | None = None,
) -> Spectrum:
    r"""Read one transmission spectrum from a file.

    The format is told by the file's content, not by its suffix:

    - CSV, ECSV, semicolon-, tab- or blank-separated text with a header, among it what the pipelines
      Eureka!, exoTEDRF and Tiberius write;
    - IPAC tables. Of the NASA Exoplanet Archive's, the published one of depth and radius ratio is
      read, not what the archive calculated from it; limits are missing bins;
    - FITS: the one table with a wavelength and a depth (columns of vectors in one row are fine), or
      a 1-D image by specutils;
    - netCDF 3 and 4 (`pip install 'exosk[files]'`), such as the JWST ERS teams publish.

    Parameters
    ----------
    path : path-like
        The file.
    depth_unit : {"fraction", "percent", "ppm", "rp_rs"} or astropy unit, optional
        Unit of the depths, or that they are Rp/Rs. Needed where the file does not say; wins
        over the file where it does.
    wavelength_unit : {"um", "nm", "angstrom", "m"} or astropy unit, optional
        The same for the wavelengths.
    width : {"half", "full"}, optional
        Whether the column of bin widths holds half of each bin or all of it. Wins over the
        column's name.
    bin_width : float or Quantity, optional
        The full width of the bins for which the file has none, in um. Without it, the edges of
        bins without widths lie half-way between neighbouring centres; a single bin is refused.
    columns : mapping of str to str, optional
        Which header holds which quantity, where the names do not tell or two compete. Keys:
        ``wavelength``, ``half_width``, ``full_width``, ``low``, ``high``, ``depth``,
        ``rp_rs``, ``error``, ``error_up``, ``error_low``, ``instrument``.
    table : str or int, optional
        Name or number of the HDU of a FITS file, or the group of a netCDF 4 file, where more than
        one could be the spectrum.
    name, instrument, reference : str, optional
        Win over what the file says.

    Returns
    -------
    Spectrum
        In um and plain fractions, bins in ascending order. Rows with a wavelength and no
        depth are missing bins (NaN). ``meta`` holds the file's metadata, ``notes`` on what
        was decided, and ``missing_bins`` when there are any; of an archive's file also
        ``facility``, ``bibcode``, ``remarks`` and ``star_radius``.

    Raises
    ------
    UnknownNameError
        If the file, or a column, an HDU or a group that is named, does not exist.
    FileFormatError
        If the file is not such a table, or something in it can be read in two ways.
    UnitError
        If a unit is not stated or cannot be right, or an error is not positive.
    GridError
        If the bins make no sense, as when full widths are given as half widths.
    ExoskError
        If the format needs a package that is not installed.
    """
    path = Path(path)
    Stated.check(depth_unit, wavelength_unit, width, bin_width)  # before the file is looked for
    return build_spectrum(
        _load_table(path, table, columns),
        depth_unit=depth_unit,
        wavelength_unit=wavelength_unit,
        width=width,
        bin_width=bin_width,
        columns=columns,
        name=name,
        instrument=instrument,
        reference=reference,
        default_name=path.stem,
    )


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
    instruments = spectrum.by_instrument()
    if len(instruments) > 1:
        labels = np.full(len(spectrum), "", dtype=object)
        for k, (name, bins) in enumerate(instruments):
            labels[bins] = name or f"instrument {k + 1}"
        table["instrument"] = labels.astype(str)
    table["transit_depth"].description = "(Rp/Rs)^2 as a plain fraction; nan is a missing bin"
    table["transit_depth_err"].description = "1-sigma error, a plain fraction"
    attributes: dict[str, Any] = {"name": spectrum.name}
    for key in ("instrument", "reference"):
        if getattr(spectrum, key):
            attributes[key] = getattr(spectrum, key)
    elsewhere = {*attributes, "instrument", "instruments"}
    table.meta = attributes | {k: v for k, v in plain(spectrum.meta).items() if k not in elsewhere}
    try:
        with atomic_path(path) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileFormatError(f"{os.fspath(path)} cannot be written: {reason}") from error


def _load_table(
    path: Path, which: str | int | None, columns: Mapping[str, str] | None
) -> CellTable:
    """Turn a file into cells, by whichever of the formats it is in."""
    data = read_contents(path)
    label, kind = path.name, kind_of(data)
    if kind == FITS:
        from exosk.sources.fits import parse_fits

        return parse_fits(data, label, which, columns or {})
    if kind in (HDF5, NETCDF3):
        from exosk.sources.netcdf import parse_netcdf

        return parse_netcdf(data, kind, label, which, columns or {})
    if kind:
        raise FileFormatError(
            f"{label} is {kind}, which holds no spectrum that exosk reads; export it as CSV, ECSV, "
            f"FITS or netCDF"
        )
    if which is not None:
        raise FileFormatError(f"{label} is text and holds one table; leave out table")
    text, notes = decode(data, label)
    if text.lstrip().startswith("# %ECSV"):
        table = parse_ecsv(text, label)
    elif is_ipac(text):
        table = parse_ipac(text, label)
    else:
        table = parse_table(text, label)
    table.notes[:0] = notes
    return table

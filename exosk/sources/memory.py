"""Spectra that are in memory already, as another library's table or spectrum."""

from __future__ import annotations

import os
from typing import Any

from exosk.exceptions import FileFormatError
from exosk.sources.building import build_spectrum
from exosk.sources.load import load_spectrum
from exosk.sources.tables import cells_of_frame, cells_of_table
from exosk.spectra import Spectrum

__all__ = ["as_spectrum"]


def as_spectrum(data: Any, **reading: Any) -> Spectrum:
    """Make a spectrum of whatever holds one.

    Parameters
    ----------
    data : Spectrum, str, path-like, or a table or spectrum of another library
        - a :class:`~exosk.spectra.Spectrum`, returned as it is;
        - a path or a name, for :func:`load_spectrum`;
        - a pandas ``DataFrame``, an astropy ``Table`` or ``QTable`` or an xarray ``Dataset``, with
          column names and units as :func:`read_spectrum` knows them;
        - a specutils ``Spectrum`` (``Spectrum1D``) whose flux is the transit depth: dimensionless,
          in percent or in ppm. Its edges of bins and its uncertainty of any kind are used.
    **reading
        As for :func:`read_spectrum`: `depth_unit`, `wavelength_unit`, `width`, `bin_width`,
        `columns`, `name`, `instrument`, `reference`.

    Returns
    -------
    Spectrum

    Raises
    ------
    ExoskError
        As :func:`read_spectrum` does; FileFormatError if `data` is none of these.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"wavelength_um": [1.1, 1.2], "depth": [21000.0, 21100.0], "depth_err": [50.0, 60.0]}
    ... )
    >>> as_spectrum(table, depth_unit="ppm").depth.tolist()
    [0.021, 0.0211]
    """
    if isinstance(data, Spectrum):
        if reading:
            raise FileFormatError(
                f"a Spectrum is understood already; leave out {', '.join(reading)}, or change it "
                f"with Spectrum.replace"
            )
        return data
    if isinstance(data, (str, os.PathLike)):
        return load_spectrum(data, **reading)
    label = f"the {type(data).__name__}"
    columns = reading.get("columns") or {}
    if _is(data, "pandas", "DataFrame"):
        table = cells_of_frame(data, label)
    elif _is(data, "astropy", "Table"):
        table = cells_of_table(data, label, first_row=0)
    elif _is(data, "xarray", "Dataset"):
        from exosk.sources.netcdf import cells_of_dataset

        table = cells_of_dataset(data, label, columns)
    elif _is(data, "specutils", "Spectrum") or _is(data, "specutils", "Spectrum1D"):
        from exosk.sources.spectral import cells_of_specutils

        table = cells_of_specutils(data, label)
    else:
        raise FileFormatError(
            f"{label} is nothing that exosk reads a spectrum from; give a path, an astropy Table, "
            f"a pandas DataFrame, an xarray Dataset or a specutils Spectrum, or use "
            f"Spectrum.from_arrays"
        )
    return build_spectrum(table, **reading)


def _is(data: Any, package: str, name: str) -> bool:
    """Whether a thing is of another package's class, without importing that package."""
    return any(
        kind.__module__.partition(".")[0] == package and kind.__name__ == name
        for kind in type(data).__mro__
    )

"""Spectra of specutils as named columns of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from exosk.exceptions import FileFormatError, UnitError
from exosk.sources.cells import CellTable
from exosk.sources.tables import plain

__all__ = ["cells_of_specutils"]


def cells_of_specutils(spectrum: Any, label: str) -> CellTable:
    """Turn a specutils ``Spectrum`` whose flux is a transit depth into cells.

    Parameters
    ----------
    spectrum : specutils.Spectrum
        Of one dimension. Its spectral axis may be a wavelength, a frequency, an energy or a
        wavenumber; edges of bins that it states are kept.
    label : str
        What to call it in errors.

    Returns
    -------
    CellTable
        The columns ``wavelength``, ``wavelength_low`` and ``wavelength_high`` (where edges are
        stated), ``depth`` and ``depth_err`` (where there are errors).

    Raises
    ------
    FileFormatError
        If it has more than one dimension.
    UnitError
        If its flux is not dimensionless, or its axis is not spectral.
    """
    flux = spectrum.flux
    if flux.ndim != 1:
        raise FileFormatError(
            f"{label} is {flux.ndim}-dimensional, as light curves are; give one spectrum of depths"
        )
    if not flux.unit.is_equivalent(u.dimensionless_unscaled):
        raise UnitError(
            f"{label} is a flux in {flux.unit}, not a transit depth; give depths without a unit, "
            f"in percent or in ppm"
        )
    axis = u.Quantity(spectrum.spectral_axis)
    depth = np.array(flux.value, dtype=float)
    if spectrum.mask is not None:
        depth[np.asarray(spectrum.mask, dtype=bool)] = np.nan
    columns = {"wavelength": (_um(axis, label), "um")}
    edges = _stated_edges(spectrum)
    if edges is not None:
        ends = _um(edges, label)
        sides = np.stack([ends[:-1], ends[1:]])
        columns |= {"wavelength_low": (sides.min(0), "um"), "wavelength_high": (sides.max(0), "um")}
        # Half-way in frequency is not half-way in wavelength.
        columns["wavelength"] = (sides.mean(0), "um")
    unit = _unit_name(flux.unit)
    columns["depth"] = (depth, unit)
    error = _errors(spectrum, flux.unit)
    if error is not None:
        columns["depth_err"] = (error, unit)
    return CellTable(
        label=label,
        names=list(columns),
        columns=[values for values, _ in columns.values()],
        rows=list(range(depth.size)),
        row_word="row",
        units=[unit for _, unit in columns.values()],
        meta={k: v for k, v in plain(spectrum.meta).items() if k != "header"},
    )


def _um(values: u.Quantity, label: str) -> np.ndarray:
    try:
        return np.array(values.to_value(u.um, u.spectral()), dtype=float)
    except u.UnitConversionError as error:
        raise UnitError(
            f"{label}: its spectral axis is in {values.unit}; give wavelengths, as in um"
        ) from error


def _stated_edges(spectrum: Any) -> u.Quantity | None:
    """Return the edges of the bins, unless specutils made them up from centres as exosk would."""
    axis = spectrum.spectral_axis
    if axis.size < 2:
        return None
    edges = u.Quantity(axis.bin_edges)
    centers = axis.value
    middle = (centers[1:] + centers[:-1]) / 2
    made_up = np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])
    same = np.allclose(edges.value, made_up, rtol=1e-12, atol=0)
    return None if same and axis.unit.is_equivalent(u.um) else edges


def _unit_name(unit: u.UnitBase) -> str:
    """Name a dimensionless unit so that columns of depths know it."""
    return "fraction" if unit == u.dimensionless_unscaled else str(unit)


def _errors(spectrum: Any, unit: u.UnitBase) -> np.ndarray | None:
    """1-sigma errors in the unit of the flux."""
    from astropy.nddata import StdDevUncertainty, UnknownUncertainty

    uncertainty = spectrum.uncertainty
    if uncertainty is None:
        return None
    if isinstance(uncertainty, UnknownUncertainty):
        raise UnitError(
            "the uncertainty of the Spectrum does not say its kind; make it a StdDevUncertainty"
        )
    with np.errstate(divide="ignore", invalid="ignore"):  # an inverse variance of 0: no error
        sigma = uncertainty.represent_as(StdDevUncertainty).quantity.to_value(unit)
    return np.where(np.isfinite(sigma), sigma, np.nan)

"""Bringing a table to the grid of the built-in tables, and saying on its card what that did.

Where the source is finer than the grid, its points in a bin are averaged by one of the means of
:mod:`exosk.opacities.binning`. Each of its points stands for a cell that reaches halfway to its
neighbours in ln(wavelength); the cells' shares of a bin are the weights. Where it is coarser,
log10(sigma) is interpolated linearly in ln(wavelength), and taken from the nearest point beside one
without opacity. Beyond its ends there is no data, which the model must take for no absorption:
the card says so.

One extrapolation is allowed. Below 1 mbar a line's width is thermal: the half width by pressure is
1e-4 cm-1 and less (0.1 cm-1/atm), the thermal one 5e-4 cm-1 (SO2 at 500 K and 500 cm-1) and more.
So a table that begins at 1e-3 bar or less is continued to the top of the atmosphere with the
values of its lowest pressure.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import h5py
import numpy as np

from exosk.exceptions import RangeError
from exosk.opacities.binning import POWER, Mode, bin_edges, check_mode
from exosk.opacities.table import LOG_FLOOR, OpacityTable

__all__ = ["cover_pressures", "model_wavelength", "on_model_grid", "resample"]

#: Pressures, in bar, that the built-in model's default atmosphere needs.
MODEL_PRESSURES = 1e-9, 10.0
# Below this the values of the lowest pressure may stand for all lower ones; in bar.
_THERMAL = 1e-3
# A bin is known when the source covers at least this share of it.
_COVERED = 0.5


@cache
def model_wavelength() -> np.ndarray:
    """Wavelengths of the tables that come with exosk: 4616 points, 0.3-30 um, R = 1000."""
    resource = resources.files("exosk.opacities") / "embedded" / "h2o.h5"
    with resources.as_file(resource) as path, h5py.File(path, "r") as file:
        wavelength = np.asarray(file["wavelength"][()], dtype=np.float64)
    wavelength.setflags(write=False)
    return wavelength


def on_model_grid(
    table: OpacityTable,
    mode: Mode = "power_mean",
    *,
    hold_low_pressure: bool = True,
    extend_pressure: bool = False,
) -> OpacityTable:
    """Bring a table to what the built-in model takes: its wavelengths, and its pressures covered.

    Parameters
    ----------
    table : OpacityTable
        Any.
    mode : {'power_mean', 'mean', 'log_mean', 'sample'}
        How finer points are averaged.
    hold_low_pressure, extend_pressure : bool
        See :func:`cover_pressures`.

    Returns
    -------
    OpacityTable
        Its card lists what had to be done as limits.

    Raises
    ------
    RangeError
        If the table has but one temperature, no wavelength in common with the model, or does not
        cover its pressures.
    """
    if table.temperature.size < 2:
        raise RangeError(
            f"the table of {table.name} holds one temperature, {table.temperature[0]:g} K; a model "
            "interpolates between two and more, and does not extrapolate: find a table of several"
        )
    covering = cover_pressures(
        table, hold_low_pressure=hold_low_pressure, extend_pressure=extend_pressure
    )
    return resample(covering, model_wavelength(), mode)


def cover_pressures(
    table: OpacityTable, *, hold_low_pressure: bool = True, extend_pressure: bool = False
) -> OpacityTable:
    """Continue a table to the pressures of the default model, 1e-9 to 10 bar.

    Parameters
    ----------
    table : OpacityTable
        Any.
    hold_low_pressure : bool, default=True
        Hold the values of the lowest pressure below it, if that is 1e-3 bar or less; otherwise
        the table stays as it is there.
    extend_pressure : bool, default=False
        Hold the values at either end, however wrong; wings grow in proportion to pressure.

    Raises
    ------
    RangeError
        If the table ends below the model's highest pressure, or begins above 1e-3 bar, without
        `extend_pressure`.
    """
    top, bottom = MODEL_PRESSURES
    lowest, highest = table.pressure[0], table.pressure[-1]
    pressure, cube = table.pressure, table.log_cross_section
    limits = []
    if lowest > top * (1 + 1e-9) and (hold_low_pressure or extend_pressure):
        if lowest > _THERMAL and not extend_pressure:
            raise RangeError(
                f"the table of {table.name} begins at {lowest:g} bar, where lines are broadened by "
                f"pressure; its values cannot stand for those down to {top:g} bar: find a table "
                "that begins at 1e-3 bar or less, or accept the error with extend_pressure=True "
                "(--extend-pressure)"
            )
        pressure = np.concatenate([[top], pressure])
        cube = np.concatenate([cube[:1], cube])
        limits.append(f"constant below {lowest:g} bar: the values of the lowest pressure are held")
    if highest < bottom * (1 - 1e-9):
        if not extend_pressure:
            raise RangeError(
                f"the table of {table.name} ends at {highest:g} bar and the built-in model at "
                f"{bottom:g} bar; wings grow with pressure, so nothing is assumed: find a table "
                "that goes deeper, or accept the error with extend_pressure=True "
                "(--extend-pressure)"
            )
        pressure = np.concatenate([pressure, [bottom]])
        cube = np.concatenate([cube, cube[-1:]])
        limits.append(
            f"constant above {highest:g} bar, on the user's demand: too little in the wings by up "
            f"to a factor of {bottom / highest:.3g} at {bottom:g} bar"
        )
    if not limits:
        return table
    return replace(
        table, pressure=pressure, log_cross_section=cube, provenance=_with_limits(table, limits)
    )


def resample(
    table: OpacityTable, wavelength: np.ndarray, mode: Mode = "power_mean"
) -> OpacityTable:
    """Bring a table to other wavelengths; see the module's docstring.

    Parameters
    ----------
    table : OpacityTable
        Any.
    wavelength : array of shape (n,)
        um, ascending, two and more.
    mode : {'power_mean', 'mean', 'log_mean', 'sample'}
        How points finer than the grid are averaged; ``sample`` interpolates everywhere.

    Returns
    -------
    OpacityTable
        With the same temperatures and pressures; `LOG_FLOOR` where the source has no data.

    Raises
    ------
    UnknownNameError
        If there is no such mode.
    RangeError
        If the two have no wavelength in common, or the source but one.
    """
    check_mode(mode)
    source = table.wavelength
    if source.size == wavelength.size and np.allclose(source, wavelength, rtol=1e-6, atol=0):
        return replace(table, wavelength=wavelength)
    if source.size < 2 or source[-1] < wavelength[0] or source[0] > wavelength[-1]:
        raise RangeError(
            f"the table of {table.name} reaches from {source[0]:.4g} to {source[-1]:.4g} um, "
            f"outside the grid's {wavelength[0]:.3g}-{wavelength[-1]:.3g} um; if its spectral axis "
            "is in another unit, state it with spectral_unit= (--spectral-unit)"
        )
    edges, cells = np.log(bin_edges(wavelength)), np.log(bin_edges(source))
    centre, spacing = np.log(wavelength), np.diff(cells)
    width = np.diff(edges)
    nearest = np.clip(np.searchsorted(cells, centre) - 1, 0, source.size - 1)
    finer = spacing[nearest] < width * (1 + 1e-3)
    if mode == "sample":
        finer[:] = False
    covered = np.minimum(edges[1:], cells[-1]) - np.maximum(edges[:-1], cells[0])
    known = covered >= _COVERED * width
    result = np.full((*table.log_cross_section.shape[:2], wavelength.size), LOG_FLOOR)
    average, between = np.flatnonzero(known & finer), np.flatnonzero(known & ~finer)
    shares = _shares(edges, cells, average)
    for row, plane in enumerate(table.log_cross_section):
        result[row][:, average] = _average(plane.astype(np.float64), shares, mode)
        result[row][:, between] = _interpolate(
            plane.astype(np.float64), np.log(source), centre[between]
        )
    limits = _resampling_limits(source, wavelength, known, finer, mode)
    card = {**_with_limits(table, limits), "resampled_to": f"{wavelength.size} wavelengths"}
    if average.size:
        card["sampling"] = mode
    return replace(table, wavelength=wavelength, log_cross_section=result, provenance=card)


def _shares(edges: np.ndarray, cells: np.ndarray, bins: np.ndarray) -> Any:
    """Share of each of the source's cells in each bin, as a sparse matrix of rows that sum to 1."""
    from scipy.sparse import csr_array

    first = np.clip(np.searchsorted(cells, edges[bins], side="right") - 1, 0, cells.size - 2)
    last = np.clip(np.searchsorted(cells, edges[bins + 1], side="left") - 1, 0, cells.size - 2)
    counts = last - first + 1
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, counts)
    low, high = np.repeat(edges[bins], counts), np.repeat(edges[bins + 1], counts)
    overlap = np.minimum(cells[columns + 1], high) - np.maximum(cells[columns], low)
    overlap = np.maximum(overlap, 0.0)
    total = np.add.reduceat(overlap, starts[:-1]) if bins.size else np.ones(0)
    return csr_array(
        (overlap / np.repeat(total, counts), columns, starts), shape=(bins.size, cells.size - 1)
    )


def _average(log_sigma: np.ndarray, shares: Any, mode: Mode) -> np.ndarray:
    none = log_sigma <= LOG_FLOOR
    if mode == "log_mean":
        return (shares @ log_sigma.T).T
    power = POWER if mode == "power_mean" else 1.0
    values = np.where(none, 0.0, 10.0 ** (power * log_sigma))
    mean = (shares @ values.T).T
    return np.log10(np.maximum(mean, 10.0 ** (power * LOG_FLOOR))) / power


def _interpolate(log_sigma: np.ndarray, source: np.ndarray, at: np.ndarray) -> np.ndarray:
    low = np.clip(np.searchsorted(source, at, side="right") - 1, 0, source.size - 2)
    weight = np.clip((at - source[low]) / (source[low + 1] - source[low]), 0.0, 1.0)
    below, above = log_sigma[:, low], log_sigma[:, low + 1]
    line = below + weight * (above - below)
    nearest = np.where(weight < 0.5, below, above)
    return np.where((below <= LOG_FLOOR) | (above <= LOG_FLOOR), nearest, line)


def _resampling_limits(
    source: np.ndarray, grid: np.ndarray, known: np.ndarray, finer: np.ndarray, mode: Mode
) -> list[str]:
    limits = []
    ends = grid[known][[0, -1]]
    sides = [f"below {ends[0]:.3g} um"] * bool(ends[0] > 1.01 * grid[0])
    sides += [f"above {ends[1]:.3g} um"] * bool(1.01 * ends[1] < grid[-1])
    if sides:
        limits.append(
            f"no data {' and '.join(sides)}: taken for no absorption, which it need not be"
        )
    coarse = known & ~finer
    if coarse.any() and mode != "sample":
        spacing = np.diff(np.log(bin_edges(source)))
        place = np.clip(np.searchsorted(source, grid[coarse]), 0, source.size - 1)
        low, high = grid[coarse][[0, -1]]
        limits.append(
            f"interpolated from R about {1 / np.median(spacing[place]):.3g} between {low:.3g} and "
            f"{high:.3g} um: features narrower than that are missing"
        )
    if mode == "sample":
        limits.append("samples of a table on other wavelengths, not averages over bins")
    return limits


def _with_limits(table: OpacityTable, limits: list[str]) -> dict[str, Any]:
    return {**table.provenance, "limits": [*table.provenance.get("limits", []), *limits]}

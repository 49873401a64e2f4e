"""Cross section against wavelength, at three temperatures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from exosk.opacities.table import LOG_FLOOR, OpacityTable
from exosk.report.wording import formula

__all__ = ["plot_opacity"]

# Cold to hot, from Okabe & Ito's palette, which colour-blind readers can tell apart.
_COLOURS = "#0072b2", "#e69f00", "#d55e00"
# Where transmission spectra of hot giants are made.
_TEMPERATURES = 500.0, 1000.0, 1500.0
_PRESSURE = 1e-3
_DECADES = 14.0  # shown below the strongest line; less is never seen
_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
_RESOLUTION = 100.0  # of the bins that a finer table is shown in
_FINER = 3.0  # points a bin from which on bins are shown


def plot_opacity(table: OpacityTable) -> Figure:
    """Plot a table's cross section at 1 mbar and 500, 1000 and 1500 K.

    A table that is finer than R = 100 is shown in bins of that, by their geometric mean, with a
    band that holds 68 % of the points of each.
    Where the table does not reach, its nearest pressure is taken, and temperatures spread over
    its range; the figure says which.

    Parameters
    ----------
    table : OpacityTable
        What to plot.

    Returns
    -------
    matplotlib.figure.Figure
    """
    pressure = float(np.clip(_PRESSURE, table.pressure[0], table.pressure[-1]))
    temperatures = _temperatures(table.temperature)
    sigma = table.cross_section(temperatures, pressure)
    seen = sigma > 10.0**LOG_FLOOR * (1 + 1e-6)
    log_sigma = np.where(seen, np.log10(sigma), np.nan)
    binned = False
    with rc_context({"font.size": 11, "axes.linewidth": 0.8, "mathtext.default": "regular"}):
        figure = Figure(figsize=(10.5, 5.2))
        axes = figure.add_axes((0.085, 0.125, 0.9, 0.79))
        axes.set_xscale("log")
        axes.set_yscale("log")
        drawn = []
        for temperature, row, colour in zip(temperatures, log_sigma, _COLOURS):
            x, middle = table.wavelength, row
            bins = _in_bins(table.wavelength, row)
            if bins is not None:
                binned = True
                x, (middle, low, high) = bins
                axes.fill_between(x, 10.0**low, 10.0**high, color=colour, alpha=0.18, lw=0)
            axes.plot(x, 10.0**middle, color=colour, lw=1.2, label=f"{temperature:g} K")
            drawn.append(middle)
        values = np.concatenate(drawn)
        if np.isfinite(values).any():
            top, bottom = np.nanmax(values), np.nanmin(values)
            axes.set_ylim(10.0 ** (max(bottom, top - _DECADES) - 1.0), 10.0 ** (top + 1.2))
            with_data = table.wavelength[seen.any(axis=0)]
        else:
            axes.set_ylim(1e-30, 1e-18)
            with_data = table.wavelength
            axes.text(0.5, 0.5, "no absorption", transform=axes.transAxes, ha="center")
        low, high = with_data[0], with_data[-1]
        axes.set_xlim(low * 0.99, high * 1.01)
        ticks = [tick for tick in _TICKS if low * 0.99 <= tick <= high * 1.01]
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        axes.set_xlabel("Wavelength (\u00b5m)")
        axes.set_ylabel("Cross section (cm$^2$ molecule$^{-1}$)")
        axes.grid(True, which="major", color="0.9", lw=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(direction="in", top=True, right=True, which="both")
        if np.isfinite(values).any():
            legend = axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")
            for line in legend.get_lines():
                line.set_linewidth(2.0)
        axes.set_title(
            f"{formula(table.name)} at {_pressure_text(pressure)}", loc="left", fontsize=12
        )
        if binned:
            axes.set_title(
                f"geometric means in bins of R = {_RESOLUTION:g}; bands hold 68 % of the points",
                loc="right",
                fontsize=10,
                color="0.35",
            )
    return figure


def _temperatures(available: np.ndarray) -> np.ndarray:
    low, high = available[0], available[-1]
    if low <= _TEMPERATURES[0] and high >= _TEMPERATURES[-1]:
        return np.array(_TEMPERATURES)
    return np.unique(available[[0, available.size // 2, -1]])


def _pressure_text(bar: float) -> str:
    return f"{bar * 1e3:g} mbar" if 1e-4 <= bar < 1 else f"{bar:g} bar"


def _in_bins(wavelength: np.ndarray, log_sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean, 16th and 84th percentile of log10 sigma in bins; None where a table is no finer."""
    span = np.log(wavelength[-1] / wavelength[0])
    n_bins = max(int(span * _RESOLUTION), 1)
    if wavelength.size < _FINER * n_bins:
        return None
    edges = np.geomspace(wavelength[0], wavelength[-1] * (1 + 1e-12), n_bins + 1)
    first = np.searchsorted(wavelength, edges)
    result = np.full((3, n_bins), np.nan)
    for k, (low, high) in enumerate(pairwise(first)):
        values = log_sigma[low:high]
        values = values[np.isfinite(values)]
        # A few points with opacity among many without are no band.
        if values.size and values.size >= 0.5 * (high - low):
            result[:, k] = values.mean(), *np.percentile(values, [16, 84])
    return np.sqrt(edges[1:] * edges[:-1]), result

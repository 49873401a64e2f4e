"""Simulators beside each other: their spectra, and what they differ by."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from exosk.evaluation.atmospheres import EXTREMES
from exosk.evaluation.comparison import Comparison, Difference
from exosk.grids import SpectralGrid
from exosk.report.figures import save_figure
from exosk.storage import atomic_path

__all__ = ["plot_comparison", "ppm_text", "write_comparison"]

# Okabe & Ito's palette, which colour-blind readers can tell apart; draws of the prior are grey.
_COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_QUIET = "#9a9a9a"
_DOTS = (0, (1, 2.5))
_PPM = 1e6
# Spectra are drawn no finer than this: more is a band of ink.
_RESOLUTION = 150.0
# Differences that span more than this, from one atmosphere to the next, need a logarithmic axis.
_WIDE = 30.0
_SPACING = 1.18  # of the stacked spectra, in amplitudes


def plot_comparison(comparison: Comparison) -> Figure:
    """Plot the spectra of the extreme atmospheres and, for each simulator, the differences.

    Parameters
    ----------
    comparison : Comparison
        With at least one simulator that ran.

    Returns
    -------
    matplotlib.figure.Figure
        Above, spectra of all simulators, each atmosphere scaled to its own amplitude; below, one
        panel a simulator with its depths less the reference's, in ppm.
    """
    n = len(comparison.differences)
    shown = [name for name in comparison.atmospheres if name in EXTREMES]
    colors = dict(zip(shown, _COLORS, strict=False))
    with rc_context({"font.size": 10, "axes.linewidth": 0.8, "mathtext.default": "regular"}):
        height = 5.4 + 1.9 * n
        figure = Figure(figsize=(10.5, height))
        grid = figure.add_gridspec(
            n + 1,
            1,
            height_ratios=[4.2, *[1.8] * n],
            left=0.085,
            right=0.835,
            bottom=0.55 / height,
            top=1 - 0.65 / height,
            hspace=0.07,
        )
        top = figure.add_subplot(grid[0])
        panels = [figure.add_subplot(grid[k + 1], sharex=top) for k in range(n)]
        _draw_spectra(top, comparison, colors)
        for axis, difference in zip(panels, comparison.differences, strict=True):
            _draw_differences(axis, comparison, difference, colors)
        _set_scale(panels, comparison)
        low, high = comparison.settings["range"]
        for axis in (top, *panels):
            axis.set_xscale("log")
            axis.set_xlim(low, high)
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.tick_params(direction="in", which="both", top=True, right=True)
            axis.tick_params(labelbottom=axis is panels[-1])
        panels[-1].set_xlabel("Wavelength (µm)")
        settings = comparison.settings
        figure.suptitle(
            f"{settings['temperature_profile']}, {settings['n_layers']} layers, "
            f"{', '.join(settings['molecules'])}",
            x=0.085,
            y=1 - 0.12 / height,
            ha="left",
            va="top",
            fontsize=10.5,
        )
    return figure


def _draw_spectra(axis: Axes, comparison: Comparison, colors: dict[str, str]) -> None:
    # One that lacks clouds was compared with a reference without: another spectrum.
    whole = [each for each in comparison.differences if not each.lacking]
    whole = whole or list(comparison.differences[:1])
    for k, (name, color) in enumerate(reversed(colors.items())):
        row = comparison.atmospheres.index(name)
        scale = None
        for difference in whole:
            bins = _coarse(difference)
            reference = bins.average(difference.wavelength, difference.reference[row])
            if not np.isfinite(reference).all():
                continue
            if scale is None:
                scale = float(reference.min()), float(np.ptp(reference))
                axis.plot(
                    bins.wavelength, (reference - scale[0]) / scale[1] + _SPACING * k, color=color
                )
            depth = bins.average(difference.wavelength, difference.depth[row])
            axis.plot(
                bins.wavelength,
                (depth - scale[0]) / scale[1] + _SPACING * k,
                color="k",
                linewidth=0.7,
                linestyle=_DOTS,
            )
        if scale is not None:
            axis.text(
                1.012,
                _SPACING * k + 0.5,
                f"{name}\nfrom {100 * scale[0]:.3g} %\nup {_PPM * scale[1]:,.0f} ppm",
                transform=axis.get_yaxis_transform(),
                color=color,
                fontsize=9,
                va="center",
            )
    axis.set_yticks([])
    axis.set_ylim(-0.1, _SPACING * len(colors))
    axis.set_ylabel("Transit depth, each scaled to its amplitude")
    others = ", ".join(each.simulator for each in whole)
    axis.plot([], [], color="#555555", label=comparison.reference)
    axis.plot([], [], color="k", linewidth=0.9, linestyle=_DOTS, label=f"{others} (dotted)")
    if len(comparison.atmospheres) > len(colors):
        axis.plot([], [], color=_QUIET, linewidth=0.8, label="draws of the prior (below)")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=9, frameon=False)


def _draw_differences(
    axis: Axes, comparison: Comparison, difference: Difference, colors: dict[str, str]
) -> None:
    ppm = difference.ppm
    for k, name in enumerate(comparison.atmospheres):
        if name not in colors:
            axis.plot(difference.wavelength, ppm[k], color=_QUIET, linewidth=0.6, alpha=0.7)
    for name, color in colors.items():
        row = comparison.atmospheres.index(name)
        axis.plot(difference.wavelength, ppm[row], color=color, linewidth=0.9)
    axis.axhline(0, color="k", linewidth=0.6)
    axis.set_ylabel("Difference (ppm)")
    summary = difference.summary(comparison.atmospheres)
    how = "native samples" if difference.resolution is None else f"R = {difference.resolution:.0f}"
    if difference.lacking:
        more = f" + {len(difference.lacking) - 1}" if len(difference.lacking) > 1 else ""
        how += f"\nlacks {difference.lacking[0]}{more}"
    axis.text(
        1.012,
        0.5,
        f"{difference.simulator}\n− {comparison.reference}\n{how}\n"
        f"median {ppm_text(summary['median'])} ppm\nrms {ppm_text(summary['rms'])} ppm\n"
        f"worst {ppm_text(summary['worst'], signed=True)} ppm\n({summary['worst_atmosphere']}, "
        f"{summary['worst_wavelength']:.3g} µm)",
        transform=axis.transAxes,
        fontsize=9,
        va="center",
    )


def _set_scale(axes: list[Axes], comparison: Comparison) -> None:
    """Give all differences one scale, so that simulators can be told apart by eye."""
    sizes = [np.nanmax(np.abs(each.ppm), axis=1, initial=0.0) for each in comparison.differences]
    sizes = [size[size > 0] for size in sizes if size.any()]
    largest = max((size.max() for size in sizes), default=1.0)
    median = min((np.median(size) for size in sizes), default=1.0)
    for axis in axes:
        axis.set_ylim(-1.15 * largest, 1.15 * largest)
        if largest > _WIDE * median:
            least = 10.0 ** np.floor(np.log10(median))
            decades = least * 10.0 ** np.arange(np.floor(np.log10(largest / least)) + 1)
            axis.set_yscale("symlog", linthresh=least, linscale=1.0)
            axis.set_yticks([*-decades[::-1], 0.0, *decades])
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_ylim(-1.6 * largest, 1.6 * largest)
        else:
            axis.yaxis.set_major_locator(MaxNLocator(nbins=5, symmetric=True))


def ppm_text(value: float, *, signed: bool = False) -> str:
    """Write a difference with two digits, and without powers of ten."""
    sign = "+" if signed else ""
    return f"{value:{sign}.0f}" if abs(value) >= 10 else f"{value:{sign}.2g}"


def _coarse(difference: Difference) -> SpectralGrid:
    """Bins in which a line can be seen, one or more samples each."""
    wavelength = difference.wavelength
    low, high = float(wavelength[0]), float(wavelength[-1])
    n_bins = min(int(np.log(high / low) * _RESOLUTION), len(wavelength) - 1)
    return SpectralGrid.from_edges(np.geomspace(low, high, max(n_bins, 1) + 1))


def write_comparison(comparison: Comparison, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write the numbers and, where a simulator ran, the figure into a folder.

    Parameters
    ----------
    comparison : Comparison
        What to write.
    folder : path-like
        Where; made when it is missing. Files of an earlier comparison are replaced.

    Returns
    -------
    dict of str to pathlib.Path
        ``comparison`` (JSON) and ``figure`` (PNG).
    """
    folder = Path(folder)
    paths = {"comparison": folder / "comparison.json"}
    text = json.dumps(comparison.to_dict(), indent=1, allow_nan=False)
    if comparison.differences:
        paths["figure"] = folder / "comparison.png"
        save_figure(plot_comparison(comparison), paths["figure"])
    with atomic_path(paths["comparison"]) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return paths

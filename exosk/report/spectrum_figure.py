"""The data, the model's bands and the residuals in one figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from exosk.explain.bands import BANDS
from exosk.report.judgement import DETECTED
from exosk.report.wording import formula
from exosk.retrieval import Retrieval

__all__ = ["plot_spectrum"]

# From Okabe & Ito's palette, which colour-blind readers can tell apart.
_DATA, _MODEL, _BEST, _QUIET = "#1a1a1a", "#0072b2", "#d55e00", "#9a9a9a"
# Colours and markers of instruments, where there are several.
_COLORS, _MARKERS = (_DATA, "#009e73", "#cc79a7", "#e69f00", "#56b4e9"), "osDv^P"

# Two bins further apart than this in log wavelength, and than so many bins, are not joined.
_GAP, _GAP_BINS = 0.02, 1.0
# A gap above this in log wavelength is worth breaking the axis for.
_BREAK = 0.2
# How far the model's bands may widen the range of depths, in units of the data's.
_MOST_BAND = 0.5


def plot_spectrum(retrieval: Retrieval) -> Figure:
    """Plot the data, the model's bands and best draw, and the residuals.

    The bands are quantiles of the model over the posterior. Residuals are data minus best
    draw in units of the data's error; grey shows the total error, with the model's own
    sampling error, in the same unit. Where the bins leave a wide gap, the wavelength axis
    is broken. Where several instruments were joined each has a colour, and the model is drawn for
    each of them, with its offset.

    Parameters
    ----------
    retrieval : Retrieval
        What to plot.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = _stretches(retrieval, _BREAK)
    names = [name for name in retrieval.molecules if _bands_within(name, retrieval, panels)]
    # Each panel's share of the width is its share of the log wavelength, but for a floor.
    limits = [_limits(retrieval, panel) for panel in panels]
    spans = np.array([np.log(high / low) for low, high in limits])
    spans = np.maximum(spans, 0.12 * spans.sum())
    strip = 0.19 * len(names)
    with rc_context({"font.size": 10, "axes.linewidth": 0.8, "mathtext.default": "regular"}):
        figure = Figure(figsize=(10.5, 5.9 + strip))
        grid = figure.add_gridspec(
            3,
            len(panels),
            width_ratios=spans,
            height_ratios=[max(strip, 0.01), 3.6, 1.35],
            left=0.075,
            right=0.985,
            bottom=0.085,
            top=0.93,
            hspace=0.06,
            wspace=0.025,
        )
        columns: list[tuple[Axes, Axes, Axes]] = []
        for k in range(len(panels)):
            main = figure.add_subplot(grid[1, k], sharey=columns[0][1] if k else None)
            rest = figure.add_subplot(grid[2, k], sharex=main, sharey=columns[0][2] if k else None)
            marks = figure.add_subplot(grid[0, k], sharex=main)
            columns.append((marks, main, rest))
        for k, (marks, main, rest) in enumerate(columns):
            _draw_marks(marks, retrieval, names, limits[k])
            for style, bins in _instruments(retrieval):
                seen = panels[k][bins[panels[k]]]
                for run in _stretches(retrieval, _GAP, seen) if seen.size else ():
                    _draw_model(main, retrieval, run)
                    _draw_errors(rest, retrieval, run)
                _draw_data(main, rest, retrieval, seen, style)
            _dress_column(marks, main, rest, limits[k], first=k == 0, last=k == len(panels) - 1)
        low, high, _ = _depth_range(retrieval)
        columns[0][1].set_ylim(100 * low, 100 * high)
        _set_residual_range(columns[0][2], retrieval)
        columns[0][1].set_ylabel("Transit depth (%)")
        columns[0][2].set_ylabel("Residual (σ of data)")
        _add_legends(columns, retrieval)
        middle = (0.075 + 0.985) / 2
        figure.supxlabel("Wavelength (µm)", x=middle, y=0.012, fontsize=10)
        figure.suptitle(_title(retrieval), x=0.075, y=0.985, ha="left", va="top", fontsize=11.5)
    return figure


def _title(retrieval: Retrieval) -> str:
    spectrum = retrieval.spectrum
    # Several instruments are in the legend, and too many for a line.
    instrument = spectrum.instrument if len(spectrum.by_instrument()) == 1 else ""
    parts = [spectrum.name or "unnamed spectrum", instrument]
    text = ", ".join(part for part in parts if part)
    text += rf"    reduced $\chi^2$ = {retrieval.reduced_chi2:.2f}"
    if retrieval.model_error.any():
        text += f" (with model error {retrieval.reduced_chi2_with_model_error:.2f})"
    return text


def _instruments(retrieval: Retrieval) -> list[tuple[dict[str, Any], np.ndarray]]:
    """How to draw the data of each instrument, with its name if there are several; its bins."""
    known = retrieval.spectrum.by_instrument()
    names = [name or f"instrument {k + 1}" for k, (name, _) in enumerate(known)]
    return [
        (
            {
                "color": _COLORS[k % len(_COLORS)],
                "fmt": _MARKERS[k % len(_MARKERS)],
                "label": f"{name}, 1σ" if len(known) > 1 else "data, 1σ",
            },
            bins,
        )
        for k, (name, (_, bins)) in enumerate(zip(names, known, strict=True))
    ]


def _stretches(
    retrieval: Retrieval, gap: float, within: np.ndarray | None = None
) -> list[np.ndarray]:
    """Split bins, by index, where the gap to the next one is wide."""
    grid = retrieval.spectrum.grid
    which = np.arange(len(grid)) if within is None else within
    empty = np.log(np.maximum(grid.lower[which[1:]] / grid.upper[which[:-1]], 1.0))
    width = np.log(grid.upper[which] / grid.lower[which])
    wide = empty > np.maximum(gap, _GAP_BINS * np.maximum(width[1:], width[:-1]))
    return np.split(which, np.flatnonzero(wide) + 1)


def _limits(retrieval: Retrieval, panel: np.ndarray) -> tuple[float, float]:
    grid = retrieval.spectrum.grid
    low, high = float(grid.lower[panel].min()), float(grid.upper[panel].max())
    margin = (high / low) ** 0.02
    return low / margin, high * margin


def _bands_within(
    name: str, retrieval: Retrieval, panels: list[np.ndarray]
) -> list[tuple[float, float]]:
    grid = retrieval.spectrum.grid
    ranges = [(grid.lower[p].min(), grid.upper[p].max()) for p in panels]
    bands = BANDS.get(name, ())
    return [b for b in bands if any(b[0] < high and b[1] > low for low, high in ranges)]


def _draw_marks(
    axis: Axes, retrieval: Retrieval, names: list[str], limits: tuple[float, float]
) -> None:
    for row, name in enumerate(names):
        found = retrieval.molecules[name] > DETECTED
        for low, high in BANDS[name]:
            low, high = max(low, limits[0]), min(high, limits[1])
            if low < high:
                color = _MODEL if found else "#c4c4c4"
                axis.barh(row, high - low, left=low, height=0.42, color=color, linewidth=0)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(range(len(names)), [formula(name) for name in names], fontsize=8.5)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        label.set_color(_DATA if retrieval.molecules[name] > DETECTED else "#757575")


def _draw_model(axis: Axes, retrieval: Retrieval, run: np.ndarray) -> None:
    grid = retrieval.spectrum.grid
    # A lone bin is drawn across its width, for a line needs two points.
    x = grid.wavelength[run] if len(run) > 1 else np.array([grid.lower[run], grid.upper[run]]).T[0]
    bands, best = 100 * retrieval.bands()[:, run], 100 * retrieval.best_depth[run]
    # A band that fills the frame would drown the data.
    faint = 0.35 if any(_depth_range(retrieval)[2]) else 1.0
    if len(run) == 1:
        bands, best = np.repeat(bands, 2, axis=1), np.repeat(best, 2)
    axis.fill_between(x, bands[0], bands[4], color=_MODEL, alpha=0.2 * faint, linewidth=0, zorder=2)
    axis.fill_between(x, bands[1], bands[3], color=_MODEL, alpha=0.4 * faint, linewidth=0, zorder=2)
    axis.plot(x, bands[2], color=_MODEL, linewidth=1.3, zorder=3)
    axis.plot(x, best, color=_BEST, linewidth=1.1, linestyle=(0, (4, 1.5)), zorder=4)


def _draw_errors(axis: Axes, retrieval: Retrieval, run: np.ndarray) -> None:
    """Fill the total error, in units of the data's, over each bin's whole width."""
    grid, sigma = retrieval.spectrum.grid, retrieval.spectrum.sigma[run]
    total = np.hypot(sigma, retrieval.model_error[run]) / sigma
    x = np.stack([grid.lower[run], grid.upper[run]], axis=1).ravel()
    # The narrower band of one instrument is not hidden by the wider one of another.
    for factor, color in ((2, "#ededed"), (1, "#d6d6d6")):
        y = factor * np.repeat(total, 2)
        axis.fill_between(x, -y, y, color=color, linewidth=0, zorder=0.5 - 0.25 * factor)


def _draw_data(
    main: Axes, rest: Axes, retrieval: Retrieval, panel: np.ndarray, style: dict[str, Any]
) -> None:
    spectrum = retrieval.spectrum
    x, width = spectrum.wavelength[panel], spectrum.half_width[panel]
    depth, sigma = spectrum.depth[panel], spectrum.sigma[panel]
    few = len(spectrum) < 60
    style = style | {
        "markersize": 4 if few else 2.6,
        "elinewidth": 1.0 if few else 0.75,
        "zorder": 5,
    }
    main.errorbar(x, 100 * depth, 100 * sigma, width, **style)
    rest.errorbar(x, (depth - retrieval.best_depth[panel]) / sigma, 1.0, width, **style)
    rest.axhline(0, color=_BEST, linewidth=1.0, linestyle=(0, (4, 1.5)), zorder=1)


def _dress_column(
    marks: Axes, main: Axes, rest: Axes, limits: tuple[float, float], first: bool, last: bool
) -> None:
    main.set_xscale("log")
    main.set_xlim(*limits)
    span = np.log(limits[1] / limits[0])
    rest.xaxis.set_major_locator(MaxNLocator(nbins=10 if span > 0.6 else 4, steps=[1, 2, 2.5, 5]))
    rest.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    for axis in (marks, main, rest):
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.spines["left"].set_visible(first)
        axis.spines["right"].set_visible(last)
        axis.tick_params(direction="in", top=axis is main, right=last, left=first, labelleft=first)
    main.tick_params(labelbottom=False)
    marks.tick_params(bottom=False, labelbottom=False, left=False, right=False)
    for spine in marks.spines.values():
        spine.set_visible(False)
    slash: dict[str, Any] = {"marker": [(-0.5, -1), (0.5, 1)], "markersize": 8, "linestyle": "none"}
    for axis in (main, rest):
        ends = ([] if first else [0]) + ([] if last else [1])
        for end in ends:
            axis.plot(
                [end, end],
                [0, 1],
                transform=axis.transAxes,
                color="k",
                mew=0.8,
                clip_on=False,
                **slash,
            )


def _depth_range(retrieval: Retrieval) -> tuple[float, float, tuple[bool, bool]]:
    """Return the range of depths to show, and whether the 68 and 95 % bands leave it.

    Long error bars and the wide bands of an unrefined posterior may leave the frame: they
    shall not press the data into a line.
    """
    depth, sigma, bands = retrieval.spectrum.depth, retrieval.spectrum.sigma, retrieval.bands()
    reach = np.minimum(sigma, 3 * np.median(sigma))
    low, high = float((depth - reach).min()), float((depth + reach).max())
    span = high - low
    floor, ceiling = low - _MOST_BAND * span, high + _MOST_BAND * span
    inner, outer = (bool(bands[k].min() < floor or bands[-1 - k].max() > ceiling) for k in (1, 0))
    low = max(min(low, float(bands[0].min())), floor)
    high = min(max(high, float(bands[-1].max())), ceiling)
    return low - 0.04 * (high - low), high + 0.08 * (high - low), (inner, outer)


def _set_residual_range(axis: Axes, retrieval: Retrieval) -> None:
    residual = (retrieval.spectrum.depth - retrieval.best_depth) / retrieval.spectrum.sigma
    reach = max(3.2, float(np.abs(residual).max()) + 1.4)
    # More room below, for the legend.
    axis.set_ylim(-1.3 * reach, reach)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, symmetric=True))


def _add_legends(columns: list[tuple[Axes, Axes, Axes]], retrieval: Retrieval) -> None:
    """Put the legends where the widest panel has most room."""
    widest = max(columns, key=lambda column: column[1].get_position().width)
    main, rest = widest[1], widest[2]
    line: dict[str, Any] = {"color": _MODEL, "linewidth": 1.3}
    inner, outer = (
        f"{level} % (leaves the frame)" if leaves else f"{level} %"
        for level, leaves in zip((68, 95), _depth_range(retrieval)[2], strict=True)
    )
    handles = [
        *(main.errorbar([], [], [], [], markersize=3, **s) for s, _ in _instruments(retrieval)),
        main.plot([], [], **line, label="model: median")[0],
        main.fill_between([], [], color=_MODEL, alpha=0.5, linewidth=0, label=inner),
        main.fill_between([], [], color=_MODEL, alpha=0.2, linewidth=0, label=outer),
        main.plot([], [], color=_BEST, linestyle=(0, (4, 1.5)), label="best draw")[0],
    ]
    main.legend(
        handles=handles, loc="best", fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none"
    )
    what = "data ⊕ model sampling" if retrieval.model_error.any() else "data"
    patches = [
        rest.fill_between([], [], color="#d6d6d6", label=f"±1σ, {what}"),
        rest.fill_between([], [], color="#ededed", label="±2σ"),
    ]
    rest.legend(
        handles=patches,
        loc="lower right",
        ncols=2,
        fontsize=8,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
        borderaxespad=0.2,
    )

"""A spectrum of which a part was given, and the whole one that a model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from scipy.stats import norm

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.report.panels import COLORS, STYLE

__all__ = ["plot_completion"]

_MODEL, _TRUTH, _DATA = COLORS[0], COLORS[1], COLORS[6]
_HELD, _MASK = "#8c8c8c", "#f0ece4"
_LEFT, _RIGHT = 0.075, 0.985
# Normal intervals of 68 and 95 %, in standard deviations.
_INNER, _OUTER = norm.ppf((1 + 0.68) / 2), norm.ppf((1 + 0.95) / 2)
# How far error bars and bands may widen the range of depths, in units of what it was: they shall
# not press the data into a line.
_MOST_BAND = 0.5
# Wavelengths between these factors fit no whole numbers of a logarithmic axis.
_NARROW = 2.5


@dataclass(frozen=True, eq=False)
class _Completion:
    """What is drawn; arrays of shape (n_bins,)."""

    grid: SpectralGrid
    depth: np.ndarray
    sigma: np.ndarray
    completed: np.ndarray
    std: np.ndarray
    masked: np.ndarray
    truth: np.ndarray | None

    @property
    def given(self) -> np.ndarray:
        return ~self.masked

    @property
    def held(self) -> np.ndarray:
        """Data that the model was not given."""
        return self.masked & ~np.isnan(self.depth)


def plot_completion(
    grid: SpectralGrid,
    depth: Any,
    sigma: Any,
    completed: Any,
    std: Any,
    *,
    masked: Any | None = None,
    truth: Any | None = None,
    title: str = "",
) -> Figure:
    """Plot what was given of a spectrum, and its completion with the data over it.

    Above, the data; bins that the model was not given are shaded, and what data there are of them
    is grey. In the middle the completed spectrum with its 68 and 95 % bands, taken as normal, and
    the data that were given. Below, the residuals: of data that were given in units of their
    errors, of data held back in units of theirs and the completion's together, and of the truth
    in masked bins in units of the completion's.

    Parameters
    ----------
    grid : SpectralGrid
        The bins.
    depth, sigma : array-like of shape (n_bins,)
        Transit depths and 1-sigma errors, as fractions; NaN where there are no data.
    completed, std : array-like of shape (n_bins,)
        Mean and standard deviation of the completed spectrum, as
        :meth:`exosk.models.fitted.FittedModel.complete` gives them.
    masked : array-like of bool, shape (n_bins,), optional
        Bins that the model was not given; by default those without data.
    truth : array-like of shape (n_bins,), optional
        The noise-free spectrum, where it is known.
    title : str, default=""
        What the spectrum is of.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GridError
        If an array does not have as many values as there are bins, or no bin was given.
    RangeError
        If a bin that was given has no depth, a depth no error, or the completion or the truth is
        no number.
    """
    shown = _checked(grid, depth, sigma, completed, std, masked, truth)
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 7.4))
        rows = figure.add_gridspec(
            3,
            1,
            height_ratios=[2.3, 3.4, 1.5],
            left=_LEFT,
            right=_RIGHT,
            bottom=0.075,
            top=0.94,
            hspace=0.06,
        )
        above = figure.add_subplot(rows[0])
        main = figure.add_subplot(rows[1], sharex=above, sharey=above)
        rest = figure.add_subplot(rows[2], sharex=above)
        for axes in (above, main, rest):
            _shade(axes, shown)
        _draw_given(above, shown)
        _draw_completion(main, shown)
        _draw_residuals(rest, shown)
        low, high = _depth_range(shown)
        above.set_ylim(100 * low, 100 * high)
        _dress([above, main, rest], grid)
        given = int(shown.given.sum())
        count = f"{given} of {len(grid)} bins given"
        figure.suptitle(
            f"{title}    {count}" if title else count,
            x=_LEFT,
            y=0.985,
            ha="left",
            va="top",
            fontsize=11.5,
        )
    return figure


def _checked(
    grid: SpectralGrid,
    depth: Any,
    sigma: Any,
    completed: Any,
    std: Any,
    masked: Any | None,
    truth: Any | None,
) -> _Completion:
    given = {"depth": depth, "sigma": sigma, "completed": completed, "std": std}
    if truth is not None:
        given["truth"] = truth
    arrays = {name: np.asarray(values, dtype=float) for name, values in given.items()}
    missing = np.isnan(arrays["depth"]) if masked is None else np.asarray(masked, dtype=bool)
    for name, array in (*arrays.items(), ("masked", missing)):
        if array.shape != (len(grid),):
            raise GridError(f"{name} has the shape {array.shape}, but there are {len(grid)} bins")
    if missing.all():
        raise GridError("all bins are masked; a completion needs at least one that was given")
    depth, sigma = arrays["depth"], arrays["sigma"]
    # NaN is not positive either.
    for name, wrong in (
        ("depth", ~missing & ~np.isfinite(depth)),
        ("sigma", ~(missing & np.isnan(depth)) & ~(sigma > 0)),
    ):
        if wrong.any():
            k = np.flatnonzero(wrong)[0]
            raise RangeError(
                f"the {name} of bin {k} is {arrays[name][k]:g}; bins that were given need a depth, "
                f"and every depth an error above 0: mask the bin and leave its depth out "
                f"({wrong.sum()} are such)"
            )
    for name in ("completed", "std", "truth"):
        if not np.isfinite(arrays.get(name, 0.0)).all():
            raise RangeError(f"{name} must be a finite number in every bin")
    return _Completion(
        grid,
        depth,
        sigma,
        arrays["completed"],
        arrays["std"],
        missing,
        arrays.get("truth"),
    )


def _runs(grid: SpectralGrid, which: np.ndarray) -> list[np.ndarray]:
    """Split the bins of a mask, by index, where they are not neighbours or leave a gap."""
    index = np.flatnonzero(which)
    width = grid.upper - grid.lower
    empty = grid.lower[index[1:]] - grid.upper[index[:-1]]
    apart = empty > np.maximum(width[index[1:]], width[index[:-1]])
    return np.split(index, np.flatnonzero(apart | (np.diff(index) > 1)) + 1)


def _ends(grid: SpectralGrid, run: np.ndarray) -> np.ndarray:
    """Return the centres of neighbouring bins between their outer edges, for a line through all."""
    return np.concatenate([grid.lower[run[:1]], grid.wavelength[run], grid.upper[run[-1:]]])


def _shade(axes: Axes, shown: _Completion) -> None:
    if not shown.masked.any():
        return
    for run in _runs(shown.grid, shown.masked):
        span = shown.grid.lower[run[0]], shown.grid.upper[run[-1]]
        axes.axvspan(*span, color=_MASK, linewidth=0, zorder=0)


def _points(
    axes: Axes, shown: _Completion, which: np.ndarray, y: Any, error: Any, **style: Any
) -> Any:
    few = len(shown.grid) < 60
    settings: dict[str, Any] = {
        "fmt": "o",
        "color": _DATA,
        "markersize": 4 if few else 2.4,
        "elinewidth": 1.0 if few else 0.7,
        "zorder": 5,
    }
    x, width = shown.grid.wavelength[which], shown.grid.half_width[which]
    return axes.errorbar(x, y, error, width, **settings | style)


def _draw_given(axes: Axes, shown: _Completion) -> None:
    handles = []
    for which, color, label, order in (
        (shown.given, _DATA, "data, 1σ", 5),
        (shown.held, _HELD, "data held back", 4),
    ):
        if which.any():
            depth, sigma = 100 * shown.depth[which], 100 * shown.sigma[which]
            style = {"color": color, "label": label, "zorder": order}
            handles.append(_points(axes, shown, which, depth, sigma, **style))
    if shown.masked.any():
        handles.append(axes.fill_between([], [], color=_MASK, label="not given to the model"))
    _legend(axes, handles)
    axes.set_ylabel("Given depth (%)")


def _draw_completion(axes: Axes, shown: _Completion) -> None:
    mean, std = 100 * shown.completed, 100 * shown.std
    for run in _runs(shown.grid, np.ones(len(shown.grid), dtype=bool)):
        x, through = _ends(shown.grid, run), np.concatenate([run[:1], run, run[-1:]])
        for reach, strength in ((_OUTER, 0.2), (_INNER, 0.38)):
            low, high = (mean + sign * reach * std for sign in (-1, 1))
            axes.fill_between(
                x, low[through], high[through], color=_MODEL, alpha=strength, linewidth=0, zorder=2
            )
        axes.plot(x, mean[through], color=_MODEL, linewidth=1.3, zorder=3)
        if shown.truth is not None:
            axes.plot(x, 100 * shown.truth[through], color=_TRUTH, linewidth=1.0, zorder=4)
    given = shown.given
    handles: list[Any] = [
        _points(
            axes, shown, given, 100 * shown.depth[given], 100 * shown.sigma[given], label="data, 1σ"
        ),
        axes.plot([], [], color=_MODEL, linewidth=1.3, label="completed: mean")[0],
    ]
    low, high = _depth_range(shown)
    for reach, strength, level in ((_INNER, 0.5, "68 %"), (_OUTER, 0.2, "95 %")):
        outside = (mean - reach * std < 100 * low) | (mean + reach * std > 100 * high)
        label = f"{level} (leaves the frame)" if outside.any() else level
        handles.append(
            axes.fill_between([], [], color=_MODEL, alpha=strength, linewidth=0, label=label)
        )
    if shown.truth is not None:
        handles.append(axes.plot([], [], color=_TRUTH, linewidth=1.0, label="truth")[0])
    _legend(axes, handles)
    axes.set_ylabel("Completed depth (%)")


def _draw_residuals(axes: Axes, shown: _Completion) -> None:
    for half, strength in ((2, 0.12), (1, 0.22)):
        axes.axhspan(-half, half, color="#606060", alpha=strength, linewidth=0, zorder=1)
    axes.axhline(0, color=_MODEL, linewidth=1.0, zorder=2)
    rest = shown.depth - shown.completed
    given, held = shown.given, shown.held
    values = [rest[given] / shown.sigma[given]]
    handles = [_points(axes, shown, given, values[0], None, label="data, of their σ")]
    if held.any():
        total = np.hypot(shown.sigma, shown.std)[held]
        values.append(rest[held] / total)
        style = {"color": _HELD, "zorder": 4, "label": "held back, of both σ"}
        handles.append(_points(axes, shown, held, values[-1], None, **style))
    if shown.truth is not None and shown.masked.any():
        pull = (shown.truth - shown.completed) / np.maximum(shown.std, np.finfo(float).tiny)
        values.append(pull[shown.masked])
        for run in _runs(shown.grid, shown.masked):
            through = np.concatenate([run[:1], run, run[-1:]])
            x = _ends(shown.grid, run)
            axes.plot(x, pull[through], color=_TRUTH, linewidth=1.0, zorder=3)
        label = "truth where masked, of the completion's σ"
        handles.append(axes.plot([], [], color=_TRUTH, linewidth=1.0, label=label)[0])
    most = max(float(np.abs(value).max()) for value in values)
    reach = min(max(3.2, 1.15 * most), 12.0)
    # More room below, for the legend.
    axes.set_ylim(-1.45 * reach, reach)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_ylabel("Residual (σ)")
    _legend(axes, handles, above=False)


def _legend(axes: Axes, handles: list[Any], *, above: bool = True) -> None:
    axes.legend(
        handles=handles,
        loc="upper right" if above else "lower right",
        ncols=len(handles),
        fontsize=8.5,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
        borderaxespad=0.3,
    )


def _depth_range(shown: _Completion) -> tuple[float, float]:
    """Return the depths to show: all means, and as much of errors and bands as leaves them room."""
    there = ~np.isnan(shown.depth)
    sigma = shown.sigma[there]
    reach = np.minimum(sigma, 3 * np.median(sigma))
    lines = [shown.depth[there], shown.completed]
    if shown.truth is not None:
        lines.append(shown.truth)
    low, high = min(line.min() for line in lines), max(line.max() for line in lines)
    span = max(high - low, 1e-6)
    wide = [shown.depth[there] - reach, shown.depth[there] + reach]
    wide += [shown.completed - _OUTER * shown.std, shown.completed + _OUTER * shown.std]
    low = max(min(w.min() for w in wide), low - _MOST_BAND * span)
    high = min(max(w.max() for w in wide), high + _MOST_BAND * span)
    span = max(high - low, 1e-6)
    # Above is room for a legend in one line.
    return float(low - 0.04 * span), float(high + 0.16 * span)


def _dress(panels: list[Axes], grid: SpectralGrid) -> None:
    low, high = grid.range
    last = panels[-1]
    last.set_xscale("log")
    last.set_xlim(low, high)
    if high / low > _NARROW:
        last.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    else:
        ticks = MaxNLocator(nbins=9, steps=[1, 2, 2.5, 5]).tick_values(low, high)
        last.xaxis.set_major_locator(FixedLocator(list(ticks)))
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in panels:
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(direction="in", top=True, right=True, labelbottom=axes is last)
    last.set_xlabel("Wavelength (µm)")

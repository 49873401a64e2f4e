"""How good methods are beside what they cost: one figure a task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from exosk.benchmark import Entry, Result, Score
from exosk.paper.diagrams import PAGE_WIDTH, STYLE
from exosk.paper.numbers import best_of
from exosk.report.panels import COLORS, MARKERS, clean

__all__ = ["plot_performance", "score_to_plot"]

_HEIGHT, _ROW = 2.9, 0.165
# Methods that are worth a figure.
_LEAST = 3


def score_to_plot(result: Result) -> str | None:
    """Return the name of the score that methods are compared by; None where there is nothing to.

    Parameters
    ----------
    result : Result
        Of a task.

    Returns
    -------
    str or None
        The first score that something was asked of and that three methods or more have, with what
        they cost. No time: it is the cost itself.
    """
    for name in dict.fromkeys(s.name for e in result.entries for s in e.scores):
        points = _points(result.entries, name)
        no_time = all(score.unit != "s" for _, score, _ in points)
        if len(points) >= _LEAST and no_time and best_of(result.entries, name):
            return name
    return None


def plot_performance(result: Result, name: str) -> Figure:
    """Plot a score against the seconds that it cost.

    Parameters
    ----------
    result : Result
        Of a task.
    name : str
        The score, as :func:`score_to_plot` names it.

    Returns
    -------
    matplotlib.figure.Figure
        Methods as points, with their errors, and what was asked for as lines.
    """
    points = _points(result.entries, name)
    height = max(_HEIGHT, _ROW * len(points) + 0.9)
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE_WIDTH, height))
        axes = figure.add_axes((0.6 / PAGE_WIDTH, 0.5 / height, 3.7 / PAGE_WIDTH,
                                1 - 0.65 / height))  # fmt: skip
        for k, (entry, score, seconds) in enumerate(points):
            axes.errorbar(
                seconds,
                score.value,
                score.error or 0.0,
                fmt=MARKERS[k % len(MARKERS)],
                color=COLORS[k % len(COLORS)],
                # Beyond as many as there are colours they are hollow.
                markerfacecolor=None if k < len(COLORS) else "white",
                markersize=5,
                linestyle="none",
                label=entry.method,
                zorder=3,
            )
        _draw_asked(axes, [score for _, score, _ in points])
        _dress(axes, [seconds for *_, seconds in points], points[0][1])
        axes.legend(
            loc="center left", bbox_to_anchor=(1.03, 0.5), frameon=False, fontsize=7,
            handletextpad=0.3, borderaxespad=0,
        )  # fmt: skip
    return figure


def _points(entries: Sequence[Entry], name: str) -> list[tuple[Entry, Score, float]]:
    return [
        (entry, score, entry.cost.total)
        for entry in entries
        for score in entry.scores
        if score.name == name and score.value is not None and entry.cost.total
    ]


def _draw_asked(axes: Axes, scores: Sequence[Score]) -> None:
    bounds = [b for s in scores for b in (s.at_least, s.at_most) if b is not None]
    for k, bound in enumerate(sorted(set(bounds))):
        label = "asked for" if k == 0 else None
        axes.axhline(bound, color="0.45", linewidth=0.8, linestyle=(0, (5, 3)), label=label)


def _dress(axes: Axes, seconds: Sequence[float], score: Score) -> None:
    axes.set_xscale("log")
    low, high = min(seconds), max(seconds)
    # A decade at least, so that there are ticks with numbers.
    margin = max(1.25, np.sqrt(12.0 * low / high))
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if high / low < 100 else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    axes.set_xlabel("cost: simulation, training and inference (s)")
    unit = f" ({score.unit})" if score.unit else ""
    axes.set_ylabel(score.name.replace("R2", "$R^2$") + unit)
    clean(axes)

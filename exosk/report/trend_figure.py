"""Scores against signal-to-noise and abundance, with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from exosk.report.panels import COLORS, MARKERS, STYLE, clean, head, panel_figure

__all__ = [
    "plot_detection_by_abundance",
    "plot_detection_trends",
    "plot_retrieval_by_truth",
    "plot_retrieval_trends",
]

_NONE = (np.nan, np.nan)
# Share of the axis, about, over which the marks of one stratum are spread.
_APART = 0.15
# A share or an area of fewer spectra than this says nothing.
_LEAST = 5
_BARS = "bars: 95 % intervals"
_COUNTED = f"{_BARS}; not drawn: fewer than {_LEAST} spectra that count"


# What counts for a score beside true positives.
_OTHERS = {"auc": "false_negative", "recall": "false_negative", "precision": "false_positive"}


@dataclass(frozen=True)
class _Panel:
    """One score of several things: by their labels, (center, value, low, high) of each stratum."""

    title: str
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]]
    reference: float | None = None
    limits: tuple[float | None, float | None] = (None, None)


def plot_retrieval_trends(
    records: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str],
    quantity: str,
    *,
    logarithmic: bool = False,
) -> Figure:
    """Plot R2 and the coverage of the 68 % interval against a quantity.

    Parameters
    ----------
    records : sequence of mapping
        As :func:`~exosk.evaluation.retrievals_by` returns them.
    labels : mapping of str to str
        Parameters to draw, with their labels.
    quantity : str
        Title of the axis.
    logarithmic : bool, default=False
        Whether the axis is.

    Returns
    -------
    matplotlib.figure.Figure
        Bars are 95 % intervals: bootstrap for R2, binomial for coverage.
    """
    r2, coverage = {}, {}
    level = 0.68
    for name, label in labels.items():
        scores = [(record["center"], record["parameters"][name]) for record in records]
        r2[label] = [_point(x, each, "r2") for x, each in scores]
        coverage[label] = []
        for x, each in scores:
            found = min(each["coverage"], key=lambda one: abs(one["level"] - 0.68))
            level, share, error = found["level"], found["observed"], 1.96 * found["error"]
            coverage[label].append((x, 100 * share, 100 * (share - error), 100 * (share + error)))
    panels = [
        _Panel(r"$R^2$ within the stratum", r2, 0.0, (-0.5, 1.0)),
        _Panel(f"Truths in the {100 * level:g} % interval (%)", coverage, 100 * level),
    ]
    return _plot(panels, quantity, logarithmic)


def plot_retrieval_by_truth(
    records: Mapping[str, Sequence[Mapping[str, Any]]], labels: Mapping[str, str], quantity: str
) -> Figure:
    """Plot RMSE and bias of each parameter against its own true value.

    Parameters
    ----------
    records : mapping
        As :func:`~exosk.evaluation.retrievals_by_truth` returns them.
    labels : mapping of str to str
        Labels of the parameters.
    quantity : str
        Title of the axis.

    Returns
    -------
    matplotlib.figure.Figure
        Bars are 95 % intervals by the bootstrap.
    """
    rmse, bias = (
        {
            labels[name]: [_point(each["center"], each, score) for each in found]
            for name, found in records.items()
        }
        for score in ("rmse", "bias")
    )
    panels = [
        _Panel("RMSE", rmse, None, (0.0, None)),
        _Panel("Bias (retrieved − true)", bias, 0.0),
    ]
    return _plot(panels, quantity, False)


def plot_detection_trends(
    records: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str],
    quantity: str,
    *,
    logarithmic: bool = False,
) -> Figure:
    """Plot the area under the ROC curve, recall and precision against a quantity.

    Parameters
    ----------
    records : sequence of mapping
        As :func:`~exosk.evaluation.detections_by` returns them.
    labels : mapping of str to str
        Molecules to draw, with their labels.
    quantity : str
        Title of the axis.
    logarithmic : bool, default=False
        Whether the axis is.

    Returns
    -------
    matplotlib.figure.Figure
        Bars are 95 % intervals: DeLong's for the area, Wilson's for shares.
    """
    curves: dict[str, dict[str, Any]] = {"auc": {}, "recall": {}, "precision": {}}
    for score, found in curves.items():
        for name, label in labels.items():
            found[label] = [
                _point(record["center"], record["molecules"][name], score) for record in records
            ]
    panels = [
        _Panel("Area under the ROC curve", curves["auc"], None, (None, 1.005)),
        _Panel("Recall", curves["recall"], None, (0.0, 1.02)),
        _Panel("Precision", curves["precision"], None, (None, 1.02)),
    ]
    return _plot(panels, quantity, logarithmic, _COUNTED)


def plot_detection_by_abundance(
    records: Mapping[str, Sequence[Mapping[str, Any]]], labels: Mapping[str, str]
) -> Figure:
    """Plot how often each molecule is detected, and how well told apart, by its abundance.

    Parameters
    ----------
    records : mapping
        As :func:`~exosk.evaluation.detections_by_abundance` returns them.
    labels : mapping of str to str
        Labels of the molecules.

    Returns
    -------
    matplotlib.figure.Figure
        Bars are 95 % intervals: Wilson's for shares, DeLong's for the area.
    """
    detected, recall, auc = (
        {
            labels[name]: [_point(each["center"], each, score) for each in found]
            for name, found in records.items()
        }
        for score in ("detected", "recall", "auc")
    )
    panels = [
        _Panel("Share of all spectra with a detection", detected, None, (0.0, 1.02)),
        _Panel("Recall of those labelled present", recall, None, (0.0, 1.02)),
        _Panel("AUC against spectra without", auc, None, (None, 1.005)),
    ]
    return _plot(panels, r"$\log_{10}$ abundance of the molecule", False, _COUNTED)


def _point(x: float, scores: Mapping[str, Any], name: str) -> tuple[float, float, float, float]:
    """Center, score and the ends of its interval; NaN where there is none."""
    value = scores.get(name)
    counts = scores.get("confusion")
    if counts is not None and name in _OTHERS:
        counted = counts["true_positive"] + counts[_OTHERS[name]]
        value = value if counted >= _LEAST else None
    low, high = scores.get(f"{name}_interval") or _NONE
    point = [np.nan if each is None else float(each) for each in (value, low, high)]
    return x, point[0], point[1], point[2]


def _plot(panels: Sequence[_Panel], quantity: str, logarithmic: bool, note: str = _BARS) -> Figure:
    figure, axes = panel_figure(len(panels), size=(3.3, 3.1), gap=(0.85, 0.8), right=1.35)
    with rc_context(STYLE):
        for axis, panel in zip(axes, panels):
            if logarithmic:
                axis.set_xscale("log")
            for k, (label, points) in enumerate(panel.curves.items()):
                _draw(axis, label, points, k, len(panel.curves), logarithmic)
            if panel.reference is not None:
                axis.axhline(panel.reference, color="#1a1a1a", linewidth=0.8, linestyle="--")
            _limit(axis, panel.limits)
            axis.set_xlabel(quantity)
            axis.set_ylabel(panel.title)
            clean(axis)
            if logarithmic:
                axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.xaxis.set_minor_formatter(NullFormatter())
        axes[-1].legend(loc="center left", bbox_to_anchor=(1.03, 0.5), frameon=False, fontsize=9)
        head(figure, note)
    return figure


def _draw(
    axis: Axes,
    label: str,
    points: Sequence[tuple[float, float, float, float]],
    k: int,
    n: int,
    logarithmic: bool,
) -> None:
    x, y, low, high = np.array(points, dtype=float).reshape(-1, 4).T
    # Side by side, lest bars hide each other.
    if logarithmic:
        x = x * np.exp(min(0.025, _APART / n) * (k - (n - 1) / 2))
    elif len(x) > 1:
        x = x + min(0.009, _APART / n / 2.5) * np.ptp(x) * (k - (n - 1) / 2)
    # An interval of a skewed distribution may leave out the point.
    bars = np.where(np.isnan(y), np.nan, np.maximum([y - low, high - y], 0.0))
    again, color = divmod(k, len(COLORS))
    axis.errorbar(
        x,
        y,
        bars,
        color=COLORS[color],
        marker=MARKERS[(color + again) % len(MARKERS)],
        markerfacecolor="white" if again else COLORS[color],
        linestyle="--" if again else "-",
        markersize=4.5,
        linewidth=1.2,
        elinewidth=0.9,
        label=label,
    )


def _limit(axis: Axes, limits: tuple[float | None, float | None]) -> None:
    """Widen or cut the axis: a lower limit below the data is not needed but for zero."""
    low, high = axis.get_ylim()
    least, most = limits
    if least is not None:
        low = 0.0 if least == 0 else max(low, least)
    if most is not None:
        high = most if high > most or most <= 1.02 else high
    axis.set_ylim(low, high)

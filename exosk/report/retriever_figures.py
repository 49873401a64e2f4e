"""How good a retriever's values and intervals are, in figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import binom

from exosk.evaluation.coverage import pit_coverage
from exosk.evaluation.regression import RetrieverEvaluation
from exosk.evaluation.strata import strata
from exosk.parameters import Parameter
from exosk.report.panels import COLORS, STYLE, clean, head, panel_figure
from exosk.report.wording import decimals, number

__all__ = ["plot_coverage", "plot_pit", "plot_predictions"]

_INK = "#1a1a1a"
_DENSITY = LinearSegmentedColormap.from_list("blues", ["#e3eef7", "#8dbbdc", "#0072b2", "#00314d"])
# Fewer spectra than this are drawn one by one.
_MANY = 500
_N_BINS = 40
# Strata of the true value, and the fewest spectra of one that is drawn.
_N_STRATA, _LEAST = 9, 10
# Nominal levels of the coverage curve.
_NOMINAL = np.linspace(0.0, 1.0, 101)


def plot_predictions(evaluation: RetrieverEvaluation) -> Figure:
    """Plot retrieved against true parameters, with intervals.

    Parameters
    ----------
    evaluation : RetrieverEvaluation
        Of any number of spectra.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a parameter: number of spectra by true value and posterior mean and, in strata
        of the true value, the median of the means and of the ends of the 68 % intervals. With
        fewer than 500 spectra each is drawn by itself.
    """
    metrics = evaluation.metrics(n_bootstrap=2)
    many = len(evaluation) >= _MANY
    figure, axes = panel_figure(
        len(evaluation.space), gap=(0.8, 0.85), top=0.2, right=0.75 if many else 0.0
    )
    spans = [_span(p, evaluation.truth[:, k]) for k, p in enumerate(evaluation.space)]
    with rc_context(STYLE):
        counts = [_count(evaluation, k, span) for k, span in enumerate(spans)]
        norm = LogNorm(1, max(2, *(count.max() for count in counts)))
        for k, (axis, parameter, span) in enumerate(zip(axes, evaluation.space, spans)):
            if many:
                edges = np.linspace(*span, _N_BINS + 1)
                shown = np.ma.masked_equal(counts[k].T, 0)
                image = axis.pcolormesh(
                    edges, edges, shown, cmap=_DENSITY, norm=norm, rasterized=True
                )
                _draw_strata(axis, evaluation, k, span)
            else:
                _draw_each(axis, evaluation, k)
            axis.plot(span, span, color=_INK, linewidth=0.8, linestyle="--")
            axis.set_xlim(span)
            axis.set_ylim(span)
            _name(axis, parameter)
            _write_scores(axis, metrics[parameter.name])
            clean(axis, grid=False)
        level = (
            f"{'conformal ' if evaluation.conformal else ''}{100 * _level(evaluation):g} % interval"
        )
        if many:
            width = figure.get_figwidth()
            box = axes[0].get_position()
            bar = figure.add_axes((1 - 0.75 / width, box.y0, 0.12 / width, box.height))
            figure.colorbar(image, cax=bar, label="Spectra")
            marks = f"points: medians of the posterior mean and of the ends of the {level}"
        else:
            marks = f"points: posterior mean and {level} of each"
        head(figure, f"{len(evaluation)} test spectra; {marks}")
    return figure


def _count(evaluation: RetrieverEvaluation, k: int, span: tuple[float, float]) -> np.ndarray:
    """Count spectra by true value and posterior mean; those beyond go into the outermost bins."""
    pair = (np.clip(column[:, k], *span) for column in (evaluation.truth, evaluation.mean))
    return np.histogram2d(*pair, bins=np.linspace(*span, _N_BINS + 1))[0]


def _write_scores(axis: Axes, scores: dict[str, Any]) -> None:
    places = decimals(scores["rmse"])
    r2 = "undefined" if np.isnan(scores["r2"]) else number(scores["r2"], 2)
    axis.text(
        0.04,
        0.96,
        rf"$R^2$ = {r2}" + f"\nRMSE = {number(scores['rmse'], places)}\n"
        f"bias = {number(scores['bias'], places, sign=True)}",
        transform=axis.transAxes,
        va="top",
        fontsize=8.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def _draw_each(axis: Axes, evaluation: RetrieverEvaluation, k: int) -> None:
    truth, mean = evaluation.truth[:, k], evaluation.mean[:, k]
    lower, upper = _intervals(evaluation, k)
    # A skewed posterior's mean may lie outside its interval; an error bar can't be negative.
    bars = np.maximum([mean - lower, upper - mean], 0.0)
    axis.errorbar(
        truth,
        mean,
        bars,
        fmt="o",
        markersize=2.5,
        color=COLORS[0],
        ecolor="#a9cbe2",
        elinewidth=0.7,
    )


def _draw_strata(
    axis: Axes, evaluation: RetrieverEvaluation, k: int, span: tuple[float, float]
) -> None:
    truth, mean = evaluation.truth[:, k], evaluation.mean[:, k]
    lower, upper = _intervals(evaluation, k)
    for stratum in strata(truth, np.linspace(*span, _N_STRATA + 1)):
        if len(stratum) < _LEAST:
            continue
        rows = stratum.rows
        x = np.median(truth[rows])
        ends = np.median(lower[rows]), np.median(upper[rows])
        axis.plot([x, x], ends, color=COLORS[1], linewidth=1.5, solid_capstyle="butt")
        axis.plot(
            x,
            np.median(mean[rows]),
            "o",
            color=COLORS[1],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
        )


def plot_coverage(evaluation: RetrieverEvaluation) -> Figure:
    """Plot how often intervals of every level hold the truth.

    Parameters
    ----------
    evaluation : RetrieverEvaluation
        Of any number of spectra.

    Returns
    -------
    matplotlib.figure.Figure
        Left the observed share against the nominal level, right their difference in percentage
        points. The grey band holds 95 % of the shares of exact intervals.
    """
    figure, (whole, rest) = panel_figure(2, size=(3.6, 3.6), gap=(0.85, 0.8), right=1.7, top=0.05)
    n = len(evaluation)
    band = np.array([binom.ppf(q, n, _NOMINAL) / n for q in (0.025, 0.975)])
    band[:, 0], band[:, -1] = 0.0, 1.0
    observed = pit_coverage(evaluation.pit, _NOMINAL)
    with rc_context(STYLE):
        for axis, zero, scale in ((whole, 0.0, 1.0), (rest, _NOMINAL, 100.0)):
            axis.fill_between(
                _NOMINAL,
                *(scale * (band - zero)),
                color="0.85",
                linewidth=0,
                label="exact (95 %)",
            )
            for k, parameter in enumerate(evaluation.space):
                axis.plot(
                    _NOMINAL,
                    scale * (observed[:, k] - zero),
                    color=COLORS[k % len(COLORS)],
                    linestyle=("-", "--", ":")[(k // len(COLORS)) % 3],
                    linewidth=1.4,
                    label=parameter.label,
                )
            axis.set_xlabel("Nominal level of the interval")
            axis.set_xlim(0, 1)
            clean(axis)
        whole.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--")
        whole.set_ylim(0, 1)
        whole.set_ylabel("Share of truths inside")
        rest.axhline(0, color=_INK, linewidth=0.8, linestyle="--")
        reach = max(5.0, 1.1 * float(np.abs(100 * (observed - _NOMINAL[:, None])).max()))
        rest.set_ylim(-reach, reach)
        rest.set_ylabel("Observed − nominal (percentage points)")
        rest.text(0.03, 0.97, "too cautious", transform=rest.transAxes, va="top", color="0.35")
        rest.text(0.03, 0.03, "too sure", transform=rest.transAxes, va="bottom", color="0.35")
        rest.legend(loc="center left", bbox_to_anchor=(1.03, 0.5), frameon=False, fontsize=9)
        kind = "Conformal intervals" if evaluation.conformal else "Intervals of the posterior"
        head(figure, f"{kind}, {n} test spectra")
    return figure


def plot_pit(evaluation: RetrieverEvaluation, n_bins: int = 20) -> Figure:
    """Plot histograms of the probability integral transform.

    Flat is honest; a hump is too cautious, a trough too sure, a slope biased.

    Parameters
    ----------
    evaluation : RetrieverEvaluation
        Of any number of spectra.
    n_bins : int, default=20
        Bins between 0 and 1.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a parameter; the grey band holds 95 % of the counts of exact posteriors.
    """
    figure, axes = panel_figure(len(evaluation.space), size=(2.4, 1.75), gap=(0.35, 0.8), top=0.4)
    n = len(evaluation)
    band = binom.ppf([0.025, 0.975], n, 1 / n_bins) * n_bins / n
    edges = np.linspace(0, 1, n_bins + 1)
    heights = [
        np.histogram(np.clip(column, 0, 1), edges)[0] * n_bins / n for column in evaluation.pit.T
    ]
    top = 1.15 * max(2.0 / 1.15, band[1], *(height.max() for height in heights))
    with rc_context(STYLE):
        for axis, parameter, height in zip(axes, evaluation.space, heights):
            axis.axhspan(*band, color="0.85", linewidth=0)
            axis.axhline(1, color=_INK, linewidth=0.8, linestyle="--")
            axis.stairs(height, edges, color=COLORS[0], linewidth=1.3)
            axis.stairs(height, edges, color=COLORS[0], fill=True, alpha=0.18, linewidth=0)
            axis.set_xlim(0, 1)
            axis.set_ylim(0, top)
            axis.set_title(parameter.label, fontsize=10)
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
            axis.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
            first = axis.get_position().x0 == axes[0].get_position().x0
            axis.tick_params(labelleft=first)
            if first:
                axis.set_ylabel("Density")
            axis.set_xlabel("PIT of the truth")
            clean(axis, grid=False)
        head(figure, f"{n} test spectra; grey: 95 % of the counts of exact posteriors")
    return figure


def _intervals(evaluation: RetrieverEvaluation, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals nearest to 68 %, of one parameter."""
    which = evaluation.levels.index(_level(evaluation))
    return evaluation.intervals[which, 0, :, k], evaluation.intervals[which, 1, :, k]


def _level(evaluation: RetrieverEvaluation) -> float:
    return min(evaluation.levels, key=lambda level: abs(level - 0.68))


def _span(parameter: Parameter, truth: np.ndarray) -> tuple[float, float]:
    """Bounds of the prior where there are any, or the range of nearly all true values."""
    low, high = parameter.bounds
    if np.isfinite([low, high]).all() and (truth >= low).all() and (truth <= high).all():
        return low, high
    low, high = (float(q) for q in np.quantile(truth, [0.002, 0.998]))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _name(axis: Axes, parameter: Parameter) -> None:
    axis.set_title(parameter.label, fontsize=10)
    axis.set_xlabel("True")
    axis.set_ylabel("Retrieved", labelpad=2)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))

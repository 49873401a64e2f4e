"""Checks of posteriors as figures, and as files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from exosk.evaluation.check_results import TOLERANCE, CheckRow, ModelChecks, StratumChecks
from exosk.evaluation.predictive import DISCREPANCIES, PredictiveCheck
from exosk.evaluation.sbc import rank_histogram
from exosk.report.figures import figure_png
from exosk.report.panels import COLORS, STYLE, clean, head, panel_figure
from exosk.report.wording import number
from exosk.storage import atomic_path

__all__ = ["plot_checks", "plot_predictive", "write_checks"]

_INK, _TARP = "#1a1a1a", "#6a3d9a"
_LEVEL = np.linspace(0.0, 1.0, 201)
_DASHES = ("-", "--", ":")
_VERDICT_COLOR = {"pass": "0.25", "doubtful": "#b35900", "fail": "#c00000"}
_TITLES = (
    "Ranks of the truths (SBC)",
    "Distribution of the ranks (PIT)",
    "Expected coverage",
    "TARP",
)


def plot_checks(found: ModelChecks) -> Figure:
    """Plot all checks of a model.

    Parameters
    ----------
    found : ModelChecks
        Of :func:`~exosk.evaluation.checks.check_model`.

    Returns
    -------
    matplotlib.figure.Figure
        One row a size of the noise: histograms of the truths' ranks, their distribution function,
        coverage, and TARP, the last three less what an exact posterior has, in percentage points.
        Grey bands hold 95 % of what exact posteriors give: of each count, of the whole
        distribution function, of each coverage. Each panel states p-value and verdict; the first
        those of the test of whether all this is the same for every spectrum.
    """
    n_rows = len(found.strata)
    figure, axes = panel_figure(4 * n_rows, size=(2.75, 2.3), gap=(0.72, 0.85), top=0.55, right=1.6)
    with rc_context(STYLE):
        for k, stratum in enumerate(found.strata):
            panels = axes[4 * k : 4 * k + 4]
            rows = {row.check: row for row in stratum.rows}
            _draw_ranks(panels[0], found, stratum, rows["local"])
            _draw_distribution(panels[1], found, stratum, rows["ranks"])
            _draw_coverage(panels[2], found, stratum, rows)
            _draw_tarp(panels[3], found, stratum, rows)
            _name_row(figure, panels[0], stratum)
            if k == 0:
                for axis, title in zip(panels, _TITLES, strict=True):
                    axis.set_title(title, fontsize=10.5, pad=22)
        _legend(axes[3], found)
        n = found.context["data"]["n_spectra"]
        grey = "grey: where 95 % of exact posteriors lie"
        head(figure, f"{n} test spectra with known parameters; {grey}")
    return figure


def _name_row(figure: Figure, axis: Axes, stratum: StratumChecks) -> None:
    text = stratum.label.replace(" x ", " × ")
    axis.text(
        0.0, 1.04, text[0].upper() + text[1:], transform=axis.transAxes, va="bottom", fontsize=9.5,
        fontweight="bold",
    )  # fmt: skip


def _draw_ranks(axis: Axes, found: ModelChecks, stratum: StratumChecks, local: CheckRow) -> None:
    transform = stratum.ranks.transform
    n_bins = int(np.clip(len(transform) // 50, 5, 20))
    counts, band = rank_histogram(transform, n_bins)
    expected = len(transform) / n_bins
    edges = np.linspace(0, 1, n_bins + 1)
    axis.axhspan(band[0] / expected, band[1] / expected, color="0.87", linewidth=0)
    axis.axhline(1, color=_INK, linewidth=0.8, linestyle="--")
    for k in range(counts.shape[1]):
        axis.stairs(counts[:, k] / expected, edges, baseline=None, **_line(found, k))
    axis.set_xlim(0, 1)
    axis.set_ylim(0, max(2.0, 1.25 * counts.max() / expected, 1.25 * band[1] / expected))
    _write(axis, found, [local], ["the same everywhere: "])
    axis.set_xlabel("Rank of the truth / number of samples")
    axis.set_ylabel("Count / expected")
    clean(axis, grid=False)


def _draw_distribution(
    axis: Axes, found: ModelChecks, stratum: StratumChecks, row: CheckRow
) -> None:
    transform = stratum.ranks.transform
    n = len(transform)
    # Kolmogorov's band holds the whole curve.
    reach = 100 * stats.kstwo.ppf(0.95, n)
    axis.axhspan(-reach, reach, color="0.87", linewidth=0)
    largest = reach
    for k, column in enumerate(transform.T):
        share = np.searchsorted(np.sort(column), _LEVEL, side="right") / n
        difference = 100 * (share - _LEVEL)
        largest = max(largest, float(np.abs(difference).max()))
        axis.plot(_LEVEL, difference, **_line(found, k))
    _finish(
        axis, largest, "Rank of the truth / number of samples", "Share below − expected (points)"
    )
    _write(axis, found, [row], [""])


def _draw_coverage(
    axis: Axes, found: ModelChecks, stratum: StratumChecks, rows: dict[str, CheckRow]
) -> None:
    columns = list(stratum.intervals.reached.T)
    if stratum.regions is not None:
        columns.append(stratum.regions.reached[:, 0])
    largest = _draw_band(axis, len(columns[0]))
    for k, column in enumerate(columns):
        share = np.searchsorted(np.sort(column), _LEVEL, side="right") / len(column)
        difference = 100 * (share - _LEVEL)
        largest = max(largest, float(np.abs(difference).max()))
        axis.plot(_LEVEL, difference, **_line(found, k))
    _finish(axis, largest, "Level of the region", "Observed − level (points)")
    names = {"intervals": "intervals: ", "regions": "density: "}
    shown = [key for key in names if key in rows]
    _write(axis, found, [rows[key] for key in shown], [names[key] for key in shown])
    _say_sides(axis)


def _draw_tarp(
    axis: Axes, found: ModelChecks, stratum: StratumChecks, rows: dict[str, CheckRow]
) -> None:
    curves = 100 * (stratum.tarp.coverage(_LEVEL) - _LEVEL)
    largest = max(_draw_band(axis, len(stratum.ranks)), float(np.abs(curves).max()))
    for curve in curves:
        axis.plot(_LEVEL, curve, color=_TARP, linewidth=0.6, alpha=0.5)
    axis.plot(_LEVEL, curves.mean(axis=0), color=_TARP, linewidth=1.8)
    _finish(axis, largest, "Credibility of the ball", "Observed − level (points)")
    _write(axis, found, [rows["tarp"]], [""])
    _say_sides(axis)


def _draw_band(axis: Axes, n: int) -> float:
    """Draw what exact coverage scatters by, and the tolerance; return the band's reach."""
    band = np.array([stats.binom.ppf(q, n, _LEVEL) / n for q in (0.025, 0.975)])
    band[:, 0], band[:, -1] = 0.0, 1.0
    axis.fill_between(_LEVEL, *(100 * (band - _LEVEL)), color="0.87", linewidth=0)
    for sign in (-1, 1):
        axis.axhline(sign * 100 * TOLERANCE, color="0.55", linewidth=0.7, linestyle=":")
    return float(100 * np.abs(band - _LEVEL).max())


def _finish(axis: Axes, largest: float, x: str, y: str) -> None:
    axis.axhline(0, color=_INK, linewidth=0.8, linestyle="--")
    reach = max(6.0, 1.6 * largest)
    axis.set_xlim(0, 1)
    axis.set_ylim(-reach, reach)
    axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.set_xlabel(x)
    axis.set_ylabel(y, labelpad=1)
    clean(axis, grid=False)


def _say_sides(axis: Axes) -> None:
    for y, text, place in ((0.965, "too cautious", "top"), (0.035, "too sure", "bottom")):
        axis.text(0.03, y, text, transform=axis.transAxes, va=place, fontsize=8, color="0.4")


def _write(axis: Axes, found: ModelChecks, rows: list[CheckRow], names: Sequence[str]) -> None:
    """Write p-values and verdicts into the upper right corner."""
    for line, (row, name) in enumerate(zip(rows, names, strict=True)):
        verdict = found.verdict(row)
        axis.text(
            0.97,
            0.965 - 0.085 * line,
            f"{name}p {_p_text(row.p_value)}, {verdict}",
            transform=axis.transAxes,
            va="top",
            ha="right",
            fontsize=8.5,
            color=_VERDICT_COLOR[verdict],
        )


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {number(p, 3 if p < 0.1 else 2)}"


def _line(found: ModelChecks, k: int) -> dict[str, Any]:
    """Style of one parameter; the joint density stands out."""
    if k == len(found.space):
        return {"color": _INK, "linewidth": 2.0, "linestyle": "-"}
    return {
        # The last two colours of the palette are near the joint density's.
        "color": COLORS[k % 6],
        "linewidth": 1.2,
        "linestyle": _DASHES[(k // 6) % len(_DASHES)],
    }


def _legend(axis: Axes, found: ModelChecks) -> None:
    labels = [parameter.label for parameter in found.space]
    if any(stratum.regions is not None for stratum in found.strata):
        labels.append("joint density")
    handles = [
        axis.plot([], [], label=label, **_line(found, k))[0] for k, label in enumerate(labels)
    ]
    handles.append(axis.plot([], [], color=_TARP, linewidth=1.8, label="TARP, mean")[0])
    handles.append(
        axis.plot([], [], color="0.55", linewidth=0.7, linestyle=":", label="± 3 points")[0]
    )
    axis.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.04, 1.03), frameon=False, fontsize=9
    )


def plot_predictive(found: PredictiveCheck) -> Figure:
    """Plot what an observation's posterior predicts, beside the observation.

    Parameters
    ----------
    found : PredictiveCheck
        Of :func:`~exosk.evaluation.predictive.predictive_check`.

    Returns
    -------
    matplotlib.figure.Figure
        Residuals against wavelength; then each discrepancy of the observation and of
        replications, over draws from the posterior.
    """
    figure, axes = panel_figure(4, size=(2.75, 2.3), gap=(0.72, 0.8), top=0.3)
    with rc_context(STYLE):
        axis = axes[0]
        axis.axhspan(-2, 2, color="0.93", linewidth=0)
        axis.axhspan(-1, 1, color="0.87", linewidth=0)
        axis.plot(found.wavelength, found.residuals, ".", color=COLORS[0], markersize=4)
        axis.set_xlabel("Wavelength (µm)")
        axis.set_ylabel("Residual (errors)")
        clean(axis, grid=False)
        for axis, (key, title) in zip(axes[1:], DISCREPANCIES.items(), strict=True):
            pair = found.replicated[key], found.observed[key]
            edges = np.histogram_bin_edges(np.concatenate(pair), 40)
            for values, color, label in zip(
                pair, ("0.6", COLORS[1]), ("replications", "observation"), strict=True
            ):
                height, _ = np.histogram(values, edges)
                axis.stairs(height, edges, color=color, fill=True, alpha=0.55, label=label)
            axis.set_xlabel(title[0].upper() + title[1:])
            axis.set_title(f"p {_p_text(found.p_values[key])}", fontsize=9.5)
            axis.set_yticks([])
            axis.set_ylim(top=1.25 * axis.get_ylim()[1])
            clean(axis, grid=False)
        axes[1].set_ylabel("Draws from the posterior")
        axes[1].legend(frameon=False, fontsize=8.5, loc="upper right")
        n = len(found.observed["chi2"])
        head(figure, f"{len(found.residuals)} bins, {n} draws from the posterior")
    return figure


def write_checks(found: ModelChecks, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write the checks of a model into a folder.

    Everything is made before anything is written, and each file is whole or absent.

    Parameters
    ----------
    found : ModelChecks
        What to write.
    folder : path-like
        Where; made when it is missing. Files of earlier checks are replaced.

    Returns
    -------
    dict of str to pathlib.Path
        ``checks`` (JSON) and ``figure`` (PNG).
    """
    document = json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"
    content = {
        "checks": ("checks.json", document.encode("utf-8")),
        "figure": ("checks.png", figure_png(plot_checks(found))),
    }
    folder = Path(folder)
    paths = {}
    for name, (file, data) in content.items():
        paths[name] = folder / file
        with atomic_path(paths[name]) as temporary:
            temporary.write_bytes(data)
    return paths

"""The posterior's corner plot."""

from __future__ import annotations

import corner
import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from exosk.posterior import Posterior
from exosk.report.wording import decimals

__all__ = ["plot_corner"]

_COLOR = "#0072b2"


def plot_corner(posterior: Posterior) -> Figure:
    """Plot every parameter against every other, with 68 and 95 % contours.

    Titles give the median and the 68 % interval, dashed lines in the histograms the same.

    Parameters
    ----------
    posterior : Posterior
        Weighted samples; its space has the labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(posterior.space)
    crowded = n > 8
    size = max(3.2, n * (1.22 if crowded else 1.75) + 0.8)
    font = 11 if crowded else 10
    labels = [_unit_label(p.label, p.unit) for p in posterior.space]
    with rc_context({"font.size": font, "axes.linewidth": 0.8, "mathtext.default": "regular"}):
        figure = Figure(figsize=(size, size))
        corner.corner(
            posterior.samples,
            weights=posterior.weights,
            fig=figure,
            range=_corner_ranges(posterior),
            bins=18 if crowded else 24,
            smooth=1.0,
            levels=(0.68, 0.95),
            color=_COLOR,
            labels=labels,
            label_kwargs={"fontsize": font},
            labelpad=0.1 if crowded else 0.05,
            quantiles=(0.16, 0.5, 0.84),
            plot_datapoints=False,
            plot_density=False,
            fill_contours=True,
            max_n_ticks=3 if crowded else 4,
            hist_kwargs={"linewidth": 1.1},
            contour_kwargs={"linewidths": 0.8},
            contourf_kwargs={"colors": ["#ffffff", "#c5dff0", "#6db0da"]},
            quiet=True,
        )
        axes = np.array(figure.axes).reshape(n, n)
        for k, parameter in enumerate(posterior.space):
            lower, median, upper = posterior.quantiles([0.16, 0.5, 0.84])[:, k]
            text = _value_tex(float(lower), float(median), float(upper))
            axes[k, k].set_title(
                f"{parameter.label}\n{text}", fontsize=font, linespacing=1.3, pad=9
            )
        for axis in axes.flat:
            axis.tick_params(labelsize=font - 1.5, length=3, width=0.7)
            for label in (*axis.get_xticklabels(), *axis.get_yticklabels()):
                label.set_rotation(45)
        if n > 2:
            text = "contours: 68 and 95 %\ndashed: median and 68 % interval"
            figure.text(0.97, 0.97, text, ha="right", va="top", fontsize=1.3 * font)
        # corner leaves margins for large figures of few panels; labels need about an inch.
        margin = 1.05 / size
        figure.subplots_adjust(
            left=margin, bottom=margin, right=1 - 0.25 / size, top=1 - 0.65 / size
        )
    return figure


def _corner_ranges(posterior: Posterior) -> list[tuple[float, float]]:
    """Leave out stray samples; fall back on the prior where all samples are one."""
    low, high = posterior.quantiles([0.003, 0.997])
    ranges = []
    for k, parameter in enumerate(posterior.space):
        a, b = float(low[k]), float(high[k])
        if not b > a:
            a, b = (float(q) for q in parameter.prior.distribution.ppf([0.003, 0.997]))
        margin = 0.03 * (b - a)
        least, most = parameter.bounds
        ranges.append((max(a - margin, least), min(b + margin, most)))
    return ranges


def _unit_label(label: str, unit: str) -> str:
    """Add the unit unless the label has it, or tells it by being a logarithm."""
    if not unit or "(" in label:
        return label
    return f"{label}\n({unit.removeprefix('log ')})"


def _value_tex(lower: float, median: float, upper: float) -> str:
    places = decimals(max(min(upper - median, median - lower), 1e-3 * (upper - lower), 1e-12))
    places = min(places, 4)
    return (
        rf"${median:.{places}f}_{{-{median - lower:.{places}f}}}"
        rf"^{{+{upper - median:.{places}f}}}$"
    )

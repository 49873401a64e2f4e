"""Diagrams of networks: a box a layer, with the sizes that its modules have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from exosk.paper.layers import Layer, Path
from exosk.report.panels import QUIET

__all__ = ["PAGE_WIDTH", "STYLE", "plot_network"]

#: Of a page's text, in inches, and what figures of the paper share: fonts that journals take.
PAGE_WIDTH = 7.1
STYLE: dict[str, Any] = {
    "font.size": 8,
    "font.family": "sans-serif",
    "axes.linewidth": 0.7,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,
}

# In inches: of a box at most, between two, of a row, and of its boxes from least to most.
_WIDEST, _GAP, _ROW, _HEIGHTS = 1.02, 0.13, 1.28, (0.6, 0.95)
_FILLS = {
    "Input": "#e8e8e8",
    "Linear": "#d6e6f2",
    "Context": "#d6e6f2",
    "Whitening": "#f7dcc4",
    "Coupling": "#f7dcc4",
    "Mixture": "#f7dcc4",
    "Attention": "#ecd9e4",
}
_CONVOLUTION = "#cfeadd"


def plot_network(paths: Sequence[Path]) -> Figure:
    """Draw the paths through a network, one below the other.

    Parameters
    ----------
    paths : sequence of Path
        As :func:`~exosk.paper.layers.paths_of` returns them.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as a page. A box is the taller the more numbers its layer makes.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE_WIDTH, _ROW * len(paths)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, PAGE_WIDTH), ylim=(0, _ROW * len(paths)))
        axes.axis("off")
        for row, path in enumerate(paths):
            _draw(axes, path, _ROW * (len(paths) - row - 0.5))
    return figure


def _draw(axes: Axes, path: Path, y: float) -> None:
    n = len(path.layers)
    ends = 0.82
    width = min(_WIDEST, (PAGE_WIDTH - 2 * ends - (n + 1) * _GAP) / n)
    x = (PAGE_WIDTH - 2 * ends - (n + 1) * _GAP - n * width) / 2
    _write_end(axes, path.source, x + ends / 2, y, f"{path.n_weights:,} weights")
    x += ends
    for layer in path.layers:
        _arrow(axes, x, y)
        _draw_box(axes, layer, x + _GAP, y, width)
        x += _GAP + width
    _arrow(axes, x, y)
    _write_end(axes, path.target, x + _GAP + ends / 2, y)


def _draw_box(axes: Axes, layer: Layer, x: float, y: float, width: float) -> None:
    size = math.prod(layer.shape) if layer.shape else 64
    share = min(max((math.log2(max(size, 2)) - 4) / 6, 0), 1)
    lines = (layer.name, *layer.details)
    height = max(_HEIGHTS[0] + share * (_HEIGHTS[1] - _HEIGHTS[0]), 0.115 * len(lines) + 0.16)
    fill = _FILLS.get(layer.name, _CONVOLUTION)
    for k in reversed(range(min(layer.repeats, 3))):
        # Those behind it show that there are several.
        shift = 0.03 * k
        axes.add_patch(
            FancyBboxPatch(
                (x + shift, y - height / 2 + shift), width - 0.03, height,
                boxstyle="round,pad=0,rounding_size=0.05", facecolor=fill, edgecolor="0.35",
                linewidth=0.6, zorder=2 - 0.1 * k,
            )
        )  # fmt: skip
    title = layer.name + (f" ×{layer.repeats}" if layer.repeats > 1 else "")
    middle = x + (width - 0.03) / 2
    top = y + 0.0575 * (len(lines) - 1)
    axes.text(middle, top, title, ha="center", va="center", fontsize=6.8, weight="bold", zorder=4)
    for k, detail in enumerate(layer.details, 1):
        axes.text(middle, top - 0.115 * k, detail, ha="center", va="center", fontsize=6, zorder=4)
    if layer.shape:
        shape = " × ".join(f"{side:,}" for side in layer.shape)
        axes.text(middle, y - height / 2 - 0.075, shape, ha="center", va="center", fontsize=6.3,
                  color="0.3")  # fmt: skip


def _arrow(axes: Axes, x: float, y: float) -> None:
    axes.annotate(
        "",
        (x + _GAP, y),
        (x - 0.02, y),
        arrowprops={"arrowstyle": "-|>", "color": "0.3", "lw": 0.7, "mutation_scale": 6,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


def _write_end(axes: Axes, text: str, x: float, y: float, below: str = "") -> None:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < 14:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    axes.text(x, y, "\n".join(lines), ha="center", va="center", fontsize=6.8, linespacing=1.25)
    if below:
        axes.text(x, y - 0.42, below, ha="center", va="center", fontsize=6.3, color=QUIET)

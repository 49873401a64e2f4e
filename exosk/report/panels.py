"""Panels side by side, and what all figures of scores share."""

from __future__ import annotations

import math
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["COLORS", "MARKERS", "QUIET", "STYLE", "clean", "head", "panel_figure"]

# Okabe & Ito's palette, which colour-blind readers can tell apart; marks differ as well, for those
# who print in grey.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1a1a1a", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
QUIET = "#9a9a9a"
STYLE: dict[str, Any] = {"font.size": 10, "axes.linewidth": 0.8, "mathtext.default": "regular"}

_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 0.2, 0.6, 0.35  # margins, in inches


def panel_figure(
    n: int,
    *,
    size: tuple[float, float] = (2.6, 2.6),
    gap: tuple[float, float] = (0.75, 0.8),
    most: int = 4,
    top: float = 0.0,
    right: float = 0.0,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `n` panels in rows of equal length, as far as that goes.

    Parameters
    ----------
    n : int
        Number of panels.
    size, gap : (float, float)
        Width and height of a panel, and of what lies between two, in inches.
    most : int, default=4
        Panels in a row.
    top, right : float, default=0
        Room for legends, in inches.
    """
    columns = min(n, most)
    rows = math.ceil(n / columns)
    columns = math.ceil(n / rows)
    width = _LEFT + columns * size[0] + (columns - 1) * gap[0] + _RIGHT + right
    height = _BOTTOM + rows * size[1] + (rows - 1) * gap[1] + _TOP + top
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        axes = []
        for k in range(n):
            row, column = divmod(k, columns)
            left = _LEFT + column * (size[0] + gap[0])
            bottom = height - _TOP - top - (row + 1) * size[1] - row * gap[1]
            box = (left / width, bottom / height, size[0] / width, size[1] / height)
            axes.append(figure.add_axes(box))
    return figure, axes


def clean(axis: Axes, *, grid: bool = True) -> None:
    """Draw ticks inwards on all sides, and a faint grid behind the data."""
    axis.tick_params(direction="in", which="both", top=True, right=True)
    if grid:
        axis.grid(color="0.92", linewidth=0.7)
        axis.set_axisbelow(True)


def head(figure: Figure, text: str) -> None:
    """Write a line above all panels."""
    width, height = figure.get_size_inches()
    figure.text(0.62 * _LEFT / width, 1 - 0.08 / height, text, va="top", fontsize=9.5, color="0.25")

"""Figures of one retrieval, and how they become files.

Figures are made with matplotlib's object-oriented interface and drawn by Agg: no window, no
global state, so that threads can make them side by side.
"""

from __future__ import annotations

import io
import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from exosk.report.corner_figure import plot_corner
from exosk.report.spectrum_figure import plot_spectrum
from exosk.storage import atomic_path

__all__ = ["figure_png", "plot_corner", "plot_spectrum", "save_figure"]

_DPI = 160


def figure_png(figure: Figure, dpi: int = _DPI) -> bytes:
    """Draw a figure and return it as a PNG file's content."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = _DPI) -> None:
    """Write a figure to a PNG file, whole or not at all."""
    content = figure_png(figure, dpi)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)

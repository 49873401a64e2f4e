"""A picture of an ASPA, with its areas labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.preprocessing.aspa_layout import AspaLayout
from exosk.report.panels import STYLE

__all__ = ["plot_aspa"]

_PICTURE = 5.0  # its side, in inches
_LEFT, _RIGHT, _BOTTOM, _TOP = 1.35, 1.05, 0.42, 1.25  # margins, in inches
_HALO = [withStroke(linewidth=2.6, foreground="white", alpha=0.85)]


def plot_aspa(
    image: Any,
    layout: AspaLayout,
    names: Sequence[str] = (),
    *,
    grid: SpectralGrid | None = None,
    title: str = "",
) -> Figure:
    """Plot one picture of an :class:`~exosk.preprocessing.aspa.AspaEncoder`.

    Lines enclose what belongs together: the spectrum, with thin lines between its bands; the
    maximum and the minimum of each band; the mean; each parameter. What is not known (NaN) is
    grey and hatched, and what shows nothing is white.

    Parameters
    ----------
    image : array-like of shape (side, side)
        Its pixels.
    layout : AspaLayout
        Which pixel shows what.
    names : sequence of str, optional
        The parameters, in the order of Y, as the figure shall name them: `ParameterSpace.labels`
        say. Numbered by default.
    grid : SpectralGrid, optional
        The bins, by which bands are named after their wavelengths; numbered by default.
    title : str, default=""
        A line above the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    RangeError
        If the image, the names or the grid do not fit the layout.
    """
    image = np.asarray(image, dtype=float)
    _check(image, layout, names, grid)
    width, height = _LEFT + _PICTURE + _RIGHT, _BOTTOM + _PICTURE + _TOP
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        place = (_LEFT / width, _BOTTOM / height, _PICTURE / width, _PICTURE / height)
        axes = figure.add_axes(place)
        _draw_pixels(figure, axes, image, layout)
        _draw_borders(axes, layout)
        names = list(names) or [f"parameter {k}" for k in range(layout.n_parameters)]
        _label(axes, layout, names, _band_names(layout, grid))
        if title:
            axes.text(0, 1 + 0.97 / _PICTURE, title, transform=axes.transAxes, fontsize=11)
    return figure


def _check(
    image: np.ndarray, layout: AspaLayout, names: Sequence[str], grid: SpectralGrid | None
) -> None:
    """Refuse what does not fit the layout."""
    if image.shape != layout.owner.shape:
        raise RangeError(
            f"the image is of shape {image.shape}, but the layout has {layout.side} x "
            f"{layout.side} pixels; give one picture"
        )
    if len(names) not in (0, layout.n_parameters):
        raise RangeError(
            f"{len(names)} names for {layout.n_parameters} parameters ({', '.join(names)}); give "
            f"one for each, in the order of Y"
        )
    if grid is not None and grid.n_bins != layout.n_bins:
        raise RangeError(
            f"the grid has {grid.n_bins} bins, but the layout {layout.n_bins}; give the grid of "
            f"the spectra that were encoded"
        )


def _draw_pixels(figure: Figure, axes: Axes, image: np.ndarray, layout: AspaLayout) -> None:
    """Draw the pixels, hatch those that are not known, and add a colour bar and a legend."""
    nothing, unknown = layout.owner < 0, np.isnan(image)
    cmap = colormaps["viridis"].with_extremes(bad="white")
    shown = axes.imshow(np.where(nothing, np.nan, image), cmap=cmap, vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    seen = image[~nothing & ~unknown]
    low, high = bool((seen < -1e-6).any()), bool((seen > 1 + 1e-6).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((low, high))
    width, height = figure.get_size_inches()
    left, bottom = (_LEFT + _PICTURE + 0.16) / width, _BOTTOM / height
    bar_axes = figure.add_axes((left, bottom, 0.14 / width, _PICTURE / height))
    bar = figure.colorbar(shown, cax=bar_axes, extend=extend or "neither", extendfrac=0.03)
    bar.set_label("pixel value")
    bar.ax.tick_params(direction="in")
    handles = []
    if unknown.any():
        grey = np.where(unknown[..., None], [0.82, 0.82, 0.82, 1.0], 0.0)
        axes.imshow(grey)
        diagonals = [[(c - 0.5, r + 0.5), (c + 0.5, r - 0.5)] for r, c in np.argwhere(unknown)]
        axes.add_collection(LineCollection(diagonals, colors="0.45", linewidths=0.6))
        handles.append(
            Rectangle((0, 0), 1, 1, facecolor="0.82", edgecolor="0.45", hatch="////", lw=0.6)
        )
    names = ["not known"] * len(handles)
    if nothing.any():
        handles.append(Rectangle((0, 0), 1, 1, facecolor="white", edgecolor="black", lw=0.8))
        names.append("shows nothing")
    if handles:
        axes.legend(
            handles,
            names,
            loc="upper left",
            bbox_to_anchor=(-0.01, -0.005),
            ncols=2,
            frameon=False,
            fontsize=9,
        )


def _draw_borders(axes: Axes, layout: AspaLayout) -> None:
    """Enclose areas, and divide the spectrum into its bands by thinner lines."""
    depth = (layout.owner >= 0) & (layout.owner < layout.n_bins)
    areas = np.where(depth, -2, layout.owner)
    bands = np.where(depth, layout.band_of_bin[np.where(depth, layout.owner, 0)], -1)
    inside = [line for line in _borders(bands) if line not in _borders(areas)]
    for lines, core in ((inside, 0.5), (_borders(areas), 1.0)):
        for color, width in (("white", core + 1.2), ("black", core)):
            axes.add_collection(
                LineCollection(lines, colors=color, linewidths=width, capstyle="projecting")
            )


def _borders(area: np.ndarray) -> list[tuple[tuple[float, float], ...]]:
    """Return the edges between pixels of different areas."""
    right = np.argwhere(area[:, 1:] != area[:, :-1])
    below = np.argwhere(area[1:] != area[:-1])
    return [((c + 0.5, r - 0.5), (c + 0.5, r + 0.5)) for r, c in right.tolist()] + [
        ((c - 0.5, r + 0.5), (c + 0.5, r + 0.5)) for r, c in below.tolist()
    ]


def _band_names(layout: AspaLayout, grid: SpectralGrid | None) -> list[str]:
    """Name bands after their wavelengths or, without a grid, by numbers."""
    if grid is None:
        return [f"band {k}" for k in range(layout.n_bands)]
    first = np.searchsorted(layout.band_of_bin, np.arange(layout.n_bands))
    last = np.searchsorted(layout.band_of_bin, np.arange(layout.n_bands), side="right") - 1
    ends = zip(grid.lower[first], grid.upper[last])
    return [f"{low:.3g}–{high:.3g} µm" for low, high in ends]


def _label(axes: Axes, layout: AspaLayout, names: list[str], bands: list[str]) -> None:
    """Write what each area is: beside the picture, or in it where there is room."""
    sections, owner = layout.sections, layout.owner
    where = {name: (owner >= p.start) & (owner < p.stop) for name, p in sections.items()}
    s = int(np.argwhere(where["mean"]).max()) + 1  # side of the spectrum's square
    columns: dict[int, str] = {}
    rows: dict[int, str] = {}
    for end in ("maximum", "minimum"):
        for k, band in enumerate(bands):
            row, column = np.argwhere(owner == sections[end].start + k)[0].tolist()
            if column >= s:
                columns[column] = band
            else:
                rows[row] = band
    for k, name in enumerate(names):
        mine = owner == sections["parameters"].start + k
        columns |= dict.fromkeys((s + np.flatnonzero(mine[0, s:])).tolist(), name)
        rows |= dict.fromkeys((s + np.flatnonzero(mine[s:, 0])).tolist(), name)
        _inside(axes, mine & (np.minimum(*np.indices(mine.shape)) >= s), name, 12)
    _outside(axes, (s - 1) / 2, "depths, scaled in each band,\nlongest wavelengths first", 9)
    size = min(8.5, 60 * _PICTURE / layout.side)  # points: less than a pixel
    for line, text in columns.items():
        _outside(axes, line, text, size, upright=True)
    for line, text in rows.items():
        _outside(axes, line, text, size, left=True)
    for end, several in (("maximum", "maxima"), ("minimum", "minima")):
        other = where["minimum" if end == "maximum" else "maximum"]
        for axis in (0, 1):  # columns, then rows
            block = where[end] & (np.indices(owner.shape)[1 - axis] >= s)
            shared = other.any(axis=axis, keepdims=True) & block
            _inside(axes, shared, several if shared.any(axis=axis).sum() > 1 else end, 10)
            _inside(axes, block & ~shared, end, 10)  # an odd band's
    last = where["mean"] & (np.indices(owner.shape)[0] == s - 1)
    _inside(axes, last, "mean", 8)


def _outside(
    axes: Axes, line: float, text: str, size: float, *, left: bool = False, upright: bool = False
) -> None:
    """Write above a column, or to the left of a row."""
    axes.annotate(
        text,
        (0, line) if left else (line, 1),
        (-5, 0) if left else (0, 5),
        xycoords=("axes fraction", "data") if left else ("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "center",
        va="center" if left else "bottom",
        rotation=90 if upright else 0,
        fontsize=size,
    )


def _inside(axes: Axes, block: np.ndarray, text: str, size: float) -> None:
    """Write in the middle of a block of pixels, if it is large enough to be read there."""
    pixels = np.argwhere(block)
    if not len(pixels):
        return
    height, width = (np.ptp(pixels, axis=0) + 1) * (72 * _PICTURE / len(block))  # in points
    upright = height > 1.3 * width
    along, across = (height, width) if upright else (width, height)
    size = min(size, 0.95 * across, 1.6 * along / max(len(text.replace("$", "")), 3))
    if size < 4:
        return
    row, column = pixels.mean(axis=0)
    axes.text(
        column,
        row,
        text,
        ha="center",
        va="center",
        rotation=90 if upright else 0,
        fontsize=size,
        path_effects=_HALO,
    )

"""Importances under the spectrum, with the bands of molecules above."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from exosk.exceptions import GridError
from exosk.explain.bands import BANDS, bands_within
from exosk.explain.refit import REFIT

if TYPE_CHECKING:
    from exosk.explain.explanation import Explanation
    from exosk.spectra import Spectrum

__all__ = ["plot_explanation"]

# From Okabe & Ito's palette, which colour-blind readers can tell apart.
_DATA, _FOR, _AGAINST, _TRUTH, _QUIET = "#1a1a1a", "#d55e00", "#0072b2", "#009e73", "#c4c4c4"
_STYLE: Any = {"font.size": 10, "axes.linewidth": 0.8, "mathtext.default": "regular"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_WORDS = {"inclusion": "bands shown alone", "occlusion": "bands hidden", "shap": "SHAP"}
_METHODS = _WORDS | {"lime": "LIME", REFIT: "best fits with and without"}
_OF_MOLECULES = ("log-odds", "probability", "log-likelihood")
# Bins that are further apart than so many of their widths are not joined by a line.
_APART = 5


def plot_explanation(
    explanation: Explanation,
    spectrum: Spectrum,
    *,
    molecules: Iterable[str] | None = None,
    truth: Any = None,
) -> Figure:
    """Draw importances, for each 10 % of wavelength, under a spectrum.

    Parameters
    ----------
    explanation : Explanation
        Of the spectrum, or of many in the same bins. Fits that it has are drawn over the data.
    spectrum : Spectrum
        What to draw above.
    molecules : iterable of str, optional
        Whose bands to mark, of those whose bands are known; by default those of the target, and of
        H2O, CO2, CO and CH4.
    truth : array-like of shape (n_bins,), optional
        True contributions (:func:`exosk.explain.true_contribution`), drawn to the scale of the
        importances.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GridError
        If spectrum or truth are of other bins.
    """
    grid = explanation.groups.grid
    if spectrum.grid != grid:
        raise GridError(f"the spectrum is in {spectrum.grid!r} and the explanation in {grid!r}")
    if truth is not None and np.shape(truth) != (grid.n_bins,):
        raise GridError(f"{grid.n_bins} bins but truth of shape {np.shape(truth)}")
    if molecules is None:
        molecules = dict.fromkeys([explanation.target, "H2O", "CO2", "CO", "CH4"])
    names = [name for name in molecules if name in BANDS and bands_within(name, grid)]
    strip = 0.19 * len(names)
    with rc_context(_STYLE):
        figure = Figure(figsize=(9.0, 5.2 + strip))
        cells = figure.add_gridspec(
            3,
            1,
            height_ratios=[max(strip, 0.01), 2.3, 2.0],
            left=0.1,
            right=0.985,
            bottom=0.095,
            top=0.91,
            hspace=0.07,
        )
        data = figure.add_subplot(cells[1])
        bars = figure.add_subplot(cells[2], sharex=data)
        marks = figure.add_subplot(cells[0], sharex=data)
        _draw_marks(marks, names, explanation)
        _draw_spectrum(data, spectrum)
        _draw_fits(data, explanation)
        _draw_importance(bars, explanation, truth)
        _dress(marks, data, bars, explanation)
        figure.align_ylabels([data, bars])
        title, answer = _title(explanation, spectrum)
        figure.suptitle(title, x=0.1, y=0.985, ha="left", va="top", fontsize=11)
        figure.text(0.1, 0.948, answer, ha="left", va="top", fontsize=9, color="#555555")
    return figure


def _title(explanation: Explanation, spectrum: Spectrum) -> tuple[str, str]:
    """Return what is explained, and the answer."""
    label = ", ".join(part for part in (spectrum.name, spectrum.instrument) if part)
    value, base = explanation.value.mean(), explanation.base.mean()
    what = _written(explanation.target)
    many = f", mean of {len(explanation)} spectra" if len(explanation) > 1 else ""
    unit = "" if explanation.unit == "1" else f" {_unit(explanation.unit)}"
    how = f"{_METHODS[explanation.method]}{many}"
    if explanation.method == REFIT:
        answer = (
            f"Without it the best fit's log-likelihood is lower by {_signed(value)}. "
            f"Thin bars: what 1σ of noise changes."
        )
        return f"{label or 'unnamed spectrum'}: what tells of {what} ({how})", answer
    answer = f"The model says {_signed(value)}{unit}, and {_signed(base)} with all hidden."
    if np.isfinite(explanation.error).all():
        answer += " Thin bars: 1σ."
    return f"{label or 'unnamed spectrum'}: what tells of {what} ({how})", answer


def _written(target: str) -> str:
    """Write a molecule with subscripts, and a parameter as it is."""
    return target.translate(_SUBSCRIPTS) if target in BANDS else target


def _unit(unit: str) -> str:
    return unit.replace("_", " ")


def _signed(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _draw_marks(axis: Axes, names: list[str], explanation: Explanation) -> None:
    low, high = explanation.groups.grid.range
    for row, name in enumerate(names):
        color = _FOR if name == explanation.target else _QUIET
        for start, end in bands_within(name, explanation.groups.grid):
            start, end = max(start, low), min(end, high)
            axis.barh(row, end - start, left=start, height=0.42, color=color, linewidth=0)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(range(len(names)), [_written(name) for name in names], fontsize=8.5)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        label.set_color(_DATA if name == explanation.target else "#757575")


def _draw_spectrum(axis: Axes, spectrum: Spectrum) -> None:
    few = len(spectrum) < 60
    axis.errorbar(
        spectrum.wavelength,
        100 * spectrum.depth,
        100 * spectrum.sigma,
        spectrum.half_width,
        fmt="o",
        color=_DATA,
        markersize=4 if few else 2.4,
        elinewidth=1.0 if few else 0.7,
        zorder=3,
    )
    seen = spectrum.observed
    depth, sigma = spectrum.depth[seen], spectrum.sigma[seen]
    # Long error bars may leave the frame: they shall not press the data into a line.
    reach = np.minimum(sigma, 3 * np.median(sigma))
    low, high = (depth - reach).min(), (depth + reach).max()
    axis.set_ylim(100 * (low - 0.05 * (high - low)), 100 * (high + 0.08 * (high - low)))
    axis.set_ylabel("Transit depth (%)")


def _draw_fits(axis: Axes, explanation: Explanation) -> None:
    if not explanation.fits:
        return
    grid, what = explanation.groups.grid, _written(explanation.target)
    order = np.argsort(grid.wavelength)
    x, width = grid.wavelength[order], 2 * grid.half_width[order]
    far = np.flatnonzero(np.diff(x) > _APART * np.maximum(width[1:], width[:-1])) + 1
    for name, color in zip(("without", "with"), (_AGAINST, _FOR), strict=True):
        y = 100 * explanation.fits[name][order]
        label = f"best fit {name} {what}"
        axis.plot(
            np.insert(x, far, np.nan),
            np.insert(y, far, np.nan),
            color=color,
            linewidth=1.3,
            alpha=0.85,
            zorder=4,
            label=label,
        )
    axis.legend(fontsize=8.5, framealpha=0.85, edgecolor="none", loc="best")


def _draw_importance(axis: Axes, explanation: Explanation, truth: Any) -> None:
    grid, height = explanation.groups.grid, explanation.density
    width = grid.upper - grid.lower
    colors = np.where(height >= 0, _FOR, _AGAINST)
    axis.bar(grid.lower, height, width, align="edge", color=colors, linewidth=0, alpha=0.85)
    error = 0.1 * explanation.groups.per_bin(explanation.error) / np.log(grid.upper / grid.lower)
    if np.isfinite(error).all():
        axis.errorbar(
            grid.wavelength, height, error, fmt="none", color=_DATA, elinewidth=0.6, alpha=0.55
        )
    axis.axhline(0, color=_DATA, linewidth=0.8)
    tall = max(np.abs(height).max(), 1e-300)
    handles = [axis.bar([0], [0], color=_FOR, label=_direction(explanation, up=True))]
    if (height < -0.02 * tall).any():
        handles.append(axis.bar([0], [0], color=_AGAINST, label=_direction(explanation, up=False)))
    if truth is not None:
        handles.append(_draw_truth(axis, explanation, np.asarray(truth, dtype=float)))
    axis.legend(handles=handles, fontsize=8.5, framealpha=0.85, edgecolor="none", loc="best")


def _direction(explanation: Explanation, *, up: bool) -> str:
    if explanation.target in BANDS or explanation.unit in _OF_MOLECULES:
        return f"{'speaks for' if up else 'against'} {_written(explanation.target)}"
    return f"makes {explanation.target} {'larger' if up else 'smaller'}"


def _draw_truth(axis: Axes, explanation: Explanation, truth: np.ndarray) -> Any:
    """Draw the true contributions in the area of the positive importances."""
    grid = explanation.groups.grid
    order = np.argsort(grid.lower)
    total = truth.sum() or 1.0
    scaled = truth / total * np.maximum(explanation.per_bin, 0).sum()
    scaled = 0.1 * scaled / np.log(grid.upper / grid.lower)
    x = np.stack([grid.lower[order], grid.upper[order]], axis=1)
    y = np.repeat(scaled[order, np.newaxis], 2, axis=1)
    # Where bins are apart the line is broken.
    apart = np.append(x[1:, 0] > x[:-1, 1] * (1 + 1e-6), True)
    x = np.insert(x.ravel(), 2 * (np.flatnonzero(apart) + 1), np.nan)
    y = np.insert(y.ravel(), 2 * (np.flatnonzero(apart) + 1), np.nan)
    label = "true contribution, scaled"
    return axis.plot(x, y, color=_TRUTH, linewidth=1.3, zorder=4, label=label)[0]


def _dress(marks: Axes, data: Axes, bars: Axes, explanation: Explanation) -> None:
    grid = explanation.groups.grid
    low, high = grid.range
    margin = (high / low) ** 0.015
    data.set_xscale("log")
    data.set_xlim(low / margin, high * margin)
    for start, end in bands_within(explanation.target, grid) if explanation.target in BANDS else []:
        for axis in (data, bars):
            axis.axvspan(start, end, color=_FOR, alpha=0.09, linewidth=0, zorder=0)
    wide = high / low > 3
    bars.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 3, 4, 5, 7)) if wide else MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5])
    )
    bars.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    bars.xaxis.set_minor_formatter(NullFormatter())
    unit = "" if explanation.unit == "1" else f"{_unit(explanation.unit)} "
    bars.set_ylabel(f"Importance\n({unit}in 10 % of λ)")
    bars.set_xlabel("Wavelength (µm)")
    for axis in (data, bars):
        axis.tick_params(direction="in", which="both", top=True, right=True)
    data.tick_params(labelbottom=False)
    marks.tick_params(
        which="both", bottom=False, top=False, labelbottom=False, left=False, right=False
    )
    for spine in marks.spines.values():
        spine.set_visible(False)

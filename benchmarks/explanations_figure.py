"""The figure of explanations.py: importances over wavelength, and what is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from places import RESULTS

from exosk.explain import Explanation
from exosk.explain.bands import bands_within
from exosk.report import save_figure
from exosk.report.panels import COLORS, STYLE, clean, head, panel_figure
from exosk.report.wording import formula
from exosk.spectra import Spectrum

_NAMES = {"mlp": "network", "cnn": "convolutional", "forest": "forest"}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw one row of panels an instrument, one panel a molecule."""
    drawn, instruments = result["drawn"], result["instruments"]
    molecules = [name for name in next(iter(drawn.values())) if name != "wavelength"]
    with rc_context(STYLE):
        figure, axes = panel_figure(
            len(drawn) * len(molecules),
            size=(2.9, 2.1),
            gap=(0.3, 0.75),
            most=len(molecules),
            top=0.45,
        )
        for row, (title, entry) in enumerate(drawn.items()):
            for column, molecule in enumerate(molecules):
                axis = axes[row * len(molecules) + column]
                _panel(axis, np.array(entry["wavelength"]), entry[molecule])
                score = instruments[title][molecule]
                said = ", ".join(
                    f"{scores['confirmed']['global_overlap']:.2f}" for scores in score.values()
                )
                axis.set_title(f"{title.split()[1]}, {formula(molecule)}: {said}", fontsize=9.5)
                if column:
                    axis.set_yticklabels([])
                else:
                    axis.set_ylabel("share for each bin, scaled")
                if row == len(drawn) - 1:
                    axis.set_xlabel("wavelength (µm)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper right", ncol=len(labels), frameon=False, fontsize=9
        )
        head(figure, "Best method of each detector; numbers: overlap of the top 20 % (chance 0.2)")
    save_figure(figure, path)


def draw_observed(explanations: dict[str, Explanation], spectrum: Spectrum, path: Path) -> None:
    """Draw an observed spectrum, and under it importances, one panel a molecule."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.0, 2.9 + 1.35 * len(explanations)))
        axes = figure.subplots(
            1 + len(explanations), 1, sharex=True, height_ratios=[2.2] + [1.2] * len(explanations)
        )
        axes[0].errorbar(
            spectrum.wavelength, 100 * spectrum.depth, 100 * spectrum.sigma, spectrum.half_width,
            fmt="o", color="0.1", markersize=2.6, elinewidth=0.7,
        )  # fmt: skip
        axes[0].set_ylabel("transit depth (%)")
        for k, (molecule, found) in enumerate(explanations.items()):
            _importance(axes[k + 1], found, molecule, COLORS[k])
            for low, high in bands_within(molecule, spectrum.grid):
                axes[k + 1].axvspan(low, high, color=COLORS[k], alpha=0.13, linewidth=0)
        axes[-1].set_xscale("log")
        axes[-1].set_xlim(0.97 * spectrum.grid.lower.min(), 1.03 * spectrum.grid.upper.max())
        ticks = [0.5, 0.6, 0.8, 1, 1.4, 1.9, 2.7, 3.5, 4.3, 5]
        axes[-1].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes[-1].xaxis.set_minor_locator(NullLocator())
        axes[-1].set_xlabel("wavelength (µm)")
        for axis in axes:
            clean(axis)
        figure.align_ylabels(axes)
        title = f"{spectrum.name}, {spectrum.instrument}: which wavelengths speak for a molecule"
        figure.suptitle(title, x=0.085, y=0.975, ha="left", fontsize=11)
        figure.subplots_adjust(left=0.085, right=0.985, top=0.93, bottom=0.09, hspace=0.12)
    save_figure(figure, path)


def _importance(axis: Any, found: Explanation, molecule: str, color: str) -> None:
    grid, height = found.groups.grid, found.density
    axis.bar(grid.lower, height, grid.upper - grid.lower, align="edge", color=color, linewidth=0)
    axis.axhline(0, color="0.4", linewidth=0.6)
    axis.set_ylabel(f"for {formula(molecule)}\n({found.unit}/10 %)")
    axis.annotate(
        f"most at {found.peak:.2f} µm; shaded: bands of {formula(molecule)}",
        (0.01, 0.93), xycoords="axes fraction", va="top", fontsize=8.5,
    )  # fmt: skip


def _panel(axis: Any, wavelength: np.ndarray, entry: dict[str, Any]) -> None:
    order = np.argsort(wavelength)
    x = wavelength[order]
    truth = np.array(next(iter(entry.values()))["truth"])[order]
    axis.fill_between(x, truth / truth.max(), color="0.85", label="truth", step="mid")
    for k, (kind, found) in enumerate(entry.items()):
        share = np.array(found["importance"])[order]
        axis.plot(
            x,
            share / np.abs(share).max(),
            color=COLORS[k],
            linestyle=("-", "--", ":")[k % 3],
            linewidth=1.3,
            label=_NAMES.get(kind, kind),
        )
    axis.axhline(0, color="0.4", linewidth=0.6)
    axis.set_xscale("log")
    axis.set_xlim(x[0], x[-1])
    axis.set_ylim(-0.6, 1.08)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    clean(axis)


if __name__ == "__main__":
    kept = json.loads((RESULTS / "explanations.json").read_text("utf-8"))
    draw(kept["result"], RESULTS / "explanations.png")

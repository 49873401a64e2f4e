"""The figure of molecule_detection.py: areas against the signal-to-noise ratio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context

from exosk.report import save_figure
from exosk.report.panels import COLORS, MARKERS, STYLE, clean, head, panel_figure

_RANGES = ("1-2", "2-5", "5-10", "10-30")
_CURVES = {"network": "network", "forest": "forest"}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw one row of panels an instrument, one panel a molecule."""
    titles = [key for key in result if isinstance(result[key], dict)]
    molecules = result["molecules"]
    with rc_context(STYLE):
        figure, axes = panel_figure(
            len(titles) * len(molecules),
            size=(1.75, 1.9),
            gap=(0.3, 0.75),
            most=len(molecules),
            top=0.35,
        )
        for row, title in enumerate(titles):
            for column, molecule in enumerate(molecules):
                axis = axes[row * len(molecules) + column]
                _panel(axis, result[title], molecule)
                axis.set_title(f"{title.split()[1]}, {molecule}", fontsize=9.5)
                if column:
                    axis.set_yticklabels([])
                else:
                    axis.set_ylabel("area under the ROC curve")
                if row == len(titles) - 1:
                    axis.set_xlabel("S/N per scale height")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper right", ncol=len(labels), frameon=False, fontsize=9
        )
        head(figure, "Presence: VMR above 1e-8 and detectable (delta chi-squared above 9)")
    save_figure(figure, path)


def _panel(axis: Any, entry: dict[str, Any], molecule: str) -> None:
    for k, (name, label) in enumerate(_CURVES.items()):
        _curve(axis, entry[name]["scores"], molecule, k, label)
    axis.axhline(0.97, color="0.6", linewidth=0.8, linestyle=":")
    axis.set_xscale("log")
    axis.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    axis.minorticks_off()
    axis.set_xlim(1, 30)
    axis.set_ylim(0.6, 1.005)
    clean(axis)


def _curve(axis: Any, scores: dict[str, Any], molecule: str, k: int, label: str) -> None:
    known = [s for s in _RANGES if scores[s][molecule]["auc"] is not None]
    if not known:
        return
    x = np.array([_middle(stratum) for stratum in known]) * (1.0, 1.06)[k]
    area = np.array([scores[s][molecule]["auc"] for s in known])
    low, high = np.array([scores[s][molecule]["auc_interval"] for s in known]).T
    axis.errorbar(
        x,
        area,
        [area - low, high - area],
        color=COLORS[k],
        marker=MARKERS[k],
        markersize=4,
        linewidth=1.2,
        label=label,
    )


def _middle(stratum: str) -> float:
    low, high = map(float, stratum.split("-"))
    return float(np.sqrt(low * high))

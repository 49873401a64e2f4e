"""The figure of hela.py: scores of all methods, parameter by parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context

from exosk.report import save_figure
from exosk.report.panels import COLORS, MARKERS, STYLE, clean, head, panel_figure

_LABELS = ("T", r"H$_2$O", "HCN", r"NH$_3$", r"$\kappa_0$")
_PANELS = (("r2", "R2"), ("coverage_68", "within the 68 % interval"), ("coverage_95", "95 %"))


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw R2 and both coverages of the methods, for all rows."""
    methods = {k: v for k, v in result["all rows"].items() if isinstance(v, dict)}
    with rc_context(STYLE):
        figure, axes = panel_figure(3, size=(3.3, 2.6), gap=(0.65, 0.8), top=0.1, right=3.0)
        for axis, (score, title) in zip(axes, _PANELS, strict=True):
            for k, (label, found) in enumerate(methods.items()):
                x = np.arange(5) + 0.09 * (k - len(methods) / 2)
                axis.errorbar(
                    x,
                    found[score],
                    found[f"{score}_error"],
                    # A second round of the palette has open marks.
                    fmt=MARKERS[k % len(MARKERS)],
                    color=COLORS[k % len(COLORS)],
                    fillstyle="full" if k < len(COLORS) else "none",
                    markersize=4.5,
                    label=f"{label} ({found['mean_r2']:.3f})",
                )
            if score != "r2":
                level = float(score.rsplit("_", 1)[1]) / 100
                axis.axhspan(level - 0.02, level + 0.02, color="0.9", zorder=0)
            axis.set_xticks(range(5), _LABELS)
            axis.set_title(title, fontsize=10)
            clean(axis)
        axes[-1].legend(
            loc="upper left",
            bbox_to_anchor=(1.03, 1.0),
            frameon=False,
            fontsize=8.5,
            title="method (mean R2)",
            title_fontsize=8.5,
            alignment="left",
        )
        head(figure, "WASP-12b, WFC3: five folds of 16,000 rows; grey: within two points")
    save_figure(figure, path)

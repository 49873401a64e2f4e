"""A survey as a picture: observations down, molecules across, colour for what the data say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from exosk.report.panels import STYLE
from exosk.report.wording import formula
from exosk.survey.claims import CLAIMS
from exosk.survey.table import FAVOURED, molecules_of, odds_gain

__all__ = ["survey_figure"]

_MARKS = {"yes": "P", "weak": "s", "no": "_"}
_INK = "#1a1a1a"
_MOST = 3.0  # decades of odds that colours tell apart


def survey_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw the change of each molecule's odds, with what was published on top.

    Parameters
    ----------
    rows : sequence of dict
        From :func:`exosk.survey.run_survey`; those with a problem are left out.
    """
    rows = [row for row in rows if "probability" in row]
    molecules = molecules_of(rows)
    gain = np.full((len(rows), max(len(molecules), 1)), np.nan)
    for k, row in enumerate(rows):
        for j, molecule in enumerate(molecules):
            if molecule in row["probability"]:
                gain[k, j] = np.log10(
                    odds_gain(row["probability"][molecule], row["prior"][molecule])
                )
    with rc_context(STYLE):
        width = 4.6 + 0.52 * gain.shape[1]
        figure = Figure(figsize=(width, 0.235 * len(rows) + 1.9), layout="constrained")
        axis = figure.subplots()
        axis.set_facecolor("0.9")
        image = axis.imshow(gain, cmap="PuOr_r", vmin=-_MOST, vmax=_MOST, aspect="auto")
        for k, row in enumerate(rows):
            for molecule, claim in row["published"].items():
                dark = abs(gain[k, molecules.index(molecule)]) > 0.7 * _MOST
                axis.plot(
                    molecules.index(molecule),
                    k,
                    _MARKS[claim],
                    color="white" if dark else _INK,
                    markersize=6,
                    markeredgewidth=1.6,
                    fillstyle="full" if claim == "yes" else "none",
                )
        axis.set_xticks(range(len(molecules)), [formula(m) for m in molecules])
        axis.xaxis.tick_top()
        axis.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8)
        axis.set_xticks(np.arange(len(molecules) - 1) + 0.5, minor=True)
        axis.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
        axis.grid(which="minor", color="white", linewidth=1.2)
        axis.tick_params(which="both", length=0)
        bar = figure.colorbar(image, ax=axis, shrink=0.6, aspect=30, pad=0.02)
        bar.set_label("change of the odds of presence, dex")
        bar.ax.axhline(np.log10(FAVOURED), color=_INK, linewidth=0.8)
        bar.ax.axhline(-np.log10(FAVOURED), color=_INK, linewidth=0.8)
        handles = [
            Line2D(
                [], [], color=_INK, linestyle="", marker=_MARKS[claim], markersize=6,
                markeredgewidth=1.6, fillstyle="full" if claim == "yes" else "none",
                label=f"published: {words}",
            )
            for claim, (_, words) in CLAIMS.items()
        ]  # fmt: skip
        figure.legend(
            handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5
        )
    return figure


def _label(row: dict[str, Any]) -> str:
    instrument = row["instrument"].replace("JWST ", "").replace("HST ", "")
    instrument = instrument if len(instrument) <= 26 else f"{instrument[:25].rstrip()}\u2026"
    star = " *" if row["outside"] else ""
    return f"{row['planet'] or row['label']}  {instrument}{star}".strip()

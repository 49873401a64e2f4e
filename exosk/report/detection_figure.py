"""How well a detector tells molecules apart, and what its probabilities are worth, in figures."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from exosk.evaluation.calibration import Reliability, reliability
from exosk.evaluation.detection import DetectorEvaluation
from exosk.report.panels import COLORS, STYLE, clean, head, panel_figure
from exosk.report.wording import formula

__all__ = ["plot_confusion", "plot_curves", "plot_reliability"]

_INK = "#1a1a1a"
_SHARE = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#6db0da", "#0072b2"])
_LINES = ("-", "--", ":")


def plot_curves(evaluation: DetectorEvaluation) -> Figure:
    """Plot ROC and precision-recall curves of all molecules.

    Parameters
    ----------
    evaluation : DetectorEvaluation
        A molecule that all spectra hold, or none, has no curves and is left out.

    Returns
    -------
    matplotlib.figure.Figure
        Left the ROC curves, right precision against recall; dots mark the threshold, ticks at
        the right edge what guessing would reach (the prevalence).
    """
    figure, (roc, pr) = panel_figure(2, size=(3.7, 3.7), gap=(0.85, 0.8), right=3.0)
    metrics = evaluation.metrics()
    with rc_context(STYLE):
        roc.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--")
        left_out = []
        for k, molecule in enumerate(evaluation.molecules):
            scores = metrics[molecule]
            if np.isnan(scores["auc"]):
                left_out.append(formula(molecule))
                continue
            y, p = evaluation.presence[:, k], evaluation.probability[:, k]
            low, high = scores["auc_interval"]
            style = {
                "color": COLORS[k % len(COLORS)],
                "linestyle": _LINES[(k // len(COLORS)) % len(_LINES)],
                "linewidth": 1.4,
            }
            false, true, _ = roc_curve(y, p)
            roc.plot(false, true, **style)
            counts = scores["confusion"]
            negative = counts["true_negative"] + counts["false_positive"]
            dot = {"marker": "o", "markersize": 4.5, "color": style["color"], "clip_on": False}
            roc.plot(counts["false_positive"] / negative, scores["recall"], zorder=5, **dot)
            precision, recall, _ = precision_recall_curve(y, p)
            pr.plot(
                recall,
                precision,
                drawstyle="steps-post",
                label=f"{formula(molecule)}: AUC {scores['auc']:.3f} "
                f"[{low:.3f}, {high:.3f}],\n    AP {scores['average_precision']:.3f}",
                **style,
            )
            if not np.isnan(scores["precision"]):
                pr.plot(scores["recall"], scores["precision"], zorder=5, **dot)
            pr.plot([0.97, 1.0], [scores["prevalence"]] * 2, color=style["color"], linewidth=2)
        roc.set_xlabel("False-positive rate")
        roc.set_ylabel("True-positive rate (recall)")
        pr.set_xlabel("Recall")
        pr.set_ylabel("Precision")
        for axis in (roc, pr):
            axis.set_xlim(0, 1)
            axis.set_ylim(0, 1.005)
            clean(axis)
        if pr.get_legend_handles_labels()[0]:
            pr.legend(
                loc="center left",
                bbox_to_anchor=(1.03, 0.5),
                frameon=False,
                fontsize=9,
                labelspacing=0.8,
            )
        text = (
            f"{len(evaluation)} test spectra; dots: probability {evaluation.threshold:g}; ticks at "
            f"the right edge: prevalence; brackets: 95 % (DeLong)"
        )
        if left_out:
            text += f"; no curve for {', '.join(left_out)}, of one class only"
        head(figure, text)
    return figure


def plot_reliability(evaluation: DetectorEvaluation) -> Figure:
    """Plot observed frequencies against predicted probabilities, with counts.

    Parameters
    ----------
    evaluation : DetectorEvaluation
        Of any number of spectra.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a molecule: points are bins of equally many spectra with Wilson's 95 %
        intervals; below, numbers of spectra with and without the molecule by probability.
    """
    figure, axes = panel_figure(
        len(evaluation.molecules), size=(2.4, 3.15), gap=(0.85, 0.85), most=3, top=0.2
    )
    with rc_context(STYLE):
        for k, (axis, molecule) in enumerate(zip(axes, evaluation.molecules)):
            y, p = evaluation.presence[:, k], evaluation.probability[:, k]
            # The lower quarter of the panel is for the counts.
            counts = axis.inset_axes((0, 0, 1, 0.2))
            curve = axis.inset_axes((0, 0.24, 1, 0.76))
            axis.set_axis_off()
            _draw_reliability(curve, reliability(y, p), COLORS[0])
            edges = np.linspace(0, 1, 21)
            for label, color in ((0, COLORS[1]), (1, COLORS[0])):
                counts.hist(p[y == label], edges, histtype="step", color=color, linewidth=1.2)
            counts.set_yscale("log")
            counts.set_ylim(bottom=0.7)
            counts.set_xlim(-0.02, 1.02)
            counts.set_xlabel("Predicted probability")
            counts.set_ylabel("Count", labelpad=2)
            clean(counts, grid=False)
            curve.set_title(formula(molecule), fontsize=10)
            curve.tick_params(labelbottom=False)
        head(
            figure,
            f"{len(evaluation)} test spectra; bars: 95 % (Wilson); counts: blue with the molecule, "
            f"orange without",
        )
    return figure


def _draw_reliability(axis: Axes, curve: Reliability, color: str) -> None:
    axis.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--")
    axis.errorbar(
        curve.predicted,
        curve.observed,
        np.maximum([curve.observed - curve.lower, curve.upper - curve.observed], 0.0),
        color=color,
        marker="o",
        markersize=4,
        linewidth=1.1,
        elinewidth=1.0,
        capsize=2,
    )
    axis.set_xlim(-0.02, 1.02)
    axis.set_ylim(-0.02, 1.02)
    axis.set_ylabel("Observed share", labelpad=2)
    axis.text(
        0.04,
        0.96,
        f"ECE {curve.ece:.3f}\n(chance: {curve.ece_floor:.3f})",
        transform=axis.transAxes,
        va="top",
        fontsize=8.5,
    )
    clean(axis)


def plot_confusion(evaluation: DetectorEvaluation) -> Figure:
    """Plot the confusion matrix of each molecule.

    Parameters
    ----------
    evaluation : DetectorEvaluation
        Of any number of spectra.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a molecule: counts, and their share of the spectra that are (rows) with or
        without the molecule; colours show the share.
    """
    figure, axes = panel_figure(
        len(evaluation.molecules), size=(1.75, 1.75), gap=(0.45, 0.85), top=0.15
    )
    metrics = evaluation.metrics()
    with rc_context(STYLE):
        for axis, molecule in zip(axes, evaluation.molecules):
            scores = metrics[molecule]
            found = scores["confusion"]
            counts = np.array(
                [
                    [found["true_positive"], found["false_negative"]],
                    [found["false_positive"], found["true_negative"]],
                ]
            )
            total = counts.sum(axis=1, keepdims=True)
            share = counts / np.maximum(total, 1)
            axis.imshow(share, cmap=_SHARE, vmin=0, vmax=1)
            for (row, column), count in np.ndenumerate(counts):
                text = f"{count}\n{share[row, column]:.1%}" if total[row, 0] else "none"
                dark = share[row, column] > 0.6
                axis.text(column, row, text, ha="center", va="center", color="w" if dark else "k")
            axis.set_xticks([0, 1], ["detected", "not"])
            axis.set_xlabel(_line(scores), fontsize=9)
            first = axis.get_position().x0 == axes[0].get_position().x0
            axis.set_yticks([0, 1], ["holds it", "does not"] if first else ["", ""])
            if first:
                for label in axis.get_yticklabels():
                    label.set(rotation=90, va="center")
            axis.tick_params(length=0)
            axis.set_title(formula(molecule), fontsize=10)
        head(
            figure,
            f"{len(evaluation)} test spectra, detected: probability above {evaluation.threshold:g}",
        )
    return figure


def _line(scores: dict) -> str:
    def text(name: str) -> str:
        value = scores[name]
        return "–" if np.isnan(value) else f"{value:.3f}"

    return f"precision {text('precision')}\nrecall {text('recall')}, F1 {text('f1')}"

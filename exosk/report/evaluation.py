"""An evaluation as files: JSON, tables and pictures."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from exosk.evaluation.detection import detection_row
from exosk.evaluation.document import as_json
from exosk.evaluation.model import ModelEvaluation
from exosk.evaluation.regression import RetrieverEvaluation, retrieval_row
from exosk.report.detection_figure import plot_confusion, plot_curves, plot_reliability
from exosk.report.figures import figure_png
from exosk.report.retriever_figures import plot_coverage, plot_pit, plot_predictions
from exosk.report.trend_figure import (
    plot_detection_by_abundance,
    plot_detection_trends,
    plot_retrieval_by_truth,
    plot_retrieval_trends,
)
from exosk.report.wording import formula
from exosk.simulators.quantities import abundance_name
from exosk.storage import atomic_path

__all__ = ["write_evaluation"]

_SNR = "Signal-to-noise per scale height"
_ENDS = ("low", "high", "center")


def write_evaluation(found: ModelEvaluation, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write scores, tables and figures into a folder.

    Everything is made before anything is written, and each file is whole or absent.

    Parameters
    ----------
    found : ModelEvaluation
        What to write.
    folder : path-like
        Where; made when it is missing. Files of an earlier evaluation are replaced.

    Returns
    -------
    dict of str to pathlib.Path
        ``metrics`` (JSON); ``scores`` (CSV) and ``summary`` (Markdown); figures (PNG), for a
        retriever ``predictions``, ``coverage`` and ``pit``, for a detector ``curves``,
        ``reliability`` and ``confusion``; ``signal_to_noise`` and ``abundance``, each a figure
        and a ``_table`` (CSV), where the data set tells them.
    """
    tables, figures = _tables(found), _figures(found)
    content = {"metrics": ("metrics.json", _json(found.to_dict()))}
    content |= {name: (f"{name}.csv", _csv(rows)) for name, rows in tables.items()}
    content["summary"] = ("summary.md", _markdown(found, tables["scores"]))
    content |= {name: (f"{name}.png", figure_png(figure)) for name, figure in figures.items()}
    folder = Path(folder)
    paths = {}
    for name, (file, data) in content.items():
        paths[name] = folder / file
        with atomic_path(paths[name]) as temporary:
            temporary.write_bytes(data)
    return paths


def _tables(found: ModelEvaluation) -> dict[str, list[dict[str, Any]]]:
    tables = {"scores": as_json(found.evaluation.table())}
    key, row = (
        ("parameters", retrieval_row) if found.kind == "retriever" else ("molecules", detection_row)
    )
    if found.by_signal_to_noise:
        tables["signal_to_noise_table"] = [
            {end: record[end] for end in _ENDS} | row(name, scores)
            for record in found.by_signal_to_noise
            for name, scores in record[key].items()
        ]
    if any(found.by_abundance.values()):
        tables["abundance_table"] = [
            {end: record[end] for end in _ENDS}
            | row(name, {key: value for key, value in record.items() if key not in _ENDS})
            for name, records in found.by_abundance.items()
            for record in records
        ]
    return tables


def _figures(found: ModelEvaluation) -> dict[str, Figure]:
    evaluation = found.evaluation
    records = found.by_signal_to_noise
    figures = {}
    if isinstance(evaluation, RetrieverEvaluation):
        labels = {parameter.name: parameter.label for parameter in evaluation.space}
        figures["predictions"] = plot_predictions(evaluation)
        figures["coverage"] = plot_coverage(evaluation)
        figures["pit"] = plot_pit(evaluation)
        if records:
            figures["signal_to_noise"] = plot_retrieval_trends(
                records, labels, _SNR, logarithmic=True
            )
        if any(found.by_abundance.values()):
            labels |= {abundance_name(name): formula(name) for name in found.molecules}
            figures["abundance"] = plot_retrieval_by_truth(
                found.by_abundance, labels, r"True $\log_{10}$ abundance"
            )
        return figures
    labels = {name: formula(name) for name in evaluation.molecules}
    figures["curves"] = plot_curves(evaluation)
    figures["reliability"] = plot_reliability(evaluation)
    figures["confusion"] = plot_confusion(evaluation)
    if records:
        figures["signal_to_noise"] = plot_detection_trends(records, labels, _SNR, logarithmic=True)
    if any(found.by_abundance.values()):
        figures["abundance"] = plot_detection_by_abundance(found.by_abundance, labels)
    return figures


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode("utf-8")


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    # What is no number in one row may be one in another.
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def _markdown(found: ModelEvaluation, rows: Sequence[Mapping[str, Any]]) -> bytes:
    noise, data = found.context["noise"], found.context["data"]
    low, high = noise["scale"]
    times = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    lines = [
        f"# Evaluation of a {found.kind}",
        "",
        f"{data['n_spectra']} spectra of {data['n_bins']} bins, errors {times} times the reference "
        f"(median {1e6 * noise['median_reference_error']:.1f} ppm).",
        "",
        *(f"- {note}" for note in found.notes),
        *([""] if found.notes else []),
    ]
    columns = _RETRIEVER if isinstance(found.evaluation, RetrieverEvaluation) else _DETECTOR
    shown = {name: title for name, title in columns.items() if name in rows[0]}
    lines += [
        f"| {' | '.join(shown.values())} |",
        f"|{'|'.join('---' if k == 0 else '---:' for k in range(len(shown)))}|",
        *(f"| {' | '.join(_text(row[name]) for name in shown)} |" for row in rows),
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


_RETRIEVER = {
    "parameter": "Parameter",
    "unit": "Unit",
    "r2": "R2",
    "rmse": "RMSE",
    "bias": "Bias",
    "crps": "CRPS",
    "nll": "NLL",
    "coverage_68": "In 68 %",
    "coverage_95": "In 95 %",
    "width_68": "Width of 68 %",
}
_DETECTOR = {
    "molecule": "Molecule",
    "prevalence": "Present",
    "auc": "ROC-AUC",
    "auc_low": "from (95 %)",
    "auc_high": "to",
    "average_precision": "AP",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "brier": "Brier",
    "log_loss": "Log loss",
    "ece": "ECE",
    "ece_floor": "ECE by chance",
}


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.3g}"

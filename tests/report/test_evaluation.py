"""Figures and files of an evaluation: what must be on them, without looking."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from exosk.evaluation import DetectorEvaluation, RetrieverEvaluation
from exosk.evaluation.model import ModelEvaluation
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.report.detection_figure import plot_confusion, plot_curves, plot_reliability
from exosk.report.evaluation import write_evaluation
from exosk.report.figures import figure_png
from exosk.report.retriever_figures import plot_coverage, plot_pit, plot_predictions

LEVELS = (0.5, 0.68, 0.95)


def texts(figure: Figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axis in figure.findobj(lambda each: hasattr(each, "get_xlabel")):
        found += [axis.get_xlabel(), axis.get_ylabel(), axis.get_title()]
        found += [text.get_text() for text in axis.texts]
        legend = axis.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(found)


def make_retriever(n: int, d: int = 2, constant: bool = False) -> RetrieverEvaluation:
    random = np.random.default_rng(0)
    names = ["temperature", "log_x_h2o", *(f"log_x_{k}" for k in "abcdefghij")]
    space = ParameterSpace([Parameter(name, Uniform(-3, 3), "K") for name in names[:d]])
    truth = np.zeros((n, d)) if constant else random.uniform(-3, 3, (n, d))
    mean = truth + 0.3 * random.standard_normal((n, d))
    half = np.array([0.2, 0.3, 0.6])[:, None, None]
    return RetrieverEvaluation(
        space=space,
        truth=truth,
        mean=mean,
        std=np.full((n, d), 0.3),
        levels=LEVELS,
        intervals=np.stack([mean - half, mean + half], axis=1),
        pit=random.uniform(size=(n, d)),
        crps=np.abs(mean - truth),
        nll=(mean - truth) ** 2,
        density="made up",
    )


def make_detector(n: int, label: int | None = None) -> DetectorEvaluation:
    random = np.random.default_rng(0)
    probability = random.uniform(size=(n, 3))
    presence = (random.uniform(size=(n, 3)) < probability).astype(int)
    if label is not None:
        presence[:, 2] = label
    return DetectorEvaluation(("H2O", "CO", "K"), presence, probability)


def make_found(kind: str, n: int) -> ModelEvaluation:
    evaluation = make_retriever(n) if kind == "retriever" else make_detector(n, 0)
    molecules = ("H2O",) if kind == "retriever" else evaluation.molecules
    random = np.random.default_rng(1)
    context = {
        "data": {"n_spectra": n, "n_bins": 6},
        "noise": {"scale": [1.0, 2.0], "median_reference_error": 5e-5},
    }
    return ModelEvaluation(
        evaluation,
        random.uniform(1, 30, n),
        random.uniform(-12, -2, (n, len(molecules))),
        molecules,
        context,
        ("beware",),
    )


@pytest.mark.parametrize("n", [1, 30, 900])
@pytest.mark.parametrize("d", [1, 2, 12])
def test_any_number_of_spectra_and_parameters_is_drawn(n, d):
    evaluation = make_retriever(n, d)
    for plot in (plot_predictions, plot_coverage, plot_pit):
        figure_png(plot(evaluation), dpi=20)


def test_figures_of_a_retriever_say_what_they_show():
    evaluation = make_retriever(900)
    text = texts(plot_predictions(evaluation))
    for label in ("temperature", "True", "Retrieved", "$R^2$", "68 % interval", "900 test spectra"):
        assert label in text
    assert f"{evaluation.metrics()['temperature']['r2']:.2f}" in text
    text = texts(plot_coverage(evaluation))
    for label in ("Nominal level", "Share of truths", "too sure", "exact (95 %)"):
        assert label in text
    assert "PIT of the truth" in texts(plot_pit(evaluation))
    assert "undefined" in texts(plot_predictions(make_retriever(20, constant=True)))


def test_the_coverage_curve_is_the_coverage():
    evaluation = make_retriever(300)
    whole = plot_coverage(evaluation).axes[0]
    line = whole.lines[0]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    at_68 = evaluation.metrics()["temperature"]["coverage"][1]["observed"]
    assert y[np.isclose(x, 0.68)] == pytest.approx(at_68)


@pytest.mark.parametrize("n", [2, 40, 900])
@pytest.mark.parametrize("label", [None, 0, 1])
def test_any_detector_is_drawn(n, label):
    evaluation = make_detector(n, label)
    for plot in (plot_curves, plot_reliability, plot_confusion):
        figure_png(plot(evaluation), dpi=20)


def test_figures_of_a_detector_say_what_they_show():
    evaluation = make_detector(900, 0)
    scores = evaluation.metrics()["H2O"]
    text = texts(plot_curves(evaluation))
    assert f"H₂O: AUC {scores['auc']:.3f} [{scores['auc_interval'][0]:.3f}" in text
    assert "no curve for K, of one class only" in text
    assert "False-positive rate" in text
    assert "Precision" in text
    assert f"ECE {scores['ece']:.3f}" in texts(plot_reliability(evaluation))
    text = texts(plot_confusion(evaluation))
    assert f"{scores['confusion']['true_positive']}\n" in text
    assert "precision –" not in text.split("CO")[0]


@pytest.mark.parametrize("kind", ["retriever", "detector"])
def test_an_evaluation_is_written_whole(kind, tmp_path):
    found = make_found(kind, 400)
    paths = write_evaluation(found, tmp_path / "new")
    figures = {
        "retriever": {"predictions", "coverage", "pit"},
        "detector": {"curves", "reliability", "confusion"},
    }[kind] | {"signal_to_noise", "abundance"}
    tables = {"scores", "signal_to_noise_table", "abundance_table"}
    assert set(paths) == figures | tables | {"metrics", "summary"}
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths.values())
    for name in figures:
        assert image.imread(paths[name]).shape[1] > 300
    document = json.loads(paths["metrics"].read_text())
    assert document == found.to_dict()
    for name in tables:
        with paths[name].open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert not {"nan", "None"} & {value for row in rows for value in row.values()}
    summary = paths["summary"].read_text()
    assert "- beware" in summary
    assert ("| temperature | K |" if kind == "retriever" else "| H2O |") in summary


@pytest.mark.parametrize("kind", ["retriever", "detector"])
def test_without_strata_their_files_are_left_out(kind, tmp_path):
    paths = write_evaluation(make_found(kind, 30), tmp_path)
    assert "signal_to_noise" not in paths
    assert paths["metrics"].exists()

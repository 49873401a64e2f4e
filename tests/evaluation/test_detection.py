"""Scores of a detector, against scikit-learn's and against counting."""

import json

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from exosk.evaluation import evaluate_detector, score_detections
from exosk.exceptions import RangeError
from exosk.models import MoleculeDetector
from exosk.preprocessing import SpectrumScaler


class Echo(ClassifierMixin, BaseEstimator):
    """X is what it answers."""

    def predict_proba(self, X):
        return X


@pytest.fixture(scope="module")
def answers():
    random = np.random.default_rng(0)
    probability = random.uniform(size=(800, 3)) ** [1.0, 2.0, 0.5]
    presence = (random.uniform(size=probability.shape) < probability).astype(int)
    return probability, presence


def test_scores_are_scikit_learn_s(answers):
    p, y = answers
    found = evaluate_detector(Echo(), p, y, ["H2O", "CO", "K"]).metrics()
    for k, name in enumerate(["H2O", "CO", "K"]):
        called = p[:, k] > 0.5
        expected = {
            "precision": metrics.precision_score(y[:, k], called),
            "recall": metrics.recall_score(y[:, k], called),
            "f1": metrics.f1_score(y[:, k], called),
            "auc": metrics.roc_auc_score(y[:, k], p[:, k]),
            "average_precision": metrics.average_precision_score(y[:, k], p[:, k]),
            "brier": metrics.brier_score_loss(y[:, k], p[:, k]),
            "log_loss": metrics.log_loss(y[:, k], p[:, k]),
            "prevalence": y[:, k].mean(),
            "n": 800,
        }
        assert {key: found[name][key] for key in expected} == pytest.approx(expected)
        table = metrics.confusion_matrix(y[:, k], called)
        assert list(found[name]["confusion"].values()) == table.ravel().tolist()
        for score in ("precision", "recall", "auc"):
            low, high = found[name][f"{score}_interval"]
            assert low < found[name][score] < high
        assert not found[name]["undefined"]


def test_calibrated_probabilities_have_no_more_than_chance_s_error(answers):
    p, y = answers
    for scores in evaluate_detector(Echo(), p, y).metrics().values():
        assert scores["ece"] < 2 * scores["ece_floor"]


@pytest.mark.parametrize(
    ("label", "missing"),
    [(0, {"recall", "f1", "auc", "average_precision"}), (1, {"auc"})],
)
def test_one_class_only_has_no_area_and_says_so(label, missing):
    p = np.linspace(0.1, 0.9, 20)[:, None]
    found = evaluate_detector(Echo(), p, np.full_like(p, label), ["CO"]).to_dict()
    json.dumps(found, allow_nan=False)
    scores = found["molecules"]["CO"]
    assert set(scores["undefined"]) == missing
    assert all(scores[name] is None for name in missing)
    assert "of the 20 spectra" in scores["undefined"]["auc"]
    assert scores["brier"] is not None
    assert found["macro"]["auc"] is None


def test_without_a_detection_there_is_no_precision():
    scores = score_detections([0, 1, 1], [0.1, 0.2, 0.3])
    assert np.isnan(scores["precision"])
    assert scores["recall"] == scores["f1"] == 0
    assert "above 0.5" in scores["undefined"]["precision"]


def test_probabilities_of_0_and_1_are_scored(answers):
    _, y = answers
    scores = score_detections(y[:, 0], y[:, 0].astype(float))
    assert scores["auc"] == scores["f1"] == 1
    assert scores["ece"] == scores["brier"] == 0
    assert scores["auc_interval"][0] < 1, "perfect in a finite sample is not perfect for certain"


def test_the_threshold_counts_as_asked(answers):
    p, y = answers
    strict, lax = (evaluate_detector(Echo(), p, y, threshold=t).metrics() for t in (0.8, 0.2))
    for name, scores in strict.items():
        assert scores["recall"] < lax[name]["recall"]
        assert scores["precision"] > lax[name]["precision"]
        assert scores["auc"] == lax[name]["auc"]


def test_a_selection_is_the_evaluation_of_these_spectra(answers):
    p, y = answers
    rows = np.arange(0, 800, 3)
    whole = evaluate_detector(Echo(), p, y, batch_size=90)
    some = evaluate_detector(Echo(), p[rows], y[rows])
    assert whole[rows].to_dict() == some.to_dict()
    assert [row["molecule"] for row in some.table()] == ["label 0", "label 1", "label 2"]


@pytest.mark.parametrize("kind", ["detector", "pipeline", "search", "list of two columns"])
def test_every_kind_of_classifier_is_asked(kind):
    random = np.random.default_rng(0)
    X = 0.02 + 1e-3 * random.standard_normal((60, 5))
    y = (X[:, :2] > 0.02).astype(int)
    detector = MoleculeDetector(5, random_state=0)
    model = {
        "detector": detector,
        "pipeline": make_pipeline(SpectrumScaler(), detector),
        "search": GridSearchCV(
            detector, {"min_samples_leaf": [2, 5]}, cv=2, scoring="neg_log_loss"
        ),
        "list of two columns": make_pipeline(
            SpectrumScaler(), RandomForestClassifier(5, random_state=0)
        ),
    }[kind]
    if kind == "search":
        model.set_params(scoring=lambda m, X, y: m.predict_proba(X).mean())
    found = evaluate_detector(model.fit(X, y), X, y, ("H2O", "CO"))
    assert found.probability.shape == (60, 2)
    assert found.metrics()["H2O"]["auc"] > 0.9


def test_what_does_not_match_is_refused(answers):
    p, y = answers
    with pytest.raises(RangeError, match="800 spectra but labels of shape"):
        evaluate_detector(Echo(), p, y[:3])
    with pytest.raises(RangeError, match="0 spectra"):
        evaluate_detector(Echo(), p[:0], y[:0])
    with pytest.raises(RangeError, match=r"0 and 1, got .*0\.5"):
        evaluate_detector(Echo(), p, y * 0.5)
    with pytest.raises(RangeError, match="2 names of molecules but 3"):
        evaluate_detector(Echo(), p, y, ["H2O", "CO"])
    with pytest.raises(RangeError, match="probabilities for 3 molecules"):
        evaluate_detector(Echo(), p, y[:, :2])

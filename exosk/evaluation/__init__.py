"""Scores that cannot be fooled: with noise, and of uncertainties as well as of values."""

from exosk.evaluation.auc import auc_with_interval
from exosk.evaluation.bootstrap import bootstrap_means
from exosk.evaluation.calibration import Reliability, reliability
from exosk.evaluation.coverage import binomial_error, interval_coverage, pit_coverage
from exosk.evaluation.detection import DetectorEvaluation, evaluate_detector, score_detections
from exosk.evaluation.regression import RetrieverEvaluation, evaluate_retriever
from exosk.evaluation.scorers import noisy_scorer
from exosk.evaluation.splitters import ParentKFold
from exosk.evaluation.strata import Stratum, strata
from exosk.evaluation.stratified import (
    detections_by,
    detections_by_abundance,
    retrievals_by,
    retrievals_by_truth,
)

__all__ = [
    "DetectorEvaluation",
    "ParentKFold",
    "Reliability",
    "RetrieverEvaluation",
    "Stratum",
    "auc_with_interval",
    "binomial_error",
    "bootstrap_means",
    "detections_by",
    "detections_by_abundance",
    "evaluate_detector",
    "evaluate_retriever",
    "interval_coverage",
    "noisy_scorer",
    "pit_coverage",
    "reliability",
    "retrievals_by",
    "retrievals_by_truth",
    "score_detections",
    "strata",
]

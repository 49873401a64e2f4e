"""Scores that cannot be fooled: with noise, and of uncertainties as well as of values."""

from exosk.evaluation.auc import auc_with_interval
from exosk.evaluation.bootstrap import bootstrap_means
from exosk.evaluation.calibration import Reliability, reliability
from exosk.evaluation.checks import ModelChecks, check_model
from exosk.evaluation.coverage import binomial_error, interval_coverage, pit_coverage
from exosk.evaluation.detection import DetectorEvaluation, evaluate_detector, score_detections
from exosk.evaluation.expected_coverage import coverage_test, density_levels
from exosk.evaluation.local import local_test, spectrum_features
from exosk.evaluation.predictive import predictive_check
from exosk.evaluation.regression import RetrieverEvaluation, evaluate_retriever
from exosk.evaluation.sbc import posterior_ranks, rank_transform, uniformity_test
from exosk.evaluation.scorers import noisy_scorer
from exosk.evaluation.splitters import ParentKFold
from exosk.evaluation.strata import Stratum, strata
from exosk.evaluation.stratified import (
    detections_by,
    detections_by_abundance,
    retrievals_by,
    retrievals_by_truth,
)
from exosk.evaluation.tarp import run_tarp

__all__ = [
    "DetectorEvaluation",
    "ModelChecks",
    "ParentKFold",
    "Reliability",
    "RetrieverEvaluation",
    "Stratum",
    "auc_with_interval",
    "binomial_error",
    "bootstrap_means",
    "check_model",
    "coverage_test",
    "density_levels",
    "detections_by",
    "detections_by_abundance",
    "evaluate_detector",
    "evaluate_retriever",
    "interval_coverage",
    "local_test",
    "noisy_scorer",
    "pit_coverage",
    "posterior_ranks",
    "predictive_check",
    "rank_transform",
    "reliability",
    "retrievals_by",
    "retrievals_by_truth",
    "run_tarp",
    "score_detections",
    "spectrum_features",
    "strata",
    "uniformity_test",
]

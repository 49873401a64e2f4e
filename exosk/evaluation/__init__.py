"""Scores that cannot be fooled: with noise, and of uncertainties as well as of values."""

from exosk.evaluation.coverage import interval_coverage
from exosk.evaluation.scorers import noisy_scorer

__all__ = ["interval_coverage", "noisy_scorer"]

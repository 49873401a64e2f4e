"""Estimators: from spectra to parameters, and to the molecules behind them."""

from exosk.models.detector import MoleculeDetector
from exosk.models.forest import ForestRetriever
from exosk.models.sampling import sample_posterior

__all__ = ["ForestRetriever", "MoleculeDetector", "sample_posterior"]

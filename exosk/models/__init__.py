"""Estimators: from spectra to parameters, and to the molecules behind them."""

from exosk.models.cnn import CNNDetector, CNNRetriever
from exosk.models.detector import MoleculeDetector
from exosk.models.forest import ForestRetriever
from exosk.models.mlp import MLPDetector, MLPRetriever
from exosk.models.replicated import Replicated
from exosk.models.sampling import sample_posterior

__all__ = [
    "CNNDetector",
    "CNNRetriever",
    "ForestRetriever",
    "MLPDetector",
    "MLPRetriever",
    "MoleculeDetector",
    "Replicated",
    "sample_posterior",
]

"""Estimators: from spectra to parameters, and to the molecules behind them."""

from exosk.models.cnn import CNNDetector, CNNRetriever
from exosk.models.detector import MoleculeDetector
from exosk.models.flow import FlowRetriever
from exosk.models.forest import ForestRetriever
from exosk.models.gan import InpaintingGANRetriever
from exosk.models.mlp import MLPDetector, MLPRetriever
from exosk.models.persistence import FittedModel, load_model, save_model
from exosk.models.replicated import Replicated
from exosk.models.sampling import sample_posterior

__all__ = [
    "CNNDetector",
    "CNNRetriever",
    "FittedModel",
    "FlowRetriever",
    "ForestRetriever",
    "InpaintingGANRetriever",
    "MLPDetector",
    "MLPRetriever",
    "MoleculeDetector",
    "Replicated",
    "load_model",
    "sample_posterior",
    "save_model",
]

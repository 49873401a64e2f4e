"""Plain torch modules: what a row of X becomes, the bodies of networks, and their heads."""

from exosk.models.nets.bodies import ConvolutionBody, DenseBody
from exosk.models.nets.heads import LogitHead, MixtureHead
from exosk.models.nets.inputs import SpectrumInput
from exosk.models.nets.spectral import SpectralNet

__all__ = [
    "ConvolutionBody",
    "DenseBody",
    "LogitHead",
    "MixtureHead",
    "SpectralNet",
    "SpectrumInput",
]

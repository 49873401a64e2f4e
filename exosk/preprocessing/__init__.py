"""Transformers of spectra."""

from exosk.preprocessing.aspa import AspaEncoder
from exosk.preprocessing.continuum import ContinuumRemover
from exosk.preprocessing.imputing import SpectrumImputer
from exosk.preprocessing.joining import join_spectra
from exosk.preprocessing.masking import Masker
from exosk.preprocessing.rebinning import Rebinner
from exosk.preprocessing.scaling import SpectrumScaler

__all__ = [
    "AspaEncoder",
    "ContinuumRemover",
    "Masker",
    "Rebinner",
    "SpectrumImputer",
    "SpectrumScaler",
    "join_spectra",
]

"""Transformers of spectra."""

from exosk.preprocessing.scaling import SpectrumScaler

__all__ = ["SpectrumScaler"]

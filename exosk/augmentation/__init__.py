"""Making noise-free training spectra look like an instrument's."""

from exosk.augmentation.noise import NoiseInjector

__all__ = ["NoiseInjector"]

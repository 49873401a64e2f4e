"""Making noise-free training spectra look like an instrument's."""

from exosk.augmentation.contamination import ContaminationInjector
from exosk.augmentation.coverage import CoverageDropout
from exosk.augmentation.dropout import BinDropout
from exosk.augmentation.errors import scale_height_depth, sigma_for_snr
from exosk.augmentation.merging import BinMerger
from exosk.augmentation.noise import NoiseInjector
from exosk.augmentation.offsets import OffsetInjector
from exosk.augmentation.redraw import redraw, reseeded

__all__ = [
    "BinDropout",
    "BinMerger",
    "ContaminationInjector",
    "CoverageDropout",
    "NoiseInjector",
    "OffsetInjector",
    "redraw",
    "reseeded",
    "scale_height_depth",
    "sigma_for_snr",
]

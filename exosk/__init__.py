"""exosk: what a transiting planet's atmosphere is made of, from its transmission spectrum.

The names below are loaded when they are first used, so that ``import exosk`` is quick and
loads neither torch nor a plugin.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

__version__ = metadata.version("exosk")

# One line a public name: where it lives.
_HOME = {
    "as_spectrum": "exosk.sources",
    "AspaEncoder": "exosk.preprocessing",
    "BinDropout": "exosk.augmentation",
    "BinMerger": "exosk.augmentation",
    "check_model": "exosk.evaluation",
    "CNNDetector": "exosk.models",
    "CNNRetriever": "exosk.models",
    "compare_simulators": "exosk.evaluation.simulators",
    "ConformalRetriever": "exosk.inference",
    "ContaminationInjector": "exosk.augmentation",
    "ContinuumRemover": "exosk.preprocessing",
    "CoverageDropout": "exosk.augmentation",
    "Dataset": "exosk.datasets",
    "evaluate_detector": "exosk.evaluation",
    "evaluate_retriever": "exosk.evaluation",
    "ExoskError": "exosk.exceptions",
    "explain_model": "exosk.explain",
    "explain_spectrum": "exosk.explain",
    "FittedModel": "exosk.models",
    "FlowRetriever": "exosk.models",
    "ForestRetriever": "exosk.models",
    "gaussian_log_likelihood": "exosk.inference",
    "get_instrument": "exosk.instruments",
    "get_opacity": "exosk.opacities",
    "get_simulator": "exosk.simulators",
    "hmc_sample": "exosk.inference",
    "importance_sample": "exosk.inference",
    "InpaintingGANRetriever": "exosk.models",
    "Instrument": "exosk.instruments",
    "join_spectra": "exosk.preprocessing",
    "JoinedSimulator": "exosk.simulators.joined",
    "load_model": "exosk.models",
    "load_spectrum": "exosk.sources",
    "LogUniform": "exosk.parameters",
    "Masker": "exosk.preprocessing",
    "MLPDetector": "exosk.models",
    "MLPRetriever": "exosk.models",
    "molecule_odds": "exosk.inference",
    "MoleculeDetector": "exosk.models",
    "nested_sample": "exosk.inference",
    "NoiseInjector": "exosk.augmentation",
    "noisy_scorer": "exosk.evaluation",
    "Normal": "exosk.parameters",
    "OffsetInjector": "exosk.augmentation",
    "Parameter": "exosk.parameters",
    "ParameterSpace": "exosk.parameters",
    "ParentKFold": "exosk.evaluation",
    "Posterior": "exosk.posterior",
    "predictive_check": "exosk.evaluation",
    "proposal_of": "exosk.inference",
    "Rebinner": "exosk.preprocessing",
    "refine_posterior": "exosk.inference",
    "Replicated": "exosk.models",
    "Retrieval": "exosk.retrieval",
    "retrieve": "exosk.retrieval",
    "sample_posterior": "exosk.models",
    "save_model": "exosk.models",
    "scale_height_depth": "exosk.augmentation",
    "sigma_for_snr": "exosk.augmentation",
    "simulate_dataset": "exosk.datasets",
    "simulate_store": "exosk.datasets",
    "space_for_spectrum": "exosk.simulators.system",
    "SpectralGrid": "exosk.spectra",
    "Spectrum": "exosk.spectra",
    "SpectrumGuard": "exosk.inference",
    "SpectrumImputer": "exosk.preprocessing",
    "SpectrumScaler": "exosk.preprocessing",
    "Store": "exosk.datasets",
    "TransmissionModel": "exosk.simulators",
    "Uniform": "exosk.parameters",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'exosk' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)

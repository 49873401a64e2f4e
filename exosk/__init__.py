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
    "Dataset": "exosk.datasets",
    "ExoskError": "exosk.exceptions",
    "ForestRetriever": "exosk.models",
    "Instrument": "exosk.instruments",
    "LogUniform": "exosk.parameters",
    "MoleculeDetector": "exosk.models",
    "NoiseInjector": "exosk.augmentation",
    "Normal": "exosk.parameters",
    "Parameter": "exosk.parameters",
    "ParameterSpace": "exosk.parameters",
    "noisy_scorer": "exosk.evaluation",
    "Retrieval": "exosk.retrieval",
    "Posterior": "exosk.posterior",
    "SpectralGrid": "exosk.spectra",
    "Spectrum": "exosk.spectra",
    "SpectrumScaler": "exosk.preprocessing",
    "TransmissionModel": "exosk.simulators",
    "Uniform": "exosk.parameters",
    "get_instrument": "exosk.instruments",
    "get_opacity": "exosk.opacities",
    "get_simulator": "exosk.simulators",
    "load_spectrum": "exosk.sources",
    "retrieve": "exosk.retrieval",
    "sample_posterior": "exosk.models",
    "simulate_dataset": "exosk.datasets",
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

"""ExoGAN's training set, spectra, grid and priors (Zingales & Waldmann 2018, AJ 156, 268).

The names below are loaded when they are first used: exosk imports this package to look for hooks,
and that must cost nothing.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

_HOME = {
    "ExoganSource": "source",
    "exogan_grid": "grid",
    "exogan_simulator": "recipe",
    "exogan_space": "parameters",
    "read_chunk": "chunks",
    "read_chunks": "chunks",
    "read_exogan_spectrum": "spectra",
    "simulate_exogan": "recipe",
}

#: ExoGAN's priors for ``exosk simulate --priors``.
PRIORS = Path(__file__).with_name("priors.toml")

__all__ = ["PRIORS", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'exosk_exogan' has no attribute {name!r}")
    return getattr(import_module(f"exosk_exogan.{_HOME[name]}"), name)

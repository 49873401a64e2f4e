"""The NASA Exoplanet Archive as a source of transmission spectra and of systems' parameters.

The names below are loaded when they are first used: exosk imports this package to look for hooks,
and that must cost nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "CITATION": "service",
    "NasaArchiveSource": "source",
    "URL_VARIABLE": "service",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'exosk_nasa_archive' has no attribute {name!r}")
    return getattr(import_module(f"exosk_nasa_archive.{_HOME[name]}"), name)

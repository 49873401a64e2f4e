"""MAST for exosk: JWST and HST programmes, Exo.MAST's curated spectra, TESS and Kepler depths.

The names below are loaded when they are first used: exosk imports this package to look for hooks,
and that must cost nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "ExoMastSource": "source",
    "Orbit": "orbit",
    "SpectralTimeSeries": "timeseries",
    "TransitFit": "transit",
    "broadband_spectrum": "broadband",
    "fetch_light_curves": "broadband",
    "fetch_products": "programmes",
    "fit_transit": "transit",
    "list_products": "programmes",
    "quick_look_spectrum": "reduction",
    "read_light_curves": "broadband",
    "read_time_series": "timeseries",
    "search_observations": "programmes",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'exosk_mast' has no attribute {name!r}")
    return getattr(import_module(f"exosk_mast.{_HOME[name]}"), name)

"""Instruments: spectral bins and a noise model."""

from typing import Any

from exosk.instruments.instrument import Instrument
from exosk.plugin import default_manager

__all__ = ["Instrument", "get_instrument"]


def get_instrument(name: str, **options: Any) -> Instrument:
    """Make an instrument by name, as in ``get_instrument("nirspec-prism")``.

    Raises
    ------
    UnknownNameError
        If no plugin offers it; the nearest names are in the message.
    PluginError
        If two plugins claim the name, or the one that has it fails.
    """
    instrument: Instrument = default_manager().make("instruments", name, **options)
    return instrument

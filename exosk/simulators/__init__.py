"""Forward models: from parameters to transit depths on a fine grid."""

from typing import Any

from exosk.plugin import default_manager
from exosk.simulators.protocol import Simulator

__all__ = ["Simulator", "TransmissionModel", "get_simulator"]


def get_simulator(name: str = "builtin", **options: Any) -> Simulator:
    """Make a simulator by name.

    Parameters
    ----------
    name : str, default="builtin"
        As plugins registered it.
    **options
        The simulator's own, as in ``molecules=("H2O", "CO2")``.

    Raises
    ------
    UnknownNameError
        If no plugin offers it; the nearest names are in the message.
    PluginError
        If two plugins claim the name, or the one that has it fails.
    """
    simulator: Simulator = default_manager().make("simulators", name, **options)
    return simulator


def __getattr__(name: str) -> Any:
    """Load the built-in model, and torch with it, when it is first used."""
    if name == "TransmissionModel":
        from exosk.simulators.transmission import TransmissionModel

        return TransmissionModel
    raise AttributeError(f"module 'exosk.simulators' has no attribute {name!r}")

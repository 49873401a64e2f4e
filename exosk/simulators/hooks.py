"""The built-in simulator, registered as a plugin's would be."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_simulators"]


def make_transmission_model(**options: Any) -> Any:
    """Make the built-in transmission model; torch is imported here, not before."""
    from exosk.simulators.transmission import TransmissionModel

    return TransmissionModel(**options)


@hookimpl
def exosk_register_simulators() -> dict[str, Callable[..., Any]]:
    """Offer the built-in simulator."""
    return {"builtin": make_transmission_model}

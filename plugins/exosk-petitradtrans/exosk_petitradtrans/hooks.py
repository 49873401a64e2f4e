"""What this plugin registers; petitRADTRANS is imported when the simulator is made, not before."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_simulators"]


def make_petitradtrans(**options: Any) -> Any:
    """Make a :class:`exosk_petitradtrans.simulator.PetitRadtransModel`."""
    from exosk_petitradtrans.simulator import PetitRadtransModel

    return PetitRadtransModel(**options)


@hookimpl
def exosk_register_simulators() -> dict[str, Callable[..., Any]]:
    """Offer petitRADTRANS."""
    return {"petitradtrans": make_petitradtrans}

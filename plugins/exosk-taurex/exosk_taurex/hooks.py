"""TauREx registered with exosk; this module imports neither TauREx nor torch."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_simulators"]


def make_taurex_simulator(**options: Any) -> Any:
    """Make a simulator that runs TauREx, which is imported here, not before."""
    from exosk_taurex.simulator import TaurexSimulator

    return TaurexSimulator(**options)


@hookimpl
def exosk_register_simulators() -> dict[str, Callable[..., Any]]:
    """Offer TauREx's transmission model."""
    return {"taurex": make_taurex_simulator}

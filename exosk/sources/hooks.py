"""The embedded observations, registered as a plugin's would be."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_sources"]


def make_embedded_source() -> Any:
    """Make the source of the embedded observations."""
    from exosk.sources.embedded import EmbeddedSource

    return EmbeddedSource()


@hookimpl
def exosk_register_sources() -> dict[str, Callable[..., Any]]:
    """Offer the embedded observations."""
    return {"embedded": make_embedded_source}

"""The embedded opacities, registered as a plugin's would be."""

from collections.abc import Callable
from functools import partial
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_opacities"]


@hookimpl
def exosk_register_opacities() -> dict[str, Callable[..., Any]]:
    """Offer the tables that come with exosk."""
    from exosk.opacities import library

    tables = {name: partial(library.load_embedded, name) for name in library.embedded_names()}
    pairs = {name: partial(library.load_collision, name) for name in library.collision_names()}
    return {**tables, **pairs}

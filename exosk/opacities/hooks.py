"""The embedded opacities and the user's own, registered as a plugin's would be."""

from collections.abc import Callable
from functools import partial
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_opacities"]


@hookimpl
def exosk_register_opacities() -> dict[str, Callable[..., Any]]:
    """Offer the tables that come with exosk, and those of the user, which win."""
    from exosk.opacities import library, user_tables

    own = {
        name: partial(user_tables.load_user_table, path)
        for name, path in user_tables.user_tables().items()
    }
    replaced = {name.casefold() for name in own}
    tables = {name: partial(library.load_embedded, name) for name in library.embedded_names()}
    pairs = {name: partial(library.load_collision, name) for name in library.collision_names()}
    embedded = {**tables, **pairs}
    return {**{n: f for n, f in embedded.items() if n.casefold() not in replaced}, **own}

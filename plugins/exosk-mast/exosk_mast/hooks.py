"""Exo.MAST registered with exosk; this module imports nothing of it."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_sources"]


def make_source() -> Any:
    """Make the source at the address of ``EXOSK_EXOMAST_URL``, or the live one."""
    from exosk_mast.source import ExoMastSource

    return ExoMastSource()


@hookimpl
def exosk_register_sources() -> dict[str, Callable[..., Any]]:
    """Offer Exo.MAST's curated transmission spectra and parameters."""
    return {"exo-mast": make_source}

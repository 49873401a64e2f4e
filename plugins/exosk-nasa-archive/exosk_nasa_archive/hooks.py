"""The archive registered with exosk; this module imports nothing of it."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_sources"]


def make_source() -> Any:
    """Make the source at the address of ``EXOSK_NASA_ARCHIVE_URL``, or the live one."""
    from exosk_nasa_archive.source import NasaArchiveSource

    return NasaArchiveSource()


@hookimpl
def exosk_register_sources() -> dict[str, Callable[..., Any]]:
    """Offer the archive's transmission spectra and parameters."""
    return {"nasa-archive": make_source}

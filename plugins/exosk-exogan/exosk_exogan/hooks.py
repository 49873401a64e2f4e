"""ExoGAN's spectra and grid registered with exosk; this module imports neither."""

from collections.abc import Callable
from typing import Any

from exosk.plugin import hookimpl

__all__ = ["exosk_register_instruments", "exosk_register_sources"]


def make_source() -> Any:
    """Make the source of the spectra in the folder that ``EXOSK_EXOGAN_DIR`` names."""
    from exosk_exogan.source import ExoganSource

    return ExoganSource()


def make_instrument(**options: Any) -> Any:
    """Make ExoGAN's grid up to 30 um, as far as exosk's own opacities reach."""
    from exosk_exogan.instrument import make_exogan_instrument

    return make_exogan_instrument(**options)


def make_whole_instrument(**options: Any) -> Any:
    """Make ExoGAN's whole grid, up to 50 um."""
    from exosk_exogan.instrument import make_exogan_instrument

    return make_exogan_instrument(**{"high": None} | options)


@hookimpl
def exosk_register_sources() -> dict[str, Callable[..., Any]]:
    """Offer ExoGAN's own spectra."""
    return {"exogan": make_source}


@hookimpl
def exosk_register_instruments() -> dict[str, Callable[..., Any]]:
    """Offer ExoGAN's grid, up to 30 um and whole."""
    return {"exogan": make_instrument, "exogan-50um": make_whole_instrument}

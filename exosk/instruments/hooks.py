"""The built-in instruments, registered as a plugin's would be."""

from collections.abc import Callable
from typing import Any

from exosk.instruments.builtin import make_hst_wfc3_g141, make_nirspec_prism
from exosk.plugin import hookimpl

__all__ = ["exosk_register_instruments"]


@hookimpl
def exosk_register_instruments() -> dict[str, Callable[..., Any]]:
    """Offer JWST NIRSpec PRISM and HST WFC3 G141."""
    return {"nirspec-prism": make_nirspec_prism, "hst-wfc3-g141": make_hst_wfc3_g141}

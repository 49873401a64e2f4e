"""Packages that only some formats need."""

from __future__ import annotations

import importlib
from typing import Any

from exosk.exceptions import ExoskError

__all__ = ["import_extra"]


def import_extra(module: str, purpose: str) -> Any:
    """Import a package of the extra ``files``.

    Parameters
    ----------
    module : str
        What to import.
    purpose : str
        What it is needed for, as in ``"a netCDF file"``.

    Raises
    ------
    ExoskError
        If it is not installed; the error says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExoskError(
            f"{purpose} needs the package {module}, which cannot be imported ({error}); run "
            f"pip install 'exosk[files]'"
        ) from error

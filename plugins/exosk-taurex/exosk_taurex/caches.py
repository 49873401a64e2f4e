"""TauREx's caches, lent to one simulator at a time.

TauREx keeps opacities and settings in singletons of the process. A simulator puts its own there
while it works and leaves what it found, so that several of them, and whatever else uses TauREx in
the same process, do not see each other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from taurex.cache import CIACache, GlobalCache, OpacityCache
from taurex.cia import CIA
from taurex.opacity import Opacity

__all__ = ["lend_caches"]


@contextmanager
def lend_caches(
    opacities: Mapping[str, Opacity] | None = None,
    pairs: Mapping[str, CIA] | None = None,
    **settings: Any,
) -> Iterator[None]:
    """Fill TauREx's caches for a while, and silence its log.

    Parameters
    ----------
    opacities : mapping of str to Opacity, optional
        By molecule.
    pairs : mapping of str to CIA, optional
        By pair.
    **settings
        Of TauREx's GlobalCache; it has no others meanwhile.
    """
    log = logging.getLogger("taurex")
    lent = [
        (OpacityCache(), {"opacity_dict": dict(opacities or {}), "_force_active": []}),
        (CIACache(), {"cia_dict": dict(pairs or {}), "_cia_path": None}),
        (GlobalCache(), {"variable_dict": dict(settings)}),
    ]
    kept = [{name: getattr(cache, name) for name in content} for cache, content in lent]
    level = log.level
    try:
        log.setLevel(logging.CRITICAL)
        for cache, content in lent:
            vars(cache).update(content)
        yield
    finally:
        for (cache, _), content in zip(lent, kept):
            vars(cache).update(content)
        log.setLevel(level)

"""A training set by its path, whatever form it has."""

from __future__ import annotations

import os
from pathlib import Path

from exosk.datasets.dataset import Dataset
from exosk.datasets.store import Store

__all__ = ["open_set"]

# Fewer cannot be split by whole shards into parts of about the size that is asked for.
_LEAST_SHARDS = 8


def open_set(path: str | os.PathLike[str]) -> Dataset | Store:
    """Open a training set: a file in memory, a store as it lies.

    A store of fewer than eight shards is read as a whole.

    Raises
    ------
    FileFormatError
        If there is none, or it is damaged.
    """
    if not Path(path).is_dir():
        return Dataset.load(path)
    store = Store(path)
    return store if len(store.shards) >= _LEAST_SHARDS else store.read()

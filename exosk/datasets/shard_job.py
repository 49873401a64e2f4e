"""One shard of a store: drawn from a seed of its own, simulated on one thread, written.

What it holds is decided by the recipe, the store's header and its index alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from exosk.datasets.folder import StoreError
from exosk.datasets.generate import Recipe
from exosk.datasets.manifest import MANIFEST, Header, ShardRecord, environment, first_difference
from exosk.datasets.shards import write_shard
from exosk.exceptions import RangeError

__all__ = ["ShardJob", "described"]


@dataclass(frozen=True)
class ShardJob:
    """Makes the shard of an index; what travels to the workers.

    Attributes
    ----------
    recipe : Recipe
        What spectra are made with.
    header : Header
        Of the store.
    folder : Path
        Of the store, absolute.
    """

    recipe: Recipe
    header: Header
    folder: Path

    def __call__(self, index: int, progress: Callable[[int], None] | None = None) -> ShardRecord:
        """Draw, simulate and write a shard.

        Raises
        ------
        StoreError
            If this machine does not see the folder, or would make other spectra.
        RangeError
            If the simulator refuses most of the draws, or gives what is no number.
        """
        self._check_place()
        seed = np.random.SeedSequence(self.header.seed, spawn_key=(index,))
        random = np.random.RandomState(np.random.MT19937(seed))
        first = index * self.header.shard_size
        n = self.header.shard_rows(index)
        with _one_thread():
            try:
                data = self.recipe.draw(n, random, self.header.provenance, progress)
            except RangeError as error:
                raise RangeError(f"spectra {first} to {first + n - 1}: {error}") from error
        bad = np.flatnonzero(~np.isfinite(data.X).all(axis=1))
        if bad.size:
            raise RangeError(
                f"the simulator made spectrum {first + bad[0]} of values that are no numbers, from "
                f"{dict(zip(data.space.names, np.asarray(data.Y)[bad[0]].tolist()))}"
            )
        data = replace(data, parent=first + np.arange(n))
        refused = data.provenance.get("n_refused", 0)
        return write_shard(self.folder, index, self.header, data, refused)

    def _check_place(self) -> None:
        if not (self.folder / MANIFEST).is_file():
            raise StoreError(
                f"{os.uname().nodename} does not see {self.folder}; give a folder that all workers "
                f"share"
            )
        mine = {"provenance": described(self.recipe, self.header.n, self.header.seed),
                "environment": environment()}  # fmt: skip
        whole = self.header.to_dict()
        changed = first_difference({name: whole[name] for name in mine}, mine)
        if changed:
            raise StoreError(
                f"{os.uname().nodename} would make other spectra: {changed}; install the same "
                f"versions and opacities on all workers"
            )


def described(recipe: Recipe, n: int, seed: int | None) -> dict[str, Any]:
    """Return the provenance of a set that a recipe makes, as JSON has it."""
    return json.loads(json.dumps({**recipe.simulator.provenance, "n_spectra": n, "seed": seed}))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread: processes share out the work, and sums stay the same."""
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    try:
        with threadpool_limits(1):
            if torch is not None:
                torch.set_num_threads(1)
            yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)

"""Spectra in random order, from a store that need not fit into memory.

The order of the chunks is drawn, some of them at a time are read into a buffer, and the rows of the
buffer are shuffled. A thread reads the next buffer while the rows of one are used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.datasets.shards import arrays_of, open_shard
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.datasets.store import Store

__all__ = ["BUFFER_ROWS", "Stream"]

#: 64 chunks of ExoGAN's 515 bins, 70 MB.
BUFFER_ROWS = 32_768
Arrays = dict[str, np.ndarray]


class Stream:
    """Arrays of batches, one epoch through a store.

    Parameters
    ----------
    store : Store
        Where to read.
    size, random_state, epoch, shuffle, buffer
        See :meth:`exosk.datasets.Store.batches`.

    Raises
    ------
    RangeError
        If a number is not a whole one from 1 up (or 0, for the epoch).
    """

    def __init__(
        self,
        store: Store,
        size: int,
        random_state: Any,
        epoch: int,
        shuffle: bool,
        buffer: int,
    ) -> None:
        for name, value, least in (("size", size, 1), ("buffer", buffer, 1), ("epoch", epoch, 0)):
            if int(value) != value or value < least:
                raise RangeError(f"{name} must be a whole number from {least} up, got {value!r}")
        self._store, self._size, self._shuffle = store, int(size), bool(shuffle)
        self._random = _generator(random_state, int(epoch))
        chunks = store.chunks()
        if shuffle:
            chunks = [chunks[k] for k in self._random.permutation(len(chunks))]
        self._groups = _grouped(chunks, int(buffer))

    def __iter__(self) -> Iterator[Arrays]:
        if not self._groups:
            return
        rest: Arrays = {}
        # Seeds of their own, so that the order does not depend on when a buffer is read.
        jobs = list(zip(self._groups, self._random.spawn(len(self._groups))))
        with ThreadPoolExecutor(1) as reader:
            ahead: Future[Arrays] = reader.submit(self._fill, *jobs[0])
            for done in range(len(jobs)):
                arrays = ahead.result()
                if done + 1 < len(jobs):
                    ahead = reader.submit(self._fill, *jobs[done + 1])
                start = 0
                if rest:
                    start = self._size - len(rest["Y"])
                    rest = {k: np.concatenate([rest[k], a[:start]]) for k, a in arrays.items()}
                    if len(rest["Y"]) < self._size:
                        continue
                    yield rest
                n = len(arrays["Y"])
                stop = start + (n - start) // self._size * self._size
                for row in range(start, stop, self._size):
                    yield {name: a[row : row + self._size] for name, a in arrays.items()}
                # A copy: a view would keep the whole buffer.
                rest = {name: a[stop:].copy() for name, a in arrays.items()} if stop < n else {}
        if rest:
            yield rest

    def _fill(self, group: list[tuple[int, int, int]], random: np.random.Generator) -> Arrays:
        """Read chunks and shuffle their rows."""
        header = self._store.header
        n = sum(stop - start for _, start, stop in group)
        arrays = {
            name: np.empty((n, *shape), kind) for name, (shape, kind) in arrays_of(header).items()
        }
        row = 0
        for shard, members in itertools.groupby(sorted(group), key=lambda chunk: chunk[0]):
            with open_shard(self._store.folder, shard, header) as file:
                for _, start, stop in members:
                    for name, values in arrays.items():
                        file[name].read_direct(values[row : row + stop - start], np.s_[start:stop])
                    row += stop - start
        if not self._shuffle:
            return arrays
        order = random.permutation(n)
        return {name: values.take(order, axis=0) for name, values in arrays.items()}


def _generator(random_state: Any, epoch: int) -> np.random.Generator:
    if isinstance(random_state, int | np.integer):
        return np.random.default_rng([int(random_state), epoch])
    drawn = check_random_state(random_state).randint(0, 2**31, size=4)
    return np.random.default_rng([*drawn.tolist(), epoch])


def _grouped(chunks: list[tuple[int, int, int]], rows: int) -> list[list[tuple[int, int, int]]]:
    """Cut a list of chunks where `rows` rows are reached."""
    groups: list[list[tuple[int, int, int]]] = []
    held = rows
    for chunk in chunks:
        if held >= rows:
            groups.append([])
            held = 0
        groups[-1].append(chunk)
        held += chunk[2] - chunk[1]
    return groups

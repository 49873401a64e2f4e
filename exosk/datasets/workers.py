"""Shards made by processes of this machine, or by the workers of a dask cluster.

Both take a callable that makes the shard of an index, and give back what it returns as it is done,
in any order. A worker that dies costs the shards that it was at, which are made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from exosk.datasets.folder import StoreError

__all__ = ["Packed", "n_cores", "on_cluster", "on_processes"]

# How often workers may die without a shard being finished in between.
_ATTEMPTS = 3
_CONNECT_SECONDS = 30
_TOO_LARGE = (
    "most likely they ran out of memory: try fewer at a time (--jobs), or fewer spectra a shard "
    "(--shard-size)"
)

_watched: set[int] = set()

Results = Generator[tuple[int, Any], None, None]


class Packed:
    """A callable in the form in which it travels; each process unpacks it once.

    Parameters
    ----------
    function : callable
        Of a shard's index.

    Raises
    ------
    StoreError
        If it cannot be pickled.
    """

    _last: tuple[str, Callable[[int], Any]] | None = None

    def __init__(self, function: Callable[[int], Any]) -> None:
        try:
            content = cloudpickle.dumps(function)
        except Exception as error:
            raise StoreError(
                f"the simulator cannot be sent to other processes ({error}); simulate in this one "
                f"(n_jobs=1, --jobs 1)"
            ) from error
        self.digest = hashlib.sha256(content).hexdigest()
        # joblib writes an array to shared memory once, where bytes would be sent with each shard.
        self.content = np.frombuffer(content, dtype=np.uint8)

    def __call__(self, index: int) -> tuple[int, Any]:
        """Unpack, unless that was done, and make a shard."""
        last = Packed._last
        if last is None or last[0] != self.digest:
            Packed._last = last = None  # two at a time would take twice the memory
            Packed._last = last = self.digest, cloudpickle.loads(self.content.data)
        return index, last[1](index)


def n_cores() -> int:
    """Return how many processor cores this process may use."""
    import joblib

    return joblib.cpu_count()


def on_processes(packed: Packed, indices: Sequence[int], n_jobs: int) -> Results:
    """Make shards in processes of this machine.

    Raises
    ------
    StoreError
        If the processes die again and again.
    """
    from joblib import Parallel, delayed

    left, deaths = list(indices), 0
    while left:
        pool = Parallel(n_jobs, backend="loky", return_as="generator_unordered", batch_size=1)
        try:
            calls = (delayed(_from_parent)(packed, os.getpid(), index) for index in list(left))
            for index, result in pool(calls):
                left.remove(index)
                deaths = 0
                yield index, result
        except BrokenProcessPool as error:
            deaths += 1
            if deaths == _ATTEMPTS:
                raise StoreError(
                    f"the processes that simulate died {deaths} times on end; {_TOO_LARGE}. What "
                    f"is finished stays"
                ) from error


def _from_parent(packed: Packed, parent: int, index: int) -> tuple[int, Any]:
    """Make a shard in a process that ends when the one that asked for it does.

    joblib's wait five minutes for more work, each with a simulator in memory, although nobody is
    left to send any.
    """
    if parent not in _watched and os.getpid() != parent:
        _watched.add(parent)
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    return packed(index)


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def on_cluster(packed: Packed, indices: Sequence[int], address: str) -> Results:
    """Make shards on a dask cluster.

    Parameters
    ----------
    packed : Packed
        Makes one.
    indices : sequence of int
        Which.
    address : str
        Of the scheduler, as ``tcp://10.0.0.1:8786``, or the path of its scheduler file.

    Raises
    ------
    StoreError
        If there is no scheduler, it goes away, or workers die again and again over one shard.
    """
    try:
        import dask
        from distributed import Client, as_completed
    except ImportError:
        raise StoreError("a dask cluster needs the package distributed: exosk[cluster]") from None

    named = {"address": address} if "://" in address else {"scheduler_file": address}
    if "scheduler_file" in named and not Path(address).is_file():
        raise StoreError(
            f"{address!r} is neither an address as tcp://10.0.0.1:8786 nor a scheduler file"
        )
    with _quiet("distributed.client", "distributed.core", "distributed.comm"):
        try:
            client = Client(**named, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise StoreError(f"no dask scheduler answers at {address}: {error}") from error
        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
                # A task and not scattered data: the scheduler makes it again if its holder dies.
                carried = client.submit(_unchanged, packed, pure=False)
            futures = [client.submit(_call, carried, k, pure=False) for k in indices]
            ended = as_completed(futures, loop=client.loop)
            for _ in indices:
                yield _next_result(ended, address)
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=5)


def _next_result(futures: Any, address: str) -> tuple[int, Any]:
    """Wait for a shard, and tell a worker's errors from the scheduler's end."""
    from distributed.scheduler import KilledWorker

    try:
        future = next(futures)
        failed = future.exception() if future.status == "error" else None
        if failed is None:
            return future.result()
    except (CancelledError, OSError) as error:
        raise StoreError(
            f"the dask scheduler at {address} went away; what is finished stays. Start it and run "
            f"the same command again, which goes on from there"
        ) from error
    if isinstance(failed, KilledWorker):
        raise StoreError(
            f"workers of the cluster died again and again; {_TOO_LARGE}. What is finished stays"
        ) from failed
    raise failed


def _unchanged(packed: Packed) -> Packed:
    return packed


def _call(packed: Packed, index: int) -> tuple[int, Any]:
    return packed(index)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Keep dask from telling of what we tell in a sentence."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)

"""Shards made by the workers of a dask cluster, as others are by processes of this machine."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from exosk.datasets.folder import StoreError
from exosk.datasets.workers import TOO_LARGE, Function, Results, pickle_into

__all__ = ["Packed", "on_cluster"]

_CONNECT_SECONDS = 30
# How often a scheduler is asked for its workers, how long for an answer, and how long it may have
# none before that is said.
_ASK_SECONDS, _ANSWER_SECONDS, _IDLE_SECONDS = 5.0, 2.0, 60.0
# Of glibc's malloc.h; arrays of a batch of spectra are smaller than this.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEPT_BYTES = -1, -3, 32 * 2**20

_log = logging.getLogger(__name__)


class Packed:
    """A callable in the form in which it travels to a cluster; each process unpacks it once.

    Parameters
    ----------
    function : callable
        Of a shard's index.

    Raises
    ------
    StoreError
        If it cannot be pickled.
    """

    _last: tuple[str, Function] | None = None

    def __init__(self, function: Function) -> None:
        buffer = io.BytesIO()
        pickle_into(function, buffer)
        self.digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
        # dask sends an array as it is, where it would copy bytes.
        self.content = np.frombuffer(buffer.getbuffer(), dtype=np.uint8)

    def __call__(self, index: int) -> tuple[int, Any]:
        """Unpack, unless that was done, and make a shard."""
        last = Packed._last
        if last is None or last[0] != self.digest:
            _keep_memory()
            Packed._last = last = None  # two at a time would take twice the memory
            Packed._last = last = self.digest, cloudpickle.loads(self.content.data)
        return index, last[1](index)


def on_cluster(
    packed: Packed,
    indices: Sequence[int],
    address: str,
    tell: Callable[[int], None] = lambda n_workers: None,
) -> Results:
    """Make shards on a dask cluster.

    A scheduler without workers is waited for: on a full machine they may come hours later. That it
    has none is told at once, and logged after a minute.

    Parameters
    ----------
    packed : Packed
        Makes one.
    indices : sequence of int
        Which.
    address : str
        Of the scheduler, as ``tcp://10.0.0.1:8786``, or the path of its scheduler file.
    tell : callable, optional
        Called with the number of workers, first and when it has changed.

    Raises
    ------
    StoreError
        If there is no scheduler, it goes away, or workers die again and again over one shard.
    """
    try:
        import dask
        import distributed
    except ImportError:
        raise StoreError("a dask cluster needs the package distributed: exosk[cluster]") from None

    named = {"address": address} if "://" in address else {"scheduler_file": address}
    if "scheduler_file" in named and not Path(address).is_file():
        raise StoreError(
            f"{address!r} is neither an address as tcp://10.0.0.1:8786 nor a scheduler file"
        )
    with _quiet("distributed.client", "distributed.core", "distributed.comm"):
        try:
            client = distributed.Client(**named, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise StoreError(f"no dask scheduler answers at {address}: {error}") from error
        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
                # A task and not scattered data: the scheduler makes it again if its holder dies.
                carried = client.submit(_unchanged, packed, pure=False)
            futures = [client.submit(_call, carried, k, pure=False) for k in indices]
            ended = distributed.as_completed(futures, loop=client.loop)
            workers = _Workers(client, address, tell)
            for _ in indices:
                workers.look()
                while not ended.has_ready():
                    time.sleep(0.1)
                    workers.look()
                yield _next_result(ended, address)
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=5)


class _Workers:
    """How many workers a scheduler has: asked now and then, told when that has changed."""

    def __init__(self, client: Any, address: str, tell: Callable[[int], None]) -> None:
        self._client, self._address, self._tell = client, address, tell
        self._n: int | None = None
        self._asked, self._there = -math.inf, time.monotonic()
        self._said = False

    def look(self) -> None:
        """Ask, if it is time to."""
        now = time.monotonic()
        if now - self._asked < _ASK_SECONDS:
            return
        self._asked = now
        try:
            n = len(self._client.nthreads(callback_timeout=_ANSWER_SECONDS))
        except Exception:
            return  # a scheduler that went away is told of where results are waited for
        if n:
            self._there, self._said = now, False
        elif now - self._there >= _IDLE_SECONDS and not self._said:
            self._said = True
            _log.warning(
                "the dask scheduler at %s has no workers; the run goes on when some connect",
                self._address,
            )
        if n != self._n:
            self._n = n
            self._tell(n)


def _next_result(futures: Any, address: str) -> tuple[int, Any]:
    """Return a shard that is done, and tell a worker's errors from the scheduler's end."""
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
            f"workers of the cluster died again and again; {TOO_LARGE}. What is finished stays"
        ) from failed
    raise failed


def _unchanged(packed: Packed) -> Packed:
    return packed


def _call(packed: Packed, index: int) -> tuple[int, Any]:
    return packed(index)


def _keep_memory() -> None:
    """Let the C library keep the memory of arrays that are freed, for the next.

    dask's nannies have it given back at once (``MALLOC_TRIM_THRESHOLD_``), which also has each
    array of more than 128 kB mapped anew: five million page faults for 8192 spectra, which took
    twice as long.
    """
    if "MALLOC_TRIM_THRESHOLD_" in os.environ and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # other C libraries have no mallopt
            library = ctypes.CDLL(None)
            library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
            library.mallopt(_M_TRIM_THRESHOLD, 4 * _KEPT_BYTES)


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

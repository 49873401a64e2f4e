"""Shards made by processes of this machine.

A callable makes the shard of an index; what it returns is given back as it is done, in any order. A
process that dies costs the shards that it was at, which are made again.

The processes of this machine belong to one call and end with it. joblib's own are shared with all
else that runs in parallel here, scikit-learn's searches say, which is not to suffer from the death
of a worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import IO, Any

import cloudpickle

from exosk.datasets.folder import StoreError

__all__ = ["TOO_LARGE", "Function", "Results", "n_processes", "on_processes", "pickle_into"]

# How often workers may die without a shard being finished in between.
_ATTEMPTS = 3
#: What to do where processes die.
TOO_LARGE = (
    "most likely they ran out of memory: try fewer at a time (--jobs), or fewer spectra a shard "
    "(--shard-size)"
)
# A shard is made on one thread, and libraries make theirs when they are imported: with a process
# for each of 64 cores that would be 4096 of them.
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)

Function = Callable[[int], Any]
Results = Generator[tuple[int, Any], None, None]


def n_processes(n_jobs: int | None) -> int:
    """Return how many processes to use: as many as asked for, or one for each processor core.

    One where no others can be started, as in a worker of dask that has a nanny.
    """
    import joblib

    if multiprocessing.current_process().daemon:
        return 1
    return n_jobs or joblib.cpu_count()


def on_processes(function: Function, indices: Sequence[int], n_jobs: int) -> Results:
    """Make shards in processes of this machine.

    Parameters
    ----------
    function : callable
        Makes one. It is written to a file, which each process reads once: only the indices are
        sent, so that no queue is left full by a process that dies.
    indices : sequence of int
        Which.
    n_jobs : int
        How many processes.

    Raises
    ------
    StoreError
        If the function cannot be pickled, or the processes die again and again.
    """
    left, deaths = dict.fromkeys(indices), 0
    with _in_file(function) as path, _recycling():
        while left:
            try:
                for index, result in _in_pool(path, list(left), n_jobs):
                    del left[index]
                    deaths = 0
                    yield index, result
            except BrokenProcessPool as error:
                deaths += 1
                if deaths == _ATTEMPTS:
                    raise StoreError(
                        f"the processes that simulate died {deaths} times on end; {TOO_LARGE}. "
                        f"What is finished stays"
                    ) from error


@contextlib.contextmanager
def _in_file(function: Function) -> Iterator[Path]:
    folder = tempfile.gettempdir()
    handle, name = tempfile.mkstemp(prefix="exosk-", suffix=".pickle", dir=folder)
    path = Path(name)
    try:
        try:
            with os.fdopen(handle, "wb") as file:
                pickle_into(function, file)
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"the simulator cannot be written to {folder}, from where other processes read it "
                f"({error.strerror}); make room there, or name another folder in TMPDIR"
            ) from error
        yield path
    finally:
        path.unlink(missing_ok=True)


def pickle_into(function: Function, file: IO[bytes]) -> None:
    """Write a callable as other processes read it.

    Raises
    ------
    StoreError
        If it cannot be pickled.
    """
    try:
        cloudpickle.dump(function, file)
    except OSError:
        raise
    except Exception as error:
        raise StoreError(
            f"the simulator cannot be sent to other processes ({error}); simulate in this one "
            f"(n_jobs=1, --jobs 1)"
        ) from error


@contextlib.contextmanager
def _recycling() -> Iterator[None]:
    """Let loky replace a process whose memory grew, without a word.

    The warning comes from the thread that looks after the processes. Where warnings are errors it
    would end that thread, and the call would wait for ever.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"joblib\.externals\.loky")
        yield


def _in_pool(path: Path, indices: Sequence[int], n_jobs: int) -> Results:
    """Make shards until they are done or a process dies; what is done by then is given back."""
    from joblib.externals.loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(
        min(n_jobs, len(indices)),
        initializer=_end_with,
        initargs=(os.getpid(), path),
        env=_ONE_THREAD,
    )
    waiting, sent, broken = iter(indices), set[Future[tuple[int, Any]]](), None
    try:
        while broken is None:
            for index in islice(waiting, 2 * n_jobs - len(sent)):
                sent.add(pool.submit(_make, path, index))
            if not sent:
                return
            done, sent = wait(sent, return_when=FIRST_COMPLETED)
            for future in done:
                if isinstance(future.exception(), BrokenProcessPool):
                    broken = future.exception()
                else:
                    yield future.result()
        raise broken
    finally:
        # loky's thread stumbles over calls that it has not passed on yet.
        while not all(future.running() or future.done() for future in sent):
            time.sleep(0.001)
        pool.shutdown(kill_workers=True)


_loaded: dict[Path, Function] = {}


def _make(path: Path, index: int) -> tuple[int, Any]:
    """Make a shard in a process of the pool; what goes wrong is an error of the call."""
    if path not in _loaded:
        with path.open("rb") as file:
            _loaded[path] = cloudpickle.load(file)
    return index, _loaded[path](index)


def _end_with(parent: int, path: Path) -> None:
    """Let this process end when the one that started it does.

    Otherwise it would wait for more work for ever, with a simulator in memory.
    """
    threading.Thread(target=_watch, args=(parent, path), daemon=True).start()


def _watch(parent: int, path: Path) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    os._exit(1)

"""A training set of any size: in shards, each by itself, on one machine or many.

Shard k is drawn and simulated from a seed of its own, ``SeedSequence(seed).spawn(n_shards)[k]``, in
batches of fixed size on one thread. So it is the same bytes whoever makes it and whenever, and a
set that was interrupted is finished by making the shards that are not there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.datasets.cluster_workers import Packed, on_cluster
from exosk.datasets.folder import StoreError, check_space, free_space, sole_writer
from exosk.datasets.generate import Recipe
from exosk.datasets.inspection import sweep, tidy
from exosk.datasets.manifest import MANIFEST, Header, Manifest, environment, first_difference
from exosk.datasets.shard_job import ShardJob, described
from exosk.datasets.shards import bytes_needed, chunk_rows_for, shard_path, shard_size_for
from exosk.datasets.store import Store
from exosk.datasets.workers import Results, n_processes, on_processes
from exosk.exceptions import RangeError, UnknownNameError
from exosk.simulators.binned import bin_matrix

if TYPE_CHECKING:
    from exosk.instruments import Instrument
    from exosk.simulators import Simulator
    from exosk.spectra import SpectralGrid, Spectrum

__all__ = ["Progress", "finish_store", "plan_store", "simulate_store"]

_COMPRESSIONS = ("gzip",)
# A network file system may be some seconds late to show what another machine wrote.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Progress:
    """How far a campaign is.

    Attributes
    ----------
    n_done, n : int
        Spectra that are on disk, or in this process's hands, and all of them.
    n_before : int
        Those that an earlier run had made.
    seconds : float
        Since this run began.
    bytes_needed, bytes_free : int
        What remained to be written when this run began (an upper limit with compression), and the
        room that there was.
    n_refused : int
        Draws from the prior that the simulator refused, of the shards that are finished.
    n_workers : int or None
        Workers of the dask scheduler; with none the run waits until some connect. None on one
        machine, and until it is known.
    """

    n_done: int
    n: int
    n_before: int
    seconds: float
    bytes_needed: int
    bytes_free: int
    n_refused: int = 0
    n_workers: int | None = None

    @property
    def rate(self) -> float:
        """Spectra a second in this run."""
        return (self.n_done - self.n_before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float:
        """Seconds until all are done at this rate; infinite until one shard is."""
        return (self.n - self.n_done) / self.rate if self.rate > 0 else float("inf")


def plan_store(
    simulator: Simulator,
    n: int,
    like: Spectrum | Instrument | SpectralGrid,
    random_state: int = 0,
    *,
    detectability: Any = False,
    shard_size: int | None = None,
    compression: str | None = None,
) -> tuple[Recipe, Header]:
    """Say what a store would be, without making it; see :func:`simulate_store`."""
    if int(n) != n or n < 1:
        raise RangeError(f"the number of spectra must be a positive whole number, got {n}")
    if shard_size is not None and (int(shard_size) != shard_size or shard_size < 1):
        raise RangeError(f"shard_size must be a positive whole number, got {shard_size}")
    if compression is not None and compression not in _COMPRESSIONS:
        raise UnknownNameError.suggest("compression", compression, _COMPRESSIONS)
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise RangeError(
            f"random_state must be a whole number from 0 up, got {random_state!r}: a set that can "
            f"be resumed needs a seed that can be written down"
        )
    recipe = Recipe.like(simulator, like, detectability)
    recipe = replace(recipe, simulator=simulator.restrict(recipe.grid))
    bin_matrix(recipe.simulator, recipe.grid)  # refuses bins that the simulator does not cover
    n_bins = recipe.grid.n_bins
    header = Header(
        int(n),
        int(shard_size or shard_size_for(n_bins)),
        recipe.grid,
        recipe.space,
        recipe.molecules,
        recipe.sigma,
        recipe.detectability,
        described(recipe, int(n), int(random_state)),
        int(random_state),
        chunk_rows_for(n_bins),
        compression,
        environment(),
    )
    return recipe, header


def simulate_store(
    simulator: Simulator,
    n: int,
    like: Spectrum | Instrument | SpectralGrid,
    folder: str | os.PathLike[str],
    random_state: int = 0,
    *,
    detectability: Any = False,
    shard_size: int | None = None,
    compression: str | None = None,
    n_jobs: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Store:
    """Draw parameters from the prior and simulate their spectra into a folder, or go on with it.

    The same arguments give the same bytes, however many processes make them and however often that
    is interrupted; what is there already is kept. The versions of NumPy, SciPy, torch and HDF5 are
    among what is compared with an earlier run. Processors of different instruction sets may differ
    in the last bits of a spectrum. Draws that the simulator refuses are replaced as
    :func:`simulate_dataset` does it; the manifest has their number for each shard that had some.

    Parameters
    ----------
    simulator : Simulator
        Any, such as :func:`exosk.get_simulator` makes.
    n : int
        Number of spectra.
    like : Spectrum, Instrument or SpectralGrid
        Whose bins to use.
    folder : path-like
        Where to. Workers of a cluster must see it by the same path.
    random_state : int, default=0
        Seed of all shards.
    detectability : bool, Instrument, Spectrum, float or array-like of shape (n_bins,)
        As of :func:`simulate_dataset`.
    shard_size : int, optional
        Spectra a shard; 8192, or fewer where that is more than 128 MB.
    compression : {"gzip"}, optional
        Compress the shards; they are read several times more slowly.
    n_jobs : int, optional
        Processes of this machine, each of one thread; one for each core by default.
    scheduler : str, optional
        Address of a dask scheduler, or its scheduler file, whose workers are to do it instead.
    progress : callable, optional
        Given a :class:`Progress` before anything is simulated, after each shard, and when the
        number of a scheduler's workers has changed.

    Returns
    -------
    Store

    Raises
    ------
    RangeError
        If a number makes no sense, the simulator does not cover the bins or refuses most of its
        prior.
    GridError
        If `detectability` holds the errors of other bins.
    StoreError
        If the folder holds another set, another process is writing to it, it cannot be written to,
        or the disk has no room.
    """
    if n_jobs is not None and scheduler is not None:
        raise RangeError("n_jobs is of this machine and scheduler of a cluster; give one of them")
    recipe, header = plan_store(
        simulator,
        n,
        like,
        random_state,
        detectability=detectability,
        shard_size=shard_size,
        compression=compression,
    )
    folder = Path(folder).absolute()
    with sole_writer(folder):
        manifest = _begin(folder, header)
        finish_store(folder, recipe, manifest, n_jobs, scheduler, progress)
    return Store(folder)


def finish_store(
    folder: Path,
    recipe: Recipe,
    manifest: Manifest,
    n_jobs: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Make the shards that a store lacks; for the one that holds its lock."""
    header, missing = manifest.header, manifest.missing
    needed = bytes_needed(header, missing)
    free = free_space(folder)
    check_space(folder, needed)
    manifest.save(folder)
    before = sum(shard.n for shard in manifest.shards.values())
    state = Progress(before, header.n, before, 0.0, needed, free, manifest.n_refused)
    started = time.monotonic()

    def tell(more: int = 0, **changes: Any) -> None:
        nonlocal state
        seconds = time.monotonic() - started
        state = replace(state, n_done=state.n_done + more, seconds=seconds, **changes)
        if progress is not None:
            progress(state)

    tell()
    job = ShardJob(recipe, header, folder)
    n_jobs = min(n_processes(n_jobs), len(missing))
    results: Results
    if scheduler is not None and missing:
        results = on_cluster(Packed(job), missing, scheduler, lambda n: tell(n_workers=n))
    elif n_jobs > 1:
        results = on_processes(job, missing, n_jobs)
    else:
        results = ((index, job(index, tell)) for index in missing)
    with contextlib.closing(results):
        for index, shard in results:
            _await(shard_path(folder, index), shard.n_bytes)
            manifest = manifest.record(folder, index, shard)
            state = replace(state, n_refused=manifest.n_refused)
            if n_jobs > 1 or scheduler is not None:
                tell(shard.n)
    sweep(folder)  # of workers that died
    manifest.save(folder)
    return manifest


def _begin(folder: Path, header: Header) -> Manifest:
    """Return what there is of a store, or begin it."""
    manifest = Manifest(header, {})
    if (folder / MANIFEST).exists():
        manifest = Manifest.load(folder)
        changed = first_difference(manifest.header.to_dict(), header.to_dict())
        if changed:
            raise StoreError(
                f"{folder} holds another set ({changed}); choose another folder, or ask for the "
                f"same set to go on with it"
            )
    elif any(folder.glob("shard-*.h5")):
        raise StoreError(
            f"{folder} holds shards but no {MANIFEST}; `exosk dataset repair {folder}` makes it "
            f"again"
        )
    return tidy(folder, manifest)


def _await(path: Path, n_bytes: int) -> None:
    """Wait until a shard is seen that a worker says it has written."""
    end = time.monotonic() + _PATIENCE
    while not (path.is_file() and path.stat().st_size == n_bytes):
        if time.monotonic() > end:
            raise StoreError(
                f"a worker says that it has written {path}, which is not to be seen here; give a "
                f"folder that all workers share"
            )
        time.sleep(0.1)

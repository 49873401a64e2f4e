"""A training set that need not fit into memory: a folder of shards.

A :class:`Store` is read as a :class:`~exosk.datasets.Dataset` is, by rows, and hands them out as
one; :meth:`Store.batches` streams it in random order with bounded memory.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.datasets.dataset import PRESENCE_THRESHOLD, Dataset
from exosk.datasets.labels import molecules_present
from exosk.datasets.lazy import StoredParameters, StoredSpectra
from exosk.datasets.manifest import Header, Manifest
from exosk.datasets.shards import arrays_of, open_shard, row_bytes, shard_path
from exosk.datasets.streaming import BUFFER_ROWS, Stream
from exosk.exceptions import FileFormatError, RangeError
from exosk.parameters import ParameterSpace
from exosk.spectra import SpectralGrid
from exosk.storage import text_size

__all__ = ["Store"]


class Store:
    """Spectra in a folder, as :func:`simulate_store` and ``exosk simulate`` write them.

    Parameters
    ----------
    folder : path-like
        With its ``manifest.json``.
    partial : bool, default=False
        Whether to open a set that is not finished, as what there is of it.

    Attributes
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it says of itself.

    Raises
    ------
    FileFormatError
        If there is no store, it was written by a later exosk, a shard is missing or cut off, or it
        is not finished.

    Examples
    --------
    >>> import exosk
    >>> store = exosk.Store("training")                                      # doctest: +SKIP
    >>> for batch in store.batches(1024, random_state=0, epoch=3):           # doctest: +SKIP
    ...     step(batch.X, batch.Y)
    """

    def __init__(self, folder: str | os.PathLike[str], *, partial: bool = False) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.load(self.folder)
        missing = self.manifest.missing
        if missing and not partial:
            raise FileFormatError(
                f"{folder} is not finished: {len(self.manifest.shards)} of "
                f"{self.header.n_shards} shards are there. Run the command that made it again, "
                f"which goes on from there, or read what there is (partial=True, --partial)"
            )
        self._choose(tuple(self.manifest.shards))
        for index in self.shards:
            _check_size(shard_path(self.folder, index), self.manifest.shards[index].n_bytes)

    def _choose(self, shards: tuple[int, ...]) -> None:
        sizes = [self.header.shard_rows(index) for index in shards]
        self.shards, self._ends = shards, np.cumsum([0, *sizes])

    @property
    def header(self) -> Header:
        """What all shards have in common."""
        return self.manifest.header

    @property
    def grid(self) -> SpectralGrid:
        """The bins."""
        return self.header.grid

    @property
    def space(self) -> ParameterSpace:
        """The parameters, with the priors that they were drawn from."""
        return self.header.space

    @property
    def molecules(self) -> tuple[str, ...]:
        """Absorbers whose abundance is among the parameters."""
        return self.header.molecules

    @property
    def provenance(self) -> dict[str, Any]:
        """Simulator, opacities, seed, as JSON has it."""
        return self.header.provenance

    @property
    def sigma(self) -> np.ndarray | None:
        """Reference 1-sigma errors, shape (n_bins,)."""
        return self.header.sigma

    @property
    def n_bytes(self) -> int:
        """The size of its shards on disk."""
        return sum(self.manifest.shards[index].n_bytes for index in self.shards)

    @property
    def X(self) -> np.ndarray:
        """All depths, shape (n, n_bins), read anew each time."""
        return self.column("X")

    @property
    def Y(self) -> np.ndarray:
        """All parameters, shape (n, n_parameters), read anew each time."""
        return self.column("Y")

    @property
    def parent(self) -> np.ndarray:
        """Which simulated spectrum each row comes from, shape (n,)."""
        return self.column("parent")

    @property
    def delta_chi2(self) -> np.ndarray | None:
        """How much each molecule shows, shape (n, n_molecules), if that is kept."""
        return self.column("delta_chi2") if self.header.detectability else None

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __repr__(self) -> str:
        return f"Store({len(self)} spectra, {self.grid!r}, {self.space!r}, {str(self.folder)!r})"

    def __getitem__(self, rows: Any) -> Dataset:
        """Return the selected rows (slice, mask or indices) as a data set in memory."""
        return self.read(rows)

    def read(self, rows: Any = slice(None)) -> Dataset:
        """Read rows into memory.

        Parameters
        ----------
        rows : slice, mask or array-like of int
            Which, in any order; all by default. Whole chunks are read of which one row is wanted.

        Returns
        -------
        Dataset

        Raises
        ------
        RangeError
            If they do not fit into this machine's memory.
        FileFormatError
            If a shard is damaged.
        """
        return self.dataset(self._gather(arrays_of(self.header), rows))

    def take(self, name: str, rows: Any = slice(None)) -> np.ndarray:
        """Read rows of one of X, Y, parent and delta_chi2, as :meth:`read` does of all."""
        return self._gather({name: arrays_of(self.header)[name]}, rows)[name]

    def spectra(self, sigma: Any = None, factors: Any = None) -> StoredSpectra:
        """Return X to train a network on, of which a part is in memory at a time.

        Parameters
        ----------
        sigma : Instrument, Spectrum, float, Quantity or array-like of shape (n_bins,), optional
            Errors that stand behind the depths of every row.
        factors : array-like of shape (n,), optional
            What the errors of each row are multiplied with.
        """
        return StoredSpectra(self, sigma, factors)

    def parameters(self) -> StoredParameters:
        """Return y to go with :meth:`spectra`."""
        return StoredParameters(self)

    def presence(
        self,
        threshold: Any = PRESENCE_THRESHOLD,
        delta_chi2: float | None = None,
        scale: Any = 1.0,
    ) -> np.ndarray:
        """Tell which molecules are present, as :meth:`exosk.Dataset.presence` does.

        Returns
        -------
        ndarray of int, shape (n, n_molecules)
        """
        scale = np.broadcast_to(np.asarray(scale, dtype=float), len(self))
        found = np.empty((len(self), len(self.molecules)), dtype=int)
        for start, stop in itertools.pairwise(self._ends):
            rows = slice(start, stop)
            known = self.take("delta_chi2", rows) if self.header.detectability else None
            found[rows] = molecules_present(
                self.take("Y", rows), self.space, self.molecules, threshold, delta_chi2, known,
                scale[rows],
            )  # fmt: skip
        return found

    def _gather(
        self, arrays: dict[str, tuple[tuple[int, ...], str]], rows: Any
    ) -> dict[str, np.ndarray]:
        index = np.atleast_1d(np.arange(len(self))[rows])
        self._check_memory(len(index), row_bytes(arrays))
        out = {name: np.empty((len(index), *shape), kind) for name, (shape, kind) in arrays.items()}
        order = np.argsort(index, kind="stable")
        bounds = np.searchsorted(index[order], self._ends)
        for k, shard in enumerate(self.shards):
            places = order[bounds[k] : bounds[k + 1]]
            if len(places):
                self._read_rows(shard, index[places] - self._ends[k], places, out)
        return out

    def _read_rows(
        self, shard: int, rows: np.ndarray, places: np.ndarray, out: dict[str, np.ndarray]
    ) -> None:
        """Read ascending rows of a shard, a run of neighbouring chunks at a time."""
        chunk = rows // self.header.chunk_rows
        runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(chunk) > 1) + 1)
        with open_shard(self.folder, shard, self.header) as file:
            for run in runs:
                low, high = rows[run[0]], rows[run[-1]] + 1
                for name, values in out.items():
                    values[places[run]] = file[name][low:high][rows[run] - low]

    def column(self, name: str) -> np.ndarray:
        """Read all rows of one of X, Y, parent and delta_chi2."""
        shape, kind = arrays_of(self.header)[name]
        self._check_memory(len(self), row_bytes({name: (shape, kind)}))
        out = np.empty((len(self), *shape), kind)
        for start, stop, shard in zip(self._ends, self._ends[1:], self.shards):
            with open_shard(self.folder, shard, self.header) as file:
                file[name].read_direct(out[start:stop])
        return out

    def sample(self, n: int, random_state: Any = None) -> Dataset:
        """Read spectra drawn at random without replacement.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None
            As in scikit-learn.

        Raises
        ------
        RangeError
            If there are not as many.
        """
        if int(n) != n or not 1 <= n <= len(self):
            raise RangeError(f"cannot draw {n} of {len(self)} spectra")
        return self.read(check_random_state(random_state).choice(len(self), int(n), replace=False))

    def batches(
        self,
        size: int,
        random_state: Any = None,
        epoch: int = 0,
        *,
        shuffle: bool = True,
        buffer: int = BUFFER_ROWS,
    ) -> Iterator[Dataset]:
        """Stream all spectra once, in an order of their own each epoch.

        Chunks are read in random order, `buffer` spectra at a time, and shuffled among
        themselves; the next are read meanwhile. So two spectra of a chunk may come in one batch,
        which matters only in a store that was put together from unlike ones.

        Parameters
        ----------
        size : int
            Spectra a batch; the last one may have fewer.
        random_state : int, RandomState or None
            Of the order. With an int, the same epoch has the same order.
        epoch : int, default=0
            How often the set was gone through before.
        shuffle : bool, default=True
            Whether to; otherwise they come in their order on disk.
        buffer : int, default=32768
            Spectra that are shuffled together: memory for four times as many is needed.

        Yields
        ------
        Dataset
        """
        for arrays in Stream(self, size, random_state, epoch, shuffle, buffer):
            yield self.dataset(arrays)

    def chunks(self) -> list[tuple[int, int, int]]:
        """Return shard, first row and row after the last of each run of rows to read at once."""
        rows = self.header.chunk_rows
        return [
            (shard, start, min(start + rows, self.header.shard_rows(shard)))
            for shard in self.shards
            for start in range(0, self.header.shard_rows(shard), rows)
        ]

    def split(
        self, test: float = 0.15, validation: float = 0.15, random_state: Any = None
    ) -> tuple[Store, Store, Store]:
        """Split at random into training, validation and test sets, by whole shards.

        Nothing is copied. For parts of exact size, and of sets in which rows of one parent are in
        several shards, see :func:`exosk.datasets.split_store`.

        Parameters
        ----------
        test, validation : float, default=0.15
            Shares of the shards.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        tuple of three Store
            Training, validation, test.

        Raises
        ------
        RangeError
            If there are fewer than three shards, or a share is not positive, or shards share a
            parent.
        """
        n = len(self.shards)
        if not (test > 0 and validation > 0 and test + validation < 1 and n >= 3):
            raise RangeError(
                f"cannot split {n} shards into shares of {test:g} for testing, {validation:g} for "
                f"validation and the rest for training; each part needs one (split_store splits "
                f"by rows)"
            )
        if self.header.seed is None and self._parents_cross():
            raise RangeError(
                "rows of one parent are in several shards; split_store keeps them together"
            )
        order = check_random_state(random_state).permutation(n)
        n_test, n_validation = (max(1, round(share * n)) for share in (test, validation))
        n_test = min(n_test, n - 2)
        n_validation = min(n_validation, n - n_test - 1)
        parts = np.split(order, [n - n_test - n_validation, n - n_test])
        return tuple(self._part(np.sort(part)) for part in parts)  # type: ignore[return-value]

    def _parents_cross(self) -> bool:
        parent = self.parent
        each = [np.unique(parent[a:b]) for a, b in zip(self._ends, self._ends[1:])]
        return len(np.unique(parent)) < sum(map(len, each))

    def _part(self, positions: np.ndarray) -> Store:
        part = object.__new__(Store)
        part.folder, part.manifest = self.folder, self.manifest
        part._choose(tuple(self.shards[k] for k in positions))
        return part

    def dataset(self, arrays: dict[str, np.ndarray]) -> Dataset:
        """Return a data set of arrays by their names."""
        return Dataset(
            arrays["X"],
            arrays["Y"],
            self.grid,
            self.space,
            self.molecules,
            arrays["parent"],
            self.provenance,
            arrays.get("delta_chi2"),
            self.sigma,
        )

    def _check_memory(self, n: int, n_bytes: int) -> None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if n * n_bytes > memory:
            raise RangeError(
                f"{n} spectra of {self.folder} take {text_size(n * n_bytes)}, and this machine has "
                f"{text_size(memory)}; read fewer (sample), or stream them (Store.batches)"
            )


def _check_size(path: Path, n_bytes: int) -> None:
    try:
        found = path.stat().st_size
    except OSError:
        found = None
    if found != n_bytes:
        state = "is missing" if found is None else f"has {found} bytes of {n_bytes}"
        raise FileFormatError(
            f"{path} {state}; `exosk dataset repair {path.parent}` makes it again"
        )

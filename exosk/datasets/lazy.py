"""Columns of a store that are read as they are needed: X and y of trainings that do not fit memory.

They are indexed by row numbers, as arrays are. Rows that lie in few chunks are read quickly, so an
order of all rows that stays within some chunks at a time (:meth:`StoredSpectra.order`) reads each
chunk once; a thread reads the next rows while those before are used.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.rows import join_rows

if TYPE_CHECKING:
    from exosk.datasets.store import Store
    from exosk.parameters import ParameterSpace

__all__ = ["StoredParameters", "StoredSpectra"]


class StoredSpectra:
    """The X of a store.

    Parameters
    ----------
    store : Store
        The spectra.
    sigma : array-like of shape (n_bins,), optional
        1-sigma errors that stand behind the depths of every row.

    Attributes
    ----------
    shape : (int, int)
    dtype : numpy.dtype
    """

    ndim = 2

    def __init__(self, store: Store, sigma: Any = None) -> None:
        self.store = store
        self._sigma = None if sigma is None else np.asarray(sigma, dtype=np.float32)
        first = self._read(np.arange(1))
        self.shape, self.dtype = (len(store), first.shape[1]), first.dtype
        self._next: tuple[np.ndarray, Future[np.ndarray]] | None = None
        self._reader: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Read rows, in the order asked for."""
        if self._next is not None and self._next[0] is rows:
            future, self._next = self._next[1], None
            return future.result()
        return self._read(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of it, for what takes arrays only."""
        return np.asarray(self._read(slice(None)), dtype=dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the thread behind."""
        return self.__dict__ | {"_next": None, "_reader": None}

    def prefetch(self, rows: np.ndarray) -> None:
        """Begin to read rows that will be asked for next, by this same array."""
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="exosk-store")
        self._next = (rows, self._reader.submit(self._read, rows))

    def order(self, rows: np.ndarray, random: np.random.RandomState, block: int) -> np.ndarray:
        """Shuffle row numbers, so that each `block` of them lies in few chunks.

        Parameters
        ----------
        rows : ndarray of int
            Which, ascending.
        random : RandomState
            What decides.
        block : int
            How many are read at a time.

        Returns
        -------
        ndarray of int
            The same, chunks in random order, shuffled within each block.
        """
        chunk = np.searchsorted(self._starts(), rows, side="right")
        starts = np.flatnonzero(np.diff(chunk, prepend=-1))
        pieces = np.split(rows, starts[1:])
        mixed = np.concatenate([pieces[k] for k in random.permutation(len(pieces))])
        for start in range(0, len(mixed), block):
            random.shuffle(mixed[start : start + block])
        return mixed

    def hold_out(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Choose about `n` rows of whole chunks, and all other rows of their parents.

        Returns
        -------
        ndarray of bool, shape (len(self),)
        """
        starts = self._starts()
        sizes = np.diff(starts, append=len(self))
        order = random.permutation(len(starts))
        n_chunks = max(1, int(np.searchsorted(np.cumsum(sizes[order]), n)))
        parent = self.store.parent
        held = np.isin(np.repeat(np.arange(len(starts)), sizes), order[:n_chunks])
        return np.isin(parent, np.unique(parent[held]))

    @property
    def digest(self) -> str:
        """What tells these spectra from others."""
        sigma = b"" if self._sigma is None else self._sigma.tobytes()
        return f"{self.store.header.fingerprint} {self.store.shards} {self.shape} {sigma.hex()}"

    def _starts(self) -> np.ndarray:
        """Row numbers at which chunks begin."""
        sizes = [stop - start for _, start, stop in self.store.chunks()]
        return np.cumsum([0, *sizes])[:-1]

    def _read(self, rows: Any) -> np.ndarray:
        depth = self.store.take("X", rows)
        if self._sigma is None:
            return depth
        return join_rows(depth, np.broadcast_to(self._sigma, depth.shape))


class StoredParameters:
    """The y of a store; its space comes with it.

    Parameters
    ----------
    store : Store
        The spectra that they are of.

    Attributes
    ----------
    shape : (int, int)
    space : ParameterSpace
    """

    ndim = 2

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shape = (len(store), len(store.space))
        self.dtype = np.dtype(float)

    @property
    def space(self) -> ParameterSpace:
        """The parameters, with their priors."""
        return self.store.space

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Read rows, in the order asked for."""
        return self.store.take("Y", rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of it."""
        return np.asarray(self.store.Y, dtype=dtype)

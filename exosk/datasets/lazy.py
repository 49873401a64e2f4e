"""Columns of a store that are read as they are needed: X and y of trainings that do not fit memory.

Indexed by row numbers they give parts of themselves, as arrays do, so that scikit-learn's splitters
and searches pass them on without reading; ``read`` gives arrays. Rows that lie in few chunks are
read quickly, so an order of all rows that stays within some chunks at a time
(:meth:`StoredSpectra.order`) reads each chunk once; a thread reads the next rows while those before
are used.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from exosk.datasets.detectability import errors_in
from exosk.exceptions import RangeError
from exosk.parameters import ParameterArray
from exosk.rows import join_rows

if TYPE_CHECKING:
    from exosk.datasets.store import Store
    from exosk.parameters import ParameterSpace

__all__ = ["StoredColumns", "StoredParameters", "StoredSpectra", "check_parameters_of", "in_memory"]


class StoredColumns:
    """What the rows of a store have, or some of its rows.

    Parameters
    ----------
    store : Store
        Where they are.

    Attributes
    ----------
    rows : ndarray of int, or None
        Which of the store's; all where None.
    shape : (int, int)
    dtype : numpy.dtype
    """

    ndim = 2
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows: np.ndarray | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Return a part of it, for a slice, a mask or row numbers; nothing is read.

        Raises
        ------
        IndexError
            If columns are asked for, or rows that there are not.
        """
        if isinstance(rows, tuple):
            rows, *columns = rows
            if any(column is not Ellipsis and column != slice(None) for column in columns):
                raise IndexError("columns are stored together; take some of what read() returns")
        part = object.__new__(type(self))
        part.__dict__.update(self.__getstate__())
        mine = np.arange(len(self)) if self.rows is None else self.rows
        part.rows = np.atleast_1d(mine[rows])
        part.shape = (len(part.rows), self.shape[1])
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of it, for what takes arrays only."""
        return np.asarray(self.read(), dtype=dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process, or a part, has of it."""
        return dict(self.__dict__)

    def read(self, rows: Any = slice(None)) -> np.ndarray:
        """Read rows into memory, in the order asked for.

        Parameters
        ----------
        rows : slice or ndarray
            Row numbers of this part.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
        """
        return self._values(rows if self.rows is None else self.rows[rows])

    def _values(self, rows: Any) -> np.ndarray:
        """Read rows of the store."""
        raise NotImplementedError

    def is_beside(self, other: object) -> bool:
        """Tell whether this is of the same rows of the same store as `other`."""
        return (
            isinstance(other, StoredColumns)
            and other.store.header.fingerprint == self.store.header.fingerprint
            and other.store.shards == self.store.shards
            and len(other) == len(self)
            and np.array_equal(
                np.arange(len(self)) if self.rows is None else self.rows,
                np.arange(len(self)) if other.rows is None else other.rows,
            )
        )

    def sample_rows(self, n: int, random_state: Any = 0) -> np.ndarray:
        """Draw row numbers at random without replacement; all where there are fewer.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None, default=0
            As in scikit-learn.

        Returns
        -------
        ndarray of int, ascending
        """
        if n >= len(self):
            return np.arange(len(self))
        return np.sort(check_random_state(random_state).choice(len(self), n, replace=False))

    def order(self, rows: np.ndarray, random: np.random.RandomState, block: int) -> np.ndarray:
        """Shuffle row numbers, so that each `block` of them lies in few chunks.

        Parameters
        ----------
        rows : ndarray of int
            Which.
        random : RandomState
            What decides.
        block : int
            How many are read at a time.

        Returns
        -------
        ndarray of int
            The same, chunks in random order, shuffled within each block.
        """
        of_store = rows if self.rows is None else self.rows[rows]
        along = np.argsort(of_store, kind="stable")
        chunk = np.searchsorted(self._starts(), of_store[along], side="right")
        pieces = np.split(rows[along], np.flatnonzero(np.diff(chunk)) + 1)
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
        of_store = np.arange(len(self)) if self.rows is None else self.rows
        chunks, chunk = np.unique(
            np.searchsorted(self._starts(), of_store, side="right"), return_inverse=True
        )
        order = random.permutation(len(chunks))
        n_chunks = max(1, int(np.searchsorted(np.cumsum(np.bincount(chunk)[order]), n)))
        parent = self.store.parent[of_store]
        return np.isin(parent, np.unique(parent[np.isin(chunk, order[:n_chunks])]))

    def _starts(self) -> np.ndarray:
        """Row numbers of the store at which its chunks begin."""
        sizes = [stop - start for _, start, stop in self.store.chunks()]
        return np.cumsum([0, *sizes])[:-1]

    @property
    def digest(self) -> str:
        """What tells this from other columns, and from other rows."""
        return str(joblib.hash(self._marks()))

    def _marks(self) -> list[Any]:
        store = self.store
        return [type(self).__name__, store.header.fingerprint, store.shards, self.rows]


class StoredSpectra(StoredColumns):
    """The X of a store.

    Parameters
    ----------
    store : Store
        The spectra.
    sigma : array-like of shape (n_bins,), optional
        1-sigma errors that stand behind the depths of every row. A bin whose error is missing (NaN)
        is missing in the spectra as well.
    factors : array-like of shape (n,), optional
        What the errors of each row are multiplied with.
    """

    def __init__(self, store: Store, sigma: Any = None, factors: Any = None) -> None:
        super().__init__(store)
        self._sigma = None if sigma is None else errors_in(sigma, store.grid).astype(np.float32)
        self._factors = None if factors is None else np.asarray(factors, dtype=np.float32)
        if self._factors is not None and (sigma is None or self._factors.shape != (len(store),)):
            raise RangeError(
                f"factors of shape {self._factors.shape} need errors to multiply, and to be one "
                f"for each of {len(store)} spectra"
            )
        self._steps: tuple[Any, ...] = ()
        self._next: tuple[np.ndarray, Future[np.ndarray]] | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._measure(len(store))

    def _measure(self, n: int) -> None:
        first = self._values(np.arange(1) if self.rows is None else self.rows[:1])
        self.shape, self.dtype = (n, first.shape[1]), first.dtype

    def through(self, transformer: Any) -> StoredSpectra:
        """Return what a fitted transformer makes of these spectra as they are read.

        Transformers of :mod:`exosk.preprocessing` do this by themselves in ``fit_transform``, with
        what they learned from a sample, so that a pipeline of them and a network streams.
        """
        changed = self[:]
        changed._steps = (*self._steps, transformer)
        changed._measure(len(self))
        return changed

    def read(self, rows: Any = slice(None)) -> np.ndarray:
        """Read rows into memory, as other columns; what was prefetched is there already."""
        if self._next is not None and self._next[0] is rows:
            future, self._next = self._next[1], None
            return future.result()
        return super().read(rows)

    def prefetch(self, rows: np.ndarray) -> None:
        """Begin to read rows that will be asked for next, by this same array."""
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="exosk-store")
        self._next = (rows, self._reader.submit(super().read, rows))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the thread behind."""
        return super().__getstate__() | {"_next": None, "_reader": None}

    def _marks(self) -> list[Any]:
        return [*super()._marks(), self._sigma, self._factors, self._steps]

    def _values(self, rows: Any) -> np.ndarray:
        values = self.store.take("X", rows)
        if self._sigma is not None:
            sigma = np.broadcast_to(self._sigma, values.shape)
            if self._factors is not None:
                sigma = self._factors[rows, np.newaxis] * sigma
            values[np.isnan(sigma)] = np.nan
            values = join_rows(values, sigma)
        for step in self._steps:
            values = np.asarray(step.transform(values))
        return values


class StoredParameters(StoredColumns):
    """The y of a store; its space comes with it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.shape, self.dtype = (len(store), len(store.space)), np.dtype(float)

    @property
    def space(self) -> ParameterSpace:
        """The parameters, with their priors."""
        return self.store.space

    def _values(self, rows: Any) -> np.ndarray:
        return self.store.take("Y", rows)


def check_parameters_of(X: StoredSpectra, y: Any) -> None:
    """Refuse parameters that are not those of the spectra.

    Raises
    ------
    RangeError
        If they are no :class:`StoredParameters`, or of other rows.
    """
    if not (isinstance(y, StoredParameters) and y.is_beside(X)):
        raise RangeError(
            "spectra of a store are trained on with its own parameters, of the same rows: "
            "fit(store.spectra(), store.parameters())"
        )


def in_memory(X: Any, y: Any, n: int, random_state: Any) -> tuple[Any, Any]:
    """Return what an estimator that needs arrays learns from: of a store, a sample.

    Parameters
    ----------
    X, y : array-like, or of a store
        Arrays are returned as they are; y may be None.
    n : int
        Rows of the sample, at most.
    random_state : int, RandomState or None
        What draws it.
    """
    if not isinstance(X, StoredSpectra):
        return X, y
    check_consistent_length(X, y)
    rows = X.sample_rows(n, random_state)
    if not isinstance(y, StoredParameters):
        return X.read(rows), None if y is None else np.asarray(y)[rows]
    check_parameters_of(X, y)
    return X.read(rows), ParameterArray(y.read(rows), y.space)

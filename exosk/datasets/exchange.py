"""Stores into one, one into several, and into formats that others read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.datasets.dataset import Dataset
from exosk.datasets.folder import StoreError, check_space, writing_to
from exosk.datasets.manifest import Header, first_difference
from exosk.datasets.shards import arrays_of, chunk_rows_for, row_bytes, shard_size_for
from exosk.datasets.store import Store
from exosk.datasets.writing import StoreWriter
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.storage import atomic_path

__all__ = ["export_store", "header_of", "merge_stores", "pieces", "split_store"]

PARTS = ("training", "validation", "test")
_FORMATS = ("zarr", "parquet")
Tell = Callable[[float], None]


def pieces(source: Store | Dataset) -> Iterator[Dataset]:
    """Read a set in its order, some thousand spectra at a time."""
    step = source.header.shard_size if isinstance(source, Store) else 8192
    for start in range(0, len(source), step):
        yield source[start : start + step]


def header_of(source: Store | Dataset, **changes: Any) -> Header:
    """Return the header of a store with the spectra of a set, some of it changed."""
    if isinstance(source, Store):
        header = replace(source.header, n=len(source), seed=None, environment={})
    else:
        n_bins = source.grid.n_bins
        header = Header(
            len(source),
            shard_size_for(n_bins),
            source.grid,
            source.space,
            source.molecules,
            source.sigma,
            source.delta_chi2 is not None,
            json.loads(json.dumps(dict(source.provenance))),
            None,
            chunk_rows_for(n_bins),
            None,
        )
    return replace(header, **changes)


def merge_stores(
    sources: Sequence[Store | Dataset],
    folder: str | os.PathLike[str],
    *,
    shard_size: int | None = None,
    compression: str | None = None,
    progress: Tell | None = None,
) -> Store:
    """Put several sets into one store.

    Parents keep apart: those of each set are counted on from those of the last.

    Parameters
    ----------
    sources : sequence of Store or Dataset
        In the same bins, with the same parameters, priors and reference errors.
    folder : path-like
        Where to; must not exist.
    shard_size, compression
        As of :func:`simulate_store`; those of the first set by default.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    Store

    Raises
    ------
    GridError
        If the bins differ.
    RangeError
        If parameters, priors or reference errors differ, or a spectrum is in two of the sets.
    StoreError
        If the folder is there, or cannot be written.
    """
    if not sources:
        raise RangeError("there is nothing to merge; name at least one set")
    headers = [header_of(source) for source in sources]
    _check_alike(headers)
    _check_distinct(sources)
    n = sum(map(len, sources))
    changes: dict[str, Any] = {"shard_size": shard_size, "compression": compression}
    header = replace(
        headers[0],
        n=n,
        provenance=_joined([h.provenance for h in headers]),
        **{name: value for name, value in changes.items() if value is not None},
    )
    done, first_parent = 0, 0
    with StoreWriter(Path(folder), header) as writer:
        for source in sources:
            highest = -1
            for piece in pieces(source):
                parent = np.asarray(piece.parent)
                highest = max(highest, int(parent.max()))
                writer.append(replace(piece, parent=parent + first_parent))
                done += len(piece)
                if progress is not None:
                    progress(done / n)
            first_parent += highest + 1
    return Store(folder)


def _check_alike(headers: Sequence[Header]) -> None:
    first = headers[0]
    for k, other in enumerate(headers[1:], start=2):
        if other.grid != first.grid:
            raise GridError(
                f"set {k} is in {other.grid!r} and the first in {first.grid!r}; sets are merged "
                f"only in the same bins (Rebinner takes spectra to coarser ones)"
            )
        for name in ("space", "molecules", "sigma", "detectability"):
            ours, theirs = (header.to_dict()[name] for header in (first, other))
            changed = first_difference(ours, theirs, name, ("in the first", f"in set {k}"))
            if changed:
                raise RangeError(f"the sets differ ({changed}); they cannot be merged")


def _check_distinct(sources: Sequence[Store | Dataset]) -> None:
    """Refuse a spectrum of two sets: however they were split, tests would be of trained ones."""
    seen = np.empty(0, dtype=np.uint64)
    for k, source in enumerate(sources, start=1):
        mine = np.unique(_row_keys(np.asarray(source.Y)))
        both = np.intersect1d(seen, mine, assume_unique=True).size
        if both:
            raise RangeError(
                f"{both} spectra of set {k} are in an earlier one too (the same parameters, as of "
                f"the same seed); leave it out, or simulate it with another seed"
            )
        seen = np.concatenate([seen, mine])


def _row_keys(Y: np.ndarray) -> np.ndarray:
    """Return a number for each row that another has with a chance of 2^-64."""
    bits = np.ascontiguousarray(Y, dtype=float).view(np.uint64)
    keys = np.zeros(len(bits), dtype=np.uint64)
    for column in bits.T:  # the finaliser of MurmurHash3, chained
        keys ^= column
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
            keys ^= keys >> np.uint64(shift)
            keys *= np.uint64(factor)
        keys ^= keys >> np.uint64(33)
    return keys


def _joined(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what all provenances say, and what only one says, set by set."""
    if len(each) == 1:
        return dict(each[0])
    same = {k: v for k, v in each[0].items() if all(k in o and o[k] == v for o in each)}
    return {**same, "merged": [{k: v for k, v in o.items() if k not in same} for o in each]}


def split_store(
    store: Store,
    folder: str | os.PathLike[str],
    test: float = 0.15,
    validation: float = 0.15,
    random_state: int = 0,
    *,
    progress: Tell | None = None,
) -> tuple[Store, Store, Store]:
    """Split a store at random into three, by parent spectrum.

    Parameters
    ----------
    store : Store
        Stays as it is.
    folder : path-like
        For the folders ``training``, ``validation`` and ``test``.
    test, validation : float, default=0.15
        Shares of the parents.
    random_state : int, default=0
        Seed.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    tuple of three Store
        Training, validation, test.

    Raises
    ------
    RangeError
        If a share is not positive, or nothing is left to train on.
    StoreError
        If a folder is there, or cannot be written.
    """
    part = _part_of_rows(store.parent, test, validation, random_state)
    folders = [Path(folder) / name for name in PARTS]
    start = 0
    with ExitStack() as stack:
        writers = []
        for k, (name, place) in enumerate(zip(PARTS, folders)):
            said = {**store.provenance, "part": name, "split_seed": int(random_state)}
            header = header_of(store, n=int((part == k).sum()), provenance=said)
            writers.append(stack.enter_context(StoreWriter(place, header)))
        for piece in pieces(store):
            mine = part[start : start + len(piece)]
            start += len(piece)
            for k, writer in enumerate(writers):
                if (mine == k).any():
                    writer.append(piece[mine == k])
            if progress is not None:
                progress(start / len(store))
    training, validating, testing = map(Store, folders)
    return training, validating, testing


def _part_of_rows(
    parent: np.ndarray, test: float, validation: float, random_state: Any
) -> np.ndarray:
    """Return 0, 1 or 2 for each row: training, validation or test."""
    parents, which = np.unique(parent, return_inverse=True)
    n = len(parents)
    if not (test > 0 and validation > 0 and test + validation < 1 and n >= 3):
        raise RangeError(
            f"cannot split {n} parent spectra into shares of {test:g} for testing, {validation:g} "
            f"for validation and the rest for training; each part needs one"
        )
    n_test = min(max(1, round(test * n)), n - 2)
    n_validation = min(max(1, round(validation * n)), n - n_test - 1)
    part = np.zeros(n, dtype=np.int8)
    order = check_random_state(random_state).permutation(n)
    part[order[:n_test]] = 2
    part[order[n_test : n_test + n_validation]] = 1
    return part[which]


def export_store(
    source: Store | Dataset,
    path: str | os.PathLike[str],
    to: str,
    *,
    progress: Tell | None = None,
) -> Path:
    """Write a set in a format that other programs read.

    Zarr: a group with ``X``, ``Y``, ``parent``, perhaps ``delta_chi2``, and the bins' ``lower`` and
    ``upper`` edges in um. Parquet: a row a spectrum, a column a parameter, and the depths as a list
    of fixed length. Both carry the header of the store as JSON under ``exosk``.

    Parameters
    ----------
    source : Store or Dataset
        What to write.
    path : path-like
        Where to; must not exist.
    to : {"zarr", "parquet"}
        The format.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    Path

    Raises
    ------
    UnknownNameError
        If there is no such format.
    StoreError
        If the path is there, it cannot be written, or the package for it is not installed.
    """
    if to not in _FORMATS:
        raise UnknownNameError.suggest("format", to, _FORMATS)
    path = Path(path).absolute()
    if path.exists():
        raise StoreError(f"{path} exists; choose another name")
    header = header_of(source)
    check_space(path, header.n * row_bytes(arrays_of(header)))
    with writing_to(path):
        {"zarr": _to_zarr, "parquet": _to_parquet}[to](source, header, path, progress)
    return path


def _to_zarr(source: Store | Dataset, header: Header, path: Path, progress: Tell | None) -> None:
    try:
        import zarr
    except ImportError:
        raise StoreError("Zarr needs the package zarr (3.0 or later): exosk[export]") from None
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        group = zarr.create_group(str(partial), attributes={"exosk": header.to_dict()})
        for name, edges in (("lower", header.grid.lower), ("upper", header.grid.upper)):
            group.create_array(name, data=edges)
        arrays = {
            name: group.create_array(
                name,
                shape=(header.n, *shape),
                dtype=kind,
                chunks=(min(header.shard_size, header.n), *shape),
            )
            for name, (shape, kind) in arrays_of(header).items()
        }
        start = 0
        for piece in pieces(source):
            for name, array in arrays.items():
                array[start : start + len(piece)] = np.asarray(getattr(piece, name))
            start += len(piece)
            if progress is not None:
                progress(start / header.n)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _to_parquet(source: Store | Dataset, header: Header, path: Path, progress: Tell | None) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise StoreError("Parquet needs the package pyarrow: exosk[export]") from None
    names = [*header.space.names, "parent"]
    if header.detectability:
        names += [f"delta_chi2_{molecule}" for molecule in header.molecules]
    fields = [pa.field(n, pa.int64() if n == "parent" else pa.float64()) for n in names]
    fields.append(pa.field("depth", pa.list_(pa.float32(), header.grid.n_bins)))
    schema = pa.schema(fields, metadata={"exosk": json.dumps(header.to_dict())})
    options = {"compression": "zstd", "use_dictionary": False}  # no two numbers are the same
    done = 0
    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, schema, **options) as writer,
    ):
        for piece in pieces(source):
            columns = [*np.asarray(piece.Y).T, np.asarray(piece.parent)]
            columns += [] if piece.delta_chi2 is None else [*piece.delta_chi2.T]
            depth = np.ascontiguousarray(piece.X, dtype=np.float32).ravel()
            arrays = [
                *map(pa.array, map(np.ascontiguousarray, columns)),
                pa.FixedSizeListArray.from_arrays(pa.array(depth), header.grid.n_bins),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            done += len(piece)
            if progress is not None:
                progress(done / header.n)

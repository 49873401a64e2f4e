"""One file of a store: some thousand spectra, whole or absent.

Datasets ``X`` (float32, n spectra x bins), ``Y`` (float64, so that a spectrum can be made again
from its parameters), ``parent`` and perhaps ``delta_chi2``, in chunks of whole rows, each with a
checksum. The header of the store is in every shard, so that a store that has lost its manifest can
be mended.

A file is put together in memory and written by plain calls of the system: HDF5 does not recover
from a disk that fills up under it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from exosk.datasets.dataset import Dataset
from exosk.datasets.folder import writing_to
from exosk.datasets.manifest import Header, ShardRecord
from exosk.exceptions import FileFormatError
from exosk.storage import atomic_path, open_hdf5

__all__ = [
    "arrays_of",
    "bytes_needed",
    "chunk_rows_for",
    "hash_file",
    "open_shard",
    "read_header",
    "row_bytes",
    "shard_path",
    "shard_size_for",
    "write_shard",
]

_VERSION = 1
_KIND = "shard"
_CHUNK_BYTES = 1 << 20
_SHARD_ROWS, _SHARD_BYTES = 8192, 128 << 20
_SHARD_NAME = re.compile(r"shard-(\d{6,})\.h5")


def shard_path(folder: Path, index: int) -> Path:
    """Return where a shard lies."""
    return folder / f"shard-{index:06d}.h5"


def shard_index(name: str) -> int | None:
    """Return which shard a file is, by its name; None if it is none."""
    found = _SHARD_NAME.fullmatch(name)
    index = None if found is None else int(found[1])
    return index if index is not None and name == shard_path(Path(), index).name else None


def chunk_rows_for(n_bins: int) -> int:
    """Return how many spectra make a chunk of about 1 MB: a power of two up to 1024."""
    rows = 1 << int(math.log2(max(_CHUNK_BYTES / (4 * n_bins), 1)))
    return min(max(rows, 16), 1024)


def shard_size_for(n_bins: int) -> int:
    """Return how many spectra make a shard: 8192, or fewer where that is more than 128 MB."""
    return max(chunk_rows_for(n_bins), min(_SHARD_ROWS, _SHARD_BYTES // (4 * n_bins)))


def arrays_of(header: Header) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape of a row and type of each array of a store."""
    arrays: dict[str, tuple[tuple[int, ...], str]] = {
        "X": ((header.grid.n_bins,), "<f4"),
        "Y": ((len(header.space),), "<f8"),
        "parent": ((), "<i8"),
    }
    if header.detectability:
        arrays["delta_chi2"] = ((len(header.molecules),), "<f8")
    return arrays


def bytes_needed(header: Header, shards: Sequence[int]) -> int:
    """Return the size of shards' files without compression, to a few kB above it."""
    rows = Counter(map(header.shard_rows, shards))
    described = len(json.dumps(header.to_dict()))
    total = 0
    for n, count in rows.items():
        chunk = min(header.chunk_rows, n)
        chunks = math.ceil(n / chunk)
        total += count * (chunks * (chunk * row_bytes(arrays_of(header)) + 200) + described + 8192)
    return total


def row_bytes(arrays: dict[str, tuple[tuple[int, ...], str]]) -> int:
    """Return the size of a row of arrays that :func:`arrays_of` describes."""
    return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in arrays.values())


def write_shard(
    folder: Path, index: int, header: Header, data: Dataset, n_refused: int = 0
) -> ShardRecord:
    """Write a shard, whole or not at all.

    Parameters
    ----------
    folder : Path
        Of the store.
    index : int
        Which shard it is.
    header : Header
        Of the store.
    data : Dataset
        The spectra, as many as the shard has.
    n_refused : int, default=0
        Draws that the simulator refused when they were made.

    Returns
    -------
    ShardRecord
        For the manifest.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    content = _encode(index, header, data, n_refused)
    path = shard_path(folder, index)
    with writing_to(folder), atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        # The name must not reach the disk before the contents do, or a power cut leaves it empty.
        os.fsync(file.fileno())
    checksum = hashlib.sha256(content).hexdigest()
    return ShardRecord(len(data), len(content), checksum, n_refused)


def _encode(index: int, header: Header, data: Dataset, n_refused: int) -> memoryview:
    buffer = io.BytesIO()
    filters: dict[str, Any] = {"fletcher32": True}
    if header.compression is not None:
        filters |= {"shuffle": True, "compression": header.compression, "compression_opts": 1}
    with h5py.File(buffer, "w", libver="v110") as file:
        file.attrs.update(
            format=np.bytes_(f"exosk-{_KIND}"),
            version=_VERSION,
            fingerprint=np.bytes_(header.fingerprint),
            index=index,
        )
        if n_refused:
            file.attrs["n_refused"] = n_refused
        described = np.bytes_(json.dumps(header.to_dict()))
        file.create_dataset("header", data=described).flush()
        for name, (shape, kind) in arrays_of(header).items():
            values = np.asarray(getattr(data, name)).astype(kind, copy=False)
            chunks = (min(header.chunk_rows, len(data)), *shape)
            # Without the flush, the place of its chunks in the file depends on when the data set is
            # let go of: later where a profiler, as dask's workers run one, holds on to a frame.
            file.create_dataset(name, data=values, chunks=chunks, **filters).flush()
    return buffer.getbuffer()


@contextlib.contextmanager
def open_shard(folder: Path, index: int, header: Header) -> Iterator[h5py.File]:
    """Open a shard to read from it.

    Raises
    ------
    FileFormatError
        If it is none, is damaged or cut off, or belongs to another store.
    """
    path = shard_path(folder, index)
    with open_hdf5(path, _KIND, _VERSION) as file:
        if file.attrs["fingerprint"] != np.bytes_(header.fingerprint):
            found = json.loads(file["header"].asstr()[()])
            raise FileFormatError(f"{path} belongs to another store ({_describe(found)})")
        if file.attrs["index"] != index:
            raise FileFormatError(f"{path} is shard {file.attrs['index']} under another name")
        n = header.shard_rows(index)
        for name, (shape, kind) in arrays_of(header).items():
            if file[name].shape != (n, *shape) or file[name].dtype != np.dtype(kind):
                raise FileFormatError(f"{path}: {name} is of shape {file[name].shape}")
        yield file


def read_header(path: Path) -> tuple[Header, int]:
    """Return a shard's own header and index.

    Raises
    ------
    FileFormatError
        If it is no shard, or damaged.
    """
    with open_hdf5(path, _KIND, _VERSION) as file:
        header = Header.from_dict(json.loads(file["header"].asstr()[()]))
        if file.attrs["fingerprint"] != np.bytes_(header.fingerprint):
            raise FileFormatError(f"the header of {path} is damaged")
        return header, int(file.attrs["index"])


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe(header: dict[str, Any]) -> str:
    seed = "no seed" if header["seed"] is None else f"seed {header['seed']}"
    return f"{header['n']} spectra of {len(header['grid']['lower_um'])} bins, {seed}"

"""A store that is put together from spectra that are there already."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from exosk.datasets.dataset import Dataset
from exosk.datasets.folder import StoreError, check_space, sole_writer, writing_to
from exosk.datasets.manifest import Header, Manifest
from exosk.datasets.shards import arrays_of, bytes_needed, write_shard

__all__ = ["StoreWriter"]


class StoreWriter:
    """Writes a store; it appears when the block ends well, and is not there otherwise.

    Parameters
    ----------
    folder : Path
        Where it shall be; must not exist, or be empty.
    header : Header
        With the number of spectra that there will be.

    Raises
    ------
    StoreError
        If something is there, or it cannot be written.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        self.folder, self.header = Path(folder).absolute(), header
        self._partial = self.folder.with_name(f".{self.folder.name}.partial")
        self._pieces: list[Dataset] = []
        self._n_held = 0

    def __enter__(self) -> Self:
        if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
            raise StoreError(f"{self.folder} exists and is not empty; choose another folder")
        check_space(self.folder, bytes_needed(self.header, range(self.header.n_shards)))
        self._stack = ExitStack()
        self._stack.enter_context(sole_writer(self._partial))
        for path in self._partial.glob("shard-*.h5"):  # of a process that was killed
            path.unlink()
        self._manifest = Manifest(self.header, {})
        return self

    def append(self, data: Dataset) -> None:
        """Add spectra at the end."""
        self._pieces.append(data)
        self._n_held += len(data)
        while self._n_held >= self.header.shard_size:
            self._write(self.header.shard_size)

    def _write(self, n: int) -> None:
        held = {name: self._held(name) for name in arrays_of(self.header)}
        self._pieces = [self._of({name: values[n:] for name, values in held.items()})]
        self._n_held -= n
        index = len(self._manifest.shards)
        data = self._of({name: values[:n] for name, values in held.items()})
        shard = write_shard(self._partial, index, self.header, data)
        self._manifest = Manifest(self.header, {**self._manifest.shards, index: shard})

    def _held(self, name: str) -> np.ndarray:
        return np.concatenate([np.asarray(getattr(piece, name)) for piece in self._pieces])

    def _of(self, arrays: dict[str, np.ndarray]) -> Dataset:
        return Dataset(
            grid=self.header.grid,
            space=self.header.space,
            molecules=self.header.molecules,
            provenance=self.header.provenance,
            sigma=self.header.sigma,
            **arrays,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            try:
                if kind is None:
                    self._finish()
            finally:
                shutil.rmtree(self._partial, ignore_errors=True)

    def _finish(self) -> None:
        if self._n_held:
            self._write(self._n_held)
        n = sum(shard.n for shard in self._manifest.shards.values())
        if n != self.header.n:
            raise StoreError(f"{n} spectra were given for a store of {self.header.n}")
        self._manifest.save(self._partial)
        with writing_to(self.folder):
            self._partial.rename(self.folder)

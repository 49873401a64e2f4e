"""Whether a store is whole, and what a process that was killed has left in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exosk.datasets.folder import LOCK, writing_to
from exosk.datasets.manifest import JOURNAL, MANIFEST, Header, Manifest, ShardRecord
from exosk.datasets.shards import arrays_of, hash_file, open_shard, shard_index, shard_path
from exosk.exceptions import ExoskError

__all__ = ["StoreCheck", "adopt", "sweep", "tidy", "verify_store"]

_LEFTOVER = re.compile(r"\.(shard-\d+|manifest)\..*")
# Hashing leaves Python's lock to others; more threads than this wait for the disk.
_THREADS = 4


@dataclass(frozen=True)
class StoreCheck:
    """What :func:`verify_store` found.

    Attributes
    ----------
    n_shards, n_whole : int
        Shards that the finished store has, and those that are there as they were made.
    problems : dict of int to str
        What is wrong with the others, by their index.
    strays : list of str
        Files that do not belong there.
    """

    n_shards: int
    n_whole: int
    problems: dict[int, str]
    strays: list[str]

    @property
    def ok(self) -> bool:
        """Whether every shard is whole. Strays do no harm."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "ok": self.ok,
            "n_shards": self.n_shards,
            "n_whole": self.n_whole,
            "problems": {str(k): text for k, text in self.problems.items()},
            "strays": self.strays,
        }


def verify_store(
    folder: str | os.PathLike[str], progress: Callable[[float], None] | None = None
) -> StoreCheck:
    """Compare every byte of a store with the checksums of its manifest.

    Parameters
    ----------
    folder : path-like
        Of the store.
    progress : callable, optional
        Called with the share done.

    Raises
    ------
    FileFormatError
        If there is no manifest, it is damaged, or a later exosk wrote it.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder)
    n = manifest.header.n_shards
    problems = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda index: _problem(folder, index, manifest), range(n))
        for index, problem in enumerate(found):
            if problem is not None:
                problems[index] = problem
            if progress is not None:
                progress((index + 1) / n)
    own = {MANIFEST, JOURNAL, LOCK, *(shard_path(folder, index).name for index in range(n))}
    strays = sorted(entry.name for entry in os.scandir(folder) if entry.name not in own)
    return StoreCheck(n, n - len(problems), problems, strays)


def _problem(folder: Path, index: int, manifest: Manifest) -> str | None:
    path, record = shard_path(folder, index), manifest.shards.get(index)
    try:
        if record is None:
            there = path.exists()
            return f"{path.name} is there but was not recorded" if there else "not made yet"
        size = path.stat().st_size
        if size != record.n_bytes:
            return f"{path.name} has {size} bytes of {record.n_bytes}"
        if hash_file(path) != record.sha256:
            return f"{path.name} is damaged: its checksum is another"
        with open_shard(folder, index, manifest.header):
            return None
    except FileNotFoundError:
        return f"{path.name} is missing"
    except (ExoskError, OSError) as error:
        return str(error)


def tidy(folder: Path, manifest: Manifest) -> Manifest:
    """Match a manifest with what lies in the folder, and remove what a killed process left.

    A shard that is there whole but was not recorded counts; one that was recorded and is gone, or
    not of its size any more, does not.
    """
    shards = {}
    sweep(folder)
    with writing_to(folder):
        # Of the files that are there: a campaign may have millions of shards to make.
        there = {
            index: entry.stat().st_size
            for entry in os.scandir(folder)
            if (index := shard_index(entry.name)) is not None and index < manifest.header.n_shards
        }
        for index, size in sorted(there.items()):
            record = manifest.shards.get(index)
            if record is None:
                record = adopt(folder, index, manifest.header)
            if record is not None and record.n_bytes == size:
                shards[index] = record
    return Manifest(manifest.header, shards)


def sweep(folder: Path) -> None:
    """Remove the half-written files of processes that were killed."""
    with writing_to(folder):
        for entry in os.scandir(folder):
            if _LEFTOVER.fullmatch(entry.name):
                Path(entry.path).unlink(missing_ok=True)


def adopt(folder: Path, index: int, header: Header) -> ShardRecord | None:
    """Return the record of a shard that none was made of, if it is whole."""
    path = shard_path(folder, index)
    try:
        with open_shard(folder, index, header) as file:
            for name in arrays_of(header):
                file[name][()]  # compares the checksums
            n_refused = int(file.attrs.get("n_refused", 0))
        size = path.stat().st_size
        return ShardRecord(header.shard_rows(index), size, hash_file(path), n_refused)
    except (ExoskError, OSError):
        return None

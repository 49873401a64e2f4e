"""A folder that one process writes to, and what may be wrong with its disk."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from exosk.exceptions import ExoskError
from exosk.storage import text_size

__all__ = [
    "LOCK",
    "StoreError",
    "check_space",
    "free_space",
    "sole_writer",
    "writing_to",
]

LOCK = "writer.lock"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class StoreError(ExoskError, OSError):
    """A store cannot be written, or what was asked for does not go with what is in it."""


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Say what is wrong with a disk or folder, in place of the system's error.

    Raises
    ------
    StoreError
        If the block raises OSError.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ExoskError):
            raise
        raise StoreError(_explain(error, folder)) from error


def _explain(error: OSError, folder: Path) -> str:
    if error.errno in _NO_ROOM:
        return (
            f"no space left for {folder}: what is finished there stays; make room and run the same "
            f"command again, which goes on from there"
        )
    if error.errno in _FORBIDDEN:
        return f"{folder} cannot be written to ({error.strerror}); choose another folder"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{folder} is not a folder, or lies in a file; choose another folder"
    return f"{folder} cannot be written to: {error}"


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Be the only process that writes to a store; made if it is not there.

    The system gives the lock back when the process ends, however it ends.

    Raises
    ------
    StoreError
        If another process is writing, or the folder cannot be written to.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another process is writing to {folder}; wait until it is done, or choose another "
                f"folder"
            ) from None
    try:
        yield
    finally:
        lock.release()


def free_space(folder: Path) -> int:
    """Return the bytes that are free on a folder's disk, whether it is there yet or not."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free


def check_space(folder: Path, n_bytes: int) -> None:
    """Refuse what a disk has no room for.

    Raises
    ------
    StoreError
        If less is free.
    """
    free = free_space(folder)
    if n_bytes > free:
        raise StoreError(
            f"{text_size(n_bytes)} are needed in {folder} and {text_size(free)} are free; make "
            f"room, choose another folder, or make less"
        )

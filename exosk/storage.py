"""Files that are either whole or absent, and that say what they are."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from exosk.exceptions import FileFormatError

__all__ = ["atomic_path", "create_hdf5", "open_hdf5", "text_size"]


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that replaces `path` when the block ends well.

    The temporary file lies in the same folder (a rename across file systems is a copy,
    which an interruption could cut in two) and keeps the suffix, by which matplotlib and
    others choose a format. When the block raises, or is interrupted, the temporary file is
    removed and whatever stood at `path` before is untouched.

    Parameters
    ----------
    path : path-like
        Where the file shall be. Missing parent folders are made.

    Yields
    ------
    pathlib.Path
        Where to write.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file readable by its owner alone; a result is an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def create_hdf5(path: str | os.PathLike[str], kind: str, version: int) -> Iterator[h5py.File]:
    """Give a new HDF5 file that replaces `path` when the block ends well.

    From HDF5's format 1.10 on, its own structures have checksums. With those of the data
    (``fletcher32=True``, which is for the caller to ask for), and with strings of fixed length
    (others lie outside the checksums), a damaged file is an error. Without, it may be a crash
    of the whole process, or zeros.

    Parameters
    ----------
    path : path-like
        Where the file shall be.
    kind : str
        What the file holds, as in ``"posterior"``.
    version : int
        Of the way in which it holds that.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        file.attrs.update(format=np.bytes_(f"exosk-{kind}"), version=version)
        yield file


@contextlib.contextmanager
def open_hdf5(path: str | os.PathLike[str], kind: str, version: int) -> Iterator[h5py.File]:
    """Open a file that :func:`create_hdf5` made; whatever fails in the block is its damage.

    Parameters
    ----------
    path : path-like
        Where the file is.
    kind : str
        What it must hold.
    version : int
        The latest that the caller can read.

    Raises
    ------
    FileFormatError
        If the file is none of ours, of another kind, of a later version, or damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != np.bytes_(f"exosk-{kind}"):
                raise FileFormatError(f"{path} is an HDF5 file but no exosk {kind}")
            if file.attrs["version"] > version:
                raise FileFormatError(
                    f"{path} was written by a later exosk ({kind} version "
                    f"{file.attrs['version']}, this one reads up to {version}); upgrade exosk"
                )
            yield file
    except FileFormatError:
        raise
    except (FileNotFoundError, IsADirectoryError):
        raise FileFormatError(f"there is no file {path}") from None
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())  # HDF5 writes dates with a line break
        raise FileFormatError(f"{path} is not a readable exosk {kind}: {reason}") from error


def text_size(n_bytes: float) -> str:
    """Return a size for people, as ``"21.6 GB"``."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.4g} GB"

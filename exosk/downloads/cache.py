"""Files that were fetched, each once, and what is known of them.

A file lies under its SHA-256, and an entry names it, its origin, date, citation and licence:

    index/SOURCE/KEY.json        the entry; written last, so that a file is whole or absent
    objects/ab/abcd.../NAME      the file; its checksum is compared whenever it is asked for
    partial/KEY                  what a download that broke off has so far

Two processes that want one file wait for each other, and the second finds it. The folder is
``EXOSK_CACHE`` or the system's for caches.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import platformdirs
from filelock import FileLock

from exosk.downloads.client import Origin
from exosk.downloads.contents import check_contents, safe_name
from exosk.exceptions import DownloadError, ExoskError
from exosk.storage import atomic_path

__all__ = ["Cache", "CacheEntry", "Item", "default_cache"]

_VERSION = 1


@dataclass(frozen=True)
class Item:
    """Something to fetch.

    Attributes
    ----------
    source : str
        Who has it, as ``"nasa-archive"``.
    key : str
        What it is, for ever: the same key is the same thing.
    name : str
        To call the file by.
    title : str
        For people, as ``"WASP-39 b, NIRISS, Feinstein et al. 2022"``.
    citation, licence : str
        What a paper that uses it cites, and on what terms it may be used.
    sha256 : str
        Checksum that it must have, where the source says.
    max_age : float or None
        Days after which it is asked for again, as the answer to a query is; None for ever.
    """

    source: str
    key: str
    name: str
    title: str = ""
    citation: str = ""
    licence: str = ""
    sha256: str = ""
    max_age: float | None = None


@dataclass(frozen=True)
class CacheEntry:
    """A file in the cache.

    Attributes
    ----------
    path : Path
        Where it is.
    source, key, name, title, citation, licence : str
        See :class:`Item`.
    url, content_type : str
        Where it came from; see :class:`exosk.downloads.Origin`.
    sha256 : str
        Its checksum.
    n_bytes : int
        Its size.
    retrieved : str
        When, in UTC (ISO 8601).
    problem : str
        Why a newer one could not be had, if that is so.
    """

    path: Path
    source: str
    key: str
    name: str
    title: str
    citation: str
    licence: str
    url: str
    content_type: str
    sha256: str
    n_bytes: int
    retrieved: str
    problem: str = ""

    @property
    def age(self) -> float:
        """Days since it was fetched; infinite if the clock says that it is still to be."""
        then = datetime.datetime.fromisoformat(self.retrieved)
        days = (datetime.datetime.now(datetime.UTC) - then).total_seconds() / 86400
        return days if days >= 0 else float("inf")

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class Cache:
    """A folder of fetched files.

    Parameters
    ----------
    folder : Path
        Made when it is first written to.
    offline : bool, default=False
        Whether to use only what is there.
    """

    folder: Path
    offline: bool = False

    def fetch(
        self,
        item: Item,
        make: Callable[[Path], Origin],
        check: Callable[[Path], object] | None = None,
        *,
        refresh: bool = False,
    ) -> CacheEntry:
        """Return the file, from the cache or newly made.

        Parameters
        ----------
        item : Item
            What is wanted.
        make : callable
            Writes the file to the path that it is given, as :meth:`Client.download` does, and says
            where it came from.
        check : callable, optional
            Given the path of a new file, raises an error if it is not what it should be.
        refresh : bool, default=False
            Whether to ask for it although it is there.

        Returns
        -------
        CacheEntry
            An old one, with a `problem`, where a newer one could not be had.

        Raises
        ------
        DownloadError
            If it is not there and cannot be had.
        """
        found = self.find(item.source, item.key)
        fresh = found is not None and (item.max_age is None or found.age <= item.max_age)
        if found is not None and (self.offline or (fresh and not refresh)):
            return found
        if self.offline:
            raise DownloadError(
                f"{item.title or item.name} is not in the cache, and exosk is offline "
                f"(EXOSK_OFFLINE); fetch it once while online"
            )
        seen = None if found is None else found.retrieved
        with self._lock(f"{_digest(item.source, item.key)}.lock"):
            again = self.find(item.source, item.key)
            if again is not None and again.retrieved != seen:
                return again  # another process was faster
            try:
                return self._make(item, make, check)
            except ExoskError as error:
                if found is None or refresh:
                    raise
                return replace(found, problem=str(error))

    def _make(
        self, item: Item, make: Callable[[Path], Origin], check: Callable[[Path], object] | None
    ) -> CacheEntry:
        label = item.title or item.name
        name = safe_name(item.name)
        partial = self.folder / "partial" / _digest(item.source, item.key)
        partial.parent.mkdir(parents=True, exist_ok=True)
        origin = make(partial)
        try:
            check_contents(partial, label)
            checksum = _sha256(partial)
            if item.sha256 and checksum != item.sha256.lower():
                raise DownloadError(
                    f"{label}: the file that came has the SHA-256 {checksum}, and not "
                    f"{item.sha256}, which it should have; it was not kept. Try again"
                )
            if check is not None:
                check(partial)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        home = self._object(checksum, name)
        entry = CacheEntry(
            home,
            item.source,
            item.key,
            name,
            item.title,
            item.citation,
            item.licence,
            origin.url,
            origin.content_type,
            checksum,
            partial.stat().st_size,
            datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        )
        with self._lock("cache.lock"):
            before = self._read(self._index(item.source, item.key))
            home.parent.mkdir(parents=True, exist_ok=True)
            os.replace(partial, home)
            with atomic_path(self._index(item.source, item.key)) as path:
                path.write_text(json.dumps(_stored(entry), indent=1), "utf-8")
            if before is not None:
                self._drop(before)
        return entry

    def find(self, source: str, key: str) -> CacheEntry | None:
        """Return the entry of a key, if it is there and its file is whole.

        A file that was changed, or lost, counts as not there.
        """
        entry = self._read(self._index(source, key))
        return entry if entry is not None and _is_whole(entry) else None

    def entries(self, text: str = "") -> list[CacheEntry]:
        """Return all entries that contain a text in source, key, name or title, sorted.

        Entries of damaged files are among them: :meth:`is_whole` tells.
        """
        words = text.casefold().split()
        found = []
        for path in sorted((self.folder / "index").glob("*/*.json")):
            entry = self._read(path)
            if entry is None:
                continue
            said = f"{entry.source} {entry.key} {entry.name} {entry.title}".casefold()
            if all(word in said for word in words):
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.source, entry.title, entry.key))

    @staticmethod
    def is_whole(entry: CacheEntry) -> bool:
        """Tell whether an entry's file is there and as it came."""
        return _is_whole(entry)

    def remove(self, entry: CacheEntry) -> None:
        """Forget an entry, and its file unless another has the same."""
        with self._lock("cache.lock"):
            self._index(entry.source, entry.key).unlink(missing_ok=True)
            self._drop(entry)

    def clear_partial(self) -> int:
        """Remove what downloads that broke off have left; return how many bytes."""
        folder = self.folder / "partial"
        size = sum(path.stat().st_size for path in folder.glob("*")) if folder.is_dir() else 0
        shutil.rmtree(folder, ignore_errors=True)
        return size

    def _drop(self, entry: CacheEntry) -> None:
        if any(other.path == entry.path for other in self.entries()):
            return
        entry.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another file of the same contents stays
            entry.path.parent.rmdir()

    def _read(self, path: Path) -> CacheEntry | None:
        """Return an entry, or None where there is none that we can read."""
        try:
            stored = json.loads(path.read_text("utf-8"))
            if stored.pop("version") > _VERSION:
                return None
            home = self._object(stored["sha256"], safe_name(stored["name"]))
            return CacheEntry(path=home, **stored)
        except (OSError, ValueError, LookupError, TypeError, DownloadError):
            return None

    def _index(self, source: str, key: str) -> Path:
        return self.folder / "index" / safe_name(source) / f"{_digest(source, key)}.json"

    def _object(self, checksum: str, name: str) -> Path:
        return self.folder / "objects" / checksum[:2] / checksum / name

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        folder = self.folder / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadError(
                f"{self.folder} cannot be the folder of fetched files ({error}); name another one "
                f"in EXOSK_CACHE"
            ) from error
        with FileLock(folder / name):
            yield


def default_cache() -> Cache:
    """Return the user's cache.

    The environment's ``EXOSK_CACHE`` names another folder; ``EXOSK_OFFLINE``, unless empty or 0,
    keeps exosk from asking anyone.
    """
    stated = os.environ.get("EXOSK_CACHE")
    folder = Path(stated or platformdirs.user_cache_path("exosk", appauthor=False)).expanduser()
    return Cache(folder, os.environ.get("EXOSK_OFFLINE", "0") not in ("", "0"))


def _stored(entry: CacheEntry) -> dict[str, object]:
    values = asdict(entry)
    for name in ("path", "problem"):
        del values[name]
    return {"version": _VERSION, **values}


def _is_whole(entry: CacheEntry) -> bool:
    try:
        return entry.path.stat().st_size == entry.n_bytes and _sha256(entry.path) == entry.sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(source: str, key: str) -> str:
    return hashlib.sha256(f"{source}\n{key}".encode()).hexdigest()[:32]

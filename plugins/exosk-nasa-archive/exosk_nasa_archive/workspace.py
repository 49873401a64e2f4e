"""The files of spectra, which the archive has no lasting addresses for.

Its page of atmospheric spectroscopy makes a workspace for each visitor and names it in a call of
JavaScript:

    FF_InitPage ('/work/TMP_xxx/atmospheres/tab1', '/workspace/TMP_xxx', ...)

The file that the table `spectra` calls ``40/24/96/78/WASP_39_b_3.11466_5502_6.tbl`` lies below it
for as long as the workspace lives. An expired one is answered by 404, or by an HTML page with the
status 200.

Should the archive give its files another address, this module is what has to change: the rest of
the package knows :meth:`Workspace.download` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from exosk.downloads import Client, Origin, check_contents
from exosk.exceptions import DownloadError

__all__ = ["PAGE", "Workspace"]

PAGE = "/cgi-bin/atmospheres/nph-firefly?atmospheres"

_CALL = re.compile(r"FF_InitPage\s*\(\s*'([^']*)'\s*,\s*'([^']*)'")
_FOLDER = re.compile(r"(?:/(?!\.)[\w.+-]+)+/?")  # on the host, and no higher folder
_MIB = 1024 * 1024
# The largest of several hundred is 0.2 MB.
_MAX_BYTES = 16 * _MIB
_GONE = (403, 404, 410)


class _Absent(DownloadError):
    """There is no such file where it was looked for."""


@dataclass
class Workspace:
    """The archive's files of spectra, by the paths of its index.

    Parameters
    ----------
    base : str
        The archive's address.
    client : Client
        Asks for pages and files.
    """

    base: str
    client: Client
    # Of the workspace that was made last, where files may lie; and in which of these one did.
    _folders: list[str] = field(default_factory=list, repr=False)
    _working: int = field(default=0, repr=False)

    def download(self, spec_path: str, path: Path) -> Origin:
        """Write one file.

        A workspace is made when the first file is asked for and kept; when a file is not below it,
        a new one is made once.

        Parameters
        ----------
        spec_path : str
            As in the archive's index.
        path : Path
            Where to write.

        Returns
        -------
        Origin

        Raises
        ------
        DownloadError
            If the path leads out of its folder, or there is no whole table to be had.
        """
        tail = _tail(spec_path)
        name = PurePosixPath(spec_path).name
        try:
            for anew in (False, True):
                if anew or not self._folders:
                    self._folders = self._mint()
                try:
                    return self._find(tail, name, path)
                except _Absent as error:
                    absent = error
            path.unlink(missing_ok=True)
            raise absent
        except DownloadError as error:
            raise self._with_way_out(name, error) from error

    def _find(self, tail: str, name: str, path: Path) -> Origin:
        """Look for a file in all folders of the workspace."""
        absent = _Absent(f"{name} is in no folder of the archive's workspace")
        for k in self._order():
            try:
                origin = self.client.download(self._folders[k] + tail, path, max_bytes=_MAX_BYTES)
                _check_table(path, name)
            except _Absent as error:
                absent = error
            except DownloadError as error:
                if error.status not in _GONE:
                    raise
                absent = _Absent(str(error))
                absent.status = error.status
            else:
                self._working = k
                return origin
        raise absent

    def _order(self) -> Iterator[int]:
        """First the folder that held the last file."""
        count = len(self._folders)
        yield from sorted(range(count), key=lambda k: (k != self._working, k))

    def _mint(self) -> list[str]:
        """Have a workspace made; return the folders of it in which files may lie."""
        page = self.client.text(self.base + PAGE)
        call = _CALL.search(page)
        if call is None or not all(map(_FOLDER.fullmatch, call.groups())):
            raise DownloadError(
                f"{self.base + PAGE} names no workspace, so that the service is down or has changed"
            )
        page_folder, workspace = (text.rstrip("/") for text in call.groups())
        return [
            f"{self.base}{folder}/data/"
            for folder in (
                f"{workspace}/atmospheres/tab1",
                page_folder.rsplit("/tab1", 1)[0],
                f"{workspace}/atmospheres",
                workspace,
            )
        ]

    def _with_way_out(self, name: str, error: DownloadError) -> DownloadError:
        told = DownloadError(
            f"{error}; if that stays so, download {name} by hand from {self.base + PAGE} and give "
            f"the file to exosk (`exosk retrieve {name}`)"
        )
        told.status = error.status
        return told


def _tail(spec_path: str) -> str:
    """Return a path of the index as a part of an address; refuse one that leads elsewhere."""
    parts = spec_path.split("/")
    if not spec_path.isprintable() or "\\" in spec_path or any(p in ("", ".", "..") for p in parts):
        raise DownloadError(
            f"the archive's index has the file {spec_path!r}, which could lie outside its folder; "
            f"it was not asked for. Choose another spectrum"
        )
    return quote(spec_path, safe="/")


def _check_table(path: Path, name: str) -> None:
    """Raise unless a file begins as an IPAC table does."""
    try:
        check_contents(path, name)
    except DownloadError as error:
        raise _Absent(str(error)) from error
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if not start.startswith((b"\\", b"|")):
        raise _Absent(f"{name}: the archive sent something else than a table in the file's place")

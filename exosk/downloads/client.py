"""A polite HTTP client, which ends with a whole body or with an error that says what to do.

It waits as long as a server asks, tries again after what may pass (no answer, 429, 5xx, a broken
connection), goes on where a large download broke off, and stops at a body that does not end. It
does not follow a redirection to another host unless that host was named, so that an archive's page
of errors, log-in or maintenance never stands in for a file.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from exosk.downloads.part import Part
from exosk.exceptions import DownloadError

__all__ = ["Client", "Origin"]

_CHUNK = 1 << 16
_MIB = 1024 * 1024
# Of requests' exceptions, and of urllib3's where a body is read.
_BROKEN = (requests.RequestException, HTTPError, TimeoutError, ConnectionError)
_AGAIN = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 120  # seconds
_MARKUP = re.compile(rb"<[^>]*>")
_MOST_SAID = 300  # characters of what a server says


@dataclass(frozen=True)
class Origin:
    """Where a file came from.

    Attributes
    ----------
    url : str
        After redirections; or a query in words, for what is not one file of a server.
    content_type : str
        As the server has it; empty when it does not say.
    """

    url: str
    content_type: str = ""


class _Patience(Retry):
    """Obeys a server that says how long to wait, within reason."""

    def get_retry_after(self, response: Any) -> float | None:
        """Return the seconds, or None where nothing was said."""
        wait = super().get_retry_after(response)
        return None if wait is None else min(wait, _LONGEST_WAIT)


class _Session(requests.Session):
    """Follows redirections to the same host and to those that are allowed."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        super().__init__()
        self._allowed_hosts = allowed_hosts

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer points, or refuse to go there."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        here, there = urlsplit(resp.url), urlsplit(requests.compat.urljoin(resp.url, target))
        known = there.netloc == here.netloc or there.hostname in self._allowed_hosts
        if not known or (here.scheme == "https" and there.scheme != "https"):
            raise DownloadError(
                f"{resp.url} redirects to {there.scheme}://{there.netloc}, which is another server "
                f"than was asked; nothing was fetched. If that is where the archive has moved, "
                f"update the plugin that asks it"
            )
        return target


@dataclass
class Client:
    """Fetch files and answers over HTTP.

    Parameters
    ----------
    allowed_hosts : iterable of str
        Other hosts that a redirection may lead to.
    connect_timeout, read_timeout : float
        Seconds to wait for a connection, and for the next bytes.
    max_seconds : float
        For one body, however slowly it comes.
    n_retries : int
        After the first try.
    backoff : float
        Seconds before the first retry; they double from one to the next. A server that says how
        long to wait is obeyed, up to two minutes.

    Raises
    ------
    DownloadError
        By all methods, when there is no whole answer: with the address, the reason and a remedy.
    """

    allowed_hosts: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    max_seconds: float = 900.0
    n_retries: int = 4
    backoff: float = 1.0
    _session: requests.Session | None = field(default=None, init=False, repr=False)

    def json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask for a JSON document.

        Parameters
        ----------
        url : str
            Address.
        params : mapping, optional
            Of the query.
        """
        text = self.text(url, params)
        try:
            return json.loads(text)
        except ValueError:
            start = " ".join(text[:60].split())
            raise DownloadError(
                f"{url} answered with something that is not JSON ({start!r}...); the service may "
                f"be down or may have changed: try again later"
            ) from None

    def text(
        self, url: str, params: Mapping[str, Any] | None = None, max_bytes: int = 32 * _MIB
    ) -> str:
        """Ask for a document of text; see :meth:`json`."""
        for wait in self._waits():
            try:
                with self._ask(url, params, {}) as response:
                    body = b"".join(self._body(response, max_bytes))
                    return body.decode(response.encoding or "utf-8", errors="replace")
            except _BROKEN as error:
                self._pause(wait, url, error)
        raise AssertionError("the last wait ends the loop")

    def download(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        params: Mapping[str, Any] | None = None,
        max_bytes: int = 64 * _MIB,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Origin:
        """Write the body of an answer to a file.

        What a broken connection left of it is gone on with, within this call and in a later one
        with the same path, where the server can do that and the file did not change meanwhile. The
        caller moves the file to its place when this returns; until then it may be a part.

        Parameters
        ----------
        url : str
            Address.
        path : path-like
            Where to write. Beside it, a file with the suffix ``.state`` holds what a later call
            needs to go on.
        params : mapping, optional
            Of the query.
        max_bytes : int
            A body that is longer, or says that it will be, is refused.
        progress : callable, optional
            Called with the bytes that came so far, and how many there will be if that is known.

        Returns
        -------
        Origin
        """
        part = Part(Path(path), url)
        for wait in self._waits():
            try:
                return self._download_once(part, params, max_bytes, progress)
            except _BROKEN as error:
                self._pause(wait, url, error)
            except OSError as error:
                if isinstance(error, DownloadError):
                    part.discard()
                    raise
                raise DownloadError(f"{path} cannot be written: {error}") from error
        raise AssertionError("the last wait ends the loop")

    def _download_once(
        self,
        part: Part,
        params: Mapping[str, Any] | None,
        max_bytes: int,
        progress: Callable[[int, int | None], None] | None,
    ) -> Origin:
        with self._ask(part.url, params, part.headers()) as response:
            begun = part.begin(response)
            total = _length(response)
            total = None if total is None else total + begun
            if total is not None and total > max_bytes:
                raise _too_long(response.url, max_bytes)
            with part.path.open("ab" if begun else "wb") as file:
                for chunk in self._body(response, max_bytes - begun):
                    file.write(chunk)
                    begun += len(chunk)
                    if progress is not None:
                        progress(begun, total)
            part.state.unlink(missing_ok=True)
            return Origin(response.url, response.headers.get("Content-Type", ""))

    def _ask(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> requests.Response:
        """Return an answer of success whose body is still to come."""
        response = self._connected().get(
            url,
            params=params,
            headers=headers,
            stream=True,
            timeout=(self.connect_timeout, self.read_timeout),
        )
        if response.status_code == requests.codes.requested_range_not_satisfiable and headers:
            # What was left of an earlier try does not fit the file any more.
            response.close()
            return self._ask(url, params, {})
        if not response.ok:
            # What was wrong with a query stands in the body.
            body = response.raw.read(_CHUNK) if response.status_code == 400 else b""
            response.close()
            said = _MARKUP.sub(b" ", body).decode(errors="replace").split()
            raise _refused(response, " ".join(said)[:_MOST_SAID])
        return response

    def _connected(self) -> requests.Session:
        if self._session is None:
            session = _Session(frozenset(self.allowed_hosts))
            retry = _Patience(
                self.n_retries,
                # Who does not answer at all is not asked as often: each try takes a time-out.
                connect=min(2, self.n_retries),
                read=min(1, self.n_retries),
                status_forcelist=_AGAIN,
                backoff_factor=self.backoff,
                backoff_max=_LONGEST_WAIT,
                redirect=False,
                raise_on_status=False,
            )
            session.mount("https://", HTTPAdapter(max_retries=retry))
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.headers["User-Agent"] = f"exosk/{metadata.version('exosk')}"
            # A body that comes as it is can be gone on with.
            session.headers["Accept-Encoding"] = "identity"
            self._session = session
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        """Leave connections behind."""
        return self.__dict__ | {"_session": None}

    def _body(self, response: requests.Response, max_bytes: int) -> Iterator[bytes]:
        """Give the body in pieces, decoded; refuse one that is too long, too slow or cut short."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise DownloadError(
                f"{response.url} answered in the encoding {encoding!r}, which was not asked for; "
                f"try again later"
            )
        # Both gzip's header and zlib's.
        decoder = None if encoding in ("identity", "") else zlib.decompressobj(zlib.MAX_WBITS | 32)
        latest = time.monotonic() + self.max_seconds
        n_bytes = 0
        # read1 gives what has come: read would lose it when the connection breaks meanwhile.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            while chunk:
                try:
                    piece = decoder.decompress(chunk, _CHUNK) if decoder else chunk
                except zlib.error as error:
                    raise DownloadError(
                        f"{response.url}: the compressed body is damaged ({error}); try again"
                    ) from error
                chunk = decoder.unconsumed_tail if decoder else b""
                n_bytes += len(piece)
                if n_bytes > max_bytes:
                    raise _too_long(response.url, max_bytes)
                yield piece
            if time.monotonic() > latest:
                raise DownloadError(
                    f"{response.url}: after {self.max_seconds:g} s only {n_bytes:,} bytes had "
                    f"come; try again when the service, or the connection, is faster"
                )
        if decoder is not None and not decoder.eof:
            raise DownloadError(f"{response.url}: the compressed body is cut short; try again")

    def _waits(self) -> Iterator[float | None]:
        """Seconds to wait after each try; None after the last."""
        for k in range(self.n_retries):
            yield min(self.backoff * 2**k, _LONGEST_WAIT)
        yield None

    def _pause(self, wait: float | None, url: str, error: Exception) -> None:
        # urllib3 itself has tried again where there was no answer at all.
        unreachable = isinstance(error, requests.ConnectionError | requests.Timeout)
        final = isinstance(
            error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema
        )
        if wait is None or unreachable or final:
            raise DownloadError(
                f"{url} could not be fetched: {_reason(error)}; try again later, or work offline "
                f"with what was fetched before (EXOSK_OFFLINE=1)"
            ) from error
        time.sleep(wait)


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _too_long(url: str, max_bytes: int) -> DownloadError:
    return DownloadError(
        f"{url} is longer than {max_bytes / _MIB:.3g} MiB, more than a file of its kind has; "
        f"nothing of it was kept"
    )


def _refused(response: requests.Response, said: str) -> DownloadError:
    status = response.status_code
    if status == requests.codes.not_found:
        remedy = "the archive has no such file, or has moved it"
    elif status in _AGAIN:
        remedy = "the service is busy or down; try again later"
    elif status in (requests.codes.unauthorized, requests.codes.forbidden):
        remedy = "it is not public, or a log-in is needed"
    else:
        remedy = f"it said: {said}" if said else "try again later"
    error = DownloadError(f"{response.url} answered {status} {response.reason}: {remedy}")
    error.status = status
    return error


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout | TimeoutError) or "timed out" in str(error).casefold():
        return "no answer in time"
    if isinstance(error, requests.exceptions.RetryError):
        return "it kept answering that it is busy or down"
    return {
        "ConnectionError": "no connection",
        "ChunkedEncodingError": "the connection broke before the end",
        "ProtocolError": "the connection broke before the end",
    }.get(type(error).__name__, " ".join(str(error).split())[:200])

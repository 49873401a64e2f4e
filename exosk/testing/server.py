"""A server on the loopback address that answers as an archive does, faults included.

    with LocalServer() as server:
        server.answer("/TAP/sync", Answer(b"[]", "application/json"))
        server.answer("/busy", Answer(status=429), Answer(b"at last"))
        source = MySource(server.url(""))

A real client asks it over a real connection, so that what is tested is what users run.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["Answer", "LocalServer", "Request"]

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Request:
    """What a client asked.

    Attributes
    ----------
    method : str
        ``GET`` or ``POST``.
    path : str
        Without the query, decoded.
    query : dict of str to str
        Of the address, or of a form that was posted; of equal names the last.
    headers : mapping of str to str
        As sent.
    body : bytes
        As sent.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the server answers.

    Parameters
    ----------
    body : bytes
        All of it.
    content_type : str
        Its type.
    status : int, default=200
        HTTP's.
    headers : mapping of str to str, optional
        Further ones, as ``{"Location": ...}``.
    etag : str, default=""
        With it, parts of the body can be asked for.
    cut : int, optional
        Reset the connection after so many bytes.
    wait : float, default=0
        Seconds before the answer.
    drip : float, default=0
        Seconds between pieces of `piece` bytes.
    piece : int
        See `drip`.
    endless : bool, default=False
        Send the body again and again, until the client goes.
    """

    body: bytes = b""
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    cut: int | None = None
    wait: float = 0.0
    drip: float = 0.0
    piece: int = _CHUNK
    endless: bool = False


class LocalServer:
    """Answers on a free port of 127.0.0.1 while the `with` block lasts.

    Attributes
    ----------
    requests : list of Request
        What was asked so far, in order.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[str, list[Answer] | Callable[[Request], Answer]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def answer(self, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Say what a path answers.

        Parameters
        ----------
        path : str
            Decoded, without the query; one that ends in ``*`` serves all that begin so.
        *answers : Answer or callable
            One after the other, the last for ever; or one function from a Request to an Answer.
        """
        if len(answers) == 1 and callable(answers[0]):
            self._answers[path] = answers[0]
        else:
            self._answers[path] = list(answers)  # type: ignore[arg-type]

    def url(self, path: str = "") -> str:
        """Return the address of a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}{path}"

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one path."""
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _choose(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            planned = self._answers.get(request.path)
            if planned is None:
                starts = [p for p in self._answers if p.endswith("*")]
                fitting = [p for p in starts if request.path.startswith(p[:-1])]
                planned = self._answers[max(fitting, key=len)] if fitting else None
            if planned is None:
                return Answer(b"no such thing", status=404)
            if isinstance(planned, list):
                return planned.pop(0) if len(planned) > 1 else planned[0]
        return planned(request)


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that have gone: faults are what it is for."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a mistake of a test's own, and no broken connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Sends what the server chose."""

    server_of: LocalServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *args: Any) -> None:
        """Stay silent: pytest shows what a test printed."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        if "form-urlencoded" in self.headers.get("Content-Type", ""):
            query |= parse_qs(body.decode(), keep_blank_values=True)
        asked = Request(
            self.command,
            unquote(parts.path),
            {name: values[-1] for name, values in query.items()},
            dict(self.headers),
            body,
        )
        chosen = self.server_of._choose(asked)
        if self.server_of._closing.wait(chosen.wait):
            return
        with contextlib.suppress(ConnectionError):
            self._send(chosen)

    def _send(self, chosen: Answer) -> None:
        body, status, extra = chosen.body, chosen.status, dict(chosen.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if chosen.etag:
            extra["ETag"] = chosen.etag
            same = self.headers.get("If-Range", chosen.etag) == chosen.etag
            if wanted and same and int(wanted[1]) < len(body):
                start = int(wanted[1])
                extra["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
            elif wanted and same:
                body, status = b"", 416
        self.send_response(status)
        self.send_header("Content-Type", chosen.content_type)
        if chosen.endless:
            self.send_header("Connection", "close")
            self.close_connection = True
        elif "Content-Length" not in extra:
            self.send_header("Content-Length", str(len(body)))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(body, chosen)

    def _send_body(self, body: bytes, chosen: Answer) -> None:
        sent = 0
        while not self.server_of._closing.is_set():
            for start in range(0, len(body), chosen.piece):
                piece = body[start : start + chosen.piece]
                if chosen.cut is not None and sent + len(piece) > chosen.cut:
                    self.wfile.write(piece[: chosen.cut - sent])
                    self._reset()
                    return
                self.wfile.write(piece)
                sent += len(piece)
                if chosen.drip:
                    self.wfile.flush()
                    time.sleep(chosen.drip)
            if not chosen.endless:
                return

    def _reset(self) -> None:
        """Close the connection as a crash does, without the end of TCP's conversation."""
        self.wfile.flush()
        time.sleep(0.05)  # what was sent arrives first
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

"""Running a plugin's code without letting it ask, print or leave.

While it runs, `input()` and other reads of standard input in the same thread raise
:class:`Prompted` instead of waiting for an answer, and what it prints goes to standard error, so
that the one document of ``--json`` stays alone on standard output. Other threads keep both
streams as they are.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

__all__ = ["MAY_RAISE", "Prompted", "contained", "told"]

#: What a plugin may raise and must not stop the program by. Ctrl-C is the user's.
MAY_RAISE = (Exception, SystemExit)


class Prompted(EOFError):
    """Contained code waits for an answer that nobody gives."""


class _NobodyThere(io.TextIOBase):
    """Standard input without anyone at it."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> NoReturn:
        raise Prompted("nobody answers a plugin's questions")

    def readline(self, size: int | None = -1, /) -> NoReturn:
        raise Prompted("nobody answers a plugin's questions")

    __next__ = readline


class _Depth(threading.local):
    """How many contained blocks the current thread is in."""

    value = 0


class _ByThread:
    """A stream that is another one to threads in contained code."""

    def __init__(self, usual: Any, inside: Any) -> None:
        self._usual, self._inside = usual, inside

    def _stream(self) -> Any:
        return self._inside if _depth.value else self._usual

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream())

    def __next__(self) -> str:
        return next(self._stream())


class _Streams:
    """Puts the two streams in place for the first thread, and back after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: tuple[TextIO | None, TextIO | None] = (None, None)
        self._ours: tuple[Any, Any] = (None, None)

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = sys.stdin, sys.stdout
                self._ours = (
                    _ByThread(sys.stdin, _NobodyThere()),
                    _ByThread(sys.stdout, sys.stderr),
                )
                sys.stdin, sys.stdout = self._ours
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                # Whoever replaced one meanwhile (a notebook, a test) keeps it replaced.
                for name, ours, before in zip(("stdin", "stdout"), self._ours, self._before):
                    if getattr(sys, name) is ours:
                        setattr(sys, name, before)


_depth = _Depth()
_streams = _Streams()


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run the block as a plugin's code; exceptions pass through."""
    _streams.enter()
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1
        _streams.leave()


def told(error: BaseException) -> str:
    """Say in one line why contained code failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Prompted):
            return (
                "asked a question at a prompt, where nobody answers; it must take its settings "
                "from options, files or the environment"
            )
        cause = cause.__cause__ or cause.__context__
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first}".rstrip(": ")

"""What a download that broke off has so far, and how the rest of it is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import requests

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """The beginning of a file.

    Parameters
    ----------
    path : Path
        Where it is, or will be.
    url : str
        What it is of.
    """

    path: Path
    url: str

    @property
    def state(self) -> Path:
        """Where it is written down what the server called the file."""
        return self.path.with_name(f"{self.path.name}.state")

    def _tag(self) -> str | None:
        """Return what the server called the file whose beginning we have."""
        try:
            known = json.loads(self.state.read_text("utf-8"))
            if known["url"] == self.url and self.path.stat().st_size > 0:
                return str(known["tag"])
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return None

    def headers(self) -> dict[str, str]:
        """Ask for the rest, if the file is still the same."""
        tag = self._tag()
        if tag is None:
            return {}
        return {"Range": f"bytes={self.path.stat().st_size}-", "If-Range": tag}

    def begin(self, response: requests.Response) -> int:
        """Return how many bytes are kept, given the answer; note what it is of."""
        if response.status_code == requests.codes.partial_content:
            size = self.path.stat().st_size
            if response.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
                return size
            self.discard()
            raise requests.exceptions.ChunkedEncodingError("another part came than was asked for")
        self.discard()
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        # A weak tag does not promise equal bytes.
        if tag and not tag.startswith("W/") and "Content-Encoding" not in response.headers:
            self.state.write_text(json.dumps({"url": self.url, "tag": tag}), "utf-8")
        return 0

    def discard(self) -> None:
        """Remove it, and what was known of it."""
        self.path.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)

"""A real server on the loopback address, and a client without patience."""

from __future__ import annotations

import pytest

from exosk.downloads import Cache, Client
from exosk.testing import LocalServer


@pytest.fixture
def server():
    with LocalServer() as local:
        yield local


@pytest.fixture
def client():
    return Client(connect_timeout=2, read_timeout=0.5, max_seconds=3, n_retries=2, backoff=0.01)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")

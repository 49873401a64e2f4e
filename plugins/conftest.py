"""What the tests of all plugins share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_archives(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests from asking archives, and the developer's own downloads out of them."""
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))

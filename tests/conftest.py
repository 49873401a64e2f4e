"""Fixtures that several folders of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the data sets that are never copied into the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data sets (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def no_user_opacities(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the developer's own opacity tables out of the tests."""
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path_factory.getbasetemp() / "none"))


@pytest.fixture(autouse=True)
def no_archives(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests from asking archives, and the developer's own downloads out of them."""
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))

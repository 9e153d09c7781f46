"""Fixtures for tests of several rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.game import ADMIN_PASSWORD

from holomush import bundled
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions.entrance import ADMIN_PASSWORD_VARIABLE


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> SourceRuntime:
    """The compiled interpreters, once for all tests."""
    for wasm in bundled.RUNTIMES.values():
        if not wasm.is_file():
            pytest.fail(f"{wasm} is missing: run scripts/build-runtimes")
    use_compile_cache(default_folders(os.environ, tmp_path_factory.mktemp("data")))
    return SourceRuntime(bundled.RUNTIMES)


@pytest.fixture(autouse=True)
def _admin_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADMIN_PASSWORD_VARIABLE, ADMIN_PASSWORD)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder

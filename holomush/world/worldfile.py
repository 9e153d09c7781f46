"""The file format of worlds: what stands in the YAML of an export, of an import, and of the world that a new game begins with.

Owns the entries and their text. What they mean for a world that there is already is the business of ``importing``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from holomush.errors import HolomushError
from holomush.structuring import StructureError, structure
from holomush.world.plainyaml import FILE_LIMIT, read_plain, write_entry, write_pair

_HEADER = """\
# A world of HoloMUSH. Ids are 26 letters and digits, unique across the whole world. Owners are names of characters.
"""


class WorldFileError(HolomushError):
    """A file cannot be written."""


@attrs.frozen(kw_only=True)
class LocationEntry:
    """A place."""

    id: str
    name: str
    description: str = ""
    owner: str | None = None
    attributes: dict[str, dict[str, Any]] = attrs.Factory(dict)
    """By plugin: what it has noted, by name."""


@attrs.frozen(kw_only=True)
class ExitEntry:
    """A way from one location to another."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    source: str
    destination: str
    lock: str = ""
    attributes: dict[str, dict[str, Any]] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class CharacterEntry:
    """A character of the game's own."""

    id: str
    name: str
    location: str
    description: str = ""
    attributes: dict[str, dict[str, Any]] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class ObjectEntry:
    """A thing, in exactly one of a location, a container (both by id) and a character of the game's own (by name)."""

    id: str
    name: str
    location: str | None = None
    container: str | None = None
    character: str | None = None
    description: str = ""
    owner: str | None = None
    lock: str = ""
    attributes: dict[str, dict[str, Any]] = attrs.Factory(dict)


Entry = LocationEntry | ExitEntry | CharacterEntry | ObjectEntry


@attrs.frozen(kw_only=True)
class WorldFile:
    """All that a file holds. ``start`` is the location where new characters begin."""

    start: str | None = None
    locations: tuple[LocationEntry, ...] = ()
    exits: tuple[ExitEntry, ...] = ()
    characters: tuple[CharacterEntry, ...] = ()
    objects: tuple[ObjectEntry, ...] = ()

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Everything, with the path of its key: ``exits[3]``."""
        for section in _SECTIONS:
            listed: tuple[Entry, ...] = getattr(self, section)
            for number, entry in enumerate(listed):
                yield f"{section}[{number}]", entry


_SECTIONS = ("locations", "exits", "characters", "objects")


def read_file(path: Path) -> bytes:
    """What a file holds, if it is no larger than a world may be. Raises ``StructureError``."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT + 1)
    except OSError as exc:
        raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc


def write_file(path: Path, text: str) -> None:
    """Let the file hold ``text``, or, if that goes wrong, what it held before. Raises ``WorldFileError``."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise WorldFileError(f"{path}: cannot be written: {exc.strerror}") from exc


def parse_world(content: bytes, source: str) -> WorldFile:
    """The entries of a file. Raises ``StructureError`` with a line for every wrong key, each beginning with ``source``."""
    return structure(read_plain(content, source), WorldFile, source)


def write_world(file: WorldFile) -> str:
    """The text of a file: the entries in their order, without what is as it would be anyway."""
    lines: list[str] = []
    if file.start is not None:
        lines += write_pair("start", file.start)
    for section in _SECTIONS:
        entries = getattr(file, section)
        if entries:
            lines += ["", f"{section}:"] if lines else [f"{section}:"]
            lines += _entry_lines(entries)
    return _HEADER + "".join(f"{line}\n" for line in lines or ["{}"])


def _entry_lines(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield from write_entry(_told(entry))


def _told(entry: Entry) -> Mapping[str, Any]:
    keys = {}
    for field in attrs.fields(type(entry)):
        value = getattr(entry, field.name)
        default = {} if field.name == "attributes" else field.default
        if field.default is attrs.NOTHING or value != default:
            keys[field.name] = value
    return keys

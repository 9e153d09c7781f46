"""The world that an empty database begins with, from a YAML file."""

from __future__ import annotations

from pathlib import Path

import attrs

from holomush.structuring import StructureError, read_yaml, structure
from holomush.world.model import Entity, Exit, GameObject, Kind, Location


def _at_least_one(_: object, __: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError("must have at least one entry")


@attrs.frozen(kw_only=True)
class _LocationEntry:
    id: str
    name: str
    description: str = ""


@attrs.frozen(kw_only=True)
class _ExitEntry:
    id: str
    name: str
    source: str
    destination: str
    aliases: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class _ObjectEntry:
    id: str
    name: str
    location: str
    description: str = ""


@attrs.frozen(kw_only=True)
class _WorldFile:
    start: str
    locations: tuple[_LocationEntry, ...] = attrs.field(validator=_at_least_one)
    exits: tuple[_ExitEntry, ...] = ()
    objects: tuple[_ObjectEntry, ...] = ()


@attrs.frozen
class StarterWorld:
    """Entities, and the id of the location where new characters begin."""

    start: str
    entities: tuple[Entity, ...]


def read_starter_world(path: Path) -> StarterWorld:
    """The world in a YAML file. Raises ``StructureError`` with every problem found."""
    file = structure(read_yaml(path), _WorldFile, str(path))
    _check(file, path)
    locations = [Location(id=e.id, name=e.name, description=e.description) for e in file.locations]
    exits = [Exit(id=e.id, name=e.name, aliases=e.aliases, source_id=e.source, destination_id=e.destination) for e in file.exits]
    objects = [
        GameObject(id=e.id, name=e.name, description=e.description, holder_id=e.location, holder_kind=Kind.LOCATION)
        for e in file.objects
    ]
    return StarterWorld(file.start, (*locations, *exits, *objects))


def _check(file: _WorldFile, path: Path) -> None:
    problems = []
    seen: set[str] = set()
    entries = [(f"locations[{i}].id", e.id) for i, e in enumerate(file.locations)]
    entries += [(f"exits[{i}].id", e.id) for i, e in enumerate(file.exits)]
    entries += [(f"objects[{i}].id", e.id) for i, e in enumerate(file.objects)]
    for key, entry_id in entries:
        if entry_id in seen:
            problems.append(f"{path}: {key}: {entry_id} is used twice")
        if not (len(entry_id) == 26 and entry_id.isascii() and entry_id.isalnum()):
            problems.append(f"{path}: {key}: must be a ULID, 26 letters and digits, not {entry_id!r}")
        seen.add(entry_id)
    places = {location.id for location in file.locations}
    references = [("start", file.start)]
    references += [(f"exits[{i}].source", e.source) for i, e in enumerate(file.exits)]
    references += [(f"exits[{i}].destination", e.destination) for i, e in enumerate(file.exits)]
    references += [(f"objects[{i}].location", e.location) for i, e in enumerate(file.objects)]
    problems += [f"{path}: {key}: there is no location {id_}" for key, id_ in references if id_ not in places]
    if problems:
        raise StructureError(problems)

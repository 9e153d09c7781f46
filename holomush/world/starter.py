"""The world that an empty database begins with: a world file with a place where new characters begin."""

from __future__ import annotations

from pathlib import Path

import attrs

from holomush.structuring import StructureError
from holomush.world.importing import stage_world
from holomush.world.model import Entity
from holomush.world.state import World
from holomush.world.transaction import Transaction
from holomush.world.worldfile import WorldFile, parse_world, read_file


@attrs.frozen
class StarterWorld:
    """Entities, the id of the location where new characters begin, and what is not as the file says."""

    start: str
    entities: tuple[Entity, ...]
    warnings: tuple[str, ...] = ()


def read_starter_world(path: Path) -> StarterWorld:
    """The world in a file. Raises ``StructureError`` with every problem found."""
    return make_starter_world(parse_world(read_file(path), str(path)), str(path))


def make_starter_world(file: WorldFile, source: str) -> StarterWorld:
    """The world of a file that has been read from ``source``. Raises ``StructureError`` with every problem found."""
    if file.start is None:
        raise StructureError([f"{source}: start: the key 'start' is missing"])
    if not file.locations:
        raise StructureError([f"{source}: locations: must have at least one entry"])
    transaction = Transaction(World())
    imported = stage_world(file, transaction, source)
    entities = tuple(entity for entity in transaction.changes.values() if entity is not None)
    return StarterWorld(file.start, entities, imported.warnings)

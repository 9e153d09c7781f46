"""Whether a world is in order: the memory holds what the disk holds, and everything in it fits together. For tests and tools.

Nothing here mends anything. It takes a while: every entity is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import attrs

from holomush.world.model import Character, Contents, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World
from holomush.world.transaction import CONTENTS_LIMIT, NESTING_LIMIT


def problems(entities: Iterable[Entity], world: World) -> list[str]:
    """What is wrong with ``world``, or differs from ``entities``, which are what the database holds; a line each."""
    known = {entity.id: entity for entity in world.entities()}
    found = list(_differences({entity.id: entity for entity in entities}, known))
    for entity in known.values():
        found += _misfits(entity, world)
    for holder_id in world.holders():
        found += _misheld(holder_id, world)
    found += _shared_names(known.values())
    return found


def _differences(stored: dict[str, Entity], known: dict[str, Entity]) -> Iterator[str]:
    for entity_id, entity in stored.items():
        other = known.get(entity_id)
        if other is None:
            yield f"{_told(entity)} is on disk and not in memory"
        elif other.kind is not entity.kind:
            yield f"{_told(entity)}: kind is {entity.kind} on disk and {other.kind} in memory"
        else:
            before, after = attrs.asdict(entity, recurse=False), attrs.asdict(other, recurse=False)
            for field, value in before.items():
                # Attributes may be a dict here and a read-only view of one there.
                same = dict(value) == dict(after[field]) if field == "attributes" else value == after[field]
                if not same:
                    yield f"{_told(entity)}: {field} is {value!r} on disk and {after[field]!r} in memory"
    for entity_id in known.keys() - stored.keys():
        yield f"{_told(known[entity_id])} is in memory and not on disk"


def _misfits(entity: Entity, world: World) -> Iterator[str]:
    """What is wrong with where an entity is, whose it is and how it is found."""
    if isinstance(entity, Exit | Character):
        yield from _expect(entity, "is in", entity.holder_id, Kind.LOCATION, world)
    if isinstance(entity, Exit):
        yield from _expect(entity, "leads to", entity.destination_id, Kind.LOCATION, world)
        if entity.id not in world.contents(entity.destination_id).entrances:
            yield f"{_told(entity)} is no entrance of {entity.destination_id}, where it leads"
    if isinstance(entity, GameObject):
        yield from _expect(entity, "is in", entity.holder_id, entity.holder_kind, world)
        if _depth(entity, world) > NESTING_LIMIT:
            yield f"{_told(entity)} is inside of more than {NESTING_LIMIT - 1} things"
    if isinstance(entity, Location | GameObject) and entity.owner_id is not None:
        yield from _expect(entity, "belongs to", entity.owner_id, Kind.CHARACTER, world)
    if isinstance(entity, Character) and world.character_named(entity.name) is not entity:
        yield f"{_told(entity)} is not found by that name"
    if entity.holder_id is not None and entity.id not in _held(world.contents(entity.holder_id), entity.kind):
        yield f"{_told(entity)} is not among the {entity.kind}s in {entity.holder_id}"


def _misheld(holder_id: str, world: World) -> Iterator[str]:
    """What is wrong with a list of contents, beyond what is missing from it."""
    contents = world.contents(holder_id)
    for kind in (Kind.CHARACTER, Kind.OBJECT, Kind.EXIT):
        held = _held(contents, kind)
        if len(set(held)) != len(held):
            yield f"{holder_id} holds the same {kind} twice"
        if len(held) > CONTENTS_LIMIT and kind is not Kind.CHARACTER:
            yield f"{holder_id} holds {len(held)} {kind}s, and there is room for {CONTENTS_LIMIT}"
        for entity_id in held:
            entity = world.get(entity_id)
            if entity is None or entity.kind is not kind or entity.holder_id != holder_id:
                yield f"{holder_id} holds the {kind} {entity_id}, which is not there"
    for entity_id in contents.entrances:
        entity = world.get(entity_id)
        if not isinstance(entity, Exit) or entity.destination_id != holder_id:
            yield f"{holder_id} has the entrance {entity_id}, which does not lead there"


def _shared_names(entities: Iterable[Entity]) -> Iterator[str]:
    names = Counter(entity.name_key for entity in entities if isinstance(entity, Character))
    yield from (f"{number} characters share the name {name!r}" for name, number in names.items() if number > 1)


def _expect(entity: Entity, verb: str, other_id: str, kind: Kind, world: World) -> Iterator[str]:
    other = world.get(other_id)
    if other is None or other.kind is not kind:
        yield f"{_told(entity)} {verb} {other_id}, which is no {kind}"


def _held(contents: Contents, kind: Kind) -> tuple[str, ...]:
    return {Kind.CHARACTER: contents.characters, Kind.OBJECT: contents.objects, Kind.EXIT: contents.exits}[kind]


def _depth(thing: GameObject, world: World) -> int:
    """In how many things it is, itself included; more than the limit for one that is inside of itself."""
    depth = 0
    entity: Entity | None = thing
    while isinstance(entity, GameObject) and depth <= NESTING_LIMIT:
        depth += 1
        entity = world.get(entity.holder_id)
    return depth


def _told(entity: Entity) -> str:
    return f"{entity.kind} {entity.id} ({entity.name})"

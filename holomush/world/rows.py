"""Entities ⟷ rows of the database: loading the whole world, and the statements that save a transaction's changes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from holomush.database import records
from holomush.database.store import SqlValue, Statement, Store
from holomush.world.model import NO_ATTRIBUTES, Attributes, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World

_TABLES = {
    Kind.LOCATION: "locations",
    Kind.EXIT: "exits",
    Kind.CHARACTER: "characters",
    Kind.OBJECT: "objects",
}
_DELETE_ATTRIBUTES = "DELETE FROM attributes WHERE entity_id = ?"
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_HOLDER_COLUMNS = {
    Kind.LOCATION: "location_id",
    Kind.CHARACTER: "character_id",
    Kind.OBJECT: "container_id",
}


async def load_entities(store: Store) -> list[Entity]:
    """Every entity in the database, kind by kind, in the order in which they were made."""
    noted: dict[str, dict[tuple[str, str], Any]] = defaultdict(dict)
    for entity_id, plugin, name, value in await store.fetch("SELECT entity_id, plugin, name, value FROM attributes"):
        noted[entity_id][plugin, name] = json.loads(value)
    entities: list[Entity] = []
    for sql, build in _LOADERS:
        entities += [build(*row) for row in await store.fetch(sql)]
    return [attrs.evolve(e, attributes=noted[e.id]) if e.id in noted else e for e in entities]


def save_statements(world: World, changes: Mapping[str, Entity | None]) -> list[Statement]:
    """Statements that make the database hold what is new or different in ``changes``.

    Call before they are applied: ``world`` tells new from known. ``delete_statements`` has the rest, and belongs after whatever
    else is written. Foreign keys are checked when the SQLite transaction ends, so the order inside one does not matter, except
    that a row which names something that goes must be there before that goes.
    """
    statements: list[Statement] = []
    for entity_id, after in changes.items():
        before = world.get(entity_id)
        if after is None:
            continue
        if before is None:
            statements.append(records.insert(_TABLES[after.kind], {"id": entity_id, **_columns(after)}))
            statements += _attribute_statements(entity_id, NO_ATTRIBUTES, after.attributes)
        else:
            statements += _attribute_statements(entity_id, before.attributes, after.attributes)
            old, new = _columns(before), _columns(after)
            changed = {name: value for name, value in new.items() if old[name] != value}
            if changed:
                statements.append(records.update(_TABLES[after.kind], entity_id, changed))
    return statements


def delete_statements(world: World, changes: Mapping[str, Entity | None]) -> list[Statement]:
    """Statements that delete what is destroyed in ``changes``. Call before they are applied."""
    gone = [world.get(entity_id) for entity_id, after in changes.items() if after is None]
    return [statement for before in gone if before is not None for statement in _delete_statements(before)]


def _delete_statements(entity: Entity) -> list[Statement]:
    return [records.delete(_TABLES[entity.kind], entity.id), (_DELETE_ATTRIBUTES, (entity.id,))]


def _attribute_statements(entity_id: str, before: Attributes, after: Attributes) -> list[Statement]:
    if before is after:
        return []
    statements: list[Statement] = [records.delete("attributes", (entity_id, *key)) for key in before if key not in after]
    for (plugin, name), value in after.items():
        # As text: to Python 1, 1.0 and True are equal, however deep inside.
        text = _encode(value)
        if (plugin, name) not in before or _encode(before[plugin, name]) != text:
            row = {"entity_id": entity_id, "plugin": plugin, "name": name, "value": text}
            statements.append(records.upsert("attributes", row))
    return statements


def insert_statements(entities: Iterable[Entity]) -> list[Statement]:
    """Statements that add entities to an empty database."""
    return save_statements(World(), {entity.id: entity for entity in entities})


def _columns(entity: Entity) -> dict[str, SqlValue]:
    match entity:
        case Location():
            return {"name": entity.name, "description": entity.description, "owner_id": entity.owner_id}
        case Exit():
            return {
                "name": entity.name,
                "source_id": entity.source_id,
                "destination_id": entity.destination_id,
                "aliases": json.dumps(entity.aliases, ensure_ascii=False),
                "lock": entity.lock,
            }
        case Character():
            return {
                "name": entity.name,
                "name_key": entity.name_key,
                "player_id": entity.player_id,
                "location_id": entity.location_id,
                "description": entity.description,
                "created_at": entity.created_at,
            }
        case GameObject():
            holder: dict[str, SqlValue] = dict.fromkeys(_HOLDER_COLUMNS.values())
            holder[_HOLDER_COLUMNS[entity.holder_kind]] = entity.holder_id
            return {
                "name": entity.name,
                "description": entity.description,
                "owner_id": entity.owner_id,
                "lock": entity.lock,
                **holder,
            }


def _location(*row: str) -> Entity:
    entity_id, name, description, owner_id = row
    return Location(id=entity_id, name=name, description=description, owner_id=owner_id)


def _exit(*row: str) -> Entity:
    entity_id, name, source_id, destination_id, aliases, lock = row
    return Exit(
        id=entity_id,
        name=name,
        source_id=source_id,
        destination_id=destination_id,
        aliases=tuple(json.loads(aliases)),
        lock=lock,
    )


def _character(entity_id: str, name: str, player_id: str, location_id: str, description: str, created_at: int) -> Entity:
    return Character(
        id=entity_id,
        name=name,
        player_id=player_id,
        location_id=location_id,
        description=description,
        created_at=created_at,
    )


def _object(entity_id: str, name: str, description: str, owner_id: str | None, lock: str, *holders: str | None) -> Entity:
    kind, holder_id = next((kind, held) for kind, held in zip(_HOLDER_COLUMNS, holders, strict=True) if held)
    return GameObject(
        id=entity_id,
        name=name,
        description=description,
        owner_id=owner_id,
        lock=lock,
        holder_kind=kind,
        holder_id=holder_id,
    )


_LOADERS: Sequence[tuple[str, Callable[..., Entity]]] = (
    ("SELECT id, name, description, owner_id FROM locations ORDER BY rowid", _location),
    ("SELECT id, name, source_id, destination_id, aliases, lock FROM exits ORDER BY rowid", _exit),
    (
        "SELECT id, name, player_id, location_id, description, created_at FROM characters ORDER BY rowid",
        _character,
    ),
    (
        "SELECT id, name, description, owner_id, lock, location_id, character_id, container_id FROM objects ORDER BY rowid",
        _object,
    ),
)

"""The world as a file's entries: the places, the ways, the game's own characters, and the things that are not players'."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from holomush.world.model import GAME_PLAYER_ID, Attributes, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.worldfile import CharacterEntry, ExitEntry, LocationEntry, ObjectEntry, WorldFile


@attrs.frozen
class Export:
    """A file, and how many things are not in it because players' characters carry them."""

    file: WorldFile
    left_out: int

    def counts(self) -> dict[str, int]:
        """How many there are of each kind, and what is left out."""
        file = self.file
        return {
            "locations": len(file.locations),
            "exits": len(file.exits),
            "objects": len(file.objects),
            "characters": len(file.characters),
            "left_out": self.left_out,
        }


def export_entities(entities: Iterable[Entity], start: str | None) -> Export:
    """The file of a world that consists of ``entities``, each kind in their order."""
    by_id = {entity.id: entity for entity in entities}
    things = [entity for entity in by_id.values() if isinstance(entity, GameObject)]
    kept = [thing for thing in things if not _is_players(thing, by_id)]
    file = WorldFile(
        start=start,
        locations=tuple(_location(entity, by_id) for entity in by_id.values() if isinstance(entity, Location)),
        exits=tuple(_exit(entity) for entity in by_id.values() if isinstance(entity, Exit)),
        characters=tuple(
            _character(entity) for entity in by_id.values() if isinstance(entity, Character) and entity.player_id == GAME_PLAYER_ID
        ),
        objects=tuple(_object(thing, by_id) for thing in kept),
    )
    return Export(file, len(things) - len(kept))


def _is_players(thing: GameObject, by_id: Mapping[str, Entity]) -> bool:
    holder = by_id.get(thing.holder_id)
    while isinstance(holder, GameObject):
        holder = by_id.get(holder.holder_id)
    return isinstance(holder, Character) and holder.player_id != GAME_PLAYER_ID


def _location(location: Location, by_id: Mapping[str, Entity]) -> LocationEntry:
    return LocationEntry(
        id=location.id,
        name=location.name,
        description=location.description,
        owner=_name(location.owner_id, by_id),
        attributes=_noted(location.attributes),
    )


def _exit(exit_: Exit) -> ExitEntry:
    return ExitEntry(
        id=exit_.id,
        name=exit_.name,
        aliases=exit_.aliases,
        source=exit_.source_id,
        destination=exit_.destination_id,
        lock=exit_.lock,
        attributes=_noted(exit_.attributes),
    )


def _character(character: Character) -> CharacterEntry:
    return CharacterEntry(
        id=character.id,
        name=character.name,
        location=character.location_id,
        description=character.description,
        attributes=_noted(character.attributes),
    )


def _object(thing: GameObject, by_id: Mapping[str, Entity]) -> ObjectEntry:
    return ObjectEntry(
        id=thing.id,
        name=thing.name,
        location=thing.holder_id if thing.holder_kind is Kind.LOCATION else None,
        container=thing.holder_id if thing.holder_kind is Kind.OBJECT else None,
        character=_name(thing.holder_id, by_id) if thing.holder_kind is Kind.CHARACTER else None,
        description=thing.description,
        owner=_name(thing.owner_id, by_id),
        lock=thing.lock,
        attributes=_noted(thing.attributes),
    )


def _name(character_id: str | None, by_id: Mapping[str, Entity]) -> str | None:
    character = by_id.get(character_id) if character_id is not None else None
    return character.name if character is not None else None


def _noted(attributes: Attributes) -> dict[str, dict[str, Any]]:
    noted: dict[str, dict[str, Any]] = defaultdict(dict)
    # Sorted: what is noted has no order of its own on disk.
    for (plugin, name), value in sorted(attributes.items(), key=lambda item: item[0]):
        noted[plugin][name] = value
    return dict(noted)

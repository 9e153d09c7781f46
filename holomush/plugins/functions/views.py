"""What guests are shown of entities: plain JSON values, the same for every language.

Adding a key here is harmless to plugins; taking one away is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from holomush.world.model import Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.transaction import Transaction

View = dict[str, Any]
IsConnected = Callable[[str], bool]


@attrs.frozen
class ShownAttribute:
    """One attribute that a plugin sees: under which key, whose it is, and what it is where nobody has set it."""

    key: str
    plugin: str
    name: str
    default: Any


@attrs.frozen
class Viewer:
    """For whose eyes a view is made. ``attributes`` are those of the plugin itself and of the plugins it depends on."""

    is_connected: IsConnected
    attributes: Mapping[Kind, tuple[ShownAttribute, ...]] = MappingProxyType({})

    def location(self, location: Location) -> View:
        """A place by itself: what an invocation carries, without what is in it."""
        return {
            "kind": "location",
            "id": location.id,
            "name": location.name,
            "description": location.description,
            "owner_id": location.owner_id,
            **self.noted(location),
        }

    def full_location(self, transaction: Transaction, location: Location) -> View:
        """A place with its exits and everybody and everything in it, in order of arrival, and which exits lead here."""
        contents = transaction.contents(location.id)
        found = [transaction.get(i) for i in (*contents.characters, *contents.objects, *contents.exits)]
        return {
            **self.location(location),
            "characters": [self.character(e) for e in found if isinstance(e, Character)],
            "objects": [self.thing(e) for e in found if isinstance(e, GameObject)],
            "exits": [self.exit(e) for e in found if isinstance(e, Exit)],
            "entrance_ids": list(contents.entrances),
        }

    def character(self, character: Character) -> View:
        """A character. ``connected`` says whether somebody plays it right now."""
        return {
            "kind": "character",
            "id": character.id,
            "name": character.name,
            "description": character.description,
            "location_id": character.location_id,
            "connected": self.is_connected(character.id),
            **self.noted(character),
        }

    def full_character(self, transaction: Transaction, character: Character) -> View:
        """A character with what it carries."""
        carried = [transaction.get(i) for i in transaction.contents(character.id).objects]
        return {**self.character(character), "objects": [self.thing(e) for e in carried if isinstance(e, GameObject)]}

    def thing(self, thing: GameObject) -> View:
        """A thing by itself. ``location_id``, ``character_id`` and ``container_id``: one is an id, two are null."""
        return {
            "kind": "object",
            "id": thing.id,
            "name": thing.name,
            "description": thing.description,
            "owner_id": thing.owner_id,
            "location_id": thing.holder_id if thing.holder_kind == "location" else None,
            "character_id": thing.holder_id if thing.holder_kind == "character" else None,
            "container_id": thing.holder_id if thing.holder_kind == "object" else None,
            "lock": thing.lock,
            **self.noted(thing),
        }

    def full_thing(self, transaction: Transaction, thing: GameObject) -> View:
        """A thing with what is inside it."""
        inside = [transaction.get(i) for i in transaction.contents(thing.id).objects]
        return {**self.thing(thing), "objects": [self.thing(e) for e in inside if isinstance(e, GameObject)]}

    def exit(self, exit_: Exit) -> View:
        """A way out."""
        return {
            "kind": "exit",
            "id": exit_.id,
            "name": exit_.name,
            "aliases": list(exit_.aliases),
            "source_id": exit_.source_id,
            "destination_id": exit_.destination_id,
            "lock": exit_.lock,
            **self.noted(exit_),
        }

    def entity(self, entity: Entity) -> View:
        """Any of them by itself."""
        match entity:
            case Location():
                return self.location(entity)
            case Character():
                return self.character(entity)
            case GameObject():
                return self.thing(entity)
            case Exit():
                return self.exit(entity)

    def noted(self, entity: Entity) -> View:
        """``attributes``, as far as the plugin has declared any for such entities."""
        shown = self.attributes.get(entity.kind)
        if shown is None:
            return {}
        noted = entity.attributes
        return {"attributes": {one.key: noted.get((one.plugin, one.name), one.default) for one in shown}}

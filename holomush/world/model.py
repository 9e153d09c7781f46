"""The things that exist, as frozen values, and where each of them is.

Identity and place only: what can be *done* with a thing is the business of plugins. An entity is replaced, never changed, so any
thread may read one, and "has it changed since I looked?" is an ``is`` comparison. For that reason entities compare by identity.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import attrs

from holomush.world.names import name_key


class Kind(StrEnum):
    """What sort of entity an id names. The value is the word used in JSON and in stream names."""

    LOCATION = "location"
    EXIT = "exit"
    CHARACTER = "character"
    OBJECT = "object"


@attrs.frozen(eq=False, kw_only=True)
class Location:
    """A place. ``owner_id`` is a character's id, or None for what the game itself owns."""

    id: str
    name: str
    description: str = ""
    owner_id: str | None = None

    kind = Kind.LOCATION
    holder_id = None


@attrs.frozen(eq=False, kw_only=True)
class Exit:
    """A one-way passage from ``source_id`` to ``destination_id``, both locations. An empty ``lock`` is open to all."""

    id: str
    name: str
    source_id: str
    destination_id: str
    aliases: tuple[str, ...] = ()
    lock: str = ""

    kind = Kind.EXIT

    @property
    def holder_id(self) -> str:
        """The location that the exit is listed in."""
        return self.source_id


@attrs.frozen(eq=False, kw_only=True)
class Character:
    """Somebody in the world. Belongs to the player ``player_id`` and stands in ``location_id``, connected or not."""

    id: str
    name: str
    player_id: str
    location_id: str
    description: str = ""
    created_at: int = 0

    kind = Kind.CHARACTER

    @property
    def holder_id(self) -> str:
        """The location that the character stands in."""
        return self.location_id

    @property
    def name_key(self) -> str:
        """The name as it is looked up: two characters never share one."""
        return name_key(self.name)


@attrs.frozen(eq=False, kw_only=True)
class GameObject:
    """A thing, held by exactly one location, character or other object (``holder_kind`` says which)."""

    id: str
    name: str
    holder_id: str
    holder_kind: Kind
    description: str = ""
    owner_id: str | None = None

    kind = Kind.OBJECT


Entity: TypeAlias = Location | Exit | Character | GameObject


@attrs.frozen(eq=False)
class Contents:
    """What one holder holds: ids in order of arrival. Replaced as a whole when anything comes or goes."""

    characters: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    exits: tuple[str, ...] = ()

    def with_entity(self, entity: Entity) -> Contents:
        """These contents and ``entity``, as the last of its kind."""
        field = _FIELD_OF_KIND[entity.kind]
        held: tuple[str, ...] = getattr(self, field)
        return attrs.evolve(self, **{field: (*(i for i in held if i != entity.id), entity.id)})

    def without_entity(self, entity: Entity) -> Contents:
        """These contents without ``entity``."""
        field = _FIELD_OF_KIND[entity.kind]
        held: tuple[str, ...] = getattr(self, field)
        return attrs.evolve(self, **{field: tuple(i for i in held if i != entity.id)})


_FIELD_OF_KIND = {Kind.CHARACTER: "characters", Kind.OBJECT: "objects", Kind.EXIT: "exits"}

EMPTY = Contents()

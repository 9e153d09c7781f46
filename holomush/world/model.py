"""The things that exist, as frozen values, and where each of them is.

Identity and place only: what can be *done* with a thing is the business of plugins. An entity is replaced, never changed, so any
thread may read one, and "has it changed since I looked?" is an ``is`` comparison. For that reason entities compare by identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from holomush.world.names import name_key

Attributes: TypeAlias = Mapping[tuple[str, str], Any]
"""What plugins have noted on an entity: (plugin, name) to a JSON value. Replaced as a whole, never changed."""

NO_ATTRIBUTES: Attributes = MappingProxyType({})

GAME_PLAYER_ID = "00000000000000000000000000"
"""The player that the characters of the game itself belong to. Nobody can log in as it."""


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
    attributes: Attributes = NO_ATTRIBUTES

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
    attributes: Attributes = NO_ATTRIBUTES

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
    attributes: Attributes = NO_ATTRIBUTES

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
    """A thing, held by exactly one location, character or other object (``holder_kind`` says which).

    What its ``lock`` keeps people from is the plugins' affair; an empty one keeps nobody from anything.
    """

    id: str
    name: str
    holder_id: str
    holder_kind: Kind
    description: str = ""
    owner_id: str | None = None
    lock: str = ""
    attributes: Attributes = NO_ATTRIBUTES

    kind = Kind.OBJECT


Entity: TypeAlias = Location | Exit | Character | GameObject


@attrs.frozen(eq=False)
class Contents:
    """What one holder holds: ids in order of arrival. Replaced as a whole when anything comes or goes.

    ``entrances`` are the exits of other places that lead here: what must be gone before the place can go.
    """

    characters: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    exits: tuple[str, ...] = ()
    entrances: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing here and no way here."""
        return not (self.characters or self.objects or self.exits or self.entrances)


class ContentsDraft:
    """Contents while things come and go. However many there are, there is one copy, in the end."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._changed: dict[str, dict[str, None]] = {}

    def add(self, entity: Entity) -> None:
        """``entity`` comes, as the last of its kind."""
        self._add(_FIELD_OF_KIND[entity.kind], entity.id)

    def remove(self, entity: Entity) -> None:
        """``entity`` goes."""
        self._ids(_FIELD_OF_KIND[entity.kind]).pop(entity.id, None)

    def add_entrance(self, exit_: Exit) -> None:
        """From now on an exit leads here."""
        self._add("entrances", exit_.id)

    def remove_entrance(self, exit_: Exit) -> None:
        """An exit leads here no more."""
        self._ids("entrances").pop(exit_.id, None)

    def finish(self) -> Contents:
        """The contents as they are now: the very ones that they were, if nothing has come or gone."""
        changed = {field: tuple(ids) for field, ids in self._changed.items()}
        return attrs.evolve(self._contents, **changed) if changed else self._contents

    def _add(self, field: str, entity_id: str) -> None:
        ids = self._ids(field)
        ids.pop(entity_id, None)
        ids[entity_id] = None

    def _ids(self, field: str) -> dict[str, None]:
        if field not in self._changed:
            self._changed[field] = dict.fromkeys(getattr(self._contents, field))
        return self._changed[field]


_FIELD_OF_KIND = {Kind.CHARACTER: "characters", Kind.OBJECT: "objects", Kind.EXIT: "exits"}

EMPTY = Contents()

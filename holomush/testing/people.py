"""The world of a test: places, people, things and exits to add, and to look at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import attrs
from ulid import ULID

from holomush.plugins.attempt import Attempt
from holomush.plugins.schema.values import check_value
from holomush.testing.backstage import Backstage
from holomush.testing.failures import HarnessError
from holomush.testing.stage import ALICE_ID, BOB_ID, PLAYER_ID, SQUARE_ID, Stage
from holomush.world.model import Character, Entity, Exit, GameObject, Location
from holomush.world.state import World

Ref: TypeAlias = "str | Entity"
"""Something in the world: itself, its id or its name."""

E = TypeVar("E", Location, Exit, Character, GameObject)


class HarnessWorld:
    """Entities are values: look again after a call to see what has become of one."""

    def __init__(self, backstage: Backstage[Stage]) -> None:
        self._backstage = backstage

    @property
    def square(self) -> Location:
        """The place where everybody is at first."""
        return self._expect(SQUARE_ID, Location)

    @property
    def alice(self) -> Character:
        """Who types, unless the test says otherwise."""
        return self._expect(ALICE_ID, Character)

    @property
    def bob(self) -> Character:
        """Somebody else on the square."""
        return self._expect(BOB_ID, Character)

    def __getitem__(self, ref: Ref) -> Entity:
        """What has that id or name. Raises ``HarnessError`` if nothing has, or several things have that name."""
        return find(self._stage.world, ref)

    def __contains__(self, ref: Ref) -> bool:
        key = ref if isinstance(ref, str) else ref.id
        return any(key in (entity.id, entity.name) for entity in self._stage.world.entities())

    def add_location(self, name: str, *, id: str | None = None, description: str = "", owner: Ref | None = None) -> Location:  # noqa: A002
        """A place."""
        return self._add(Location(id=_id(id), name=name, description=description, owner_id=self._owner(owner)))

    def add_character(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002
        at: Ref = SQUARE_ID,
        description: str = "",
        connected: bool = True,
    ) -> Character:
        """Somebody, at a location."""
        location_id = self._expect(at, Location).id
        character = Character(id=_id(id), name=name, player_id=PLAYER_ID, location_id=location_id, description=description)
        self._add(character)
        if not connected:
            self.disconnect(character)
        return character

    def add_object(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002
        at: Ref = SQUARE_ID,
        description: str = "",
        owner: Ref | None = None,
        lock: str = "",
    ) -> GameObject:
        """A thing: at a location, with a character, or in another thing."""
        holder = self[at]
        return self._add(
            GameObject(
                id=_id(id),
                name=name,
                holder_id=holder.id,
                holder_kind=holder.kind,
                description=description,
                owner_id=self._owner(owner),
                lock=lock,
            )
        )

    def add_exit(
        self,
        name: str,
        source: Ref,
        destination: Ref,
        *,
        id: str | None = None,  # noqa: A002
        aliases: Iterable[str] = (),
        lock: str = "",
    ) -> Exit:
        """A way from one location to another."""
        ends = self._expect(source, Location).id, self._expect(destination, Location).id
        return self._add(Exit(id=_id(id), name=name, source_id=ends[0], destination_id=ends[1], aliases=tuple(aliases), lock=lock))

    def contents(self, ref: Ref) -> list[Entity]:
        """What a location, a character or a thing holds: people, things and exits, in order of arrival."""
        world = self._stage.world
        held = world.contents(self[ref].id)
        return [find(world, entity_id) for entity_id in (*held.characters, *held.objects, *held.exits)]

    def connect(self, character: Ref) -> None:
        """From now on somebody plays the character."""
        self._stage.crowd.arrive(self._expect(character, Character).id)

    def disconnect(self, character: Ref) -> None:
        """From now on nobody plays the character."""
        self._stage.crowd.absent.add(self._expect(character, Character).id)

    def is_connected(self, character: Ref) -> bool:
        """Whether somebody plays the character; a plugin may have hung up."""
        return self._stage.crowd.is_connected(self._expect(character, Character).id)

    def attributes(self, ref: Ref) -> Mapping[str, Any]:
        """The plugin's own attributes of something, those that nobody has set at their defaults."""
        stage, entity = self._stage, self[ref]
        declared = stage.storage[stage.plugin].schema.attributes.by_kind()[entity.kind.value]
        return {one.name: entity.attributes.get((stage.plugin, one.name), one.default) for one in declared}

    def set_attributes(self, ref: Ref, **values: Any) -> None:
        """Note attributes of the plugin's own on something."""
        stage, entity = self._stage, self[ref]
        noted = dict(entity.attributes)
        for name, value in values.items():
            declared = stage.storage[stage.plugin].attribute(entity.kind, name)
            if declared is None:
                raise HarnessError(f"the plugin declares no attribute {name} for a {entity.kind}")
            try:
                noted[stage.plugin, name] = check_value(declared.type, value)
            except ValueError as exc:
                raise HarnessError(f"{name}: {exc}") from exc
        self._change(lambda attempt: attempt.transaction.update(attrs.evolve(entity, attributes=noted)))

    def ensure_location(self, location_id: str) -> None:
        """Make a location with that id if there is nothing of that id."""
        if self._stage.world.get(location_id) is None:
            self.add_location(f"Location {location_id}", id=location_id)

    def ensure_character(self, character_id: str, name: str, location_id: str) -> None:
        """Make a character with that id if there is nothing of that id."""
        world = self._stage.world
        if world.get(character_id) is None:
            free = name if name and world.character_named(name) is None else f"Character {character_id}"
            self.add_character(free, id=character_id, at=location_id)

    @property
    def _stage(self) -> Stage:
        return self._backstage.opened

    def _add(self, entity: E) -> E:
        self._change(lambda attempt: attempt.transaction.create(entity))
        return entity

    def _change(self, work: Callable[[Attempt], object]) -> None:
        self._backstage.call(self._stage.change, work)

    def _owner(self, owner: Ref | None) -> str | None:
        return None if owner is None else self._expect(owner, Character).id

    def _expect(self, ref: Ref, cls: type[E]) -> E:
        return find_one(self._stage.world, ref, cls)


def find(world: World, ref: Ref) -> Entity:
    """What has that id, or else that name. Raises ``HarnessError``."""
    key = ref if isinstance(ref, str) else ref.id
    entity = world.get(key)
    if entity is not None:
        return entity
    named = [entity for entity in world.entities() if entity.name == key]
    if len(named) != 1:
        raise HarnessError(f"there are {len(named)} things called {key}: use an id" if named else f"there is nothing called {key}")
    return named[0]


def find_one(world: World, ref: Ref, cls: type[E]) -> E:
    """As ``find``, of one kind."""
    key = ref if isinstance(ref, str) else ref.id
    found = [entity for entity in world.entities() if isinstance(entity, cls) and key in (entity.id, entity.name)]
    if not found:
        names = ", ".join(entity.name for entity in world.entities() if isinstance(entity, cls))
        raise HarnessError(f"there is no {cls.kind} {key}; there are {names or 'none'}")
    return found[0]


def _id(given: str | None) -> str:
    return str(ULID()) if given is None else given

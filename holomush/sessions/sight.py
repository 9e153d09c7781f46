"""What a character sees around itself, as data: the place, the ways out, who and what is there.

Owns when it is told: soon after something has changed and is on disk, once for all changes of a moment, and only to clients that
show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import attrs
import trio

from holomush.database.store import StorageError, Store
from holomush.world.model import Character, Entity, Exit, GameObject, Location
from holomush.world.state import World

MOMENT = 0.1
"""Seconds in which changes are gathered: a crowd on the move would else be told of every step of everybody."""
REST = 25e-6
"""Seconds for which a place rests after everybody there was told, times the square of how many they are: each is told of each."""
LONGEST_REST = 5.0
RETRY = 5.0
"""Seconds to wait when nothing can be written."""

T = TypeVar("T")


@attrs.frozen
class Way:
    """A way out. ``leads_to`` is the id of a place."""

    id: str
    name: str
    aliases: tuple[str, ...]
    leads_to: str


@attrs.frozen
class Person:
    """A character. ``connected`` if somebody plays it."""

    id: str
    name: str
    connected: bool


@attrs.frozen
class Thing:
    """An object that lies there."""

    id: str
    name: str


@attrs.frozen
class Sight:
    """What there is to see in one place, the same for all who are there. Each encoding makes of it what it wants, once."""

    id: str
    name: str
    exits: tuple[Way, ...]
    people: tuple[Person, ...]
    things: tuple[Thing, ...]
    _made: dict[object, Any] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def made(self, key: object, make: Callable[[], T]) -> T:
        """What ``make`` gave when it was first asked for with this key."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made


def look_around(world: World, place_id: str, is_connected: Callable[[str], bool]) -> Sight | None:
    """What there is to see; None if there is no such place."""
    place = world.get(place_id)
    if not isinstance(place, Location):
        return None
    contents = world.contents(place_id)

    def those(ids: Iterable[str]) -> Iterable[Entity]:
        return (entity for entity in map(world.get, ids) if entity is not None)

    return Sight(
        place.id,
        place.name,
        tuple(Way(e.id, e.name, e.aliases, e.destination_id) for e in those(contents.exits) if isinstance(e, Exit)),
        tuple(Person(e.id, e.name, is_connected(e.id)) for e in those(contents.characters) if isinstance(e, Character)),
        tuple(Thing(e.id, e.name) for e in those(contents.objects) if isinstance(e, GameObject)),
    )


class Viewer(Protocol):
    """A client that may show the surroundings."""

    @property
    def wants_sight(self) -> bool: ...
    def show_sight(self, sight: Sight) -> None: ...


class Sights:
    """Tells clients of one server what there is to see. ``clients_of`` gives those of one character."""

    def __init__(
        self,
        world: World,
        store: Store,
        clients_of: Callable[[str], Iterable[Viewer]],
        is_connected: Callable[[str], bool],
    ) -> None:
        self._world = world
        self._store = store
        self._clients_of = clients_of
        self._is_connected = is_connected
        self._changed: set[str] = set()
        self._rests: dict[str, float] = {}
        """Until when places rest, of which a crowd has just been told."""
        self._wake = trio.Event()
        world.watchers.append(self._watch)

    def touch(self, place_id: str) -> None:
        """Something is to be seen otherwise in a place."""
        self._changed.add(place_id)
        self._wake.set()

    def show(self, character_id: str, client: Viewer) -> None:
        """Tell a client that has just come, at once."""
        character = self._world.get(character_id)
        if client.wants_sight and isinstance(character, Character):
            sight = look_around(self._world, character.location_id, self._is_connected)
            if sight is not None:
                client.show_sight(sight)

    async def run(self) -> None:
        """Tell of changes until cancelled."""
        while True:
            await self._wake.wait()
            await trio.sleep(MOMENT)
            self._wake = trio.Event()
            now = trio.current_time()
            self._rests = {place_id: until for place_id, until in self._rests.items() if until > now}
            changed = self._changed - self._rests.keys()
            self._changed -= changed
            if self._changed:
                self._wake.set()
            is_refused = False
            for place_id in changed:
                crowd = len(self._world.contents(place_id).characters)
                self._rests[place_id] = now + min(LONGEST_REST, crowd * crowd * REST)
                try:
                    # Told when all that can be seen is on disk.
                    self._store.submit((), self._teller(place_id))
                except StorageError:
                    self.touch(place_id)
                    is_refused = True
            if is_refused:
                await trio.sleep(RETRY)

    def _teller(self, place_id: str) -> Callable[[], None]:
        characters = self._world.contents(place_id).characters
        is_wanted = any(client.wants_sight for one in characters for client in self._clients_of(one))
        sight = look_around(self._world, place_id, self._is_connected) if is_wanted else None

        def tell() -> None:
            if sight is not None:
                for client in (client for one in characters for client in self._clients_of(one)):
                    if client.wants_sight:
                        client.show_sight(sight)

        return tell

    def _watch(self, before: Entity | None, after: Entity | None) -> None:
        if before is not None and after is not None and _looks(before) == _looks(after):
            return
        for entity in (before, after):
            if entity is not None:
                self.touch(entity.id if isinstance(entity, Location) else entity.holder_id)


def _looks(entity: Entity) -> tuple[object, ...]:
    """All of an entity that can be seen from its place."""
    if isinstance(entity, Exit):
        return (entity.name, entity.aliases, entity.destination_id, entity.holder_id)
    return (entity.name, entity.holder_id)

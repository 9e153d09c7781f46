"""One plugin call's view of the world, and everything it wants to change: applied as a whole or not at all.

Reads come from the call's own staged changes first, then from the world, and each is remembered by instance. ``is_current`` then
tells whether the world still is what the call saw. Nothing here touches the disk, the bus or the clock; ``dispatch`` does that.

A transaction is used by one thread at a time: the worker thread while the guest runs, the Trio thread before and after.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeVar

import attrs

from holomush.errors import HolomushError
from holomush.events.event import EmittedEvent
from holomush.world.model import Character, Contents, ContentsDraft, Entity, Exit, GameObject, Kind, Location
from holomush.world.names import name_key
from holomush.world.state import World

CONTENTS_LIMIT = 500
"""Objects in one place, and exits of one: each time it is looked at, all are shown."""
NESTING_LIMIT = 3
"""How many objects deep an object may lie: a coin in a purse in a bag in a chest is one too many."""

E = TypeVar("E", Location, Exit, Character, GameObject)


class WorldError(HolomushError):
    """A change that the object model does not allow. The text says which rule."""


class NotFoundError(WorldError):
    """There is nothing of that kind with that id."""


@attrs.frozen
class Savepoint:
    """A transaction as it was at some moment."""

    read: Mapping[str, Entity | None]
    read_contents: Mapping[str, Contents]
    staged: Mapping[str, Entity | None]
    events: tuple[EmittedEvent, ...]


class _Index:
    """Finds among staged changes those that concern one holder or one name, however many there are."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        """The place of each id in the order in which they were first staged."""
        self.concerning: dict[str, dict[str, None]] = defaultdict(dict)
        """By holder, and by destination of exits: the ids of what came, went or stayed there."""
        self.arrivals: Counter[tuple[str, Kind]] = Counter()
        """By holder and kind: how many have come, less those that have gone."""
        self.names: dict[str, str] = {}
        """By key of a name: the id of the staged character that has it."""

    def stage(self, entity_id: str, before: Entity | None, after: Entity | None) -> None:
        """Follow an entity from one version to the next."""
        self.number.setdefault(entity_id, len(self.number))
        for entity, step in ((before, -1), (after, 1)):
            if entity is not None and entity.holder_id is not None:
                self.concerning[entity.holder_id][entity_id] = None
                self.arrivals[entity.holder_id, entity.kind] += step
            if isinstance(entity, Exit):
                self.concerning[entity.destination_id][entity_id] = None
        if isinstance(before, Character) and self.names.get(before.name_key) == entity_id:
            del self.names[before.name_key]
        if isinstance(after, Character):
            self.names[after.name_key] = entity_id


class Transaction:
    """Staged changes on top of a world. Make one for each attempt of a call and throw it away if the attempt fails."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._read: dict[str, Entity | None] = {}
        self._read_contents: dict[str, Contents] = {}
        self._staged: dict[str, Entity | None] = {}
        self._index = _Index()
        self.events: list[EmittedEvent] = []

    def savepoint(self) -> Savepoint:
        """What has been read and staged so far, for ``restore``."""
        return Savepoint(dict(self._read), dict(self._read_contents), dict(self._staged), tuple(self.events))

    def restore(self, savepoint: Savepoint) -> None:
        """Forget everything read and staged since ``savepoint``."""
        self._read = dict(savepoint.read)
        self._read_contents = dict(savepoint.read_contents)
        self._staged = {}
        self._index = _Index()
        for entity_id, after in savepoint.staged.items():
            self._stage(entity_id, after)
        self.events[:] = savepoint.events

    @property
    def world(self) -> World:
        """What is committed. Reading there is no read of the transaction's."""
        return self._world

    @property
    def changes(self) -> Mapping[str, Entity | None]:
        """Staged entities by id; None means destroyed."""
        return self._staged

    @property
    def has_effects(self) -> bool:
        """Whether committing this would change anything or tell anyone."""
        return bool(self._staged or self.events)

    def is_current(self) -> bool:
        """Whether everything that was read is still what the world holds, and no new name is taken."""
        world = self._world
        return (
            all(world.get(entity_id) is seen for entity_id, seen in self._read.items())
            and all(world.contents(holder_id) is seen for holder_id, seen in self._read_contents.items())
            and not self.taken_names()
        )

    def taken_names(self) -> list[str]:
        """New names of characters that another character has by now, or one that looks the same."""
        taken = []
        for entity in self._staged.values():
            if not isinstance(entity, Character):
                continue
            seen = self._read.get(entity.id)
            is_new = seen is None or seen.name != entity.name
            if is_new and self._world.namesake(entity.name, but=entity.id) is not None:
                taken.append(entity.name)
        return taken

    def get(self, entity_id: str) -> Entity | None:
        """The entity as this call sees it, or None."""
        if entity_id in self._staged:
            return self._staged[entity_id]
        if entity_id not in self._read:
            # Kept from the first read on: every read of one call agrees, whatever is committed meanwhile.
            self._read[entity_id] = self._world.get(entity_id)
        return self._read[entity_id]

    def exists(self, entity_id: str) -> bool:
        """Whether there is such an entity right now. Not a read: it may change until the commit."""
        if entity_id in self._staged:
            return self._staged[entity_id] is not None
        return self._world.get(entity_id) is not None

    def expect(self, entity_id: str, cls: type[E]) -> E:
        """The entity, which must exist and be of class ``cls``. Raises ``NotFoundError``."""
        entity = self.get(entity_id)
        if not isinstance(entity, cls):
            raise NotFoundError(f"there is no {_WORD[cls]} with the id {entity_id[:40]!r}")
        return entity

    def peek(self, entity_id: str) -> Entity | None:
        """As ``get``, but no read: it may change until the commit, unless it is passed to ``note``."""
        if entity_id in self._staged:
            return self._staged[entity_id]
        return self._read[entity_id] if entity_id in self._read else self._world.get(entity_id)

    def everything(self) -> Iterator[Entity]:
        """Everything there is as this call sees it, oldest first. No read, as with ``peek``."""
        for entity in self._world.entities():
            known = self._staged.get(entity.id, self._read.get(entity.id, entity))
            if known is not None:
                yield known
        for entity_id, staged in tuple(self._staged.items()):
            if staged is not None and self._read[entity_id] is None:
                yield staged

    def note(self, entity: Entity) -> None:
        """What ``peek`` or ``everything`` gave matters: it counts as read."""
        if entity.id not in self._staged:
            self._read.setdefault(entity.id, entity)

    def character_named(self, name: str) -> Character | None:
        """The character whose name is ``name``, as this call sees it. That nobody is called so is no read."""
        key = name_key(name)
        holder = self._world.character_named(name)
        holder_id = self._index.names.get(key) or (holder.id if holder is not None else "")
        entity = self.get(holder_id) if holder_id else None
        return entity if isinstance(entity, Character) and entity.name_key == key else None

    def contents(self, holder_id: str) -> Contents:
        """What the holder holds as this call sees it."""
        seen = self._read_contents.get(holder_id)
        if seen is None:
            seen = self._read_contents[holder_id] = self._world.contents(holder_id)
        concerned = self._index.concerning.get(holder_id)
        if concerned is None:
            return seen
        draft = ContentsDraft(seen)
        # In the order in which the world will apply them.
        for entity_id in sorted(concerned, key=self._index.number.__getitem__):
            before, after = self._read[entity_id], self._staged[entity_id]
            was_here = before is not None and before.holder_id == holder_id
            is_here = after is not None and after.holder_id == holder_id
            if was_here and not is_here and before is not None:
                draft.remove(before)
            elif is_here and not was_here and after is not None:
                draft.add(after)
            led_here = isinstance(before, Exit) and before.destination_id == holder_id
            leads_here = isinstance(after, Exit) and after.destination_id == holder_id
            if isinstance(before, Exit) and led_here and not leads_here:
                draft.remove_entrance(before)
            elif isinstance(after, Exit) and leads_here and not led_here:
                draft.add_entrance(after)
        return draft.finish()

    def count(self, holder_id: str, kind: Kind) -> int:
        """How many objects, or how many exits, the holder holds with what is staged. No read: it may change until the commit."""
        held = self._world.contents(holder_id)
        return len(held.objects if kind is Kind.OBJECT else held.exits) + self._index.arrivals[holder_id, kind]

    def create(self, entity: Entity) -> None:
        """Stage a new entity. Raises ``WorldError`` if its id exists or, for a character, its name is taken."""
        if self.get(entity.id) is not None:
            raise WorldError(f"the id {entity.id} is in use")
        if isinstance(entity, Character):
            self._check_name(entity)
        self._check_room(entity, None)
        self._stage(entity.id, entity)

    def update(self, entity: Entity) -> None:
        """Stage a new version of an entity. Raises ``NotFoundError`` if there is none, ``WorldError`` if its new name is taken."""
        before = self.get(entity.id)
        if before is None:
            raise NotFoundError(f"there is no {entity.kind} with the id {entity.id!r}")
        if isinstance(entity, Character) and entity.name != before.name:
            self._check_name(entity)
        self._check_room(entity, before)
        self._stage(entity.id, entity)

    def put(self, entity: Entity) -> None:
        """Stage an entity, new or not, as it is. For whoever has checked many of them together against the rules of this class."""
        self._stage(entity.id, entity)

    def destroy(self, entity_id: str) -> None:
        """Stage the end of an entity. Raises ``NotFoundError`` if there is none, ``WorldError`` if it holds something."""
        entity = self.get(entity_id)
        if entity is None:
            raise NotFoundError(f"there is nothing with the id {entity_id[:40]!r}")
        held = self.contents(entity_id)
        if held.characters or held.objects or held.exits:
            raise WorldError(f"{entity.name} is not empty")
        if held.entrances:
            raise WorldError(f"exits of other places lead to {entity.name}")
        self._stage(entity_id, None)
        # What it owns on disk is disowned there; what was given to it in this call must not name it either.
        for staged in self._staged.values():
            if isinstance(staged, Location | GameObject) and staged.owner_id == entity_id:
                self._staged[staged.id] = attrs.evolve(staged, owner_id=None)

    def _stage(self, entity_id: str, after: Entity | None) -> None:
        self._index.stage(entity_id, self.get(entity_id), after)
        self._staged[entity_id] = after

    def holder_kind(self, object_id: str, holder_id: str) -> Kind:
        """What would hold the object there. Raises ``WorldError`` for a place that cannot: absent, itself, too deep."""
        height = self._height(object_id)
        depth = 0
        holder = self.get(holder_id)
        kind = holder.kind if holder is not None else None
        while isinstance(holder, GameObject):
            depth += 1
            if holder.id == object_id:
                raise WorldError("a thing cannot be put inside itself")
            if depth + height > NESTING_LIMIT:
                raise WorldError(f"things can be at most {NESTING_LIMIT} deep inside one another")
            holder = self.get(holder.holder_id)
        if kind is None or kind is Kind.EXIT:
            raise NotFoundError(f"there is nothing with the id {holder_id[:40]!r} that could hold a thing")
        return kind

    def _height(self, object_id: str) -> int:
        """How many objects deep the contents of an object go, itself included: 1 for an empty one."""
        inside = self.contents(object_id).objects
        return 1 + max((self._height(child) for child in inside), default=0)

    def _check_room(self, entity: Entity, before: Entity | None) -> None:
        """Raises ``WorldError`` if where the entity comes to holds as many as it may already."""
        holder_id = entity.holder_id
        if not isinstance(entity, GameObject | Exit) or (before is not None and before.holder_id == holder_id):
            return
        # Not as a read: two who put something down in one place are no conflict, and one too many is no harm.
        if self.count(entity.holder_id, entity.kind) >= CONTENTS_LIMIT:
            raise WorldError(f"there are {CONTENTS_LIMIT} {entity.kind}s in that place already, and no more fit")

    def _check_name(self, character: Character) -> None:
        holder = self._world.namesake(character.name, but=character.id)
        # Also if whoever has it gives it up in this very call: the rows are written one after the other.
        if holder is not None and holder.name_key != character.name_key:
            raise WorldError(f"the name {character.name} looks like that of {holder.name}")
        if holder is not None:
            raise WorldError(f"the name {character.name} is taken")
        if self._index.names.get(character.name_key, character.id) != character.id:
            raise WorldError(f"the name {character.name} is taken")


_WORD = {Location: "location", Exit: "exit", Character: "character", GameObject: "object"}

"""The current state of the world, in memory: every entity by id, and what each holder holds.

Only the Trio side changes it, and only through ``apply``. Worker threads read it without a lock: every value in these dicts is
frozen and replaced whole, and a single dict look-up is atomic. A thread that needs several reads to agree uses a ``Transaction``,
and one that needs everything at one moment ``entities``, which waits until changes that are under way have been made.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs

from holomush.world.lookalikes import look
from holomush.world.model import EMPTY, Character, Contents, ContentsDraft, Entity, Exit, GameObject, Kind, Location
from holomush.world.names import name_key


class World:
    """All entities. Ids are unique across kinds, so one dict holds them all."""

    def __init__(self, entities: Iterable[Entity] = ()) -> None:
        self._entities: dict[str, Entity] = {}
        self._contents: dict[str, Contents] = {}
        self._character_ids: dict[str, str] = {}
        self._looks: dict[str, tuple[str, ...]] = {}
        """Characters by what their names look like."""
        self._counts: Counter[Kind] = Counter()
        self.watchers: list[Callable[[Entity | None, Entity | None], None]] = []
        """Told of each change, before it is made: what an entity was and what it becomes. On the Trio thread."""
        self._whole = threading.Lock()
        """Held while changes are half made, and while everything is looked at."""
        self.replace(entities)

    def replace(self, entities: Iterable[Entity]) -> None:
        """Forget everything and hold ``entities`` instead: at start, and when the disk is found to be behind the memory."""
        with self._whole:
            self._entities.clear()
            self._contents.clear()
            self._character_ids.clear()
            self._looks.clear()
            self._counts.clear()
            self._apply({entity.id: entity for entity in entities})

    def get(self, entity_id: str) -> Entity | None:
        """The entity with this id, or None."""
        return self._entities.get(entity_id)

    def contents(self, holder_id: str) -> Contents:
        """What the holder holds; empty if there is no such holder. The same instance until something comes or goes."""
        return self._contents.get(holder_id, EMPTY)

    def count(self, kind: Kind) -> int:
        """How many entities of that kind there are."""
        return self._counts[kind]

    def holders(self) -> tuple[str, ...]:
        """The ids of all that holds something, and of all places that exits lead to. From any thread."""
        with self._whole:
            return tuple(self._contents)

    def character_named(self, name: str) -> Character | None:
        """The character whose name is ``name``, letter case and Unicode forms aside."""
        entity = self._entities.get(self._character_ids.get(name_key(name), ""))
        return entity if isinstance(entity, Character) else None

    def namesake(self, name: str, but: str = "") -> Character | None:
        """A character other than the one with the id ``but`` that is called so, or by what looks the same."""
        named = self.character_named(name)
        if named is not None and named.id != but:
            return named
        alike = (self._entities.get(other) for other in self._looks.get(look(name), ()) if other != but)
        return next((entity for entity in alike if isinstance(entity, Character)), None)

    def characters_of(self, player_id: str) -> tuple[Character, ...]:
        """The characters that belong to a player, oldest first. Looks at everything there is. From any thread."""
        return tuple(e for e in self.entities() if isinstance(e, Character) and e.player_id == player_id)

    def entities(self) -> tuple[Entity, ...]:
        """Everything there is, oldest first. From any thread."""
        with self._whole:
            return tuple(self._entities.values())

    def apply(self, changes: Mapping[str, Entity | None]) -> None:
        """Make each id's entity the given one; None destroys it. What the holders hold follows."""
        with self._whole:
            self._apply(changes)

    def _apply(self, changes: Mapping[str, Entity | None]) -> None:
        drafts: dict[str, ContentsDraft] = {}
        for entity_id, after in changes.items():
            before = self._entities.get(entity_id)
            for watcher in self.watchers:
                watcher(before, after)
            self._move(drafts, before, after)
            self._lead(drafts, before, after)
            self._rename(before, after)
            if before is not None:
                self._counts[before.kind] -= 1
            if after is not None:
                self._counts[after.kind] += 1
            if after is None:
                self._entities.pop(entity_id, None)
                if isinstance(before, Character):
                    self._disown(entity_id)
            else:
                self._entities[entity_id] = after
        for holder_id, draft in drafts.items():
            self._keep(holder_id, draft.finish())

    def _disown(self, character_id: str) -> None:
        """What a character owned is owned by nobody, as on disk, when it is gone."""
        for entity in tuple(self._entities.values()):
            if isinstance(entity, Location | GameObject) and entity.owner_id == character_id:
                self._entities[entity.id] = attrs.evolve(entity, owner_id=None)

    def _rename(self, before: Entity | None, after: Entity | None) -> None:
        if before is not None and after is not None and before.name == after.name:
            return
        # Within one set of changes somebody else may have taken the name already.
        if isinstance(before, Character) and self._character_ids.get(before.name_key) == before.id:
            del self._character_ids[before.name_key]
        if isinstance(before, Character):
            left = tuple(other for other in self._looks.get(look(before.name), ()) if other != before.id)
            self._looks[look(before.name)] = left
            if not left:
                del self._looks[look(before.name)]
        if isinstance(after, Character):
            self._character_ids[after.name_key] = after.id
            self._looks[look(after.name)] = (*self._looks.get(look(after.name), ()), after.id)

    def _move(self, drafts: dict[str, ContentsDraft], before: Entity | None, after: Entity | None) -> None:
        old = before.holder_id if before is not None else None
        new = after.holder_id if after is not None else None
        if old == new:
            return
        if before is not None and old is not None:
            self._draft(drafts, old).remove(before)
        if after is not None and new is not None:
            self._draft(drafts, new).add(after)

    def _lead(self, drafts: dict[str, ContentsDraft], before: Entity | None, after: Entity | None) -> None:
        old = before.destination_id if isinstance(before, Exit) else None
        new = after.destination_id if isinstance(after, Exit) else None
        if old == new:
            return
        if isinstance(before, Exit) and old is not None:
            self._draft(drafts, old).remove_entrance(before)
        if isinstance(after, Exit) and new is not None:
            self._draft(drafts, new).add_entrance(after)

    def _draft(self, drafts: dict[str, ContentsDraft], holder_id: str) -> ContentsDraft:
        if holder_id not in drafts:
            drafts[holder_id] = ContentsDraft(self.contents(holder_id))
        return drafts[holder_id]

    def _keep(self, holder_id: str, left: Contents) -> None:
        if left.is_empty:
            # Empty holders leave no entry, or the dict would grow with every destroyed place. They all share one
            # EMPTY, which is safe for a reader's "is it still the same": empty then and empty now is the same.
            self._contents.pop(holder_id, None)
        else:
            self._contents[holder_id] = left

"""The current state of the world, in memory: every entity by id, and what each holder holds.

Only the Trio side changes it, and only through ``apply``. Worker threads read it without a lock: every value in these dicts is
frozen and replaced whole, and a single dict look-up is atomic. A thread that needs several reads to agree uses a ``Transaction``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from holomush.world.model import EMPTY, Character, Contents, Entity, Exit, GameObject, Location
from holomush.world.names import name_key


class World:
    """All entities. Ids are unique across kinds, so one dict holds them all."""

    def __init__(self, entities: Iterable[Entity] = ()) -> None:
        self._entities: dict[str, Entity] = {}
        self._contents: dict[str, Contents] = {}
        self._character_ids: dict[str, str] = {}
        self.replace(entities)

    def replace(self, entities: Iterable[Entity]) -> None:
        """Forget everything and hold ``entities`` instead: at start, and when the disk is found to be behind the memory."""
        self._entities.clear()
        self._contents.clear()
        self._character_ids.clear()
        self.apply({entity.id: entity for entity in entities})

    def get(self, entity_id: str) -> Entity | None:
        """The entity with this id, or None."""
        return self._entities.get(entity_id)

    def contents(self, holder_id: str) -> Contents:
        """What the holder holds; empty if there is no such holder. The same instance until something comes or goes."""
        return self._contents.get(holder_id, EMPTY)

    def character_named(self, name: str) -> Character | None:
        """The character whose name is ``name``, letter case and Unicode forms aside."""
        entity = self._entities.get(self._character_ids.get(name_key(name), ""))
        return entity if isinstance(entity, Character) else None

    def entities(self) -> tuple[Entity, ...]:
        """Everything there is, oldest first."""
        return tuple(self._entities.values())

    def apply(self, changes: Mapping[str, Entity | None]) -> None:
        """Make each id's entity the given one; None destroys it. What the holders hold follows."""
        for entity_id, after in changes.items():
            before = self._entities.get(entity_id)
            self._move(before, after)
            self._lead(before, after)
            self._rename(before, after)
            if after is None:
                self._entities.pop(entity_id, None)
                if isinstance(before, Character):
                    self._disown(entity_id)
            else:
                self._entities[entity_id] = after

    def _disown(self, character_id: str) -> None:
        """What a character owned is owned by nobody, as on disk, when it is gone."""
        for entity in self.entities():
            if isinstance(entity, Location | GameObject) and entity.owner_id == character_id:
                self._entities[entity.id] = attrs.evolve(entity, owner_id=None)

    def _rename(self, before: Entity | None, after: Entity | None) -> None:
        if before is not None and after is not None and before.name == after.name:
            return
        # Within one set of changes somebody else may have taken the name already.
        if isinstance(before, Character) and self._character_ids.get(before.name_key) == before.id:
            del self._character_ids[before.name_key]
        if isinstance(after, Character):
            self._character_ids[after.name_key] = after.id

    def _move(self, before: Entity | None, after: Entity | None) -> None:
        old = before.holder_id if before is not None else None
        new = after.holder_id if after is not None else None
        if old == new:
            return
        if before is not None and old is not None:
            self._keep(old, self.contents(old).without_entity(before))
        if after is not None and new is not None:
            self._contents[new] = self.contents(new).with_entity(after)

    def _lead(self, before: Entity | None, after: Entity | None) -> None:
        old = before.destination_id if isinstance(before, Exit) else None
        new = after.destination_id if isinstance(after, Exit) else None
        if old == new:
            return
        if isinstance(before, Exit) and old is not None:
            self._keep(old, self.contents(old).without_entrance(before))
        if isinstance(after, Exit) and new is not None:
            self._contents[new] = self.contents(new).with_entrance(after)

    def _keep(self, holder_id: str, left: Contents) -> None:
        if left.is_empty:
            # Empty holders leave no entry, or the dict would grow with every destroyed place. They all share one
            # EMPTY, which is safe for a reader's "is it still the same": empty then and empty now is the same.
            self._contents.pop(holder_id, None)
        else:
            self._contents[holder_id] = left

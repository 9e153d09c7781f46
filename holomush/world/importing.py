"""A world file on top of a world: what it would create and update, every reason why it cannot be, and the staging of it all.

What has an id that exists is updated, what has not is created, nothing is destroyed. An entity becomes what its entry says; only
attributes that the file says nothing of stay, because they are their plugins'. The rules are those of ``Transaction`` and of the
host functions, but asked of the world as it will be: on the way there, a place may be fuller than it ends up.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import attrs

from holomush.structuring import StructureError, shown
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.names import BadName, check_name, clean_name, name_key
from holomush.world.texts import ALIAS_LIMIT, DESCRIPTION_LIMIT, LOCK_LIMIT, check_text, check_title
from holomush.world.transaction import CONTENTS_LIMIT, NESTING_LIMIT, Transaction
from holomush.world.worldfile import (
    CharacterEntry,
    Entry,
    ExitEntry,
    LocationEntry,
    ObjectEntry,
    WorldFile,
)

CheckAttribute = Callable[[str, Kind, str, Any], Any]
"""Plugin, kind, name and value of an attribute to the value as it is kept. Raises ``ValueError("must be ...")``."""

ATTRIBUTES_LIMIT = 65_536
"""Bytes of JSON that one plugin may have noted on one entity."""

_PROBLEM_LIMIT = 100
_ID = re.compile(r"[0-9A-Za-z]{26}")
_PLUGIN = re.compile(r"[a-z0-9-]{1,64}")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_KINDS: Mapping[type[Entry], Kind] = {
    LocationEntry: Kind.LOCATION,
    ExitEntry: Kind.EXIT,
    CharacterEntry: Kind.CHARACTER,
    ObjectEntry: Kind.OBJECT,
}

E = TypeVar("E", Location, Exit, Character, GameObject)


def keep_attribute(_: str, __: Kind, ___: str, value: Any) -> Any:
    """Takes any attribute as it is: for where no plugin is loaded."""
    return value


@attrs.frozen(kw_only=True)
class Import:
    """What has been staged: entities of each kind in the file, which of them are new, and what is not as the file says."""

    counts: Mapping[Kind, int]
    created: int
    updated: int
    warnings: tuple[str, ...]


def stage_world(
    file: WorldFile, transaction: Transaction, source: str, *, now: int = 0, check_attribute: CheckAttribute = keep_attribute
) -> Import:
    """Stage a file's entities on ``transaction``. ``now``: when new characters are made, in milliseconds since 1970.

    Raises ``StructureError``, with a line for every problem that begins with ``source``, and has then staged nothing.
    """
    plan = _Plan(file, transaction, now, check_attribute)
    problems = list(plan.problems())
    if problems:
        more = len(problems) - _PROBLEM_LIMIT
        lines = problems if more <= 0 else [*problems[:_PROBLEM_LIMIT], f"and {more:,} more"]
        raise StructureError([f"{source}: {line}" for line in lines])
    created = sum(1 for entity in plan.entities.values() if transaction.peek(entity.id) is None)
    for entity in plan.entities.values():
        transaction.put(entity)
    return Import(
        counts=Counter(entity.kind for entity in plan.entities.values()),
        created=created,
        updated=len(plan.entities) - created,
        warnings=tuple(plan.warnings()),
    )


class _Plan:
    """The entities that a file's entries become. Used once."""

    def __init__(self, file: WorldFile, transaction: Transaction, now: int, check_attribute: CheckAttribute) -> None:
        self._file = file
        self._transaction = transaction
        self._now = now
        self._check_attribute = check_attribute
        self._kinds: dict[str, Kind] = {}
        """What the file makes of each id."""
        self._characters: dict[str, str] = {}
        """Ids of the file's characters by the keys of their names."""
        self._strangers: Counter[str] = Counter()
        """Owners whom nobody knows here, and how much each owns."""
        self.entities: dict[str, Entity] = {}

    def problems(self) -> Iterator[str]:
        """Everything that is wrong, after which ``entities`` is complete if nothing is."""
        yield from self._read_ids()
        if self._file.start is not None and not self._is_there(self._file.start, Kind.LOCATION):
            yield f"start: there is no location {self._file.start[:40]}"
        whole = True
        for path, entry in self._file.entries():
            problems = list(self._entry_problems(entry))
            whole = whole and not problems
            yield from (f"{path}.{problem}" for problem in problems)
        if whole:  # how full and how deep it will be can be said only of a world that is all there
            yield from self._room_problems()
            yield from self._depth_problems()

    def warnings(self) -> Iterator[str]:
        """What is not as the file says."""
        for name, number in self._strangers.items():
            owned = f"{number:,} {'entry has' if number == 1 else 'entries have'}"
            yield f"nobody is called {shown(name)} here, so {owned} no owner"

    # ---- Who is who ----

    def _read_ids(self) -> Iterator[str]:
        for path, entry in self._file.entries():
            kind = _KINDS[type(entry)]
            if not _ID.fullmatch(entry.id):
                yield f"{path}.id: must be a ULID, 26 letters and digits, not {shown(entry.id)}"
            elif entry.id in self._kinds:
                yield f"{path}.id: {entry.id} is used twice"
            else:
                before = self._transaction.get(entry.id)
                if before is not None and before.kind is not kind:
                    yield f"{path}.id: {entry.id} is in use here, for the {before.kind} {before.name}"
                elif isinstance(before, Character) and before.player_id != GAME_PLAYER_ID:
                    yield f"{path}.id: {entry.id} is a player's character here"
            self._kinds.setdefault(entry.id, kind)
            if isinstance(entry, CharacterEntry):
                key = name_key(entry.name)
                holder = self._transaction.character_named(entry.name)
                if key in self._characters or (holder is not None and holder.id != entry.id):
                    yield f"{path}.name: the name {shown(entry.name)} is taken"
                elif (alike := self._transaction.world.namesake(entry.name, but=entry.id)) is not None:
                    yield f"{path}.name: the name {shown(entry.name)} looks like that of {alike.name}"
                self._characters.setdefault(key, entry.id)

    def _is_there(self, entity_id: str, kind: Kind) -> bool:
        if entity_id in self._kinds:
            return self._kinds[entity_id] is kind
        entity = self._transaction.get(entity_id)
        return entity is not None and entity.kind is kind

    # ---- Entry by entry ----

    def _entry_problems(self, entry: Entry) -> Iterator[str]:
        yield from _text_problems(entry)
        references: list[tuple[str, str, Kind]] = []
        match entry:
            case ExitEntry():
                references = [("source", entry.source, Kind.LOCATION), ("destination", entry.destination, Kind.LOCATION)]
            case CharacterEntry():
                references = [("location", entry.location, Kind.LOCATION)]
            case ObjectEntry():
                places = [key for key in ("location", "container", "character") if getattr(entry, key) is not None]
                if len(places) != 1:
                    yield f"location: must be in exactly one of location, container and character, not {len(places)}"
                    return
                if entry.location is not None:
                    references = [("location", entry.location, Kind.LOCATION)]
                if entry.container is not None:
                    references = [("container", entry.container, Kind.OBJECT)]
                if entry.character is not None and self._carrier(entry.character) is None:
                    yield f"character: no character of the game's own is called {shown(entry.character)}"
        missing = [(key, id_, kind) for key, id_, kind in references if not self._is_there(id_, kind)]
        yield from (f"{key}: there is no {kind} {id_[:40]}" for key, id_, kind in missing)
        attributes, problems = self._attributes(entry)
        yield from problems
        if not missing:
            self._add(entry, attributes)

    def _add(self, entry: Entry, attributes: Mapping[tuple[str, str], Any]) -> None:
        before = self._transaction.get(entry.id)
        noted = attributes if before is None else {**before.attributes, **attributes}
        entity: Entity
        match entry:
            case LocationEntry():
                owner_id = self._owner(entry.owner)
                entity = Location(id=entry.id, name=entry.name, description=entry.description, owner_id=owner_id, attributes=noted)
            case ExitEntry():
                entity = Exit(
                    id=entry.id,
                    name=entry.name,
                    source_id=entry.source,
                    destination_id=entry.destination,
                    aliases=entry.aliases,
                    lock=entry.lock,
                    attributes=noted,
                )
            case CharacterEntry():
                entity = Character(
                    id=entry.id,
                    name=clean_name(entry.name),
                    player_id=GAME_PLAYER_ID,
                    location_id=entry.location,
                    description=entry.description,
                    created_at=before.created_at if isinstance(before, Character) else self._now,
                    attributes=noted,
                )
            case ObjectEntry():
                holder_id, holder_kind = self._holder(entry)
                entity = GameObject(
                    id=entry.id,
                    name=entry.name,
                    holder_id=holder_id,
                    holder_kind=holder_kind,
                    description=entry.description,
                    owner_id=self._owner(entry.owner),
                    lock=entry.lock,
                    attributes=noted,
                )
        self.entities[entry.id] = entity

    def _holder(self, entry: ObjectEntry) -> tuple[str, Kind]:
        if entry.location is not None:
            return entry.location, Kind.LOCATION
        if entry.container is not None:
            return entry.container, Kind.OBJECT
        return self._carrier(entry.character or "") or "", Kind.CHARACTER

    def _carrier(self, name: str) -> str | None:
        """The id of the game's own character of that name."""
        character_id = self._characters.get(name_key(name))
        if character_id is not None:
            return character_id
        character = self._transaction.character_named(name)
        return character.id if character is not None and character.player_id == GAME_PLAYER_ID else None

    def _owner(self, name: str | None) -> str | None:
        if name is None:
            return None
        character = self._transaction.character_named(name)
        owner_id = self._characters.get(name_key(name)) or (character.id if character is not None else None)
        if owner_id is None:
            self._strangers[name] += 1
        return owner_id

    def _attributes(self, entry: Entry) -> tuple[dict[tuple[str, str], Any], list[str]]:
        noted: dict[tuple[str, str], Any] = {}
        problems = []
        for plugin, values in entry.attributes.items():
            for name, value in values.items():
                try:
                    if not (_PLUGIN.fullmatch(plugin) and _ATTRIBUTE.fullmatch(name)):
                        raise ValueError("must be noted by a plugin, under a name of lower-case letters, digits and underscores")
                    noted[plugin, name] = self._check_attribute(plugin, _KINDS[type(entry)], name, _json(value))
                except ValueError as exc:
                    problems.append(f"attributes.{plugin[:64]}.{name[:64]}: {exc}")
            size = len(json.dumps({name: noted.get((plugin, name)) for name in values}, ensure_ascii=False).encode())
            if size > ATTRIBUTES_LIMIT:
                problems.append(f"attributes.{plugin[:64]}: may have {ATTRIBUTES_LIMIT} bytes, not {size}")
        return noted, problems

    # ---- The world as it will be ----

    def _room_problems(self) -> Iterator[str]:
        """Where there would be more than a place, a character or a container can hold."""
        coming: Counter[tuple[str, Kind]] = Counter()
        for entity in self.entities.values():
            before = self._transaction.get(entity.id)
            for one, step in ((before, -1), (entity, 1)):
                if isinstance(one, Exit | GameObject):
                    coming[one.holder_id, one.kind] += step
        for (holder_id, kind), number in coming.items():
            held = self._transaction.count(holder_id, kind) + number
            if number > 0 and held > CONTENTS_LIMIT:
                yield f"{kind}s: there would be {held} {kind}s in {holder_id}, and there is room for {CONTENTS_LIMIT}"

    def _depth_problems(self) -> Iterator[str]:
        """Things that would be too deep inside of others, or inside of themselves."""
        for path, entry in self._file.entries():
            entity = self.entities[entry.id]
            if not isinstance(entity, GameObject):
                continue
            depth = self._depth(entity)
            if depth > 1 and self._transaction.get(entity.id) is not None:
                depth += self._height_of_known(entity.id) - 1
            if depth > NESTING_LIMIT:
                yield f"{path}.container: things can be at most {NESTING_LIMIT} deep inside one another"

    def _depth(self, thing: GameObject) -> int:
        """In how many things it is, itself included; more than the limit for one that is inside of itself."""
        depth = 0
        entity: Entity | None = thing
        while isinstance(entity, GameObject) and depth <= NESTING_LIMIT:
            depth += 1
            entity = self.entities.get(entity.holder_id) or self._transaction.get(entity.holder_id)
        return depth

    def _height_of_known(self, thing_id: str) -> int:
        """How deep what is inside goes, itself included, of what the file says nothing of: that it says is looked at by itself."""
        inside = [child for child in self._transaction.contents(thing_id).objects if child not in self.entities]
        return 1 + max((self._height_of_known(child) for child in inside), default=0)


def _text_problems(entry: Entry) -> Iterator[str]:
    if isinstance(entry, CharacterEntry):
        yield from _broken("name", lambda: check_name(clean_name(entry.name), of_player=False))
    else:
        yield from _broken("name", lambda: check_title(entry.name))
    if isinstance(entry, ExitEntry):
        if len(entry.aliases) > ALIAS_LIMIT:
            yield f"aliases: must be at most {ALIAS_LIMIT} names, not {len(entry.aliases)}"
        for number, alias in enumerate(entry.aliases[:ALIAS_LIMIT]):
            yield from _broken(f"aliases[{number}]", partial(check_title, alias))
    else:
        yield from _broken("description", lambda: check_text(entry.description, DESCRIPTION_LIMIT, lines=True))
    if isinstance(entry, ExitEntry | ObjectEntry):
        yield from _broken("lock", lambda: check_text(entry.lock, LOCK_LIMIT))


def _broken(key: str, check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except (ValueError, BadName) as exc:
        yield f"{key}: {exc}"


def _json(value: Any) -> Any:
    """``value`` if it is JSON and not null. Raises ``ValueError``."""
    if value is None:
        raise ValueError("must be JSON other than null")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as exc:
        raise ValueError(f"must be JSON, not {shown(value)}: put it in quotes if it is text") from exc
    return value

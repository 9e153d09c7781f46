"""Which things a typed name may mean: those near a character, or those anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from holomush.errors import HolomushError
from holomush.world.model import Character, Entity, Exit, Kind
from holomush.world.names import name_key
from holomush.world.transaction import Transaction

FOUND_LIMIT = 100
"""Entities that a search of the whole world gives at most."""

_ASK_EVERY = 1000
"""Entities between two questions whether to go on: half a millisecond."""

_NUMBERED = re.compile(r"(\d{1,3})\.\s*(\S.*)", re.DOTALL)


class SearchStoppedError(HolomushError):
    """The caller wanted no more of the search."""


def find_near(transaction: Transaction, near: Character, name: str, kinds: Collection[Kind]) -> list[Entity]:
    """Entities of ``kinds`` that ``name`` fits, for somebody who is ``near``: the same place, or carried.

    ``me`` and ``here`` are the character and its location. Whole names (and exits' aliases) win over beginnings of a name or of
    a word in it; several entities are returned only if they fit equally well. ``2.sword`` is the second of those that ``sword``
    would give. Letter case does not matter, nor do double quotes around it all.
    """
    key = name_key(_unquoted(name))
    if not key:
        return []
    if key == "me":
        return [near] if Kind.CHARACTER in kinds else []
    if key == "here":
        here = transaction.get(near.location_id)
        return [here] if here is not None and Kind.LOCATION in kinds else []
    around = list(_around(transaction, near, kinds))
    return _numbered(key, lambda each: _fitting(around, each))


def find_anywhere(
    transaction: Transaction, name: str, kinds: Collection[Kind], connected: Collection[str], stop: Callable[[], bool]
) -> list[Entity]:
    """As ``find_near``, in the whole world and for nobody in particular: at most ``FOUND_LIMIT`` entities, the oldest.

    Of characters, the beginning of a name fits only those that are ``connected`` (ids). Only what is returned counts as read.
    Unless ``kinds`` is characters alone, everything there is has to be looked at: ``stop`` is called now and then, and once it
    is true, ``SearchStoppedError`` is raised.
    """
    key = name_key(_unquoted(name))
    if not key:
        return []
    if set(kinds) <= {Kind.CHARACTER}:
        found = _numbered(key, lambda each: _characters(transaction, each, connected)) if kinds else []
    else:
        here = set(connected)
        found = _numbered(
            key, lambda each: _fitting((e for e in _unless(stop, transaction.everything()) if e.kind in kinds), each, here)
        )
    for entity in found[:FOUND_LIMIT]:
        transaction.note(entity)
    return found[:FOUND_LIMIT]


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _numbered(key: str, fitting: Callable[[str], list[Entity]]) -> list[Entity]:
    """What fits, or else the one of those that fit, if ``key`` is the likes of ``2.sword``."""
    found = fitting(key)
    numbered = _NUMBERED.fullmatch(key)
    if found or numbered is None:
        return found
    which = int(numbered[1])
    return fitting(numbered[2])[which - 1 : which] if which else []


def _fitting(entities: Iterable[Entity], key: str, connected: Collection[str] | None = None) -> list[Entity]:
    """Those with ``key`` as their whole name, or else those with the beginning of a name or word; if they are ``connected``."""
    partial = []
    exact = []
    for entity in entities:
        names = [name_key(each) for each in _names(entity)]
        if key in names:
            exact.append(entity)
        elif any(each.startswith(key) or f" {key}" in each for each in names) and (
            connected is None or not isinstance(entity, Character) or entity.id in connected
        ):
            partial.append(entity)
    return exact or partial


def _characters(transaction: Transaction, key: str, connected: Iterable[str]) -> list[Entity]:
    exact = transaction.character_named(key)
    if exact is not None:
        return [exact]
    there = [entity for entity in map(transaction.peek, connected) if isinstance(entity, Character)]
    return _fitting(there, key)


def _unless(stop: Callable[[], bool], entities: Iterable[Entity]) -> Iterator[Entity]:
    for number, entity in enumerate(entities):
        if not number % _ASK_EVERY and stop():
            raise SearchStoppedError("the search was stopped")
        yield entity


def _around(transaction: Transaction, near: Character, kinds: Collection[Kind]) -> Iterator[Entity]:
    """What is in reach. What is of no kind that is wanted is no read: it may change meanwhile."""
    place = transaction.contents(near.location_id)
    ids: list[str] = []
    if Kind.CHARACTER in kinds:
        ids += place.characters
    if Kind.OBJECT in kinds:
        ids += (*transaction.contents(near.id).objects, *place.objects)
    if Kind.EXIT in kinds:
        ids += place.exits
    return (entity for entity in map(transaction.get, ids) if entity is not None)


def _names(entity: Entity) -> tuple[str, ...]:
    return (entity.name, *entity.aliases) if isinstance(entity, Exit) else (entity.name,)

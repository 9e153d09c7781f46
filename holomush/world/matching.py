"""Which things near a character a typed name may mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from holomush.world.model import Character, Entity, Exit, Kind
from holomush.world.names import name_key
from holomush.world.transaction import Transaction

_NUMBERED = re.compile(r"(\d{1,3})\.\s*(\S.*)", re.DOTALL)


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
    found = _fitting(transaction, near, key, kinds)
    numbered = _NUMBERED.fullmatch(key)
    if found or numbered is None:
        return found
    which = int(numbered[1])
    return _fitting(transaction, near, numbered[2], kinds)[which - 1 : which] if which else []


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _fitting(transaction: Transaction, near: Character, key: str, kinds: Collection[Kind]) -> list[Entity]:
    partial = []
    exact = []
    for entity in _around(transaction, near):
        if entity.kind not in kinds:
            continue
        names = [name_key(each) for each in _names(entity)]
        if key in names:
            exact.append(entity)
        elif any(each.startswith(key) or f" {key}" in each for each in names):
            partial.append(entity)
    return exact or partial


def _around(transaction: Transaction, near: Character) -> Iterator[Entity]:
    place = transaction.contents(near.location_id)
    carried = transaction.contents(near.id)
    for entity_id in (*place.characters, *carried.objects, *place.objects, *place.exits):
        entity = transaction.get(entity_id)
        if entity is not None:
            yield entity


def _names(entity: Entity) -> tuple[str, ...]:
    return (entity.name, *entity.aliases) if isinstance(entity, Exit) else (entity.name,)

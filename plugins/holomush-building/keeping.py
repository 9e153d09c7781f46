"""What has been destroyed, kept in a table for undo: the last 20 of each builder, for 12 hours.

A row of a table holds 16 KiB, and a place with its exits may be more: each is kept in several rows, part by part.
"""

import json

from holomush_pdk import HostError, Invocation, Record, table_delete, table_insert, table_select
from refusing import Refusal, because

TABLE = "destroyed"
KEPT_FOR = 12 * 60 * 60 * 1000
KEPT_EACH = 20
# Four bytes a character at most, and 16 KiB a row.
PART = 3500
MOST_PARTS = 30


def keep(inv: Invocation, thing: Record, ways: list[Record]) -> None:
    """Remembers a thing that is about to be destroyed, and the exits that go with a place."""
    text = json.dumps({"thing": thing, "ways": ways}, ensure_ascii=False)
    parts = [text[start : start + PART] for start in range(0, len(text), PART)]
    if len(parts) > MOST_PARTS:
        raise Refusal(f"{thing.name} is too much to be destroyed at once. Destroy its exits or clear its properties first.")
    forget(thing.id)
    mine = kept_by(inv)
    row = {
        "id": thing.id,
        "destroyer_id": inv.actor.id,
        "number": mine[0].number + 1 if mine else 1,
        "destroyed_at": inv.timestamp,
    }
    try:
        for number, part in enumerate(parts):
            table_insert(TABLE, part=number, text=part, **row)
    except HostError as error:
        forget(thing.id)
        raise because(error) from None
    tidy(inv, mine)


def tidy(inv: Invocation, mine: list[Record]) -> None:
    """Forgets one that is one too many, or too old: as each command adds at most one, there will never be many."""
    if len(mine) >= KEPT_EACH:
        forget(mine[-1].id)
        return
    old = table_select(TABLE, {"part": 0, "destroyed_at": {"<": inv.timestamp - KEPT_FOR}}, order="destroyed_at", limit=1)
    if old:
        forget(old[0].id)


def last_kept(inv: Invocation) -> dict | None:
    """What the actor has destroyed last and can still have back, or None."""
    mine = [row for row in kept_by(inv) if row.destroyed_at >= inv.timestamp - KEPT_FOR]
    if not mine:
        return None
    rows = table_select(TABLE, {"id": mine[0].id}, order="part", limit=MOST_PARTS)
    return json.loads("".join(row.text for row in rows))


def forget(thing_id: str) -> None:
    part = 0
    while table_delete(TABLE, {"id": thing_id, "part": part}):
        part += 1


def kept_by(inv: Invocation) -> list[Record]:
    """The first part of each that the actor has destroyed, the newest first."""
    return table_select(TABLE, {"destroyer_id": inv.actor.id, "part": 0}, order="-number", limit=KEPT_EACH + 1)

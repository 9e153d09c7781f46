"""What a crowd has read, held against the server's event log; and the database against the world that was in memory.

The log says where everybody was when something was said, because who hears an event is decided when it gets its number. So it says
exactly what each has to have read, and in which order.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import attrs

from holomush.database.store import open_store
from holomush.startup import DATABASE
from holomush.world.consistency import problems
from holomush.world.rows import load_entities
from holomush.world.state import World
from support.crowd.connection import Hearing, spoken
from support.crowd.crowd import Played
from support.crowd.people import Person

_SPOKEN_KEYS = ("message", "action", "text")


@attrs.frozen
class LoggedEvent:
    """A row of the event log. ``timestamp`` is in milliseconds; ``mark`` is that of what somebody has said, if it is about that."""

    sequence: int
    stream: str
    type: str
    timestamp: int
    actor_id: str
    payload: Mapping[str, object]
    mark: str | None


async def unsound(data: Path, world: World) -> list[str]:
    """What is wrong with the database in a data folder whose server has ended with ``world`` in memory; a line each."""
    async with open_store(data / DATABASE) as store:
        found = problems(await load_entities(store), world)
        integrity = await store.fetch("PRAGMA integrity_check")
        dangling = await store.fetch("PRAGMA foreign_key_check")
    if integrity != [("ok",)]:
        found += [f"integrity_check: {row[0]}" for row in integrity]
    return found + [f"foreign_key_check: {row}" for row in dangling]


def read_log(data: Path) -> list[LoggedEvent]:
    """The events in the database in a data folder, in order."""
    with closing(sqlite3.connect(data / DATABASE)) as database:
        rows = database.execute(
            "SELECT sequence, stream, type, timestamp, actor_id, payload FROM events ORDER BY sequence"
        ).fetchall()
    return [_logged(*row) for row in rows]


def misheard(played: Played, log: Sequence[LoggedEvent]) -> list[str]:
    """What somebody has missed, read twice or in the wrong order, or should not have read; and what the log lacks. A line each."""
    ids = {event.payload["character_name"]: event.actor_id for event in log if event.type == "connect"}
    meant = meant_for(log)
    found: list[str] = []
    for person in played.people:
        mine = meant.get(ids[person.name], [])
        found += compare(person.name, [one.hearing for one in person.connections], mine)
        for second in person.seconds:
            found += compare(f"{person.name}, at a second connection,", [second.hearing], mine, lossy=True)
        found += [f"{person.name}: {line}" for one in (*person.connections, *person.seconds) for line in one.wrong]
    return found + list(_misnoted(played.people, log))


def meant_for(log: Sequence[LoggedEvent]) -> Mapping[str, list[str]]:
    """The marks of all that is said where each character is or listens, from when they first connected, in order."""
    places: dict[str, str] = {}
    there: dict[str, set[str]] = defaultdict(set)
    meant: dict[str, list[str]] = {}
    for event in log:
        kind, _, name = event.stream.partition(":")
        if event.type == "connect" and event.actor_id not in places:
            meant[event.actor_id] = []
            places[event.actor_id] = name
            there[event.stream].add(event.actor_id)
        elif event.type == "arrive":
            walker = str(event.payload["character_id"])
            there[f"location:{places[walker]}"].discard(walker)
            there[event.stream].add(walker)
            places[walker] = name
        elif event.type == "channel-join":
            there[event.stream].add(event.actor_id)
        elif event.mark is not None:
            for listener in [name] if kind == "character" else there[event.stream]:
                meant[listener].append(event.mark)
    return meant


def compare(who: str, hearings: Sequence[Hearing], meant: Sequence[str], *, lossy: bool = False) -> Iterator[str]:
    """What is wrong with what was read at connections to one character, one after the other; a line each.

    ``lossy`` if they may have begun and ended at any moment.
    """
    at, may_skip = 0, lossy
    for hearing in hearings:
        for mark in hearing.marks:
            if at < len(meant) and meant[at] == mark:
                at += 1
            elif mark not in meant:
                yield f"{who} read {mark}, which was not for them"
            elif mark in meant[at:]:
                if not may_skip:
                    yield f"{who} missed {', '.join(meant[at : meant.index(mark, at)])} before {mark}"
                at = meant.index(mark, at) + 1
            else:
                yield f"{who} read {mark} again, or too late"
            may_skip = False
        may_skip = lossy or not hearing.is_complete
    rest = list(meant[at:])
    while rest and rest[-1].startswith("Echo"):
        rest.pop()  # the canyon answers after all have left
    if not may_skip and rest:
        yield f"{who} missed {', '.join(rest)} at the end"


def _misnoted(people: Sequence[Person], log: Sequence[LoggedEvent]) -> Iterator[str]:
    marks: dict[str, int] = defaultdict(int)
    for event in log:
        if event.mark is not None and not event.mark.startswith("Echo"):
            marks[event.mark] += 1
    for person in people:
        for mark in sorted(person.said):
            if marks[mark] != 1:
                yield f"{person.name} said {mark}, which is in the log {marks[mark]} times"
        for mark in sorted(person.unfinished):
            if marks[mark]:
                yield f"{person.name} never sent {mark}, and it is in the log"


def _logged(sequence: int, stream: str, event_type: str, timestamp: int, actor_id: str, text: str) -> LoggedEvent:
    payload = json.loads(text)
    said = next((payload[key] for key in _SPOKEN_KEYS if isinstance(payload.get(key), str)), "")
    return LoggedEvent(sequence, stream, event_type, timestamp, actor_id, payload, spoken(said))

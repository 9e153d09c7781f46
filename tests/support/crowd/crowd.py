"""The evening of a crowd: everybody comes, gets ready, plays for a while, and leaves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from support.crowd.habits import Builder, habits_of
from support.crowd.people import CHANNEL, Evening, Habit, Person
from support.crowd.town import Town

AT_ONCE = 4
"""Players who come in at the same time: for each the server makes a slow hash of a password."""


@attrs.frozen(kw_only=True)
class Script:
    """How a crowd plays. It ends after ``seconds``, or when each has typed ``lines``."""

    players: int
    seed: int = 1
    mean_gap: float = 0.0
    seconds: float | None = None
    lines: int | None = None


@attrs.frozen
class Played:
    """What a crowd has done and read. ``seconds`` are those in which it played, and in which it read so many ``lines``."""

    people: Sequence[Person]
    evening: Evening
    seconds: float
    lines: int


async def run(
    script: Script,
    town: Town,
    port: int,
    admin_password: str,
    began: Callable[[], None] = lambda: None,
    ended: Callable[[], None] = lambda: None,
) -> Played:
    """Let a crowd play on the server that listens on ``port`` of this machine. ``began`` and ``ended`` are called around the play.

    Raises ``CrowdError`` for a line that has no answer.
    """
    async with trio.open_nursery() as nursery:
        evening = Evening(town, port, nursery, script.mean_gap)
        homes = town.places[: max(1, script.players // 4)]  # a few people live together, or nobody would hear anybody
        people = [
            Person(habit, _name(habit, number), number, homes[number % len(homes)], evening, script.seed)
            for number, habit in enumerate(habits_of(script.players))
        ]
        evening.people += people
        evening.mean_gap = 0.0  # coming in and getting ready is not what is measured
        await _open(evening, people, admin_password)
        evening.mean_gap = script.mean_gap
        began()
        start, before = time.perf_counter(), _lines_read(people)
        await _together(people, lambda person: _play(person, script, start))
        seconds, lines = time.perf_counter() - start, _lines_read(people) - before
        ended()
        await _together(people, lambda person: person.connection.quit())
    return Played(people, evening, seconds, lines)


async def _open(evening: Evening, people: Sequence[Person], admin_password: str) -> None:
    """Everybody comes, gets the role that they need, and goes where they play."""
    door = trio.CapacityLimiter(AT_ONCE)

    async def come_in(person: Person) -> None:
        async with door:
            await person.join(new=True)

    await _together(people, come_in)
    admin = await evening.open()
    await admin.ask(f"connect Admin {admin_password}", evening.town.start.last_line)
    await admin.ask(f"channel create {CHANNEL}", "You have made the channel")
    for person in people:
        if isinstance(person.habit, Builder):
            await admin.ask(f"role grant {person.name}=builder", f"{person.name} is a builder now")
    await admin.quit()
    await _together(people, lambda person: person.habit.prepare(person))


async def _play(person: Person, script: Script, start: float) -> None:
    person.begin()
    while _goes_on(person, script, start):
        await person.habit.step(person)
    await person.habit.finish(person)


def _goes_on(person: Person, script: Script, start: float) -> bool:
    if script.lines is not None and person.played >= script.lines:
        return False
    return script.seconds is None or person.due < start + script.seconds


async def _together(people: Sequence[Person], act: Callable[[Person], Awaitable[None]]) -> None:
    """Everybody does it; returns when all are done."""
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(act, person)


def _lines_read(people: Sequence[Person]) -> int:
    return sum(connection.lines for person in people for connection in (*person.connections, *person.seconds))


def _name(habit: Habit, number: int) -> str:
    """A name of letters, such as Walkerab."""
    return f"{type(habit).__name__}{chr(ord('a') + number // 26)}{chr(ord('a') + number % 26)}"

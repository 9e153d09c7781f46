"""Scripted players: what each has typed, when it was due, sent and answered, and the connections that they have had."""

from __future__ import annotations

import math
import random
import re
import time
from collections import defaultdict
from typing import Protocol

import attrs
import trio

from support.crowd.connection import Connection
from support.crowd.town import Place, Town

PASSWORD = "correct horse"
CHANNEL = "public"
_WORDS = ("the rain", "has stopped", "and", "somebody", "left a lamp burning", "by the old well", "where", "we met", "last winter")
# Of the logarithm of the time between two lines: mostly short, sometimes long, as people are.
_SPREAD = 0.8


@attrs.frozen
class Timing:
    """How long an answer took, in seconds: since its line was due, and since it was sent."""

    since_due: float
    since_sent: float


@attrs.define(eq=False)
class Evening:
    """What all players share: where they play, how fast, and how long the answers took, by what was typed."""

    town: Town
    port: int
    nursery: trio.Nursery
    mean_gap: float
    """Seconds between two lines of a player; with 0 each comes as soon as the last one is answered."""
    timings: dict[str, list[Timing]] = attrs.Factory(lambda: defaultdict(list))
    people: list[Person] = attrs.Factory(list)
    lateness: list[float] = attrs.Factory(list)
    """Seconds by which the crowd itself was late to type a line: what it cannot measure."""

    async def open(self) -> Connection:
        """A new connection."""
        connection = Connection(await trio.open_tcp_stream("127.0.0.1", self.port))
        self.nursery.start_soon(connection.read)
        return connection


class Person:
    """Somebody who types one line after the other, to a plan of their own that waits for no answer."""

    def __init__(self, habit: Habit, name: str, number: int, home: Place, evening: Evening, seed: int) -> None:
        self.habit = habit
        self.name = name
        self.home = home
        self.place = evening.town.start
        """Where they are, unless it is a place that they have made."""
        self.evening = evening
        self.random = random.Random(f"{seed} {number}")
        self.connections: list[Connection] = []
        """One after the other; the last one is the one in use."""
        self.seconds: list[Connection] = []
        """Of the same character at the same time."""
        self.played = 0
        """Lines typed since the play has begun."""
        self.unfinished: set[str] = set()
        """The marks of what they began to type and did not send."""
        self.said: set[str] = set()
        """The marks of what they have said, and been told so."""
        self._is_measured = False
        self._number = number
        self._marks = 0
        self.due = 0.0
        """When the next line is to be typed, by the clock of ``time.perf_counter``."""
        self._free = 0.0

    @property
    def connection(self) -> Connection:
        """The one in use."""
        return self.connections[-1]

    def begin(self) -> None:
        """From now on it is played to the plan, and measured."""
        self._is_measured = True
        self.due = self._free = time.perf_counter()
        self.wait()

    def wait(self) -> None:
        """The next line is due a little later."""
        if self.evening.mean_gap:
            gap = self.random.lognormvariate(math.log(self.evening.mean_gap) - _SPREAD**2 / 2, _SPREAD)
            self.due += min(gap, 5 * self.evening.mean_gap)

    async def join(self, *, new: bool = False, second: bool = False) -> None:
        """Connect: a new player, the same one again, or the same character a second time."""
        await self._be_due()
        connection = await self.evening.open()
        (self.seconds if second else self.connections).append(connection)
        verb = "create" if new else "connect"
        await self._ask(verb, f'{verb} "{self.name}" {PASSWORD}', re.escape(self.place.last_line) + "$", connection)

    async def do(self, what: str, line: str, answer: str, connection: Connection | None = None) -> str:
        """Type a line when it is due. ``what`` it is counted as; ``answer`` is an expression for a whole line of the answer.

        Returns that line, or what the server says is wrong.
        """
        await self._be_due()
        return await self._ask(what, line, f"(?:{answer})$", connection or self.connection)

    async def say(self, what: str, line: str, *others: str, connection: Connection | None = None) -> None:
        """Type a line with words of one's own in place of ``{}``. The answer has them too, or is one of ``others``."""
        mark = self._mark()
        alone = "|".join(f"(?:{other})$" for other in others)
        answer = rf".*\({re.escape(mark)}\)" + (f"|{alone}" if alone else "")
        await self._be_due()
        used = connection or self.connection
        read = await self._ask(what, line.format(self._words(mark)), answer, used)
        if not others and mark in read:
            self.said.add(mark)

    async def go(self, what: str, line: str, place: Place) -> None:
        """Walk to a place of the town, with a line that leads there."""
        answer = await self.do(what, line, re.escape(place.last_line))
        if answer == place.last_line:
            self.place = place

    async def go_home(self) -> None:
        """Walk home from where new characters begin."""
        if self.home is not self.place:
            await self.go("an exit", self.evening.town.way_to(self.home), self.home)

    def neighbour(self) -> str:
        """The name of somebody else who is mostly there; the own one if there is nobody."""
        others = [one.name for one in self.evening.people if one.home is self.home and one.habit.stays and one is not self]
        return self.random.choice(others or [self.name])

    def half_a_line(self) -> str:
        """The beginning of something to say."""
        mark = self._mark()
        self.unfinished.add(mark)
        return f"say {self._words(mark)}"

    async def _be_due(self) -> None:
        if self.evening.mean_gap:
            await trio.sleep(self.due - time.perf_counter() if self.due > time.perf_counter() else 0)

    async def _ask(self, what: str, line: str, answer: str, connection: Connection) -> str:
        read = await connection.ask(line, answer)
        if self._is_measured:
            self.played += 1
            due = self.due if self.evening.mean_gap else read.sent
            self.evening.timings[what].append(Timing(read.came - due, read.came - read.sent))
            self.evening.lateness.append(read.sent - max(due, self._free))
        self._free = read.came
        self.wait()
        return read.text

    def _mark(self) -> str:
        self._marks += 1
        return f"{self._number}.{self._marks}"

    def _words(self, mark: str) -> str:
        words = self.random.choices(_WORDS, k=self.random.randint(1, 8))
        return f"{' '.join(words)} ({mark})"


class Habit(Protocol):
    """What somebody does all evening."""

    stays: bool
    """Whether they are always to be found at home."""

    async def prepare(self, person: Person) -> None:
        """Go where one plays. Nobody speaks yet."""

    async def step(self, person: Person) -> None:
        """Type the next line, or a few that belong together."""

    async def finish(self, person: Person) -> None:
        """Be connected again."""

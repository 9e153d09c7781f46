"""What people do all evening: chatter, walk about, page, build, carry things, come and go, or play at two connections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

import attrs

from support.crowd.people import CHANNEL, Habit, Person
from support.crowd.town import PEBBLES, pebble

Step: TypeAlias = tuple[str, str, str]
"""What is done, the line that does it, and the expression for a line of the answer."""

AWAY = r".* is not connected\."
COMES_AND_GOES = 0.1
"""How often those do who come and go, instead of typing a line."""


async def chat(person: Person) -> None:
    """One of the ways to talk to those around."""
    name = person.neighbour()
    match person.random.randrange(12):
        case 0 | 1 | 2 | 3:
            await person.say("say", "say {}")
        case 4 | 5:
            await person.say('"', '"{}')
        case 6 | 7:
            await person.say("pose", ":listens to {}")
        case 8:
            await person.say("semipose", ";'s voice says {}")
        case 9:
            await person.say("ooc", "ooc {}")
        case 10:
            await person.say("whisper", f"whisper {name}={{}}", AWAY)
        case _:
            await person.say("emit", "emit One hears: {}")


@attrs.define
class Chatterer:
    """Lives in one place and talks."""

    stays: bool = True

    async def prepare(self, person: Person) -> None:
        """Go home."""
        await person.go_home()

    async def step(self, person: Person) -> None:
        """Talk, and look around now and then."""
        match person.random.randrange(15):
            case 0:
                await person.go("look", "look", person.place)
            case 1:
                await person.do("think", "think That is true.", r"That is true\.")
            case _:
                await chat(person)

    async def finish(self, person: Person) -> None:
        """Nothing is open."""


@attrs.define
class Walker:
    """Walks about, and talks to whoever is there."""

    stays: bool = False

    async def prepare(self, person: Person) -> None:
        """Make oneself a home."""
        await person.go_home()
        await person.do("home here", "home here", r".* is your home now\.")

    async def step(self, person: Person) -> None:
        """Walk on, or stay a while."""
        town = person.evening.town
        match person.random.randrange(10):
            case 0:
                await person.say("say", "say {}")
            case 1:
                await person.go("look", "look", person.place)
            case 2:
                await person.do("exits", "exits", "Obvious exits:")
            case 3 if person.place is not person.home:
                await person.go("home", "home", person.home)
            case _:
                way, there = person.random.choice(list(person.place.exits.items()))
                await person.go("an exit", way, town[there])

    async def finish(self, person: Person) -> None:
        """Nothing is open."""


@attrs.define
class Pager:
    """Talks to people elsewhere, one by one and on a channel."""

    stays: bool = True

    async def prepare(self, person: Person) -> None:
        """Join the channel."""
        await person.go_home()
        await person.do("channel join", f"channel join {CHANNEL}", f"You have joined {CHANNEL}\\..*")

    async def step(self, person: Person) -> None:
        """Page, speak on the channel, see who is on."""
        others = [one.name for one in person.evening.people if one is not person]
        match person.random.randrange(12):
            case 0 | 1 | 2:
                await person.say("page", f"page {person.random.choice(others)}={{}}", AWAY)
            case 3:
                await person.say("page", f"page {' '.join(person.random.sample(others, 3))}={{}}", AWAY)
            case 4:
                await person.say("page", f"page {person.random.choice(others)}=:waves, {{}}", AWAY)
            case 5 | 6 | 7 | 8:
                await person.say("= (channel)", f"={CHANNEL} {{}}")
            case 9:
                await person.say("= (channel)", f"={CHANNEL} :nods, {{}}")
            case 10:
                await person.do("channel who", f"channel who {CHANNEL}", f"On {CHANNEL}:")
            case _:
                await person.do("who", "who", r"[0-9]+ players are connected\.")

    async def finish(self, person: Person) -> None:
        """Nothing is open."""


@attrs.define
class Builder:
    """Makes places and things in a place of their own, and takes most of them away again."""

    stays: bool = False
    _number: int = 0
    _steps: Iterator[Step] = attrs.Factory(lambda: iter(()))

    async def prepare(self, person: Person) -> None:
        """Make a place of one's own and go there. It has no exits yet."""
        await person.do("dig", f"dig {shed_of(person)}", re.escape(f"{shed_of(person)} dug."))
        await self._go_back(person)

    async def step(self, person: Person) -> None:
        """The next of many steps; from the beginning if the server has not done one."""
        step = next(self._steps, None)
        if step is None:
            self._number += 1
            self._steps = building(person.name, self._number)
            step = next(self._steps)
        what, line, answer = step
        if not re.fullmatch(answer, await person.do(what, line, answer)):
            self._steps = iter(())
            await self._go_back(person)

    async def finish(self, person: Person) -> None:
        """Nothing is open."""

    async def _go_back(self, person: Person) -> None:
        there = rf"{re.escape(shed_of(person))}|You are there already\."
        await person.do("teleport", f"teleport {shed_of(person)}", there)


def shed_of(person: Person) -> str:
    """The place where a builder begins."""
    return f"Shed of {person.name}"


def building(name: str, number: int) -> Iterator[Step]:
    """Makes a room and a lamp, takes them away, and has some of it back. Begins and ends in the shed."""
    room, lamp, way = f"Room {number} of {name}", f"lamp {number} of {name}", f"door{number}"
    destroyed, described = r".* destroyed\. To have it back, type: undo", r"Description of .* set\."
    yield "dig", f'dig {way};d{number} to "{room}" return out;o', rf"{room} dug\."
    yield "an exit", way, "out"
    yield "describe", "describe here=A room with [yellow]bright[/] walls.", described
    yield "create", f"create {lamp}", rf"{lamp} created\. You are holding it\."
    yield "describe", f"describe {lamp}=It gives little light.", described
    yield "set", f"set {lamp}/mood=warm", r"Property mood of .* set\."
    yield "drop", f"drop {lamp}", r"Dropped\."
    yield "examine", f"examine {lamp}", rf"{lamp} \(#.*"
    yield "get", f"get {lamp}", r"Taken\."
    yield "lock", f"lock out={lamp}", r".* is locked now\."
    yield "destroy", f"destroy {lamp}", destroyed
    yield "undo", "undo", r".* is back.*"
    yield "an exit", "out", r".*door.*"
    yield "find", f"find {lamp}", rf"{lamp} \(#.*"
    yield "destroy", f"destroy {way}", destroyed
    yield "undo", "undo", r".* is back.*"
    if number % 2:
        yield "an exit", way, "out"
        yield "destroy", "destroy here", destroyed
        yield "destroy", f"destroy {lamp}", destroyed


@attrs.define
class Carrier:
    """Takes pebbles, puts them down and gives them away, where others do the same."""

    stays: bool = True

    async def prepare(self, person: Person) -> None:
        """Go home."""
        await person.go_home()

    async def step(self, person: Person) -> None:
        """Something with one pebble, of which one only hopes that it is there."""
        place = person.evening.town.places.index(person.home)
        thing = pebble(place, person.random.randrange(PEBBLES))
        no = r"You have no .*\.|You aren't carrying .*\."
        match person.random.randrange(10):
            case 0 | 1 | 2 | 3:
                taken = r"Taken\.|There is no .* here\.|You already have .*\.|You can't carry any more\."
                await person.do("get", f"get {thing}", taken)
            case 4 | 5 | 6:
                await person.do("drop", f"drop {thing}", rf"Dropped\.|{no}")
            case 7:
                name = person.neighbour()
                answer = rf"Given to .*\.|{AWAY}|{no}|You already have .*\."
                await person.do("give", f"give {thing} to {name}", answer)
            case 8:
                await person.do("inventory", "inventory", r"You are carrying:|You aren't carrying anything\.")
            case _:
                await chat(person)

    async def finish(self, person: Person) -> None:
        """Nothing is open."""


@attrs.define
class Leaver:
    """Talks, leaves in one of three ways, and comes back to read what was missed."""

    stays: bool = True
    _leaves: int = 0

    async def prepare(self, person: Person) -> None:
        """Go home."""
        await person.go_home()

    async def step(self, person: Person) -> None:
        """Talk, or be away for a while."""
        if person.random.random() > COMES_AND_GOES:
            await chat(person)
            return
        match self._leaves % 3:
            case 0:
                await person.connection.quit()
            case 1:
                await person.connection.fall_silent(person.half_a_line())
            case _:
                await person.connection.break_off(person.half_a_line())
        self._leaves += 1
        person.wait()
        await person.join()

    async def finish(self, person: Person) -> None:
        """Has always come back."""


@attrs.define
class Doubled:
    """Plays one character at two connections, of which the second comes and goes."""

    stays: bool = True
    _has_second: bool = False

    async def prepare(self, person: Person) -> None:
        """Go home."""
        await person.go_home()

    async def step(self, person: Person) -> None:
        """Talk at one of the two, or open or close the second."""
        if person.random.random() < COMES_AND_GOES:
            await self._toggle(person)
        elif self._has_second and person.random.random() < 0.5:
            await person.say("say", "say {}", connection=person.seconds[-1])
        else:
            await chat(person)

    async def finish(self, person: Person) -> None:
        """Close the second."""
        if self._has_second:
            await self._toggle(person)

    async def _toggle(self, person: Person) -> None:
        if self._has_second:
            await person.seconds[-1].quit()
        else:
            await person.join(second=True)
        self._has_second = not self._has_second


SHARES: tuple[tuple[type[Habit], int], ...] = (
    (Chatterer, 30),
    (Walker, 20),
    (Pager, 15),
    (Builder, 10),
    (Carrier, 10),
    (Leaver, 10),
    (Doubled, 5),
)
"""The habits, and how many of a hundred people have each."""


def habits_of(players: int) -> list[Habit]:
    """The habits of so many people, mixed by their shares; of seven or more, somebody has each."""
    counts = [max(1, players * share // 100) for _, share in SHARES]
    counts[0] += players - sum(counts)
    return [habit() for (habit, _), count in zip(SHARES, counts, strict=True) for _ in range(count)]

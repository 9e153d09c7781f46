"""What somebody has missed, read from a real log: from where on each stream is told, what is left out, and how long it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holomush.auth.accounts import Player
from holomush.commands.access import Access
from holomush.database.migrations import migrate
from holomush.database.register import RegisterChanges
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import StorageError, open_store
from holomush.dispatch.commit import SYSTEM, Actor, Committer
from holomush.events.bus import Bus, Publication
from holomush.events.event import ActorKind, EmittedEvent, Event
from holomush.events.render import Renderer, Role, Templates
from holomush.events.streams import GLOBAL_STREAM, channel_stream, character_stream, location_stream
from holomush.plugins.storage.registers import Listening, Registers
from holomush.sessions.client import Replay
from holomush.sessions.presence import Presences
from holomush.sessions.replay import REPLAY_BYTES, Replays, replay_text
from holomush.world.model import Character, Location
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World
from holomush.world.transaction import Transaction

HALL, CELLAR = location_stream("hall"), location_stream("cellar")
PUBLIC = channel_stream("public")
PEOPLE = {"Alice": "p1", "Bob": "p2", "Robin": "p2"}
"""Everybody, and by whom they are played."""


@attrs.frozen(kw_only=True)
class House:
    """Two places, three characters of two players in the hall, and what Bob has missed."""

    world: World
    bus: Bus
    registers: Registers
    committer: Committer
    replays: Replays

    async def say(self, stream: str, text: str, *, by: str = "alice", event_type: str = "say") -> int:
        """Somebody says something; its number."""
        transaction = Transaction(self.world)
        transaction.events.append(EmittedEvent(stream, event_type, {"text": text}))
        await self.committer.commit(transaction, Actor(ActorKind.CHARACTER, by, by.title())).durable()
        return self.committer.sequence

    async def walk(self, character_id: str, location_id: str) -> None:
        """Somebody goes somewhere."""
        transaction = Transaction(self.world)
        transaction.update(attrs.evolve(transaction.expect(character_id, Character), location_id=location_id))
        await self.committer.commit(transaction, SYSTEM).durable()

    async def listen(self, character_id: str, stream: str) -> None:
        """Somebody hears a channel from now on."""
        changes = RegisterChanges()
        changes.of(self.registers.listeners).put(Listening(stream, character_id, self.committer.sequence))
        await self.committer.commit(Transaction(self.world), SYSTEM, registers=changes).durable()

    async def missed(self, after: int = 0, upto: int | None = None) -> Replay:
        """What Bob has missed."""
        return await self.replays.since("bob", after, self.bus.sequence if upto is None else upto)

    async def texts(self, after: int = 0, upto: int | None = None) -> list[str | None]:
        """How that reads."""
        return [publication.text(role) for publication, role in (await self.missed(after, upto)).events]


@asynccontextmanager
async def open_house(data: Path, limit: int = 50) -> AsyncIterator[House]:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        registers = Registers()
        players = [Player(id=one, name=one, name_key=one, access=Access.PLAYER) for one in sorted(set(PEOPLE.values()))]
        registers.accounts.replace(players)
        await store.write(registers.accounts.statements({player.id: player for player in players}))
        people = [Character(id=name.lower(), name=name, player_id=player, location_id="hall") for name, player in PEOPLE.items()]
        places = [Location(id="hall", name="Hall"), Location(id="cellar", name="Cellar")]
        await store.write(insert_statements([*places, *people]))
        world, bus = World(await load_entities(store)), Bus()
        presences = Presences(store, bus)
        presences.follow(registers.accounts, world)
        replays = Replays(
            world=world,
            store=store,
            bus=bus,
            presences=presences,
            channels_of=registers.listeners.of_character,
            heard_since=registers.listeners.since,
            limit=limit,
        )
        committer = Committer(world, store, bus, registers)
        yield House(world=world, bus=bus, registers=registers, committer=committer, replays=replays)


# ---- From where on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [HALL, GLOBAL_STREAM, character_stream("bob")])
async def test_what_was_seen_is_not_told_again_nor_what_is_yet_to_come(data: Path, stream: str) -> None:
    async with open_house(data) as house:
        numbers = [await house.say(stream, text) for text in ("one", "two", "three", "four")]
        assert numbers == [1, 2, 3, 4]
        assert await house.texts() == ["one", "two", "three", "four"]
        assert await house.texts(after=1, upto=3) == ["two", "three"]
        assert await house.texts(after=3, upto=3) == []
        assert (await house.missed(after=1, upto=3)).upto == 3


async def test_streams_that_they_do_not_hear_are_not_told(data: Path) -> None:
    async with open_house(data) as house:
        for stream in (CELLAR, PUBLIC, character_stream("alice"), character_stream("robin"), "plugin:echo"):
            await house.say(stream, stream)
        assert await house.missed() == Replay([], 0, 5)


async def test_all_streams_are_told_in_one_order(data: Path) -> None:
    async with open_house(data) as house:
        await house.say(PUBLIC, "before he heard it")
        await house.listen("bob", PUBLIC)
        streams = [HALL, PUBLIC, GLOBAL_STREAM, character_stream("bob"), PUBLIC, HALL]
        for number, stream in enumerate(streams):
            await house.say(stream, str(number))
        replay = await house.missed()
        assert [publication.text(role) for publication, role in replay.events] == ["0", "1", "2", "3", "4", "5"]
        assert [publication.event.stream for publication, _ in replay.events] == streams
        assert {publication.replayed for publication, _ in replay.events} == {True}
        assert replay.missed == 6


async def test_of_a_place_they_are_told_what_happened_since_they_came(data: Path) -> None:
    async with open_house(data) as house:
        await house.say(HALL, "in the hall")
        await house.say(CELLAR, "before he came")
        await house.say(character_stream("bob"), "a page")
        await house.walk("bob", "cellar")
        await house.say(HALL, "behind him")
        await house.say(CELLAR, "after he came")
        assert await house.texts() == ["a page", "after he came"]
        assert await house.texts(after=3) == ["after he came"]
        await house.walk("bob", "hall")
        await house.walk("bob", "cellar")
        assert await house.texts() == ["a page"]


async def test_of_a_channel_they_are_told_what_was_said_since_they_heard_it(data: Path) -> None:
    async with open_house(data) as house:
        await house.say(PUBLIC, "before")
        await house.say(HALL, "here")
        await house.listen("bob", PUBLIC)
        await house.say(PUBLIC, "after")
        await house.say(PUBLIC, "later")
        assert await house.texts() == ["here", "after", "later"]
        assert await house.texts(after=3) == ["later"]


async def test_a_character_that_is_gone_has_only_what_was_sent_to_it(data: Path) -> None:
    async with open_house(data) as house:
        for stream in (HALL, GLOBAL_STREAM, character_stream("ghost")):
            await house.say(stream, stream)
        replay = await house.replays.since("ghost", 0, 3)
        assert [publication.event.stream for publication, _ in replay.events] == [GLOBAL_STREAM, character_stream("ghost")]


# ---- What is left out ------------------------------------------------------------------------------------------------


async def test_they_know_that_they_came_and_went_themselves(data: Path) -> None:
    async with open_house(data) as house:
        for event_type in ("disconnect", "connect"):
            for who in ("bob", "robin", "alice"):
                await house.say(HALL, f"{who} {event_type}", by=who, event_type=event_type)
        await house.say(HALL, "robin talks", by="robin")
        replay = await house.missed()
        assert [publication.text(role) for publication, role in replay.events] == [
            "alice disconnect",
            "alice connect",
            "robin talks",
        ]
        assert replay.missed == 3


async def test_how_they_stand_to_what_happened(data: Path) -> None:
    async with open_house(data) as house:
        await house.say(HALL, "mine", by="bob")
        await house.say(HALL, "hers")
        await house.say(character_stream("bob"), "to me")
        assert [role for _, role in (await house.missed()).events] == [Role.ACTOR, Role.OTHERS, Role.TARGET]


@pytest.mark.parametrize(("limit", "told"), [(0, []), (1, ["5"]), (3, ["3", "4", "5"]), (6, list("012345")), (7, list("012345"))])
async def test_of_too_much_the_oldest_is_left_out(data: Path, limit: int, told: list[str]) -> None:
    async with open_house(data, limit) as house:
        await house.listen("bob", PUBLIC)
        await house.walk("bob", "cellar")
        for number in range(6):
            await house.say((CELLAR, PUBLIC, character_stream("bob"))[number % 3], str(number))
        replay = await house.missed()
        assert [publication.text(role) for publication, role in replay.events] == told
        assert replay.missed == 6


async def test_a_disk_that_cannot_be_read_is_told_of(data: Path) -> None:
    async with open_house(data) as house:
        await house.say(HALL, "one")
    with pytest.raises(StorageError):
        await house.missed()


# ---- As text ---------------------------------------------------------------------------------------------------------

RENDERER = Renderer({"silent": Templates.parse(others="")})


def replay_of(*texts: str, event_type: str = "say") -> Replay:
    """Events that read so."""
    events = [
        Event("id", HALL, event_type, 0, ActorKind.CHARACTER, "alice", "Alice", {"text": text}, sequence=number)
        for number, text in enumerate(texts, 1)
    ]
    return Replay([(Publication(event, RENDERER, replayed=True), Role.OTHERS) for event in events], len(events), len(events))


def test_nothing_to_read_is_no_replay() -> None:
    assert replay_text(replay_of()) is None
    assert replay_text(replay_of("a", "b", event_type="silent")) is None


def test_between_two_marks() -> None:
    assert replay_text(replay_of("a")) == "--- 1 missed event ---\na\n--- end of replay ---"
    assert replay_text(replay_of("a", "b\nc")) == "--- 2 missed events ---\na\nb\nc\n--- end of replay ---"


@given(st.lists(st.tuples(st.sampled_from("aé☃𝄞"), st.integers(1, 4_000)), max_size=30))
@example([("a", 16_384)] * 4)
@example([("a", 16_380)] * 4)  # exactly as much as fits
@example([("a", 16_380)] * 5)
@example([("a", 16_381)] * 4)
@example([("𝄞", 4_000)] * 30)
def test_a_text_is_the_longest_end_that_fits(pieces: list[tuple[str, int]]) -> None:
    # Each of them reads differently, so that it is seen which are told.
    lines = [f"{number}:{character * count}" for number, (character, count) in enumerate(pieces)]
    lines = [line.encode()[:16_384].decode(errors="ignore") for line in lines]
    text = replay_text(replay_of(*lines))
    if not lines:
        assert text is None
        return
    assert text is not None
    heading, *told, end = text.split("\n")
    assert told == lines[-len(told) :]
    assert heading == ("--- 1 missed event ---" if len(told) == 1 else f"--- {len(told)} missed events ---")
    assert end == "--- end of replay ---"
    # A line ends in two bytes where it is sent.
    size = sum(len(line.encode()) + 2 for line in told)
    assert size <= REPLAY_BYTES
    if len(told) < len(lines):
        assert size + len(lines[-len(told) - 1].encode()) + 2 > REPLAY_BYTES

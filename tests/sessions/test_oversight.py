"""What plugins see of everybody in play, and what they can have done to them: real presences, clients that keep what they get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
import trio
import trio.testing

from holomush import __version__
from holomush.commands.access import Access
from holomush.database.store import open_store
from holomush.events.bus import Bus, Encoding, Publication
from holomush.events.render import Role
from holomush.net.client import BaseClient
from holomush.sessions.client import Farewell
from holomush.sessions.oversight import Oversight
from holomush.sessions.presence import Presences, Told
from holomush.text.display import Display
from holomush.world.model import Character, Exit, GameObject, Kind, Location
from holomush.world.state import World


class Plain(BaseClient[str]):
    """A connection that keeps what is sent to it."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.sent = ""
        self.caught_up = True
        self.arrived_mark = 0
        self.hung_up = False

    def _encoding_for(self, display: Display) -> Encoding[str]:
        return PLAIN

    def _put(self, data: str, mark: int = 0) -> None:
        assert not self.hung_up
        self.sent += data

    def _hang_up(self) -> None:
        self.hung_up = True

    def ask_secret(self, prompt: str) -> None:
        """Nobody looks."""

    def secret_given(self) -> None:
        """Nobody looks."""


class _PlainText:
    def text(self, text: str) -> str:
        return f"{text}\n"

    def event(self, publication: Publication, role: Role) -> str | None:
        text = publication.text(role)
        return None if text is None else f"{text}\n"


PLAIN = _PlainText()


@attrs.define
class Chair:
    """The way of a connection through the game, as far as others ask something of it."""

    character_id: str | None
    client: Plain = attrs.Factory(Plain)
    asked: list[str] = attrs.Factory(list)

    @property
    def is_final(self) -> bool:
        """Whether it was hung up on for good."""
        return self.client.farewell is not None and self.client.farewell.is_final

    def change_to(self, character_id: str) -> None:
        """Note it."""
        self.asked.append(character_id)

    def end(self, farewell: Farewell, text: str) -> None:
        """Hang up."""
        self.client.close(farewell, text)

    def give_way(self) -> Told:
        """Hang up, too. It was told nothing."""
        self.end(Farewell.ELSEWHERE, "")
        return Told(0, 0)


@attrs.frozen
class Play:
    """People in play, and the one who looks on."""

    presences: Presences
    world: World
    bus: Bus
    oversight: Oversight

    def enter(self, name: str, *, access: Access = Access.PLAYER, connections: int = 1) -> list[Plain]:
        """Somebody comes in."""
        presence = self.presences.enter(name.lower())
        presence.access = access
        listeners = [Plain() for _ in range(connections)]
        presence.clients += listeners
        for listener in listeners:
            self.presences.seats[f"S{len(self.presences.seats) + 1}"] = Chair(presence.character_id, listener)
        return listeners


@asynccontextmanager
async def playing(data: Path) -> AsyncIterator[Play]:
    """A place with three characters whom nobody plays yet."""
    world = World(
        [
            Location(id="place", name="Here"),
            Exit(id="door", name="door", source_id="place", destination_id="place"),
            GameObject(id="lamp", name="lamp", holder_id="place", holder_kind=Kind.LOCATION),
            GameObject(id="hat", name="hat", holder_id="alice", holder_kind=Kind.CHARACTER),
            *(Character(id=n.lower(), name=n, player_id="p", location_id="place") for n in ("Alice", "Bob", "Carol")),
        ]
    )
    async with open_store(data / "holomush.db") as store:
        bus = Bus()
        presences = Presences(store, bus)
        yield Play(presences, world, bus, Oversight(presences, world, bus))


async def test_nobody_is_in_play(data: Path) -> None:
    async with playing(data) as play:
        assert play.oversight.sessions() == []
        play.oversight.tell_everybody("hello")
        play.oversight.tell_admins("hello")
        play.oversight.boot("alice", "hello")


async def test_everybody_in_play_longest_here_first(data: Path) -> None:
    async with playing(data) as play:
        for name, connections in (("Alice", 1), ("Bob", 2), ("Carol", 1)):
            play.enter(name, connections=connections)
        for character_id, at in (("alice", 3000.25), ("bob", 1000.0), ("carol", 2000.0)):
            presence = play.presences.get(character_id)
            assert presence is not None
            presence.connected_at = at
            presence.last_input -= 100 if character_id == "bob" else -1000  # the clock was set back
        sessions = play.oversight.sessions()
    rest = {"idle_seconds": 0, "access": "player", "addresses": ["memory"]}
    assert [dict(session) | {"idle_seconds": 0} for session in sessions] == [
        {"character_id": "bob", "character_name": "Bob", "connected_at": 1_000_000, "connections": 2, **rest},
        {"character_id": "carol", "character_name": "Carol", "connected_at": 2_000_000, "connections": 1, **rest},
        {"character_id": "alice", "character_name": "Alice", "connected_at": 3_000_250, "connections": 1, **rest},
    ]
    assert 100 <= sessions[0]["idle_seconds"] < 160
    assert [session["idle_seconds"] for session in sessions[1:]] == [0, 0]


async def test_where_somebody_comes_from_each_address_once_and_what_they_may_do(data: Path) -> None:
    async with playing(data) as play:
        listeners = play.enter("Alice", access=Access.BUILDER, connections=3)
        for listener, address in zip(listeners, ("192.0.2.9", "192.0.2.10", "192.0.2.9"), strict=True):
            listener.address = address
        (session,) = play.oversight.sessions()
    assert (session["access"], session["addresses"]) == ("builder", ["192.0.2.10", "192.0.2.9"])


async def test_what_somebody_may_do_while_they_play(data: Path) -> None:
    async with playing(data) as play:
        play.enter("Alice", access=Access.BUILDER)
        assert play.oversight.access("alice") is Access.BUILDER
        assert play.oversight.access("bob") is None


async def test_a_character_that_is_gone_is_left_out(data: Path) -> None:
    async with playing(data) as play:
        play.enter("Alice")
        play.enter("Bob")
        play.world.apply({"alice": None})
        assert [session["character_id"] for session in play.oversight.sessions()] == ["bob"]


async def test_figures(data: Path) -> None:
    async with playing(data) as play:
        play.enter("Alice", connections=2)
        play.presences.commands = 7
        play.bus.sequence = 30
        stats = dict(play.oversight.stats())
    assert 0 <= stats.pop("uptime_seconds") < 60
    assert 0 < stats.pop("events_per_second") <= 30
    counts = {"sessions": 1, "commands": 7, "events": 30, "locations": 1, "exits": 1, "characters": 3, "objects": 2}
    assert stats == {"version": __version__, **counts}


async def test_events_of_before_the_start_do_not_count(data: Path) -> None:
    world = World()
    async with open_store(data / "holomush.db") as store:
        bus = Bus()
        bus.sequence = 1_000_000
        stats = Oversight(Presences(store, bus), world, bus).stats()
    assert (stats["events"], stats["events_per_second"]) == (0, 0.0)


async def test_events_a_second_are_those_of_the_last_minute(
    data: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holomush.sessions.oversight.time", SimpleNamespace(monotonic=trio.current_time, time=trio.current_time))
    async with playing(data) as play:
        oversight = Oversight(play.presences, play.world, play.bus)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(oversight.keep_counting)
            await trio.sleep(0.5)
            play.bus.sequence += 10
            assert oversight.stats()["events_per_second"] == 10.0  # half a second is too short to tell
            await trio.sleep(19.5)
            assert oversight.stats()["events_per_second"] == 0.5
            await trio.sleep(60)
            assert (oversight.stats()["events"], oversight.stats()["events_per_second"]) == (10, 0.0)
            nursery.cancel_scope.cancel()


async def test_a_connection_is_asked_to_go_on_as_another(data: Path) -> None:
    async with playing(data) as play:
        chair = Chair("alice")
        play.presences.seats["S1"] = chair
        assert (play.oversight.played_by("S1"), play.oversight.played_by("S2")) == ("alice", None)
        play.oversight.switch("S1", "bob")
        play.oversight.switch("S2", "bob")
    assert chair.asked == ["bob"]


async def test_the_number_of_the_last_event_told(data: Path) -> None:
    async with playing(data) as play:
        play.bus.sequence = 12
        assert play.oversight.sequence() == 12
        assert not play.oversight.is_connected("alice")
        play.enter("Alice")
        assert play.oversight.is_connected("alice")


async def test_reading_is_safe_while_people_come_and_go(data: Path) -> None:
    async with playing(data) as play:
        over = False

        def read() -> None:
            for _ in range(500):
                assert len(play.oversight.sessions()) <= 3
                assert play.oversight.stats()["sessions"] <= 3

        async def come_and_go() -> None:
            while not over:
                for name in ("Alice", "Bob", "Carol"):
                    play.enter(name)
                await trio.lowlevel.checkpoint()
                for presence in play.presences:
                    play.presences.leave(presence)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(come_and_go)
            try:
                await trio.to_thread.run_sync(read)
            finally:
                over = True


async def test_everybody_is_told_on_every_connection(data: Path) -> None:
    async with playing(data) as play:
        listeners = [*play.enter("Alice", connections=2), *play.enter("Bob", access=Access.GUEST)]
        play.oversight.tell_everybody("The sky falls.")
    assert [listener.sent for listener in listeners] == ["The sky falls.\n"] * 3


async def test_only_admins_are_told_what_is_for_them(data: Path) -> None:
    async with playing(data) as play:
        (alice,), (bob,) = play.enter("Alice", access=Access.ADMIN), play.enter("Bob", access=Access.BUILDER)
        (carol,) = play.enter("Carol")
        play.oversight.tell_admins("A plugin is ill.")
    assert [alice.sent, bob.sent, carol.sent] == ["A plugin is ill.\n", "", ""]


async def test_who_is_booted_is_told_why_and_hung_up_on_everywhere(data: Path) -> None:
    async with playing(data) as play:
        alice, (bob,) = play.enter("Alice", connections=2), play.enter("Bob")
        play.oversight.boot("alice", "Too loud.")
    assert [(listener.sent, listener.hung_up) for listener in alice] == [("You are disconnected: Too loud.\n", True)] * 2
    assert [listener.farewell for listener in alice] == [Farewell.BOOTED] * 2
    assert (bob.sent, bob.hung_up) == ("", False)


async def test_without_a_reason_none_is_given(data: Path) -> None:
    async with playing(data) as play:
        (alice,) = play.enter("Alice")
        play.oversight.boot("alice", "")
    assert (alice.sent, alice.hung_up) == ("You are disconnected.\n", True)

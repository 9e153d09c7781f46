"""The surroundings as data: told soon after each change, once for all of a moment, and only to those who are there."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from support.game import ADMIN_PASSWORD, running_server
from support.websocket import Socket, websockets

from holomush.plugins.guests.guest import SourceRuntime


def names(place: dict[str, Any], kind: str) -> list[str]:
    return [one["name"] for one in place[kind]]


async def place_with(socket: Socket, kind: str, name: str) -> dict[str, Any]:
    """The next surroundings with something of this name in it."""
    while name not in names(place := await socket.until("place"), kind):
        pass
    return place


async def test_what_is_told(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        playing = await bob.enter("Bob", new=True)
        [place] = [message for message in bob.seen if message["type"] == "place"]
        alice_id = server.running.game.world.character_named("Alice")
        assert alice_id is not None
        assert place == {
            "type": "place",
            "place": {"id": "01K0000000000000000000SQAR", "name": "The Lantern Square"},
            "exits": [
                {"id": "01K0000000000000000000XS2G", "name": "north", "aliases": ["n", "garden"]},
                {"id": "01K0000000000000000000XS2T", "name": "up", "aliases": ["u", "tower"]},
                {"id": "01K0000000000000000000XS2C", "name": "east", "aliases": ["e", "canyon"]},
            ],
            "people": place["people"],
            "things": place["things"],
        }
        people = {one["name"]: one for one in place["people"]}
        assert people["Alice"] == {"id": alice_id.id, "name": "Alice", "connected": True}
        assert people["Bob"] == {"id": playing["character"]["id"], "name": "Bob", "connected": True}
        assert names(place, "things") == ["a stone fountain"]
        await alice.hang_up()
        left = await bob.until("place")
        assert {one["name"]: one["connected"] for one in left["people"]}["Alice"] is False


async def test_changes_are_told_to_those_who_are_there(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        bob, carol = await web.create("Bob"), await web.create("Carol")
        await place_with(bob, "people", "Carol")
        await carol.line("north")
        assert (await carol.until("place"))["place"]["name"] == "The Walled Garden"
        assert "Carol" not in names(await bob.until("place"), "people")
        await carol.till_quiet()
        start = len(carol.seen)
        await admin.do("create a lamp")
        await admin.do("drop lamp")
        assert "lamp" in names(await place_with(bob, "things", "lamp"), "things")
        await admin.do("open hatch to The Walled Garden")
        await place_with(bob, "exits", "hatch")
        await admin.do("rename hatch=trapdoor")
        assert "hatch" not in names(await place_with(bob, "exits", "trapdoor"), "exits")
        await admin.do("take lamp")
        assert "lamp" not in names(await bob.until("place"), "things")
        await carol.till_quiet()
        assert [one for one in carol.seen[start:] if one["type"] == "place"] == []


async def test_many_changes_of_a_moment_are_told_once(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        bob = await web.create("Bob")
        for number in range(40):
            await admin.do(f"create pebble{number}")
        await bob.till_quiet()
        sights = server.running.game.sights
        start = len(bob.seen)
        await admin.type(*(f"drop pebble{number}" for number in range(40)))
        place = await place_with(bob, "things", "pebble39")
        assert names(place, "things")[-40:] == [f"pebble{number}" for number in range(40)]
        told = [one for one in bob.seen[start:] if one["type"] == "place"]
        assert len(told) < 20
        for one, other in pairwise(told):
            assert one != other
        # What is as it was is not told again.
        sights.touch("01K0000000000000000000SQAR")
        await admin.do("create lamp")
        await admin.do("drop lamp")
        assert "lamp" in names(await bob.until("place"), "things")


async def test_terminals_are_told_nothing(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice, bob = await web.dial("terminal.mudstandards.org"), await server.create("Bob")
        await alice.send(b"create Alice password")
        while b"up  east" not in (frame := await alice.frame()):
            assert isinstance(frame, bytes)
        await bob.do("north")
        await bob.do("south")
        await alice.send(b"think so")
        while (frame := await alice.frame()) != b"so\r\n":
            assert isinstance(frame, bytes)
            assert b"{" not in frame

"""inventory, get, drop, give and put: what everybody sees, several who want one thing, full places and many locks.

What each command answers is in the plugin's own ``tests.yaml``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from support.game import Player, running_server

from game.hostile import everything
from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.testing import PluginTestHarness
from holomush.world.transaction import CONTENTS_LIMIT

FOLDER = bundled.PLUGINS / "holomush-objects"
HERE = "01K0000000000000000000HERE"
NOTHING_SPECIAL = "You see nothing special.\n"


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world of one hall where things lie about."""
    names = ["brass lamp", "The Crown", "a lamp", "bag", "coin", "coin", "Épée d'or", "Bob's hat"]
    world = {
        "start": HERE,
        "locations": [{"id": HERE, "name": "The Hall"}],
        "exits": [{"id": f"{HERE[:-1]}X", "name": "out", "source": HERE, "destination": HERE}],
        "objects": [{"id": f"{HERE[:-1]}{n}", "name": name, "location": HERE} for n, name in enumerate(names)],
    }
    path = tmp_path / "world.yaml"
    path.write_text(json.dumps(world), encoding="utf-8")
    monkeypatch.setattr(bundled, "STARTER_WORLD", path)


async def answer(player: Player, line: str, told: dict[Player, str]) -> None:
    """Type a line and note what comes of it."""
    told[player] = await player.do(line)


# ---- What everybody sees ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hall")
async def test_what_each_one_sees(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol = [await server.create(name) for name in ("Alice", "Bob", "Carol")]
        for player, missed in ((alice, 2), (bob, 1)):
            for _ in range(missed):
                await player.read_until("has connected.\n")
        for typed, answered, seen in (
            ("inventory", "You aren't carrying anything.\n", ""),
            ("get brass", "Taken.\n", "Alice takes the brass lamp.\n"),
            ("take a lamp", "Taken.\n", "Alice takes a lamp.\n"),
            ("GET CROWN", "Taken.\n", "Alice takes The Crown.\n"),
            ("get hat", "Taken.\n", "Alice takes Bob's hat.\n"),
            ("get E\u0301PE\u0301E", "Taken.\n", "Alice takes Épée d'or.\n"),
            ("get 2.coin", "Taken.\n", "Alice takes the coin.\n"),
            ("put coin in bag", "Put into the bag.\n", "Alice puts the coin into the bag.\n"),
            ("put the crown into bag", "Put into the bag.\n", "Alice puts The Crown into the bag.\n"),
            ("get coin from bag", "Taken.\n", "Alice takes the coin from the bag.\n"),
            ("get bag", "Taken.\n", "Alice takes the bag.\n"),
            (
                "give coin to bob",
                "Given to Bob.\n",
                {"Bob": "Alice gives you the coin.\n", "Carol": "Alice gives the coin to Bob.\n"},
            ),
            (
                "give bob=hat",
                "Given to Bob.\n",
                {"Bob": "Alice gives you Bob's hat.\n", "Carol": "Alice gives Bob's hat to Bob.\n"},
            ),
            ("drop brass lamp", "Dropped.\n", "Alice drops the brass lamp.\n"),
            ("inv", "You are carrying:\na lamp\nÉpée d'or\nbag, holding The Crown\n", ""),
            (
                "drop all",
                "a lamp: dropped.\nÉpée d'or: dropped.\nbag: dropped.\n",
                "Alice drops a lamp.\nAlice drops Épée d'or.\nAlice drops the bag.\n",
            ),
            ("i", "You aren't carrying anything.\n", ""),
            ("drop lamp", "You aren't carrying anything.\n", ""),
            ("get dragon", "There is no dragon here.\n", ""),
            ("give coin", "Usage: give <thing> to <person>    or    give <person>=<thing>\n", ""),
        ):
            assert await alice.do(typed) == answered
            for player, name in ((bob, "Bob"), (carol, "Carol")):
                told = seen if isinstance(seen, str) else seen[name]
                assert await player.do("look me") == f"{told}{name}\n{NOTHING_SPECIAL}"
        assert await bob.do("inventory") == "You are carrying:\ncoin\nBob's hat\n"


@pytest.mark.usefixtures("hall")
async def test_what_one_carries_goes_along_and_stays_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.do("get crown")
        await alice.do("get bag")
        await alice.do("put crown in bag")
        await alice.do("out")
        assert await alice.do("i") == "You are carrying:\nbag, holding The Crown\n"
    async with running_server(data, runtime) as server:
        alice, _ = await server.come_back("Alice")
        assert await alice.do("i") == "You are carrying:\nbag, holding The Crown\n"


@pytest.mark.usefixtures("hall")
async def test_what_a_guest_carries_stays_here(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, guest = await server.create("Alice"), await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\nout\n")
        assert await guest.do("get crown") == "Taken.\n"
        await guest.type("QUIT")
        await guest.read_to_end()
        await alice.read_until("Guest1 has disconnected.\n")
        assert await alice.do("get crown") == "Taken.\n"


# ---- Several at once -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hall")
async def test_of_two_who_take_one_thing_at_once_one_has_it(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        for _ in range(20):
            told: dict[Player, str] = {}
            async with trio.open_nursery() as nursery:
                nursery.start_soon(answer, alice, "get brass", told)
                nursery.start_soon(answer, bob, "get brass", told)
            winner, loser, name = (alice, bob, "Alice") if told[alice] == "Taken.\n" else (bob, alice, "Bob")
            assert told[winner] == "Taken.\n"
            assert told[loser] == f"{name} takes the brass lamp.\nThere is no brass here.\n"
            assert await winner.do("drop brass") == "Dropped.\n"
            await loser.read_until(f"{name} drops the brass lamp.\n")
        await everything(server)


@pytest.mark.usefixtures("hall")
async def test_a_crowd_that_takes_and_drops_everything_loses_nothing(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        players = [await server.create(name) for name in ("Alice", "Bob", "Carol", "Dora")]
        before = set(server.running.game.world.contents(HERE).objects)
        for line in ("get all", "put all in bag", "get all from bag", "drop all") * 3:
            async with trio.open_nursery() as nursery:
                for player in players:
                    nursery.start_soon(answer, player, line, {})
        for player in players:
            await player.do("get all from bag")
            await player.do("drop all")
        assert set(server.running.game.world.contents(HERE).objects) == before
        await everything(server)


# ---- Much ------------------------------------------------------------------------------------------------------------


def test_much_is_taken_and_dropped_in_parts(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        for number in range(120):
            harness.world.add_object(f"pebble {number}")
        for first, more in ((0, 70), (50, 20)):
            result = harness.run_command("get all")
            assert result.lines == [
                *(f"pebble {number}: taken." for number in range(first, first + 50)),
                f"That was as much as you can do at once. There are {more} more.",
            ]
            assert len(result.emitted_events) == 50
        assert len(harness.run_command("get all").lines) == 20
        assert harness.run_command("get all").output == "There is nothing here to take."
        # With so many things nothing is looked into; a name that fits all of them is asked about all the same.
        assert harness.run_command("inventory").lines == ["You are carrying:", *(f"pebble {number}" for number in range(120))]
        asked = ", ".join(f"pebble {number}" for number in range(20))
        assert harness.run_command("drop pebble").output == f"Which one: {asked}, or one of 100 more?"
        assert harness.run_command("drop 120.pebble").output == "Dropped."
        assert [each.name for each in harness.world.contents("The Square")[2:]] == ["pebble 119"]


def test_full_hands_a_full_place_and_a_full_box(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        world = harness.world
        box = world.add_object("box")
        world.add_object("feather")
        world.add_object("straw", at="Bob")
        for number in range(CONTENTS_LIMIT):
            world.add_object(f"pebble {number}", at="Alice")
            world.add_object(f"bead {number}", at=box)
        assert harness.run_command("get feather").output == "You can't carry any more."
        assert harness.run_command("get bead 7 from box").output == "You can't carry any more."
        assert harness.run_command("give straw to alice", "Bob").output == "That is more than Alice can carry."
        refusal = "there are 500 objects in that place already, and no more fit"
        assert harness.run_command("put pebble 7 in box").output == f"It doesn't fit: {refusal}."
        assert harness.run_command("get all").lines == [
            "box: you can't carry any more.",
            "feather: you can't carry any more.",
        ]
        for number in range(CONTENTS_LIMIT - 2):
            world.add_object(f"leaf {number}")
        result = harness.run_command("drop pebble 499")
        assert result.output == "There is no room for more here."
        assert result.emitted_events == []
        assert len(harness.run_command("inventory").lines) == 501


def test_things_that_stay_are_not_in_the_way_of_the_others(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        for number in range(CONTENTS_LIMIT - 60):
            harness.world.add_object(f"rock {number}", lock="Carol | key 7 & !Bob")
        for number in range(60):
            harness.world.add_object(f"pebble {number}")
        assert [len(harness.run_command("get all", "Bob").emitted_events) for _ in range(2)] == [50, 10]
        assert harness.run_command("get all", "Bob").output == "There is nothing here to take."
        assert harness.run_command("get rock 439", "Bob").output == "You can't take the rock 439."
        harness.world.add_object("key 7", at="Alice")
        taken = [len(harness.run_command("get all").emitted_events) for _ in range(9)]
        assert taken == [50] * 8 + [40]


def test_a_fault_of_the_server_is_no_full_place(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER, capabilities=["read:*", "emit:*"]) as harness:
        harness.world.add_object("feather")
        with harness.expect_denied("write:objects"):
            result = harness.run_command("get feather", check=False)
        assert result.output is None
        assert "capability_denied" in str(result.error)

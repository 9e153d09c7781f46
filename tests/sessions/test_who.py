"""The list of who is playing, at a time that the test chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from holomush.database.store import open_store
from holomush.events.bus import Bus
from holomush.sessions.presence import Presences
from holomush.sessions.who import who_list
from holomush.world.model import Character, Location
from holomush.world.state import World

PLACE = Location(id="place", name="Here")
HEADER = "Player Name                On For  Idle"


def character(name: str) -> Character:
    return Character(id=name, name=name, player_id="player", location_id="place")


@pytest.mark.parametrize("plain", [False, True])
async def test_nobody(data: Path, *, plain: bool) -> None:
    async with open_store(data / "holomush.db") as store:
        lines = who_list(Presences(store, Bus()), World(), 0, plain=plain).splitlines()
    assert lines == [*([] if plain else [HEADER]), "No players are connected."]


@pytest.mark.parametrize(
    ("on_for", "idle", "shown"),
    [
        (0, 0, ["00:00", "0s"]),
        (59.9, 59.9, ["00:00", "59s"]),
        (60, 60, ["00:01", "1m"]),
        (3600 + 23 * 60, 3599, ["01:23", "59m"]),
        (86_399, 3600, ["23:59", "1h"]),
        (86_400, 86_399, ["1d", "00:00", "23h"]),
        (10 * 86_400 + 3600, 86_400, ["10d", "01:00", "1d"]),
        (-5, -5, ["00:00", "0s"]),  # the clock was set back
    ],
)
async def test_how_long_each_is_there(data: Path, on_for: float, idle: float, shown: list[str]) -> None:
    now = 2_000_000_000.0
    world = World([PLACE, character("Bob")])
    async with open_store(data / "holomush.db") as store:
        presences = Presences(store, Bus())
        bob = presences.enter("Bob")
        bob.connected_at, bob.last_input = now - on_for, now - idle
        lines = who_list(presences, world, now, plain=False).splitlines()
        spoken = who_list(presences, world, now, plain=True).splitlines()
    assert lines[1].split() == ["Bob", *shown]
    assert lines[2] == "One player is connected."
    assert spoken == [f"Bob, on for {' '.join(shown[:-1])}, idle {shown[-1]}", "One player is connected."]


async def test_those_longest_here_come_first_and_each_on_a_line(data: Path) -> None:
    names = ["Carol", "Alice", "A Name Of 24 Characters."]
    world = World([PLACE, *map(character, names)])
    async with open_store(data / "holomush.db") as store:
        presences = Presences(store, Bus())
        for number, name in enumerate(reversed(names)):
            presences.enter(name).connected_at = 100.0 - number
        presences.enter("destroyed meanwhile")
        lines = who_list(presences, world, 200, plain=False).splitlines()
        spoken = who_list(presences, world, 200, plain=True).splitlines()
    assert [line[:24].rstrip() for line in lines[1:-1]] == names
    assert all(line[24] == " " for line in lines[1:-1])
    assert [line.partition(",")[0] for line in spoken[:-1]] == names
    assert lines[-1] == spoken[-1] == "3 players are connected."

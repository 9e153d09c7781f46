"""What the server keeps besides the world: who hears what, timers, settings, and what goes with characters that are destroyed."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from holomush.auth.accounts import Player
from holomush.commands.access import Access
from holomush.database.migrations import migrate
from holomush.database.register import RegisterChanges
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.plugins.storage.registers import OFF, Listeners, Listening, Registers, Setting, Timer
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Location
from holomush.world.state import World

PLACE = Location(id="place", name="Here")


def character(name: str, player_id: str = "p1") -> Character:
    return Character(id=name.lower(), name=name, player_id=player_id, location_id="place")


def player(player_id: str) -> Player:
    return Player(id=player_id, name=player_id, name_key=player_id, access=Access.PLAYER)


ANNA, ALICE, BOB, CRIER = character("Anna"), character("Alice"), character("Bob", "p2"), character("Crier", GAME_PLAYER_ID)


def make_town() -> tuple[Registers, World]:
    """Anna and Alice of one player, Bob of another, and the crier of the game; Anna and Bob hear the town."""
    registers = Registers()
    registers.accounts.replace([player("p1"), player("p2"), player(GAME_PLAYER_ID)])
    registers.listeners.replace(
        [Listening("channel:town", "anna", 1), Listening("channel:town", "bob", 2), Listening("channel:b", "bob", 3)]
    )
    return registers, World([PLACE, ANNA, ALICE, BOB, CRIER])


def destroy(
    registers: Registers, world: World, *gone: Character, changes: RegisterChanges | None = None, **staged: Entity | None
) -> tuple[list[str], list[str]]:
    """Who is left, and who hears what, after these are gone."""
    changes = changes or RegisterChanges()
    everything = {**dict.fromkeys((one.id for one in gone), None), **staged}
    registers.leave_behind(list(gone), world, everything, changes)
    changes.apply()
    return (
        sorted(one.id for one in registers.accounts.values()),
        sorted(f"{one.character_id} {one.stream}" for one in registers.listeners.values()),
    )


BOTH = [GAME_PLAYER_ID, "p1", "p2"]

# ---- Listeners -------------------------------------------------------------------------------------------------------


def test_who_hears_what_both_ways() -> None:
    listeners = Listeners()
    listeners.apply({("s", "bob"): Listening("s", "bob", 5)})
    listeners.apply({("s", "anna"): Listening("s", "anna", 6), ("t", "bob"): Listening("t", "bob", 7)})
    assert listeners.of_stream("s") == ("bob", "anna")
    assert listeners.of_character("bob") == ("s", "t")
    assert (listeners.since("s", "bob"), listeners.since("s", "anna"), listeners.since("t", "anna")) == (5, 6, 0)
    listeners.apply({("s", "bob"): None})
    assert (listeners.of_stream("s"), listeners.of_character("bob")) == (("anna",), ("t",))
    listeners.apply({("s", "anna"): None, ("t", "bob"): None})
    assert (listeners.of_stream("s"), listeners.of_character("bob"), listeners.values()) == ((), (), ())


def test_whoever_begins_anew_is_there_once() -> None:
    listeners = Listeners()
    listeners.apply({("s", "bob"): Listening("s", "bob", 5)})
    listeners.apply({("s", "bob"): Listening("s", "bob", 9)})
    assert (listeners.of_stream("s"), listeners.of_character("bob"), listeners.since("s", "bob")) == (("bob",), ("s",), 9)


# ---- What goes with characters ---------------------------------------------------------------------------------------


def test_with_one_of_two_characters_the_player_stays() -> None:
    registers, world = make_town()
    assert destroy(registers, world, ANNA) == (BOTH, ["bob channel:b", "bob channel:town"])


def test_with_the_last_the_player_goes() -> None:
    registers, world = make_town()
    assert destroy(registers, world, BOB) == ([GAME_PLAYER_ID, "p1"], ["anna channel:town"])


def test_with_all_at_once_the_player_goes() -> None:
    registers, world = make_town()
    assert destroy(registers, world, ANNA, ALICE, BOB) == ([GAME_PLAYER_ID], [])


def test_the_games_own_player_stays() -> None:
    registers, world = make_town()
    assert destroy(registers, world, CRIER)[0] == BOTH


def test_a_character_that_is_made_in_the_same_breath_counts() -> None:
    registers, world = make_town()
    assert destroy(registers, world, BOB, ben=character("Ben", "p2"))[0] == BOTH


def test_what_the_same_call_wanted_for_them_is_not_kept() -> None:
    registers, world = make_town()
    changes = RegisterChanges()
    changes.of(registers.listeners).put(Listening("channel:new", "bob", 9))
    changes.of(registers.listeners).put(Listening("channel:new", "anna", 9))
    changes.of(registers.accounts).put(attrs.evolve(player("p2"), ban="x"))
    left = destroy(registers, world, BOB, changes=changes)
    assert left == ([GAME_PLAYER_ID, "p1"], ["anna channel:new", "anna channel:town"])


# ---- On disk ---------------------------------------------------------------------------------------------------------


async def test_everything_is_kept(data: Path) -> None:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        registers, again = Registers(), Registers()
        changes = RegisterChanges()
        payload = {"deep": [1, None, {"caf\u00e9": True}], "half": 0.5}
        changes.of(registers.timers).put(Timer("tester", "tick", 5_000, payload))
        changes.of(registers.timers).put(Timer("tester", "tock \U0001f600", 6_000, {}))
        changes.of(registers.settings).put(Setting(f"{OFF}tester", "on"))
        changes.of(registers.listeners).put(Listening("channel:town", "bob", 3))
        changes.of(registers.accounts).put(player("p1"))
        await store.write(changes.statements())
        changes.apply()
        await again.load(store)
        for one, other in zip(registers, again, strict=True):
            assert all(value in other.values() for value in one.values())
        assert again.timers.get(("tester", "tick")) == Timer("tester", "tick", 5_000, payload)
        assert again.listeners.of_character("bob") == ("channel:town",)
        assert (again.is_off("tester"), again.is_off("other")) == (True, False)


@pytest.mark.parametrize("key", ["start_location", "plugin", "other"])
def test_other_settings_switch_nothing_off(key: str) -> None:
    registers = Registers()
    registers.settings.replace([Setting(key, "on")])
    assert not registers.is_off(key)

"""Finding by name in the whole world: who may, whom it finds, and that it holds up nobody."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from holomush.plugins.calls import Call, CallMustWaitError
from holomush.plugins.functions.table import answer
from holomush.world.model import GameObject, Kind
from holomush.world.state import World
from plugins.functions.asking import BY_NAME, ask, envelope, refusal
from plugins.rooms import make_call, make_surroundings, make_world

ALL = [kind.value for kind in Kind]


def make_seeker(*capabilities: str, world: World | None = None) -> Call:
    """A call in the small world, in which Alice and Dora are connected."""
    surroundings = make_surroundings(connected=lambda: ["alice", "dora"])
    return make_call(*(capabilities or ("read:*",)), world=world, surroundings=surroundings)


def query(name: str, kinds: list[str]) -> dict[str, Any]:
    return {"name": name, "near": None, "kinds": kinds}


@pytest.mark.parametrize(
    ("name", "kinds", "found"),
    [
        ("dora", ["character"], ["dora"]),
        ("DOR", ["character"], ["dora"]),
        ("bob", ["character"], ["bob"]),  # by the whole name, connected or not
        ("bo", ["character"], []),
        ("bo", ALL, []),
        ("a", ["character"], ["alice"]),
        ("coin", ["object"], ["coin"]),
        ("co", ALL, ["coin"]),
        ("the", ["location"], ["square", "garden"]),
        ("2.the", ["location"], ["garden"]),
        ("n", ALL, ["north"]),
        ("dora", ["object"], []),
        ("me", ALL, []),
        ("here", ALL, []),
        ("", ALL, []),
        ("dora", [], []),
    ],
)
def test_find_anywhere(name: str, kinds: list[str], found: list[str]) -> None:
    assert [entity["id"] for entity in ask(make_seeker(), "find", query(name, kinds))] == found


def test_it_needs_a_capability_of_its_own() -> None:
    call = make_seeker("read:objects", "read:characters")
    denied = ("capability_denied", "the plugin has no capability read:everywhere: add it to capabilities in plugin.yaml")
    assert refusal(call, "find", query("coin", ["object"])) == denied
    call = make_seeker("read:everywhere")
    denied = ("capability_denied", "the plugin has no capability read:objects: add it to capabilities in plugin.yaml")
    assert refusal(call, "find", query("coin", ["object"])) == denied


def test_at_most_a_hundred_are_given() -> None:
    world = make_world()
    pins = [GameObject(id=f"pin{n}", name="pin", holder_id="square", holder_kind=Kind.LOCATION) for n in range(150)]
    world.apply({pin.id: pin for pin in pins})
    call = make_seeker(world=world)
    assert [entity["id"] for entity in ask(call, "find", query("pin", ["object"]))] == [f"pin{n}" for n in range(100)]
    assert [entity["id"] for entity in ask(call, "find", query("120.pin", ["object"]))] == ["pin119"]


def test_only_what_is_found_counts_as_read() -> None:
    world = make_world()
    call = make_seeker(world=world)
    ask(call, "find", query("coin", ["object"]))
    ask(call, "find", query("dora", ["character"]))
    lamp, coin = world.get("lamp"), world.get("coin")
    assert lamp is not None
    assert coin is not None
    world.apply({"lamp": attrs.evolve(lamp, name="torch")})
    assert call.attempt.is_current()
    world.apply({"coin": attrs.evolve(coin, name="penny")})
    assert not call.attempt.is_current()


def test_the_calls_own_changes_count() -> None:
    call = make_seeker("read:*", "write:*")
    ask(call, "create_object", {"name": "sceptre", "place": {"location": "garden"}})
    ask(call, "update_object", "lamp", {"name": "torch"})
    ask(call, "destroy_object", "coin")
    made = ask(call, "create_character", {"name": "Carl", "location_id": "garden"})
    assert [entity["name"] for entity in ask(call, "find", query("scep", ["object"]))] == ["sceptre"]
    assert [entity["id"] for entity in ask(call, "find", query("torch", ["object"]))] == ["lamp"]
    assert ask(call, "find", query("lamp", ["object"])) == []
    assert ask(call, "find", query("coin", ["object"])) == []
    assert [entity["id"] for entity in ask(call, "find", query("carl", ["character"]))] == [made["id"]]
    ask(call, "update_character", made["id"], {"name": "Cuno"})
    assert ask(call, "find", query("carl", ["character"])) == []


def test_a_quick_call_looks_for_characters_only() -> None:
    call = make_seeker()
    call.is_quick = True
    assert [entity["id"] for entity in ask(call, "find", query("dora", ["character"]))] == ["dora"]
    assert answer(BY_NAME["find"], call, ['{"name": "coin", "near": null, "kinds": ["object"]}']) is None
    assert isinstance(call.doom, CallMustWaitError)
    assert call.too_slow


def test_a_search_ends_with_its_call() -> None:
    call = make_seeker()
    call.overdue = True
    reply = envelope(call, "find", query("coin", ["object"]))
    assert reply == {"ok": False, "error": {"code": "timeout", "message": "the search was stopped"}}

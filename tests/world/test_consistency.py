"""Whether a world is in order: one that is has no problems, and each way in which it may not be has a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from holomush.world.consistency import problems
from holomush.world.model import Character, Contents, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World


def make_entities() -> list[Entity]:
    """Two places with a way between them, somebody with a bag, and a coin in it."""
    return [
        Location(id="l1", name="Square", owner_id="c1"),
        Location(id="l2", name="Garden"),
        Exit(id="e1", name="north", source_id="l1", destination_id="l2"),
        Character(id="c1", name="Alice", player_id="p", location_id="l1"),
        GameObject(id="o1", name="bag", holder_id="c1", holder_kind=Kind.CHARACTER, attributes={("a", "x"): 1}),
        GameObject(id="o2", name="coin", holder_id="o1", holder_kind=Kind.OBJECT),
    ]


def test_a_world_in_order() -> None:
    assert problems(make_entities(), World(make_entities())) == []
    assert problems([], World()) == []


def changed(entity_id: str, **fields: Any) -> list[Entity]:
    return [attrs.evolve(e, **fields) if e.id == entity_id else e for e in make_entities()]


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (make_entities()[:-1], ["object o2 (coin) is in memory and not on disk"]),
        ([*make_entities(), Location(id="l3", name="Attic")], ["location l3 (Attic) is on disk and not in memory"]),
        (changed("l2", name="Gardens"), ["location l2 (Gardens): name is 'Gardens' on disk and 'Garden' in memory"]),
        (changed("o1", attributes={}), ["object o1 (bag): attributes is {} on disk and {('a', 'x'): 1} in memory"]),
        (
            [*make_entities()[:-1], Location(id="o2", name="coin")],
            ["location o2 (coin): kind is location on disk and object in memory"],
        ),
    ],
)
def test_what_differs_from_the_disk(stored: list[Entity], found: list[str]) -> None:
    assert problems(stored, World(make_entities())) == found


@pytest.mark.parametrize(
    ("entities", "found"),
    [
        (changed("c1", location_id="l9"), ["character c1 (Alice) is in l9, which is no location"]),
        (changed("e1", destination_id="c1"), ["exit e1 (north) leads to c1, which is no location"]),
        (changed("o1", holder_kind=Kind.LOCATION), ["object o1 (bag) is in c1, which is no location"]),
        (changed("l1", owner_id="o1"), ["location l1 (Square) belongs to o1, which is no character"]),
        (
            [*make_entities(), Character(id="c2", name="ALICE", player_id="p", location_id="l1")],
            ["character c1 (Alice) is not found by that name", "2 characters share the name 'alice'"],
        ),
        (
            changed("o1", holder_id="o2", holder_kind=Kind.OBJECT),
            [f"object {o} is inside of more than 2 things" for o in ("o1 (bag)", "o2 (coin)")],
        ),
        (
            [*make_entities(), *(GameObject(id=f"x{n}", name="x", holder_id="l2", holder_kind=Kind.LOCATION) for n in range(501))],
            ["l2 holds 501 objects, and there is room for 500"],
        ),
    ],
)
def test_what_does_not_fit_together(entities: list[Entity], found: list[str]) -> None:
    assert problems(entities, World(entities)) == found


def miscount(change: Callable[[dict[str, Contents]], None]) -> World:
    """A world whose lists have been tampered with, which nothing but a fault of the server's own can do."""
    world = World(make_entities())
    change(world._contents)
    return world


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda held: held.pop("o1"), ["object o2 (coin) is not among the objects in o1"]),
        (lambda held: held.pop("l2"), ["exit e1 (north) is no entrance of l2, where it leads"]),
        (lambda held: held.update(l2=attrs.evolve(held["l2"], objects=("o2",))), ["l2 holds the object o2, which is not there"]),
        (lambda held: held.update(o1=attrs.evolve(held["o1"], objects=("o2", "o2"))), ["o1 holds the same object twice"]),
        (
            lambda held: held.update(l1=attrs.evolve(held["l1"], entrances=("e1",))),
            ["l1 has the entrance e1, which does not lead there"],
        ),
    ],
)
def test_lists_that_are_wrong(change: Callable[[dict[str, Contents]], None], found: list[str]) -> None:
    assert problems(make_entities(), miscount(change)) == found

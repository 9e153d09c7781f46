"""Packages for programs of players: who wants which, and what is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.commands.access import Access
from holomush.events.bus import Publication
from holomush.events.event import ActorKind, Event
from holomush.events.render import Renderer, Role, Templates
from holomush.net.packages import (
    MODULES_LIMIT,
    Supports,
    packages_of_event,
    packages_of_playing,
    packages_of_sight,
    room_number,
)
from holomush.sessions.client import Playing
from holomush.sessions.sight import Person, Sight, Thing, Way
from holomush.world.model import Character

ROOM, OTHER = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"


def test_all_is_wanted_until_something_is_said() -> None:
    assert Supports().includes("Room.Info")
    assert Supports().hear("Core.Hello", {"client": "x"}) == Supports()


def test_set_add_and_remove() -> None:
    supports = Supports().hear("Core.Supports.Set", ["Char 1", "ROOM.Info 1"])
    assert all(map(supports.includes, ("Char.Name", "char", "Room.Info")))
    assert not any(map(supports.includes, ("Room.Players", "Comm.Channel.Text", "Chart")))
    supports = supports.hear("core.supports.add", ["Comm.Channel 1"])
    assert supports.includes("Comm.Channel.Text")
    assert supports.includes("Char.Name")
    supports = supports.hear("Core.Supports.Remove", ["Char"])
    assert not supports.includes("Char.Name")
    assert Supports().hear("Core.Supports.Set", []) == Supports(frozenset())
    assert not Supports(frozenset()).includes("Char.Name")
    assert Supports(frozenset()).includes("Core.Ping")  # asked for by itself


@pytest.mark.parametrize("data", [None, "Char 1", {"Char": 1}, 7])
def test_nonsense_changes_nothing(data: Any) -> None:
    before = Supports(frozenset({"char"}))
    assert before.hear("Core.Supports.Set", data) == before
    assert before.hear("Core.Supports.Frobnicate", ["Room 1"]) == before


def test_there_is_an_end_to_modules() -> None:
    supports = Supports().hear("Core.Supports.Set", [f"m{number}" for number in range(1_000)])
    assert supports.modules is not None
    assert len(supports.modules) == MODULES_LIMIT
    assert supports.hear("Core.Supports.Add", ["One.More"]) == supports


JSONS = st.recursive(st.none() | st.floats() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=8)


@given(st.lists(st.tuples(st.sampled_from(["Core.Supports.Set", "core.supports.add", "Core.Supports.Remove"]) | st.text(), JSONS)))
def test_anything_may_be_said(messages: list[tuple[str, Any]]) -> None:
    supports = Supports()
    for name, data in messages:
        supports = supports.hear(name, data)
        assert supports.modules is None or len(supports.modules) <= MODULES_LIMIT
        assert isinstance(supports.includes("Room.Info"), bool)


def publication(stream: str, package: str | None = None, **payload: Any) -> Publication:
    event = Event("id", stream, "said", 0, ActorKind.CHARACTER, "bob", "Bob", payload)
    packages = {} if package is None else {"said": package}
    return Publication(event, Renderer({"said": Templates.parse(others="{actor}: {text}", actor="")}, packages))


def test_a_line_on_a_channel_is_a_package() -> None:
    said = publication("channel:public", text="[red]hi[/] [[there]\x1b")
    expected = {"channel": "public", "talker": "Bob", "text": "Bob: hi [there]"}
    assert list(packages_of_event(said, Role.OTHERS, Supports())) == [("Comm.Channel.Text", expected)]
    assert list(packages_of_event(said, Role.ACTOR, Supports())) == []  # nothing to read
    assert list(packages_of_event(said, Role.OTHERS, Supports(frozenset({"room"})))) == []
    assert list(packages_of_event(publication("location:x", text="hi"), Role.OTHERS, Supports())) == []


def test_what_plugins_declare() -> None:
    shot = publication("location:x", "Game.Shot", damage=3)
    assert list(packages_of_event(shot, Role.OTHERS, Supports())) == [("Game.Shot", {"damage": 3})]
    assert list(packages_of_event(shot, Role.OTHERS, Supports(frozenset({"game"})))) == [("Game.Shot", {"damage": 3})]
    assert list(packages_of_event(shot, Role.OTHERS, Supports(frozenset({"room"})))) == []


def test_who_one_is() -> None:
    bob = Character(id="bob", name="Bob", player_id="p", location_id=ROOM, created_at=0)
    playing = Playing(character=bob, access=Access.BUILDER, commands=(), resumed=False, token=None, grace=1.0)
    assert packages_of_playing(playing) == [
        ("Char.Name", {"name": "Bob", "fullname": "Bob"}),
        ("Char.StatusVars", {"name": "Name", "role": "Role"}),
        ("Char.Status", {"name": "Bob", "role": "builder"}),
    ]


def test_where_one_is() -> None:
    people = (Person("b", "Bob", connected=True), Person("c", "Carol", connected=False))
    sight = Sight(ROOM, "Room", (Way("e", "north", ("n",), OTHER),), people, (Thing("t", "a lamp"),))
    number = room_number(ROOM)
    assert packages_of_sight(sight) == [
        ("Room.Info", {"num": number, "id": ROOM, "name": "Room", "area": "", "exits": {"north": number + 1}}),
        ("Room.Players", [{"name": "Bob", "fullname": "Bob"}]),
    ]


@given(st.text())
def test_any_id_has_a_number_of_31_bits(place_id: str) -> None:
    assert 0 <= room_number(place_id) < 2**31

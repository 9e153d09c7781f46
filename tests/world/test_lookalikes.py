"""Names that look the same though they are spelt differently, and who may have one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.world.lookalikes import look
from holomush.world.model import Character
from holomush.world.names import BadName, check_name
from holomush.world.state import World
from holomush.world.transaction import Transaction, WorldError


def character(name: str, id: str = "x") -> Character:  # noqa: A002 - the field's own word
    return Character(id=id, name=name, player_id="p", location_id="square")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Alice", "AIice"),  # a capital i
        ("Alice", "A1ice"),
        ("Joe", "J0e"),
        ("Bob", "\u0412\u043e\u042c"),  # wholly Cyrillic
        ("Oce", "\u041e\u0441\u0435"),
        ("mark", "rnark"),
        ("Zoe", "Zo\u00eb"),
        ("Alice", "Al\u00ed\u00e7e"),
        ("Alice", "Alice."),
        ("Alice", "A-lice"),
    ],
)
def test_what_looks_the_same(name: str, other: str) -> None:
    assert look(name) == look(other)


@pytest.mark.parametrize(("name", "other"), [("Alice", "Bob"), ("Anna", "Hanna"), ("Ann", "Anne"), ("Bob1", "Bob2")])
def test_what_looks_different(name: str, other: str) -> None:
    assert look(name) != look(other)


@given(st.text(max_size=24))
def test_a_look_is_its_own(text: str) -> None:
    assert look(look(text)) == look(look(look(text)))


def test_nobody_takes_a_name_that_passes_for_anothers() -> None:
    world = World([character("Alice", "alice")])
    found = world.namesake("AIice")
    assert found is not None
    assert found.id == "alice"
    with pytest.raises(WorldError, match="the name AIice looks like that of Alice"):
        Transaction(world).create(character("AIice"))
    world.apply({"alice": None})
    assert world.namesake("AIice") is None
    Transaction(world).create(character("AIice"))


def test_two_at_the_same_moment_do_not_get_names_that_look_the_same() -> None:
    world = World()
    first, second = Transaction(world), Transaction(world)
    first.create(character("Alice", "a"))
    second.create(character("AIice", "b"))
    world.apply(first.changes)
    assert not second.is_current()


def test_one_may_keep_and_respell_ones_own_name() -> None:
    world = World([character("Alice", "alice")])
    transaction = Transaction(world)
    transaction.update(character("ALICE", "alice"))
    assert transaction.is_current()


def test_vowels_that_are_marks_tell_names_apart() -> None:
    assert look("\u0930\u093e\u092e") != look("\u0930\u093e\u092e\u0942")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Alice says", "reads like the beginning of somebody's words"),
        ("Alice Whispers", "reads like the beginning"),
        ("The Alice", "begin with an article"),
        ("an alice", "begin with an article"),
    ],
)
def test_no_name_reads_like_a_line_about_somebody_else(name: str, problem: str) -> None:
    with pytest.raises(BadName, match=problem):
        check_name(name)


@pytest.mark.parametrize("name", ["Adrnin", "Ro0t", "ADMIN", "Operator"])
def test_nobody_passes_for_the_server(name: str) -> None:
    with pytest.raises(BadName, match="reserved"):
        check_name(name)

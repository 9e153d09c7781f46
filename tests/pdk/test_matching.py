"""holomush_pdk.matching: it reads names as the server's find does, and every name that it offers can be typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from holomush_pdk import Record
from holomush_pdk.matching import fitting, name_key, the, which_one, without_article
from hypothesis import given
from hypothesis import strategies as st

from holomush.world.matching import find_near
from holomush.world.model import Character, Exit, GameObject, Kind, Location
from holomush.world.names import name_key as key_in_the_core
from holomush.world.state import World
from holomush.world.transaction import Transaction

WORDS = st.sampled_from(
    ["red", "Red", "RED", "bag", "big", "b", "2.bag", "İstanbul", "\u0131stanbul", "straße", "STRASSE", "é", "e\u0301", "ﬁ", "fi"]
)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
NUMBERED = st.tuples(st.integers(0, 5), NAMES).map(lambda pair: f"{pair[0]}.{pair[1]}")
QUERIES = st.one_of(NAMES, NUMBERED, st.one_of(NAMES, NUMBERED).map('"{}"'.format), st.sampled_from(['"', '""', '" "', ""]))


def things_named(names: Sequence[str]) -> list[Record]:
    return [Record(id=str(number), name=name) for number, name in enumerate(names)]


# ---- As in the server ------------------------------------------------------------------------------------------------


@given(st.one_of(st.text(), st.text(st.characters(max_codepoint=127))))
def test_two_spellings_are_one_name_as_in_the_core(text: str) -> None:
    assert name_key(text) == key_in_the_core(text)


@given(st.lists(NAMES, max_size=6), QUERIES)
def test_a_name_fits_as_it_does_in_find(names: list[str], query: str) -> None:
    alice = Character(id="A", name="Alice", player_id="P", location_id="L")
    things = [GameObject(id=str(number), name=name, holder_id="A", holder_kind=Kind.CHARACTER) for number, name in enumerate(names)]
    transaction = Transaction(World([Location(id="L", name="Here"), alice, *things]))
    expected = [entity.id for entity in find_near(transaction, alice, query, {Kind.OBJECT})]
    assert [thing.id for thing in fitting(things_named(names), query)] == expected


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=4), QUERIES)
def test_an_alias_fits_as_it_does_in_find(ways: list[list[str]], query: str) -> None:
    alice = Character(id="A", name="Alice", player_id="P", location_id="L")
    exits = [
        Exit(id=str(number), name=name, aliases=tuple(aliases), source_id="L", destination_id="L")
        for number, (name, *aliases) in enumerate(ways)
    ]
    transaction = Transaction(World([Location(id="L", name="Here"), alice, *exits]))
    expected = [entity.id for entity in find_near(transaction, alice, query, {Kind.EXIT})]
    records = [Record(id=exit_.id, name=exit_.name, aliases=list(exit_.aliases)) for exit_ in exits]
    assert [record.id for record in fitting(records, query)] == expected


# ---- Articles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "fits"),
    [
        ("lamp", ["lamp", "Lamp"]),
        ("the lamp", ["lamp", "Lamp"]),
        ('"the lamp"', ["lamp", "Lamp"]),
        ("THE  LAMP", ["lamp", "Lamp"]),
        ("a lamp", ["a lamp"]),
        ("the crown", ["The Crown"]),
        ("crown", ["The Crown"]),
        ("an 2.lamp", ["Lamp"]),
        ("2.the lamp", ["Lamp"]),
        ("the 3.lamp", []),
        ("0.lamp", []),
        ("the", ["The Crown"]),
        ("", []),
        ("  ", []),
        ("an", []),
        ("the the lamp", []),
        ("1." * 4000 + "lamp", []),
        ("the " * 2000 + "lamp", []),
    ],
)
def test_an_article_is_overlooked_where_nothing_fits_with_it(typed: str, fits: list[str]) -> None:
    things = things_named(["a lamp", "lamp", "The Crown", "Lamp"])
    assert [thing.name for thing in fitting(things, typed)] == fits


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("the lamp", "lamp"),
        ("An  old hat", "old hat"),
        ("a", "a"),
        ("the ", "the "),
        ("theatre ticket", "theatre ticket"),
        ("", ""),
    ],
)
def test_a_name_without_its_article(name: str, bare: str) -> None:
    assert without_article(name) == bare


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("brass lamp", "the brass lamp"),
        ("lamp", "the lamp"),
        ("a lamp", "a lamp"),
        ("an old hat", "an old hat"),
        ("the crown", "the crown"),
        ("The Crown", "The Crown"),
        ("Excalibur", "Excalibur"),
        ("some flour", "some flour"),
        ("bob's hat", "bob's hat"),
        ("bob\u2019s hat", "bob\u2019s hat"),
        ("3 coins", "3 coins"),
        ("剣", "剣"),
        ("theatre ticket", "the theatre ticket"),
    ],
)
def test_how_a_thing_is_spoken_of(name: str, spoken: str) -> None:
    assert the({"name": name}) == spoken


# ---- The question ----------------------------------------------------------------------------------------------------


def test_which_one_asks_with_the_names() -> None:
    assert which_one(things_named(["bag", "Bob"])) == "Which one: bag, Bob?"


def test_every_name_that_is_offered_can_be_typed() -> None:
    things = things_named(["coin", "gold coin", "Coin", "gold coin", "copper coin"])
    assert which_one(things) == "Which one: 1.coin, 1.gold coin, 2.Coin, 2.gold coin, copper coin?"
    for name, expected in {"1.coin": "0", "1.gold coin": "1", "2.Coin": "2", "2.gold coin": "3", "copper coin": "4"}.items():
        assert [thing.id for thing in fitting(things, name)] == [expected]


@given(st.lists(st.sampled_from(["coin", "Coin", "gold coin", "é", "e\u0301", "Straße", "strasse"]), min_size=2, max_size=20))
def test_each_offered_name_means_the_thing_it_stands_for(names: list[str]) -> None:
    things = things_named(names)
    offered = which_one(things).removeprefix("Which one: ").removesuffix("?").split(", ")
    assert [fitting(things, name) for name in offered] == [[thing] for thing in things]


def test_two_of_a_name_are_told_apart_by_where_they_are() -> None:
    carried, lying = Record(name="bag", character_id="A"), Record(name="Bag", character_id=None, location_id="L")
    assert which_one([carried, lying]) == "Which one: 1.bag (carried), 2.Bag (here)?"
    assert which_one([carried, carried]) == "Which one: 1.bag, 2.bag?"


def test_twenty_names_are_enough() -> None:
    things = things_named([f"pebble {number}" for number in range(20)])
    assert re.fullmatch(r"Which one: (pebble \d+, ){19}pebble 19\?", which_one(things))
    assert which_one([*things, Record(name="stone")]).endswith("pebble 19, or one of 1 more?")

"""Which things a typed name means to somebody: me, here, whole names before parts, aliases, and what fits equally well."""

import pytest

from holomush.world.matching import SearchStoppedError, find_anywhere, find_near
from holomush.world.model import Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World
from holomush.world.transaction import Transaction

ALL = tuple(Kind)


def character(name: str, location_id: str = "square") -> Character:
    return Character(id=name, name=name, player_id="p", location_id=location_id)


def thing(entity_id: str, name: str, holder_id: str = "square", holder_kind: Kind = Kind.LOCATION) -> GameObject:
    return GameObject(id=entity_id, name=name, holder_id=holder_id, holder_kind=holder_kind)


WORLD: tuple[Entity, ...] = (
    Location(id="square", name="The Square"),
    Location(id="garden", name="The Garden"),
    Exit(id="north", name="Garden Gate", aliases=("n", "Norden"), source_id="square", destination_id="garden"),
    Exit(id="back", name="south", aliases=("s",), source_id="garden", destination_id="square"),
    character("Alice"),
    character("Bob Smith"),
    character("Bob Stone"),
    character("\u00c9lo\u00efse"),
    character("Stra\u00dfer"),
    character("Dora", "garden"),
    thing("lamp", "brass lamp"),
    thing("lamps", "lamp"),
    thing("purse", "purse", "Alice", Kind.CHARACTER),
    thing("coin", "coin", "purse", Kind.OBJECT),
    thing("hers", "bob", "Alice", Kind.CHARACTER),
    thing("theirs", "ring", "Bob Smith", Kind.CHARACTER),
    thing("far", "rake", "garden"),
    thing("wire", "9.5 volt wire"),
)


def find(name: str, kinds: tuple[Kind, ...] = ALL, near: str = "Alice") -> list[str]:
    transaction = Transaction(World(WORLD))
    return [entity.id for entity in find_near(transaction, transaction.expect(near, Character), name, kinds)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("me", ["Alice"]),
        (" ME ", ["Alice"]),
        ("here", ["square"]),
        ("HERE", ["square"]),
        ("alice", ["Alice"]),
        ("The Square", []),  # a place is "here"; its name is for exits
        # Whole names come before parts of names.
        ("lamp", ["lamps"]),
        ("brass lamp", ["lamp"]),
        ("brass", ["lamp"]),
        ("lam", ["lamp", "lamps"]),
        ("amp", []),  # only the beginning of a word
        # Exits by alias.
        ("n", ["north"]),
        ("norden", ["north"]),
        ("nord", ["north"]),
        ("gate", ["north"]),
        ("s", ["Bob Smith", "Bob Stone", "Stra\u00dfer"]),  # the alias of another place's exit does not count
        # Ambiguity, and how one gets out of it.
        ("bob s", ["Bob Smith", "Bob Stone"]),
        ("bob  sm", ["Bob Smith"]),
        ("stone", ["Bob Stone"]),
        ("bob", ["hers"]),
        ("1.bob s", ["Bob Smith"]),
        ("2.bob s", ["Bob Stone"]),
        ("2. BOB S", ["Bob Stone"]),
        ("02.bob s", ["Bob Stone"]),
        ("3.bob s", []),
        ("0.bob s", []),
        ("1.bob", ["hers"]),  # of those that fit best
        ("2.bob", []),
        ("2.", []),
        ("1.me", []),
        ("9999.bob s", []),
        ("9.5 volt wire", ["wire"]),  # a name that looks like it
        # Quotes.
        ('"brass lamp"', ["lamp"]),
        (' "BRASS" ', ["lamp"]),
        ('"', []),
        ('""', []),
        # Letter case and Unicode forms.
        ("\u00c9LO\u00cfSE", ["\u00c9lo\u00efse"]),
        ("e\u0301loi\u0308", ["\u00c9lo\u00efse"]),
        ("STRASSER", ["Stra\u00dfer"]),
        ("\uff41\uff4c\uff49\uff43\uff45", ["Alice"]),
        # What is carried is near, what is inside or carried by others is not.
        ("purse", ["purse"]),
        ("coin", []),
        ("ring", []),
        ("rake", []),
        ("dora", []),
        ("", []),
        ("  ", []),
        ("nothing", []),
    ],
)
def test_what_a_name_means(name: str, found: list[str]) -> None:
    assert find(name) == found


@pytest.mark.parametrize(
    ("name", "kinds", "found"),
    [
        ("bob", (Kind.CHARACTER,), ["Bob Smith", "Bob Stone"]),
        ("bob", (Kind.OBJECT,), ["hers"]),
        ("bob", (Kind.EXIT,), []),
        ("bob", (), []),
        ("me", (Kind.OBJECT, Kind.EXIT, Kind.LOCATION), []),
        ("here", (Kind.CHARACTER,), []),
        ("n", (Kind.CHARACTER, Kind.OBJECT), []),
    ],
)
def test_only_the_kinds_that_are_asked_for(name: str, kinds: tuple[Kind, ...], found: list[str]) -> None:
    assert find(name, kinds) == found


def test_here_is_where_one_stands() -> None:
    assert find("here", near="Dora") == ["garden"]
    assert find("s", near="Dora") == ["back"]


def test_a_call_finds_what_it_has_made_and_not_what_it_has_destroyed() -> None:
    transaction = Transaction(World(WORLD))
    alice = transaction.expect("Alice", Character)
    transaction.create(thing("hat", "hat"))
    transaction.destroy("lamps")
    assert [entity.id for entity in find_near(transaction, alice, "hat", ALL)] == ["hat"]
    assert [entity.id for entity in find_near(transaction, alice, "lamp", ALL)] == ["lamp"]


def anywhere(name: str, kinds: tuple[Kind, ...] = ALL, connected: tuple[str, ...] = ("Alice", "Bob Stone")) -> list[str]:
    return [entity.id for entity in find_anywhere(Transaction(World(WORLD)), name, kinds, connected, lambda: False)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rake", ["far"]),
        ("coin", ["coin"]),
        ("lamp", ["lamps"]),
        ("lam", ["lamp", "lamps"]),
        ("2.lam", ["lamps"]),
        ("s", ["back"]),
        ("the square", ["square"]),
        ("dora", ["Dora"]),  # far away and not connected, but called just so
        ("dor", []),
        ("stone", ["Bob Stone"]),
        ("bob s", ["Bob Stone"]),
        ('"bob smith"', ["Bob Smith"]),
        ("me", []),
        ("", []),
    ],
)
def test_what_a_name_means_anywhere(name: str, found: list[str]) -> None:
    assert anywhere(name) == found


@pytest.mark.parametrize(("name", "found"), [("bob", ["Bob Stone"]), ("bob smith", ["Bob Smith"]), ("al", ["Alice"]), ("dor", [])])
def test_characters_alone(name: str, found: list[str]) -> None:
    assert anywhere(name, (Kind.CHARACTER,)) == found


def test_no_kinds_are_no_things() -> None:
    assert anywhere("lamp", ()) == []


def test_a_search_can_be_stopped_and_asks_now_and_then() -> None:
    places: list[Entity] = [Location(id=f"p{n}", name=f"Place {n}") for n in range(2500)]
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) == 3

    with pytest.raises(SearchStoppedError, match=r"^the search was stopped$"):
        find_anywhere(Transaction(World(places)), "place", ALL, (), stop)
    assert len(asked) == 3

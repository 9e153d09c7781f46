"""Worlds to files and back: nothing is lost, what is there is updated, and a file that does not fit changes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import attrs
import pytest
from hypothesis import given
from worlds import PLAYER, ulid, worlds

from holomush.structuring import StructureError
from holomush.world.consistency import problems as inconsistencies
from holomush.world.exporting import export_entities
from holomush.world.importing import Import, stage_world
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World
from holomush.world.texts import DESCRIPTION_LIMIT, LOCK_LIMIT
from holomush.world.transaction import Transaction
from holomush.world.worldfile import WorldFileError, parse_world, read_file, write_file, write_world

SQUARE, GARDEN, NORTH, GUARD, ALICE, BAG, COIN, HAT, SWORD = (ulid(number) for number in range(9))


def make_world() -> World:
    """The square with a guard who has a sword, and Alice, a player's, who wears a hat; a bag with a coin; north, the garden."""
    return World(
        [
            Location(id=SQUARE, name="Square", description="Wide.", owner_id=ALICE),
            Location(id=GARDEN, name="Garden"),
            Exit(id=NORTH, name="north", source_id=SQUARE, destination_id=GARDEN, aliases=("n",), lock="key"),
            Character(
                id=GUARD, name="Guard", player_id=GAME_PLAYER_ID, location_id=SQUARE, created_at=7, attributes={("a", "x"): 1}
            ),
            Character(id=ALICE, name="Alice", player_id=PLAYER, location_id=GARDEN),
            GameObject(id=BAG, name="bag", holder_id=SQUARE, holder_kind=Kind.LOCATION, owner_id=GUARD, lock="nobody"),
            GameObject(id=COIN, name="coin", holder_id=BAG, holder_kind=Kind.OBJECT),
            GameObject(id=HAT, name="hat", holder_id=ALICE, holder_kind=Kind.CHARACTER),
            GameObject(id=SWORD, name="sword", holder_id=GUARD, holder_kind=Kind.CHARACTER),
        ]
    )


EXPORTED = f"""\
# A world of HoloMUSH. Ids are 26 letters and digits, unique across the whole world. Owners are names of characters.
start: {SQUARE}

locations:
  - id: {SQUARE}
    name: Square
    description: Wide.
    owner: Alice
  - id: {GARDEN}
    name: Garden

exits:
  - id: {NORTH}
    name: north
    aliases: [n]
    source: {SQUARE}
    destination: {GARDEN}
    lock: key

characters:
  - id: {GUARD}
    name: Guard
    location: {SQUARE}
    attributes:
      a:
        x: 1

objects:
  - id: {BAG}
    name: bag
    location: {SQUARE}
    owner: Guard
    lock: nobody
  - id: {COIN}
    name: coin
    container: {BAG}
  - id: {SWORD}
    name: sword
    character: Guard
"""


def exported(world: World, start: str | None = SQUARE) -> str:
    return write_world(export_entities(world.entities(), start).file)


def load(text: str, world: World, **how: Any) -> Import:
    """Read a file into a world, all the way."""
    transaction = Transaction(world)
    imported = stage_world(parse_world(text.encode(), "w.yaml"), transaction, "w.yaml", **how)
    world.apply(transaction.changes)
    assert inconsistencies(world.entities(), world) == []
    return imported


def refused(text: str, world: World | None = None, **how: Any) -> list[str]:
    """The problems for which nothing is staged."""
    transaction = Transaction(world or make_world())
    with pytest.raises(StructureError) as caught:
        stage_world(parse_world(dedent(text).encode(), "w.yaml"), transaction, "w.yaml", **how)
    assert not transaction.has_effects
    assert all(problem.startswith("w.yaml: ") for problem in caught.value.problems)
    return [problem.removeprefix("w.yaml: ") for problem in caught.value.problems]


def plain(entities: object) -> dict[str, Any]:
    assert isinstance(entities, (list, tuple))
    return {entity.id: (entity.kind, attrs.asdict(entity)) for entity in entities}


# ---- There and back --------------------------------------------------------------------------------------------------


def test_an_export_has_all_but_players_and_what_they_carry() -> None:
    export = export_entities(make_world().entities(), SQUARE)
    assert write_world(export.file) == EXPORTED
    assert export.counts() == {"locations": 2, "exits": 1, "objects": 3, "characters": 1, "left_out": 1}


def test_an_empty_world_is_an_empty_file() -> None:
    text = exported(World(), None)
    assert text.splitlines()[1:] == ["{}"]
    assert load(text, World()).created == 0


@given(worlds())
def test_a_file_makes_the_same_world_elsewhere(entities: list[Entity]) -> None:
    world = World(entities)
    assert inconsistencies(entities, world) == []
    export = export_entities(entities, entities[0].id)
    text = write_world(export.file)
    other = World()
    imported = load(text, other, now=5)
    assert exported(other, entities[0].id) == text or imported.warnings
    assert imported.created == len(other.entities()) == sum(imported.counts.values())
    # With the players in their places, whole owners and all.
    people = [e for e in entities if isinstance(e, (Location, Character)) and getattr(e, "player_id", "") != GAME_PLAYER_ID]
    third = World(people)
    assert load(text, third).warnings == ()
    assert exported(third, entities[0].id) == text
    # Into the world that it came from: nothing is changed.
    before = plain(world.entities())
    imported = load(text, world)
    assert (imported.created, imported.warnings) == (0, ())
    assert plain(world.entities()) == before


@given(worlds())
def test_what_has_been_changed_since_is_put_back(entities: list[Entity]) -> None:
    text = exported(World(entities), entities[0].id)
    ours = {entry.id for _, entry in parse_world(text.encode(), "x").entries()}

    def change(entity: Entity) -> Entity:
        if entity.id not in ours or isinstance(entity, Character):
            return entity
        if isinstance(entity, GameObject):
            there: dict[str, Any] = {"holder_id": entities[0].id, "holder_kind": Kind.LOCATION, "owner_id": None}
            return attrs.evolve(entity, name="changed", description="changed", lock="changed", **there)
        return attrs.evolve(entity, name="changed")

    world = World(map(change, entities))
    load(text, world)
    assert exported(world, entities[0].id) == text


# ---- Into a world that is there --------------------------------------------------------------------------------------


def test_what_is_there_is_updated_and_nothing_is_deleted() -> None:
    world = make_world()
    text = f"""
    locations:
      - {{id: {SQUARE}, name: The Square}}
    characters:
      - {{id: {GUARD}, name: guard, location: {GARDEN}, attributes: {{b: {{y: [1]}}}}}}
    objects:
      - {{id: {ulid(50)}, name: lamp, character: GUARD, owner: alice}}
      - {{id: {COIN}, name: penny, container: {ulid(51)}}}
      - {{id: {ulid(51)}, name: box, location: {SQUARE}}}
    """
    imported = load(text, world, now=99)
    assert (imported.created, imported.updated, imported.warnings) == (2, 3, ())
    assert imported.counts == {Kind.LOCATION: 1, Kind.CHARACTER: 1, Kind.OBJECT: 3}
    square, guard, lamp, coin = (world.get(i) for i in (SQUARE, GUARD, ulid(50), COIN))
    assert isinstance(square, Location)
    assert (square.name, square.description, square.owner_id) == ("The Square", "", None)
    assert isinstance(guard, Character)
    assert (guard.name, guard.location_id, guard.created_at) == ("guard", GARDEN, 7)
    assert guard.attributes == {("a", "x"): 1, ("b", "y"): [1]}
    assert isinstance(lamp, GameObject)
    assert (lamp.holder_id, lamp.owner_id) == (GUARD, ALICE)
    assert isinstance(coin, GameObject)
    assert coin.holder_id == ulid(51)
    assert len(world.entities()) == 11


def test_an_owner_whom_nobody_knows_is_left_out_and_told_of() -> None:
    world = make_world()
    text = f"""
    locations:
      - {{id: {SQUARE}, name: Square, owner: Zoe}}
      - {{id: {GARDEN}, name: Garden, owner: Zoe}}
    objects:
      - {{id: {COIN}, name: coin, container: {BAG}, owner: Yan}}
    """
    warnings = ("nobody is called 'Zoe' here, so 2 entries have no owner", "nobody is called 'Yan' here, so 1 entry has no owner")
    assert load(text, world).warnings == warnings
    square = world.get(SQUARE)
    assert isinstance(square, Location)
    assert square.owner_id is None


def test_what_somebody_else_changes_meanwhile_is_a_conflict() -> None:
    world = make_world()
    transaction = Transaction(world)
    text = f"objects: [{{id: {COIN}, name: coin, location: {GARDEN}}}]"
    stage_world(parse_world(text.encode(), "x"), transaction, "x")
    assert transaction.is_current()
    world.apply({ulid(60): GameObject(id=ulid(60), name="pin", holder_id=GARDEN, holder_kind=Kind.LOCATION)})
    assert transaction.is_current()  # something else in the same place
    coin = world.get(COIN)
    assert isinstance(coin, GameObject)
    world.apply({COIN: attrs.evolve(coin, name="penny")})
    assert not transaction.is_current()


def test_what_the_call_itself_has_made_counts() -> None:
    transaction = Transaction(make_world())
    transaction.create(Location(id=ulid(70), name="Cellar"))
    transaction.create(Character(id=ulid(71), name="Cook", player_id=GAME_PLAYER_ID, location_id=ulid(70)))
    text = f"objects: [{{id: {ulid(72)}, name: ladle, character: Cook}}, {{id: {ulid(73)}, name: pot, location: {ulid(70)}}}]"
    assert stage_world(parse_world(text.encode(), "x"), transaction, "x").created == 2
    assert transaction.contents(ulid(71)).objects == (ulid(72),)


# ---- What is wrong ---------------------------------------------------------------------------------------------------

A, B = ulid(80), ulid(81)
BAD_NAME = "must be noted by a plugin, under a name of lower-case letters, digits and underscores"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"start: {A}", [f"start: there is no location {A}"]),
        (f"start: {BAG}", [f"start: there is no location {BAG}"]),
        (f"locations: [{{id: {BAG}, name: x}}]", [f"locations[0].id: {BAG} is in use here, for the object bag"]),
        (
            f"characters: [{{id: {ALICE}, name: Al, location: {SQUARE}}}]",
            [f"characters[0].id: {ALICE} is a player's character here"],
        ),
        (f"characters: [{{id: {A}, name: alice, location: {SQUARE}}}]", ["characters[0].name: the name 'alice' is taken"]),
        (
            f"characters: [{{id: {A}, name: Zoe, location: {SQUARE}}}, {{id: {B}, name: ZOE, location: {SQUARE}}}]",
            ["characters[1].name: the name 'ZOE' is taken"],
        ),
        (
            f"characters: [{{id: {A}, name: admin, location: {BAG}}}]",
            [
                "characters[0].name: That name is reserved. Please choose another.",
                f"characters[0].location: there is no location {BAG}",
            ],
        ),
        (
            f"exits: [{{id: {A}, name: ' x', aliases: [ok, '[red]x'], source: {A}, destination: {GUARD}, lock: \"a\\tb\"}}]",
            [
                "exits[0].name: must have single spaces, and none at the ends",
                "exits[0].aliases[1]: must not have markup, such as [bold] or [[",
                "exits[0].lock: must not have control characters",
                f"exits[0].source: there is no location {A}",
                f"exits[0].destination: there is no location {GUARD}",
            ],
        ),
        (
            f"exits: [{{id: {A}, name: x, aliases: {['a'] * 33}, source: {SQUARE}, destination: {SQUARE}, lock: {'x' * 1025}}}]",
            [
                "exits[0].aliases: must be at most 32 names, not 33",
                f"exits[0].lock: must have 0 to {LOCK_LIMIT} characters, not 1025",
            ],
        ),
        (
            f"locations: [{{id: {A}, name: '', description: {'x' * 8193}}}]",
            [
                "locations[0].name: must have 1 to 128 characters, not 0",
                f"locations[0].description: must have 0 to {DESCRIPTION_LIMIT} characters, not 8193",
            ],
        ),
        (
            f"objects: [{{id: {A}, name: x}}, {{id: {B}, name: x, location: {SQUARE}, character: Guard}}]",
            [
                f"objects[{n}].location: must be in exactly one of location, container and character, not {m}"
                for n, m in ((0, 0), (1, 2))
            ],
        ),
        (
            f"objects: [{{id: {A}, name: x, character: Alice}}, {{id: {B}, name: x, character: Zoe}}]",
            [
                "objects[0].character: no character of the game's own is called 'Alice'",
                "objects[1].character: no character of the game's own is called 'Zoe'",
            ],
        ),
        (
            f"objects: [{{id: {A}, name: x, container: {SQUARE}}}]",
            [f"objects[0].container: there is no object {SQUARE}"],
        ),
        (
            f"locations: [{{id: {A}, name: x, attributes: {{p: {{n: 2024-01-01, M: 1, o: ~}}, P: {{n: 1}}}}}}]",
            [
                "locations[0].attributes.p.n: must be JSON, not datetime.date(2024, 1, 1): put it in quotes if it is text",
                f"locations[0].attributes.p.M: {BAD_NAME}",
                "locations[0].attributes.p.o: must be JSON other than null",
                f"locations[0].attributes.P.n: {BAD_NAME}",
            ],
        ),
        (
            f"locations: [{{id: {A}, name: x, attributes: {{p: 1}}}}]",
            ["locations[0].attributes['p']: must be a mapping of keys to values, not 1"],
        ),
        (
            f"locations: [{{id: {A}, name: x, attributes: {{p: {{n: {'x' * 65536}}}}}}}]",
            ["locations[0].attributes.p: may have 65536 bytes, not 65545"],
        ),
        # Inside of itself, and too deep: on its own, and with what is inside of it here.
        (
            f"objects: [{{id: {A}, name: x, container: {A}}}]",
            ["objects[0].container: things can be at most 3 deep inside one another"],
        ),
        (
            f"objects: [{{id: {A}, name: x, container: {B}}}, {{id: {B}, name: x, container: {A}}}]",
            [f"objects[{n}].container: things can be at most 3 deep inside one another" for n in (0, 1)],
        ),
        (
            f"objects: [{{id: {A}, name: x, container: {COIN}}}, {{id: {B}, name: x, container: {A}}}]",
            ["objects[1].container: things can be at most 3 deep inside one another"],
        ),
        (
            f"objects: [{{id: {A}, name: x, location: {SQUARE}}}, {{id: {B}, name: x, container: {A}}}, "
            f"{{id: {BAG}, name: bag, container: {B}}}]",
            ["objects[2].container: things can be at most 3 deep inside one another"],
        ),
    ],
)
def test_every_problem_has_a_line_with_its_key(text: str, problems: list[str]) -> None:
    assert refused(text) == problems


def test_what_stays_where_it_is_can_be_too_deep_when_the_rest_moves() -> None:
    world = make_world()
    load(f"objects: [{{id: {A}, name: pin, container: {COIN}}}]", world)  # bag > coin > pin
    moved = f"objects: [{{id: {B}, name: box, location: {SQUARE}}}, {{id: {BAG}, name: bag, container: {B}}}, "
    said = "container: things can be at most 3 deep inside one another"
    assert refused(f"{moved} {{id: {COIN}, name: coin, container: {BAG}}}]", world) == [f"objects[2].{said}"]
    load(f"{moved} {{id: {COIN}, name: coin, location: {SQUARE}}}]", world)


def test_a_place_holds_so_many() -> None:
    entries = "".join(f"  - {{id: {ulid(1000 + n)}, name: pin, location: {SQUARE}}}\n" for n in range(500))
    said = [f"objects: there would be 501 objects in {SQUARE}, and there is room for 500"]
    assert refused(f"objects:\n{entries}") == said
    # What goes makes room, whatever comes first.
    world = make_world()
    load(f"objects:\n{entries}  - {{id: {BAG}, name: bag, location: {GARDEN}}}\n", world)
    assert len(world.contents(SQUARE).objects) == 500
    # What is full may be updated.
    assert load(f"objects:\n{entries}", world).updated == 500


def test_there_are_only_so_many_lines() -> None:
    entries = "".join(f"  - {{id: x, name: pin, location: {SQUARE}}}\n" for _ in range(130))
    problems = refused(f"objects:\n{entries}")
    assert len(problems) == 101
    assert problems[-1] == "and 30 more"


def test_attributes_are_held_against_what_plugins_declare() -> None:
    def check(plugin: str, kind: Kind, name: str, value: Any) -> Any:
        if plugin == "p":
            raise ValueError(f"must be fit for a {kind}, as {name} {value} is not")
        return [value]

    entry = f"locations: [{{id: {A}, name: x, attributes: {{p: {{n: 1}}, q: {{n: 1}}}}}}]"
    problems = ["locations[0].attributes.p.n: must be fit for a location, as n 1 is not"]
    assert refused(entry, check_attribute=check) == problems
    world = World()
    load(entry.replace("p: {n: 1}, ", ""), world, check_attribute=check)
    (place,) = world.entities()
    assert place.attributes == {("q", "n"): [1]}


# ---- Size and files --------------------------------------------------------------------------------------------------


def test_twenty_thousand_entities_take_seconds() -> None:
    world = World(
        [
            *(Location(id=ulid(n), name=f"Place {n}", description="A place like many others. " * 5) for n in range(4000)),
            *(Exit(id=ulid(10_000 + n), name="out", source_id=ulid(n % 4000), destination_id=ulid(n % 7)) for n in range(8000)),
            *(Character(id=ulid(20_000 + n), name=f"Who {n}", player_id=GAME_PLAYER_ID, location_id=ulid(1)) for n in range(1000)),
            *(
                GameObject(id=ulid(30_000 + n), name="pin", holder_id=ulid(n // 400), holder_kind=Kind.LOCATION)
                for n in range(7000)
            ),
        ]
    )
    begun = time.perf_counter()
    text = exported(world, ulid(0))
    other = World()
    assert load(text, other).created == 20_000
    assert load(text, other).updated == 20_000
    # A tenth of that here; quadratic steps would take minutes.
    assert time.perf_counter() - begun < 60
    assert exported(other, ulid(0)) == text


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    write_file(path, "one\n")
    write_file(path, "two: \u4e16\n")
    assert read_file(path) == "two: \u4e16\n".encode()
    assert [found.name for found in tmp_path.iterdir()] == ["w.yaml"]
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(WorldFileError, match=r"folder: cannot be written: Is a directory$"):
        write_file(folder, "three")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["folder", "w.yaml"]
    with pytest.raises(StructureError, match=r"none\.yaml: cannot be read: No such file or directory$"):
        read_file(tmp_path / "none.yaml")

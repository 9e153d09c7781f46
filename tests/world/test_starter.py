"""The starter world: the bundled one can be played in, and a broken file is refused with a line for each slip."""

from pathlib import Path
from textwrap import dedent

import pytest

from holomush import bundled
from holomush.structuring import StructureError
from holomush.world.model import GAME_PLAYER_ID, Character, Exit, GameObject, Kind, Location
from holomush.world.starter import read_starter_world
from holomush.world.state import World

A, B, C = "01K000000000000000000000AA", "01K000000000000000000000BB", "01K000000000000000000000CC"
GOOD = f"""
start: {A}
locations:
  - {{id: {A}, name: Square, description: "wide \u4e16"}}
  - {{id: {B}, name: Garden}}
exits:
  - {{id: {C}, name: north, aliases: [n], source: {A}, destination: {B}}}
objects:
  - {{id: 01K000000000000000000000DD, name: bench, location: {B}, description: worn}}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "world.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def test_the_bundled_world_can_be_walked_through() -> None:
    starter = read_starter_world(bundled.STARTER_WORLD)
    world = World(starter.entities)
    places = [entity for entity in starter.entities if isinstance(entity, Location)]
    ways = [entity for entity in starter.entities if isinstance(entity, Exit)]
    assert len(places) >= 3
    assert len(ways) >= 2
    assert all(place.name and place.description for place in places)
    assert isinstance(world.get(starter.start), Location)
    for first in places:  # every place can be reached from every other
        reached = {first.id}
        for _ in places:
            reached |= {way.destination_id for way in ways if way.source_id in reached}
        assert reached == {place.id for place in places}
    for place in places:
        exits = [entity for entity in map(world.get, world.contents(place.id).exits) if isinstance(entity, Exit)]
        names = [name for way in exits for name in (way.name, *way.aliases)]
        assert len(names) == len(set(names))


def test_what_cannot_be_carried_in_the_bundled_world_is_locked() -> None:
    starter = read_starter_world(bundled.STARTER_WORLD)
    locks = {entity.name: entity.lock for entity in starter.entities if isinstance(entity, GameObject)}
    assert locks == {"a stone fountain": "nobody", "a wooden bench": "nobody"}
    assert not starter.warnings


def test_it_may_have_people_and_what_they_own_and_carry(tmp_path: Path) -> None:
    more = """
    characters:
      - {id: 01K000000000000000000000EE, name: Old Ned, location: 01K000000000000000000000AA, description: Asleep.}
    """
    text = GOOD.replace("name: Garden", "name: Garden, owner: old ned") + dedent(more)
    text = text.replace(f"location: {B}, description: worn", "character: Old Ned, owner: Nobody Here")
    starter = read_starter_world(write(tmp_path, text))
    _, garden, _, ned, bench = starter.entities
    assert isinstance(ned, Character)
    assert (ned.name, ned.player_id, ned.location_id, ned.description) == ("Old Ned", GAME_PLAYER_ID, A, "Asleep.")
    assert isinstance(garden, Location)
    assert garden.owner_id == ned.id
    assert isinstance(bench, GameObject)
    assert (bench.holder_id, bench.holder_kind, bench.owner_id) == (ned.id, Kind.CHARACTER, None)
    assert starter.warnings == ("nobody is called 'Nobody Here' here, so 1 entry has no owner",)


def test_every_field_is_read(tmp_path: Path) -> None:
    starter = read_starter_world(write(tmp_path, GOOD))
    square, garden, north, bench = starter.entities
    assert starter.start == A
    assert isinstance(square, Location)
    assert (square.id, square.name, square.description, square.owner_id) == (A, "Square", "wide \u4e16", None)
    assert isinstance(garden, Location)
    assert garden.description == ""
    assert isinstance(north, Exit)
    assert (north.id, north.name, north.aliases, north.source_id, north.destination_id) == (C, "north", ("n",), A, B)
    assert north.lock == ""
    assert isinstance(bench, GameObject)
    assert (bench.name, bench.holder_id, bench.holder_kind, bench.description) == ("bench", B, Kind.LOCATION, "worn")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["must be a mapping of keys to values, not None"]),
        (f"start: {A}", ["locations: must have at least one entry"]),
        (GOOD.replace(f"start: {A}", ""), ["start: the key 'start' is missing"]),
        (GOOD.replace(f"start: {A}", "start: 1"), ["start: must be text, not 1"]),
        (GOOD + "weather: mild\n", ["unknown key 'weather'; known are start, locations, exits, characters, objects"]),
        (
            GOOD.replace("name: Garden", "nam: Garden"),
            ["locations[1].name: the key 'name' is missing", "locations[1]: unknown key"],
        ),
        (GOOD.replace("aliases: [n]", "aliases: n"), ["exits[0].aliases: must be a list, not 'n'"]),
        (GOOD.replace("aliases: [n]", "aliases: [yes]"), ["exits[0].aliases[0]: must be text, not True"]),
        (GOOD.replace(f"start: {A}", f"start: {C}"), [f"start: there is no location {C}"]),
        (GOOD.replace(f"source: {A}", "source: x"), ["exits[0].source: there is no location x"]),
        (GOOD.replace(f"destination: {B}", "destination: y"), ["exits[0].destination: there is no location y"]),
        (GOOD.replace(f"location: {B}", f"location: {C}"), [f"objects[0].location: there is no location {C}"]),
        (GOOD.replace(f"id: {C}", f"id: {A}"), [f"exits[0].id: {A} is used twice"]),
        (GOOD.replace(f"id: {C}", "id: short"), ["exits[0].id: must be a ULID, 26 letters and digits, not 'short'"]),
        (
            GOOD.replace(f"id: {C}", f"id: {'-' * 26}"),
            [f"exits[0].id: must be a ULID, 26 letters and digits, not '{'-' * 26}'"],
        ),
        (
            GOOD.replace(f"start: {A}", "start: nowhere").replace(f"source: {A}", "source: x").replace(f"id: {C}", f"id: {B}"),
            [f"exits[0].id: {B} is used twice", "start: there is no location nowhere", "exits[0].source: there is no location x"],
        ),
        ("start: [", ["is not valid YAML: "]),
    ],
)
def test_a_broken_file_is_refused_with_a_line_for_each_slip(tmp_path: Path, text: str, problems: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(StructureError) as caught:
        read_starter_world(path)
    assert len(caught.value.problems) == len(problems), caught.value.problems
    for found, wanted in zip(caught.value.problems, problems, strict=True):
        assert found.startswith(f"{path}: {wanted}")
        assert "\n" not in found


def test_a_world_without_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="locations"):
        read_starter_world(write(tmp_path, f"start: {A}\nlocations: []\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"missing\.yaml: cannot be read: No such file or directory"):
        read_starter_world(tmp_path / "missing.yaml")

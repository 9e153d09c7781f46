"""Worlds to files and back by a plugin: what is given, what is staged, each refusal, and that a commit makes it true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from dispatch.rig import ALICE, open_heart

from holomush.database import records
from holomush.plugins.calls import Call, CallMustWaitError
from holomush.plugins.functions.table import answer
from holomush.plugins.functions.worlds import attribute_check
from holomush.plugins.guests.guest import GuestFailedError, SourceRuntime
from holomush.plugins.schema.declared import Schema
from holomush.structuring import structure
from holomush.world.consistency import problems
from holomush.world.model import GAME_PLAYER_ID, Character, GameObject, Kind, Location
from holomush.world.rows import load_entities
from holomush.world.state import World
from holomush.world.worldfile import parse_world
from plugins.functions.asking import BY_NAME, ask, refusal
from plugins.rooms import make_call, make_surroundings, open_rig

SQUARE, GUARD, ALICE_ID, BAG, HAT, NEW = (f"01K{number:023d}" for number in range(6))


def make_world() -> World:
    """A square with a guard, a bag, and Alice, who has a hat."""
    return World(
        [
            Location(id=SQUARE, name="Square"),
            Character(id=GUARD, name="Guard", player_id=GAME_PLAYER_ID, location_id=SQUARE),
            Character(id=ALICE_ID, name="Alice", player_id="p", location_id=SQUARE),
            GameObject(id=BAG, name="bag", holder_id=SQUARE, holder_kind=Kind.LOCATION, owner_id=ALICE_ID),
            GameObject(id=HAT, name="hat", holder_id=ALICE_ID, holder_kind=Kind.CHARACTER),
        ]
    )


def make_keeper(folder: Path | None, *capabilities: str, **changes: Any) -> Call:
    """A call that may do everything, with its files in a folder."""
    surroundings = make_surroundings(worlds=folder, start=lambda: SQUARE)
    return make_call(*(capabilities or ("*",)), world=make_world(), surroundings=surroundings, **changes)


def test_export_world(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "worlds"
    call = make_keeper(folder)
    ask(call, "create_object", {"name": "lamp", "place": {"character": GUARD}})
    ask(call, "destroy_object", HAT)
    path = folder / "today-1.yaml"
    counts = {"locations": 1, "exits": 0, "objects": 2, "characters": 1, "left_out": 0}
    assert ask(call, "export_world", "today-1") == {"path": str(path), **counts}
    file = parse_world(path.read_bytes(), "x")
    assert file.start == SQUARE
    assert [(thing.name, thing.character, thing.owner) for thing in file.objects] == [
        ("bag", None, "Alice"),
        ("lamp", "Guard", None),
    ]


def test_what_players_carry_is_counted(tmp_path: Path) -> None:
    assert ask(make_keeper(tmp_path), "export_world", "w")["left_out"] == 1


def test_import_world(tmp_path: Path) -> None:
    text = f"""
    locations: [{{id: {SQUARE}, name: The Square, owner: Zoe}}]
    characters: [{{id: {NEW}, name: Cook, location: {SQUARE}, attributes: {{other: {{x: 1}}}}}}]
    """
    path = tmp_path / "w.yaml"
    path.write_text(text)
    call = make_keeper(tmp_path)
    assert ask(call, "import_world", "w") == {
        "path": str(path),
        "locations": 1,
        "exits": 0,
        "objects": 0,
        "characters": 1,
        "created": 1,
        "updated": 1,
        "warnings": ["nobody is called 'Zoe' here, so 1 entry has no owner"],
    }
    assert ask(call, "query_location", SQUARE)["name"] == "The Square"
    cook = call.attempt.transaction.get(NEW)
    assert isinstance(cook, Character)
    assert cook.created_at > 1_600_000_000_000


def test_no_rate_limits_an_import(tmp_path: Path) -> None:
    entries = "".join(f"  - {{id: 01K{n:023d}, name: pin, location: {SQUARE}}}\n" for n in range(10, 400))
    (tmp_path / "w.yaml").write_text(f"objects:\n{entries}")
    call = make_keeper(tmp_path)
    assert ask(call, "import_world", "w")["created"] == 390
    assert call.attempt.paid == []


def test_what_is_exported_can_be_imported(tmp_path: Path) -> None:
    ask(make_keeper(tmp_path), "export_world", "w")
    imported = ask(make_keeper(tmp_path), "import_world", "w")
    assert (imported["created"], imported["updated"], imported["warnings"]) == (0, 3, [])


@pytest.mark.parametrize("name", ["", "-a", "A", "a.b", "../a", "a/b", "a_b", "\u00e4", "x" * 65, "a\n"])
@pytest.mark.parametrize("function", ["export_world", "import_world"])
def test_a_name_is_not_a_path(tmp_path: Path, function: str, name: str) -> None:
    code, message = refusal(make_keeper(tmp_path), function, name)
    assert code == "invalid_argument"
    assert message == "name: must be up to 64 lower-case letters, digits and hyphens, with no hyphen first"


def test_every_problem_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(f"start: {NEW}\nlocations: [{{id: x, name: ''}}]")
    told = [
        "w.yaml: locations[0].id: must be a ULID, 26 letters and digits, not 'x'",
        f"w.yaml: start: there is no location {NEW}",
        "w.yaml: locations[0].name: must have 1 to 128 characters, not 0",
    ]
    assert refusal(make_keeper(tmp_path), "import_world", "w") == ("invalid_argument", "\n".join(told))
    (tmp_path / "w.yaml").write_text("a: [")
    assert refusal(make_keeper(tmp_path), "import_world", "w")[1].startswith("w.yaml: is not valid YAML: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(make_keeper(tmp_path), "import_world", "w") == ("not_found", f"there is no file w.yaml in {tmp_path}")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "worlds").write_text("")
    said = f"{tmp_path / 'worlds'}: the folder cannot be made: File exists"
    assert refusal(make_keeper(tmp_path / "worlds"), "export_world", "w") == ("unavailable", said)
    (tmp_path / "w.yaml").mkdir()
    said = f"{tmp_path / 'w.yaml'}: cannot be written: Is a directory"
    assert refusal(make_keeper(tmp_path), "export_world", "w") == ("unavailable", said)


@pytest.mark.parametrize("function", ["export_world", "import_world"])
def test_where_there_is_no_folder_or_not_yet_a_plugin(tmp_path: Path, function: str) -> None:
    none = ("unavailable", "there is no folder for files of worlds here")
    assert refusal(make_keeper(None), function, "w") == none
    call = make_keeper(tmp_path)
    call.is_loading = True
    assert refusal(call, function, "w") == none


@pytest.mark.parametrize("function", ["export_world", "import_world"])
def test_a_quick_call_is_made_again_elsewhere(tmp_path: Path, function: str) -> None:
    call = make_keeper(tmp_path)
    call.is_quick = True
    assert answer(BY_NAME[function], call, ["w"]) is None
    assert isinstance(call.doom, CallMustWaitError)
    assert list(tmp_path.iterdir()) == []


def test_attributes_are_held_against_schemas() -> None:
    schema = structure({"attributes": {"location": [{"name": "size", "type": "integer"}]}}, Schema, "x")
    check = attribute_check({"p": schema})
    assert check("p", Kind.LOCATION, "size", 3) == 3
    assert check("q", Kind.LOCATION, "size", "large") == "large"
    with pytest.raises(ValueError, match=r"^must be a whole number, not text$"):
        check("p", Kind.LOCATION, "size", "large")
    with pytest.raises(ValueError, match=r"^must be an attribute that p declares for objects$"):
        check("p", Kind.OBJECT, "size", 3)


async def test_a_commit_makes_it_true(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        folder = tmp_path / "worlds"
        surroundings = make_surroundings(worlds=folder, start=lambda: "square")
        call = make_call("*", world=heart.world, surroundings=surroundings)
        text = f"""
        locations: [{{id: {SQUARE}, name: Cellar, owner: Cook, attributes: {{other: {{size: 3}}}}}}]
        characters: [{{id: {NEW}, name: Cook, location: {SQUARE}}}]
        objects: [{{id: {BAG}, name: ladle, character: Cook, lock: nobody}}]
        """
        folder.mkdir()
        await trio.Path(folder / "w.yaml").write_text(text)
        ask(call, "import_world", "w")
        await heart.committer.commit(call.attempt.transaction, ALICE).durable()
        loaded = await load_entities(heart.store)
        assert problems(loaded, heart.world) == []
        assert {"Cellar", "Cook", "ladle"} <= {entity.name for entity in loaded}


KEEPER = """
    import json
    from holomush_pdk import *
    def save(inv): return json.dumps(export_world(inv.args.name))
    def restore(inv): return json.dumps(import_world(inv.args.name))
"""
MANIFEST = """
    capabilities: [world:export, world:import]
    commands:
      - {name: save, pattern: "save <name>", handler: save}
      - {name: restore, pattern: "restore <name>", handler: restore}
"""


async def test_a_plugin_saves_and_restores(tmp_path: Path, runtime: SourceRuntime) -> None:
    folder = tmp_path / "worlds"
    surroundings = make_surroundings(worlds=folder, start=lambda: "square")
    async with open_rig(tmp_path / "plugins", runtime, surroundings=surroundings) as rig:
        await rig.load(KEEPER, MANIFEST)
        saved = json.loads((await rig.call("save", {"name": "w"})).output or "")
        assert (saved["path"], saved["locations"], saved["objects"]) == (str(folder / "w.yaml"), 2, 3)
        # What other plugins declare is recorded in the database.
        schema = structure({"attributes": {"location": [{"name": "size", "type": "integer"}]}}, Schema, "x")
        row = {"plugin": "measure", "version": "1.0.0", "schema": json.dumps(schema.to_json())}
        await rig.store.write([records.upsert("plugin_schemas", row)])
        text = f"locations: [{{id: {NEW}, name: Attic, attributes: {{measure: {{size: large}}, other: {{size: large}}}}}}]"
        await trio.Path(folder / "w.yaml").write_text(text)
        with pytest.raises(GuestFailedError, match=r"attributes\.measure\.size: must be a whole number, not text"):
            await rig.call("restore", {"name": "w"})
        await trio.Path(folder / "w.yaml").write_text(text.replace("measure: {size: large}", "measure: {size: 3}"))
        attempt = rig.host.begin("tester")
        restored = json.loads((await rig.call_in(attempt, "restore", {"name": "w"})).output or "")
        assert (restored["created"], restored["updated"]) == (1, 0)
        attic = attempt.transaction.get(NEW)
        assert isinstance(attic, Location)
        assert attic.attributes == {("measure", "size"): 3, ("other", "size"): "large"}

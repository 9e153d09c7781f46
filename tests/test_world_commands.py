"""``python -m holomush world export`` and ``import``: into files and out of them, new data folders, and what they refuse."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest
import trio
from click.testing import CliRunner

from holomush import bundled
from holomush.cli import main
from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.plugins.schema.declared import Schema
from holomush.startup import DATABASE, prepare_world
from holomush.structuring import structure
from holomush.world.consistency import problems
from holomush.world.model import Character, Entity, GameObject, Kind
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World

SQUARE, ALICE, HAT, PIN = "01K0000000000000000000SQAR", *(f"01K{number:023d}" for number in range(3))
FILE = f"""
start: {SQUARE}
locations:
  - {{id: {SQUARE}, name: Own Square, owner: Ned}}
  - {{id: {PIN}, name: Own Garden, owner: Zoe}}
characters:
  - {{id: {HAT}, name: Ned, location: {SQUARE}, attributes: {{gone: {{x: [1]}}}}}}
"""
NOTE = "note: nobody is called 'Zoe' here, so 1 entry has no owner\n"


@attrs.frozen
class Said:
    """What a command says, and how it ends."""

    out: str
    err: str
    code: int


@attrs.frozen
class Desk:
    """A data folder, and the commands about it."""

    data: Path

    def run(self, *options: str, stdin: str | bytes = "") -> Said:
        result = CliRunner().invoke(main, ["world", *options, "--data", str(self.data)], input=stdin)
        return Said(result.stdout, result.stderr, result.exit_code)

    def write(self, text: str) -> str:
        path = self.data.parent / "w.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def start(self) -> World:
        """Start on the database as the server does; what it holds is in order."""

        async def start() -> World:
            world = World()
            async with open_store(self.data / DATABASE) as store:
                await prepare_world(store, world, bundled.STARTER_WORLD)
                assert problems(await load_entities(store), world) == []
            return world

        self.data.mkdir(exist_ok=True)
        return trio.run(start)

    def add(self, *entities: Entity) -> None:
        """A player, and what there is besides the starter world."""

        async def add() -> None:
            async with open_store(self.data / DATABASE) as store:
                await migrate(store, CORE_MIGRATIONS)
                player = {"id": "p", "name": "P", "name_key": "p", "password_hash": None, "role": "player", "created_at": 0}
                await store.write([records.insert("players", player), *insert_statements(entities)])

        trio.run(add)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


def test_export_to_a_file(desk: Desk) -> None:
    desk.start()
    desk.add(
        Character(id=ALICE, name="Alice", player_id="p", location_id=SQUARE),
        GameObject(id=HAT, name="hat", holder_id=ALICE, holder_kind=Kind.CHARACTER),
    )
    path = desk.data.parent / "w.yaml"
    told = "Exported 4 locations, 6 exits, 0 characters and 2 objects.\nLeft out: 1 object that players' characters carry.\n"
    assert desk.run("export", str(path)) == Said(told, "", 0)
    assert path.read_text().startswith("# A world of HoloMUSH. Ids are 26 letters and digits, unique across the whole world.")
    assert f"\nstart: {SQUARE}\n" in path.read_text()
    assert "lock: nobody" in path.read_text()


def test_out_of_one_and_into_another(desk: Desk, tmp_path: Path) -> None:
    before = desk.start()
    exported = desk.run("export", "-")
    assert (exported.err, exported.code) == ("Exported 4 locations, 6 exits, 0 characters and 2 objects.\n", 0)
    other = Desk(tmp_path / "other" / "data")
    told = "Imported 4 locations, 6 exits, 0 characters and 2 objects: 12 created, 0 updated.\n"
    assert other.run("import", "-", stdin=exported.out) == Said(told, "", 0)
    after = other.start()
    assert [attrs.asdict(entity) for entity in after.entities()] == [attrs.asdict(entity) for entity in before.entities()]
    assert other.run("export", "-").out == exported.out
    again = "Imported 4 locations, 6 exits, 0 characters and 2 objects: 0 created, 12 updated.\n"
    assert other.run("import", "-", stdin=exported.out) == Said(again, "", 0)


def test_import_takes_the_place_of_the_starter_world(desk: Desk) -> None:
    told = "Imported 2 locations, 0 exits, 1 character and 0 objects: 3 created, 0 updated.\n" + NOTE
    assert desk.run("import", desk.write(FILE)) == Said(told, "", 0)
    names = [entity.name for entity in desk.start().entities()]
    assert names == ["Own Square", "Own Garden", "Ned"]
    with closing(sqlite3.connect(desk.data / DATABASE)) as connection:
        assert connection.execute("SELECT value FROM settings WHERE key = 'start_location'").fetchall() == [(SQUARE,)]


def test_import_into_a_world_that_there_is(desk: Desk) -> None:
    desk.start()
    told = "Imported 2 locations, 0 exits, 1 character and 0 objects: 2 created, 1 updated.\n" + NOTE
    assert desk.run("import", desk.write(FILE.replace(f"start: {SQUARE}", f"start: {PIN}"))) == Said(told, "", 0)
    world = desk.start()
    assert len(world.entities()) == 14
    ned = world.character_named("ned")
    assert ned is not None
    assert ned.attributes == {("gone", "x"): [1]}
    assert ned.created_at > 0
    assert f"\nstart: {SQUARE}\n" in desk.run("export", "-").out  # where new characters begin is as it was


def test_a_file_that_does_not_fit_changes_nothing(desk: Desk) -> None:
    path = desk.write(FILE.replace(f"location: {SQUARE}", "location: nowhere").replace("name: Own Garden", "name: '[red]G'"))
    lines = [
        f"holomush: {path}: locations[1].name: must not have markup, such as [bold] or [[",
        f"holomush: {path}: characters[0].location: there is no location nowhere",
    ]
    assert desk.run("import", path) == Said("", "".join(f"{line}\n" for line in lines), 1)
    assert not desk.data.exists()
    desk.start()
    before = desk.run("export", "-").out
    assert desk.run("import", path).code == 1
    assert desk.run("export", "-").out == before


def test_attributes_are_held_against_what_is_recorded_of_plugins(desk: Desk) -> None:
    desk.start()
    declared = structure({"attributes": {"character": [{"name": "x", "type": "integer"}]}}, Schema, "x")
    with closing(sqlite3.connect(desk.data / DATABASE)) as connection, connection:
        connection.execute(
            "INSERT INTO plugin_schemas (plugin, version, schema) VALUES ('gone', '1.0.0', ?)", (json.dumps(declared.to_json()),)
        )
    path = desk.write(FILE)
    said = f"holomush: {path}: characters[0].attributes.gone.x: must be a whole number, not a list\n"
    assert desk.run("import", path) == Said("", said, 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a mapping of keys to values, not None"),
        ("a: [", "is not valid YAML: while parsing a flow node (line 2), did not find expected node content (line 2)"),
        ("{}", "start: the key 'start' is missing"),
        (f"start: {SQUARE}", "locations: must have at least one entry"),
    ],
)
def test_what_no_new_game_can_begin_with(desk: Desk, text: str, problem: str) -> None:
    path = desk.write(text)
    assert desk.run("import", path) == Said("", f"holomush: {path}: {problem}\n", 1)
    assert desk.run("import", "-", stdin=text) == Said("", f"holomush: standard input: {problem}\n", 1)
    assert not desk.data.exists()


def test_a_database_that_no_server_has_filled(desk: Desk) -> None:
    desk.data.mkdir()
    desk.add()
    path = desk.write("{}")
    assert desk.run("import", path) == Said("", f"holomush: {path}: start: the key 'start' is missing\n", 1)
    assert desk.run("import", desk.write(FILE)).code == 0
    assert [entity.name for entity in desk.start().entities()] == ["Own Square", "Own Garden", "Ned"]


def test_files_and_folders_that_are_not_there(desk: Desk, tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert desk.run("import", str(missing)) == Said("", f"holomush: {missing}: cannot be read: No such file or directory\n", 1)
    assert desk.run("export", "-") == Said("", f"holomush: {desk.data / DATABASE}: there is no such database\n", 1)
    desk.start()
    below = missing / "w.yaml"
    assert desk.run("export", str(below)) == Said("", f"holomush: {below}: cannot be written: No such file or directory\n", 1)
    (tmp_path / "file").write_text("")
    told = f"holomush: data: {tmp_path / 'file' / 'data'}: the folder cannot be made: Not a directory\n"
    assert Desk(tmp_path / "file" / "data").run("import", desk.write(FILE)) == Said("", told, 1)


async def test_one_line_while_the_server_runs(desk: Desk) -> None:
    desk.data.mkdir()
    database = desk.data / DATABASE
    async with open_store(database):
        for command in ("export", "import"):
            said = await trio.to_thread.run_sync(desk.run, command, desk.write(FILE))
            assert said.code == 1
            assert said.err.startswith(f"holomush: cannot open the database {database}: ")
            assert said.err.count("\n") == 1

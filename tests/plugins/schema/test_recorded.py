"""What the database has of plugins, brought up to date with their manifests: on a real file, and what goes wrong with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from holomush.database.migrations import MigrationError, migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import StorageError, Store, open_store
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.schema.changes import SchemaChangeError
from holomush.plugins.schema.recorded import bring_up_to_date, check_schema, peek_at_schemas, recorded_schemas, remove_data
from holomush.structuring import structure
from holomush.world.model import GAME_PLAYER_ID, Character, Location
from holomush.world.rows import insert_statements

LOGS = """
attributes:
  character: [{name: health, type: integer, default: 100}]
tables:
  - name: logs
    columns:
      - {name: id, type: string, primary: true}
      - {name: damage, type: integer}
"""
LOGS_WITH_NOTE = f"{LOGS}      - {{name: note, type: string, default: none}}\n"
LOGS_WITHOUT_DAMAGE = LOGS.replace("      - {name: damage, type: integer}\n", "")
TABLE = "p_combat__logs"
ROWS = [("a", 5), ("b", None), ("c", 12)]
DROP_DAMAGE = "[{version: 1.1.0, steps: [{drop_column: {table: logs, column: damage}}]}]"


def manifest(schema: str = "{}", *, name: str = "combat", version: str = "1.0.0", migrations: str = "[]") -> Manifest:
    data = {
        "name": name,
        "version": version,
        "capabilities": ["db:migrate"],
        "schema": yaml.safe_load(schema),
        "migrations": yaml.safe_load(migrations),
    }
    return structure(data, Manifest, "plugin.yaml")


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Store]:
    """The database in ``data``, as it is when a server starts."""
    async with open_store(data / "holomush.db", synchronous="OFF") as store:
        await migrate(store, CORE_MIGRATIONS)
        yield store


async def fill(store: Store) -> None:
    """The first version, three rows, and somebody's health."""
    await bring_up_to_date(store, manifest(LOGS))
    rows = [(f'INSERT INTO "{TABLE}" (id, damage) VALUES (?, ?)', row) for row in ROWS]
    health = ("INSERT INTO attributes (entity_id, plugin, name, value) VALUES ('alice', 'combat', 'health', '42')", ())
    await store.write([*rows, health])


async def everything(store: Store) -> list[Any]:
    """Every table of plugins with its rows, and all else that is kept of plugins."""
    names = await store.fetch("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'p\\_%' ESCAPE '\\' ORDER BY name")
    rows = [await store.fetch(f'SELECT * FROM "{name}" ORDER BY 1') for name, sql in names if sql.startswith("CREATE TABLE")]
    kept = [
        await store.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("attributes", "kv", "plugin_schemas", "migrations")
    ]
    return [names, rows, kept]


def backups(data: Path) -> list[str]:
    return sorted(path.name for path in data.glob("*.bak"))


def rows_in(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def test_a_first_version_is_made(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with opened(data) as store:
        assert await recorded_schemas(store) == {}
        await fill(store)
        assert await store.fetch(f'SELECT * FROM "{TABLE}" ORDER BY id') == ROWS
        recorded = await recorded_schemas(store)
    assert {name: (one.version, one.schema) for name, one in recorded.items()} == {"combat": ("1.0.0", manifest(LOGS).schema)}
    assert [record.getMessage() for record in caplog.records if record.getMessage().startswith("plugin ")] == [
        "plugin combat: the database creates the table logs",
        "plugin combat: the database adds the attribute character.health",
    ]
    assert backups(data) == []  # the file was new


async def test_a_plugin_without_a_schema_leaves_no_trace(data: Path) -> None:
    async with opened(data) as store:
        before = await everything(store)
        await bring_up_to_date(store, manifest())
        assert await everything(store) == before


async def test_the_same_version_again_changes_nothing(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
    async with opened(data) as store:
        before = await everything(store)
        await bring_up_to_date(store, manifest(LOGS))
        assert await everything(store) == before
    assert backups(data) == []


async def test_a_new_version_without_a_change_is_only_noted(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
    async with opened(data) as store:
        await bring_up_to_date(store, manifest(LOGS, version="1.0.1"))
        assert [one.version for one in (await recorded_schemas(store)).values()] == ["1.0.1"]
        assert await store.fetch("SELECT name FROM migrations WHERE owner = 'combat'") == [("0001-1.0.0",)]
    assert backups(data) == []


async def test_what_only_adds_is_done_and_rows_are_kept(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
    async with opened(data) as store:
        await bring_up_to_date(store, manifest(LOGS_WITH_NOTE, version="1.1.0"))
        assert await store.fetch(f'SELECT * FROM "{TABLE}" ORDER BY id') == [(*row, "none") for row in ROWS]
        assert (await recorded_schemas(store))["combat"].schema == manifest(LOGS_WITH_NOTE).schema
        ledger = await store.fetch("SELECT name FROM migrations WHERE owner = 'combat' ORDER BY name")
    assert ledger == [("0001-1.0.0",), ("0002-1.1.0",)]
    assert backups(data) == ["holomush.db.before-combat-0002-1.1.0.bak"]


async def test_the_backup_is_a_database_to_go_back_to(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
    async with opened(data) as store:
        await bring_up_to_date(store, manifest(LOGS_WITHOUT_DAMAGE, version="1.1.0", migrations=DROP_DAMAGE))
        assert await store.fetch(f'SELECT * FROM "{TABLE}" ORDER BY id') == [(row[0],) for row in ROWS]
    (data / "holomush.db.before-combat-0002-1.1.0.bak").replace(data / "holomush.db")
    async with opened(data) as store:
        await bring_up_to_date(store, manifest(LOGS))
        assert await store.fetch(f'SELECT * FROM "{TABLE}" ORDER BY id') == ROWS
        assert await store.fetch("PRAGMA integrity_check") == [("ok",)]


async def test_a_first_version_in_an_old_database_is_backed_up_too(data: Path) -> None:
    async with opened(data):
        pass
    async with opened(data) as store:
        await fill(store)
    assert backups(data) == ["holomush.db.before-combat-0001-1.0.0.bak"]
    assert rows_in(data / backups(data)[0], "SELECT name FROM sqlite_schema WHERE name LIKE 'p%combat%'") == []


LOSSES = {
    "a column less": (
        LOGS_WITHOUT_DAMAGE,
        ["table logs: the column damage (integer) is gone: rows would lose it; say drop_column or rename_column in migrations"],
    ),
    "another type": (
        LOGS.replace("damage, type: integer", "damage, type: string"),
        ["table logs: the column damage was integer and is string; say convert_column in migrations"],
    ),
    "nothing at all": (
        "{}",
        [
            "table logs is gone: its rows would be lost; say drop_table or rename_table in migrations",
            "attribute character.health (integer) is gone: what was assigned to it would be lost; "
            "say drop_attribute or rename_attribute in migrations",
        ],
    ),
}


@pytest.mark.parametrize("what", LOSSES)
async def test_what_would_lose_something_is_refused(data: Path, what: str) -> None:
    schema, problems = LOSSES[what]
    wanted = manifest(schema, version="1.1.0")
    async with opened(data) as store:
        await fill(store)
        before = await everything(store)
        with pytest.raises(SchemaChangeError) as caught:
            await bring_up_to_date(store, wanted)
        assert await everything(store) == before
        with pytest.raises(SchemaChangeError) as checked:
            check_schema(wanted, (await recorded_schemas(store))["combat"])
    assert [line.replace("logs.damage", "damage") for line in caught.value.problems] == problems
    assert checked.value.problems == caught.value.problems
    assert backups(data) == []


async def test_migrations_keep_the_rows(data: Path) -> None:
    """Renames of a table, a column and an attribute, and a conversion, said by two versions of which one was never there."""
    schema = """
    attributes:
      character: [{name: hit_points, type: integer, default: 100}]
    tables:
      - name: fights
        columns:
          - {name: id, type: string, primary: true}
          - {name: harm, type: string}
    """
    migrations = """
    - version: 1.1.0
      steps:
        - rename_table: {table: logs, to: fights}
        - rename_column: {table: fights, column: damage, to: harm}
    - version: 1.2.0
      steps:
        - convert_column: {table: fights, column: harm, to: string}
        - rename_attribute: {of: character, attribute: health, to: hit_points}
    """
    async with opened(data) as store:
        await fill(store)
        square = Location(id="square", name="The Square")
        await store.write(
            insert_statements([square, Character(id="alice", name="Alice", player_id=GAME_PLAYER_ID, location_id="square")])
        )
        await bring_up_to_date(store, manifest(schema, version="1.2.0", migrations=migrations))
        assert await store.fetch('SELECT * FROM "p_combat__fights" ORDER BY id') == [("a", "5"), ("b", None), ("c", "12")]
        assert await store.fetch("SELECT name, value FROM attributes") == [("hit_points", "42")]
        assert await store.fetch(f"SELECT name FROM sqlite_schema WHERE name LIKE '{TABLE}%'") == []
        # And once more from there: steps that were done are not done again.
        await bring_up_to_date(store, manifest(schema, version="1.2.1", migrations=migrations))
        assert len(await store.fetch('SELECT * FROM "p_combat__fights"')) == len(ROWS)


@pytest.mark.parametrize("in_the_way", ["p_combat__wounds", "p_combat__logs..new"])
async def test_a_migration_that_fails_leaves_everything_as_it_was(data: Path, in_the_way: str) -> None:
    """A table that nobody expects has the name of one that is to be made, after others have been changed."""
    schema = f"""{LOGS_WITHOUT_DAMAGE}
  - name: wounds
    columns: [{{name: id, type: ulid, primary: true}}]
"""
    async with opened(data) as store:
        await fill(store)
        await store.write([(f'CREATE TABLE "{in_the_way}" (id TEXT)', ())])
    async with opened(data) as store:
        before = await everything(store)
        with pytest.raises(MigrationError, match=r"cannot apply the migration combat/0002-1\.1\.0 to .*already exists"):
            await bring_up_to_date(store, manifest(schema, version="1.1.0", migrations=DROP_DAMAGE))
        assert await everything(store) == before
        assert store.failure is None
        # It is in the way no more: now all of it is done.
        await store.write([(f'DROP TABLE "{in_the_way}"', ())])
        await bring_up_to_date(store, manifest(schema, version="1.1.0", migrations=DROP_DAMAGE))
        assert await store.fetch(f'SELECT * FROM "{TABLE}" ORDER BY id') == [(row[0],) for row in ROWS]
        assert await store.fetch('SELECT * FROM "p_combat__wounds"') == []


async def test_a_backup_that_cannot_be_made_stops_the_migration(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
    (data / "holomush.db.before-combat-0002-1.1.0.bak").mkdir()
    (data / "holomush.db.before-combat-0002-1.1.0.bak" / "precious").touch()
    async with opened(data) as store:
        before = await everything(store)
        with pytest.raises(StorageError):
            await bring_up_to_date(store, manifest(LOGS_WITH_NOTE, version="1.1.0"))
        assert await everything(store) == before


async def test_an_older_version_is_refused(data: Path) -> None:
    async with opened(data) as store:
        await bring_up_to_date(store, manifest(LOGS, version="1.10.0"))
        before = await everything(store)
        with pytest.raises(SchemaChangeError) as caught:
            await bring_up_to_date(store, manifest(LOGS, version="1.9.0"))
        assert await everything(store) == before
    assert str(caught.value) == ("combat 1.9.0 is older than the 1.10.0 whose tables are in the database; install that version")


async def _make_newer(store: Store) -> None:
    """What is recorded of ``combat`` is as a later HoloMUSH might write it."""
    text = json.dumps({"format": 2, "everything": "different"})
    await store.write([("UPDATE plugin_schemas SET schema = ? WHERE plugin = 'combat'", (text,))])


async def test_what_a_newer_server_recorded_is_left_alone(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
        await bring_up_to_date(store, manifest(LOGS, name="other"))
        await _make_newer(store)
        before = await everything(store)
        assert set(await recorded_schemas(store)) == {"other"}
        assert set(peek_at_schemas(store.path)) == {"other"}
        said = r"what combat 1\.0\.0 keeps was recorded by a newer HoloMUSH; install that version"
        for wanted in (manifest(LOGS), manifest()):
            with pytest.raises(StorageError, match=said):
                await bring_up_to_date(store, wanted)
        with pytest.raises(StorageError, match=said):
            await remove_data(store, "combat")
        assert await everything(store) == before


# ---- a look at a database in use -------------------------------------------------------------------------------------


async def test_peeking_while_the_file_is_in_use(data: Path) -> None:
    assert peek_at_schemas(data / "holomush.db") == {}
    async with opened(data) as store:
        assert peek_at_schemas(store.path) == {}
        await fill(store)
        assert peek_at_schemas(store.path) == await recorded_schemas(store)
        before = await everything(store)
        peek_at_schemas(store.path)
        assert await everything(store) == before
    assert peek_at_schemas(data / "holomush.db")["combat"].version == "1.0.0"


def test_peeking_at_what_is_no_database(data: Path) -> None:
    path = data / "holomush.db"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(StorageError, match=r"cannot read the database .*holomush\.db: file is not a database"):
        peek_at_schemas(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE before_plugins_could_have_tables (id)")
    assert peek_at_schemas(path) == {}


# ---- taking everything away ------------------------------------------------------------------------------------------


async def _keep_something(store: Store, plugin: str) -> None:
    await bring_up_to_date(store, manifest(LOGS, name=plugin))
    await store.write(
        [
            (f'INSERT INTO "p_{plugin.replace("-", "_")}__logs" (id, damage) VALUES (?, 1)', (plugin,)),
            ("INSERT INTO attributes (entity_id, plugin, name, value) VALUES ('alice', ?, 'health', '42')", (plugin,)),
            ("INSERT INTO kv (plugin, key, value) VALUES (?, 'mood', ?)", (plugin, b"grim")),
        ]
    )


NEIGHBOURS = ("combat-log", "combat-logs", "com")


async def test_removing_drops_what_is_the_plugins_own(data: Path) -> None:
    async with opened(data) as store:
        for neighbour in NEIGHBOURS:
            await _keep_something(store, neighbour)
        before = await everything(store)
        await _keep_something(store, "combat")
        assert await everything(store) != before
        backup = await remove_data(store, "combat")
        assert await everything(store) == before
        assert set(await recorded_schemas(store)) == set(NEIGHBOURS)
        assert await remove_data(store, "combat") is None
    assert backup is not None
    assert backup.name == "holomush.db.before-removing-combat.bak"
    assert rows_in(backup, f'SELECT * FROM "{TABLE}"') == [("combat", 1)]


async def test_keys_alone_are_removed_too(data: Path) -> None:
    async with opened(data) as store:
        await store.write([("INSERT INTO kv (plugin, key, value) VALUES ('combat', 'mood', x'00')", ())])
        assert await remove_data(store, "combat") is not None
        assert await store.fetch("SELECT * FROM kv") == []


async def test_after_a_removal_it_begins_anew(data: Path) -> None:
    async with opened(data) as store:
        await fill(store)
        await bring_up_to_date(store, manifest(LOGS, version="2.0.0"))
        assert await remove_data(store, "combat") is not None
        # Older, and with a table that is nothing like the one before.
        other = LOGS.replace("damage, type: integer", "damage, type: json").replace("{name: health", "{name: health_points")
        await bring_up_to_date(store, manifest(other))
        assert await store.fetch(f'SELECT * FROM "{TABLE}"') == []
        assert await store.fetch("SELECT name FROM migrations WHERE owner = 'combat'") == [("0001-1.0.0",)]
        await bring_up_to_date(store, manifest(other, version="1.0.1"))
        assert (await recorded_schemas(store))["combat"].version == "1.0.1"

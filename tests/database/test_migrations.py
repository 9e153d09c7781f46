"""The ledger: what is missing is applied once, in order, after a copy; a newer file is refused."""

from pathlib import Path

import pytest

from holomush.database.migrations import CORE, Migration, MigrationError, migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.world.model import GAME_PLAYER_ID
from holomush.world.names import BadName, check_name, name_key

FIRST = Migration(CORE, "0001-first", [("CREATE TABLE a (x INTEGER) STRICT", ())])
SECOND = Migration(CORE, "0002-second", [("CREATE TABLE b (x INTEGER) STRICT", ()), ("INSERT INTO a VALUES (2)", ())])
PLUGIN = Migration("board", "0001-first", [("CREATE TABLE board_posts (x INTEGER) STRICT", ())])


async def ledger(store: Store) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await store.fetch("SELECT owner, name FROM migrations ORDER BY owner, name")]


def backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.bak*"))


async def test_missing_ones_are_applied_once_and_in_order(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        assert await migrate(store, [FIRST, SECOND, PLUGIN]) == [FIRST, SECOND, PLUGIN]
        assert await migrate(store, [FIRST, SECOND, PLUGIN]) == []
        assert await ledger(store) == [("board", "0001-first"), (CORE, "0001-first"), (CORE, "0002-second")]
        assert await store.fetch("SELECT x FROM a") == [(2,)]
        [[applied_at]] = await store.fetch("SELECT min(applied_at) FROM migrations")
        assert applied_at > 1_700_000_000_000


async def test_a_new_file_is_not_copied_even_when_plugins_follow(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, [FIRST])
        await migrate(store, [PLUGIN])
    assert backups(tmp_path) == []


async def test_an_old_file_is_copied_once_before_the_first_change(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    async with open_store(path) as store:
        await migrate(store, [FIRST])
        await store.write([("INSERT INTO a VALUES (1)", ())])
    async with open_store(path) as store:
        await migrate(store, [FIRST])
        assert backups(tmp_path) == []
        await migrate(store, [FIRST, SECOND])
        await migrate(store, [PLUGIN])
    assert backups(tmp_path) == ["world.db.before-0002-second.bak"]
    async with open_store(tmp_path / "world.db.before-0002-second.bak") as copy:
        assert await ledger(copy) == [(CORE, "0001-first")]
        assert await copy.fetch("SELECT x FROM a") == [(1,)]


async def test_the_copy_before_a_plugins_migration_bears_its_name(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, [FIRST])
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, [PLUGIN])
    assert backups(tmp_path) == ["world.db.before-board-0001-first.bak"]


async def test_a_failing_migration_leaves_nothing_of_itself(tmp_path: Path) -> None:
    broken = Migration(CORE, "0002-broken", [("CREATE TABLE c (x)", ()), ("INSERT INTO nowhere VALUES (1)", ())])
    async with open_store(tmp_path / "world.db") as store:
        with pytest.raises(MigrationError, match=r"core/0002-broken to .*world\.db: .*nowhere"):
            await migrate(store, [FIRST, broken])
        assert await ledger(store) == [(CORE, "0001-first")]
        assert await store.fetch("SELECT name FROM sqlite_schema WHERE name = 'c'") == []
        assert await migrate(store, [FIRST, SECOND]) == [SECOND]


async def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, [FIRST, SECOND])
        other = Migration(CORE, "0001-other", [("CREATE TABLE c (x)", ())])
        with pytest.raises(MigrationError, match=r"made by a newer HoloMUSH \(it has 0002-second\)"):
            await migrate(store, [FIRST, other])
        assert await ledger(store) == [(CORE, "0001-first"), (CORE, "0002-second")]


async def test_a_plugin_that_is_gone_or_older_is_no_obstacle(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, [FIRST, PLUGIN])
        assert await migrate(store, [FIRST]) == []
        later = Migration("board", "0002-later", [])
        assert await migrate(store, [later]) == [later]


def test_names_are_fit_for_file_names() -> None:
    with pytest.raises(ValueError, match="name"):
        Migration(CORE, "../evil", [])


async def test_the_core_schema_applies(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        assert await migrate(store, CORE_MIGRATIONS) == list(CORE_MIGRATIONS)
        assert await migrate(store, CORE_MIGRATIONS) == []


async def test_a_database_from_before_plugins_kept_anything_is_brought_up_to_date(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        assert [migration.name for migration in await migrate(store, CORE_MIGRATIONS[:1])] == ["0001-core-tables"]
        await store.write([("INSERT INTO kv (plugin, key, value) VALUES ('echo', 'a', x'01')", ())])
    async with open_store(tmp_path / "world.db") as store:
        assert await migrate(store, CORE_MIGRATIONS) == list(CORE_MIGRATIONS[1:])
        assert await store.fetch("SELECT key FROM kv") == [("a",)]
        assert await store.fetch("SELECT * FROM attributes") == await store.fetch("SELECT * FROM plugin_schemas") == []
        assert await store.fetch("SELECT id, password_hash FROM players") == [(GAME_PLAYER_ID, None)]
    assert backups(tmp_path) == ["world.db.before-0002-what-plugins-keep.bak"]


async def test_no_player_can_have_the_name_of_the_games_own(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        ((name, key),) = await store.fetch("SELECT name, name_key FROM players")
    with pytest.raises(BadName):
        check_name(name, by_operator=True)
    assert key == name_key(name)

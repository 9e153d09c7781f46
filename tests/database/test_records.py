"""Statements for rows: right names, one SQL string for the same columns, and what the schema accepts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holomush.database.migrations import migrate
from holomush.database.records import EVENT_INSERT, TABLES, delete, insert, insert_event, update, upsert
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import SqlValue, Statement, StorageError, Store, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "world.db") as opened:
        await migrate(opened, CORE_MIGRATIONS)
        yield opened


def player(key: str = "P1") -> Statement:
    return insert("players", {"id": key, "name": key, "name_key": key.lower(), "role": "player", "created_at": 1})


def location(key: str = "L1", owner: str | None = None) -> Statement:
    return insert("locations", {"id": key, "name": "Hall", "description": "", "owner_id": owner})


def character(key: str = "C1") -> Statement:
    values: dict[str, SqlValue] = {"id": key, "name": key, "name_key": key.lower(), "created_at": 1}
    return insert("characters", {**values, "player_id": "P1", "location_id": "L1"})


def thing(key: str, **place: str) -> Statement:
    return insert("objects", {"id": key, "name": "lamp", "owner_id": "C1", **place})


async def test_the_table_list_is_the_schema(store: Store) -> None:
    for name, table in TABLES.items():
        rows = await store.fetch("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (name,))
        assert tuple(row[0] for row in rows) == table.columns
        assert tuple(row[0] for row in rows if row[1]) == table.key


def test_the_same_columns_give_the_same_string() -> None:
    first, _ = insert("settings", {"key": "start", "value": "L1"})
    second, values = insert("settings", {"value": "L2", "key": "start"})
    assert first is second
    assert values == ("start", "L2")
    assert update("players", "P1", {"name": "A", "role": "x"})[0] is update("players", "P2", {"role": "y", "name": "B"})[0]
    assert delete("exits", "X1")[0] is delete("exits", "X2")[0]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        insert("passwords", {"id": "1"})
    with pytest.raises(KeyError, match="nickname"):
        insert("players", {"id": "1", "nickname": "x"})
    with pytest.raises(KeyError, match="nothing"):
        update("players", "P1", {})
    with pytest.raises(KeyError, match="plugin, key"):
        delete("kv", "just-one")


async def test_a_row_lives_changes_and_dies(store: Store) -> None:
    await store.write([player(), location(), character()])
    await store.write([update("characters", "C1", {"seen_sequence": 7, "description": "tall"})])
    assert await store.fetch("SELECT seen_sequence, description FROM characters") == [(7, "tall")]
    await store.write([delete("characters", "C1")])
    assert await store.fetch("SELECT * FROM characters") == []


async def test_upsert_of_plugin_values(store: Store) -> None:
    await store.write([upsert("kv", {"plugin": "dice", "key": "rolls", "value": b"1"})])
    await store.write([upsert("kv", {"plugin": "dice", "key": "rolls", "value": b"2"})])
    await store.write([upsert("kv", {"plugin": "other", "key": "rolls", "value": b"3"})])
    await store.write([delete("kv", ("other", "rolls"))])
    assert await store.fetch("SELECT * FROM kv") == [("dice", "rolls", b"2")]


async def test_rows_may_come_in_any_order_within_a_unit(store: Store) -> None:
    await store.write([thing("O1", character_id="C1"), character(), location(owner="C1"), player()])
    assert await store.fetch("SELECT count(*) FROM objects") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        delete("locations", "L1"),
        delete("players", "P1"),
        thing("O2"),
        thing("O2", location_id="L1", character_id="C1"),
        thing("O2", location_id="L9"),
        update("characters", "C1", {"location_id": "L9"}),
        update("characters", "C1", {"created_at": "yesterday"}),
        insert("exits", {"id": "X", "source_id": "L1", "destination_id": "L1", "name": "out", "aliases": "{}"}),
    ],
)
async def test_a_row_may_not_point_at_nothing(store: Store, statement: Statement) -> None:
    await store.write([player(), location(), character()])
    with pytest.raises(StorageError, match=r"constraint failed|cannot store"):
        await store.write([statement])
    assert store.failure is None


async def test_what_a_deleted_character_owned_belongs_to_nobody(store: Store) -> None:
    await store.write([player(), location(owner="C1"), character(), thing("O1", location_id="L1")])
    await store.write([delete("characters", "C1"), delete("players", "P1")])
    assert await store.fetch("SELECT owner_id FROM locations UNION ALL SELECT owner_id FROM objects") == [
        (None,),
        (None,),
    ]


async def test_deleting_a_character_scans_no_table(store: Store) -> None:
    for table, column in [("objects", "owner_id"), ("objects", "character_id"), ("characters", "player_id")]:
        plan = await store.fetch(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = ?", ("C1",))
        assert "USING" in plan[0][-1]
        assert "INDEX" in plan[0][-1]


def test_an_event_is_compact_json() -> None:
    sql, values = insert_event(
        sequence=1,
        event_id="E1",
        stream="location:L1",
        event_type="core:say",
        timestamp=5,
        actor_kind="character",
        actor_id="C1",
        actor_name="Zoë",
        payload={"message": "schön", "n": [1, 2]},
    )
    assert sql is EVENT_INSERT
    expected = (1, "E1", "location:L1", "core:say", 5, "character", "C1", "Zoë", '{"message":"schön","n":[1,2]}')
    assert values == expected

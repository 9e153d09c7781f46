"""The tables of a plugin in a real SQLite beside those of the core: rows, keys, questions, and what is staged."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holomush.database.schema import CORE_MIGRATIONS
from holomush.plugins.schema.declared import Column, Table
from holomush.plugins.schema.sql import (
    MAX_LIMIT,
    Key,
    Query,
    Row,
    Statement,
    TableSql,
    changed_row,
    complete_row,
    key_of,
    row_key,
    table_name,
)

ULID = "01JAZZ0000000000000000000A"

FIGHTS = Table(
    name="fights",
    columns=(
        Column(name="id", type="ulid", primary=True),
        Column(name="attacker", type="ulid", ref="characters", required=True),
        Column(name="place", type="ulid", ref="locations"),
        Column(name="damage", type="integer", default=1),
        Column(name="order", type="string", default="it's"),
        Column(name="fair", type="boolean", default=True),
        Column(name="data", type="json"),
    ),
)
# A column of each type; the key has two.
WIDE = Table(
    name="wide",
    columns=(
        Column(name="k", type="string", primary=True),
        Column(name="n", type="integer", primary=True),
        Column(name="i", type="integer"),
        Column(name="r", type="number"),
        Column(name="s", type="string"),
        Column(name="b", type="boolean"),
        Column(name="j", type="json"),
        Column(name="rowid", type="timestamptz"),
    ),
)
fights = TableSql("combat-system", FIGHTS)
wide = TableSql("a", WIDE)


def run(connection: sqlite3.Connection, *statements: Statement) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for sql, parameters in statements:
        rows = connection.execute(sql, parameters).fetchall()
    return rows


def read(connection: sqlite3.Connection, table: TableSql, query: Query, overlay: dict[Key, Row | None] | None = None) -> list[Row]:
    return [table.read_row(values) for values in run(connection, table.select(query, overlay or {}))]


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The core's tables with two locations and two characters, and the table of fights."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for migration in CORE_MIGRATIONS:
            run(connection, *migration.statements)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO players (id, name, name_key, role, created_at) VALUES ('p', 'P', 'p', 'player', 0)")
        for name in ("here", "there"):
            connection.execute("INSERT INTO locations (id, name) VALUES (?, ?)", (name, name))
        for name in ("alice", "bob"):
            connection.execute(
                "INSERT INTO characters (id, player_id, name, name_key, location_id, created_at) VALUES (?, 'p', ?, ?, 'here', 0)",
                (name, name, name),
            )
        connection.execute("COMMIT")
        run(connection, fights.create(), *fights.create_indexes(FIGHTS.columns))
        yield connection


def fight(number: int, **values: Any) -> Row:
    given = {"id": f"{ULID[:-2]}{number:02}", "attacker": "alice", "place": "there", **values}
    return complete_row(FIGHTS, given, lambda: ULID)


# ---- names -----------------------------------------------------------------------------------------------------------

plugins = st.from_regex(r"[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)
tables = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)


def test_the_name_of_a_table_has_the_plugin_in_it() -> None:
    assert fights.name == "p_combat_system__fights"


@given(plugins, tables)
def test_plugin_and_table_are_told_from_the_name(plugin: str, table: str) -> None:
    prefix, _, rest = table_name(plugin, table).partition("__")
    assert (prefix.removeprefix("p_").replace("_", "-"), rest) == (plugin, table)


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_written(database: sqlite3.Connection) -> None:
    row = fight(1, fair=False, data={"a": [1, None, "ü"]}, damage=2**63 - 1)
    run(database, fights.insert(row))
    assert [fights.read_row(values) for values in run(database, fights.get(row_key(FIGHTS, row)))] == [row]
    changed = changed_row(FIGHTS, row, {"damage": None, "data": "x", "fair": True})
    run(database, fights.replace(changed))
    assert read(database, fights, Query.parse(FIGHTS, None)) == [changed]
    assert run(database, fights.count()) == [(1,)]
    run(database, fights.delete(row_key(FIGHTS, row)))
    assert run(database, fights.count()) == [(0,)]


def test_the_defaults_of_the_table_are_those_of_the_manifest(database: sqlite3.Connection) -> None:
    database.execute(f"INSERT INTO {fights.name} (id, attacker) VALUES ('x', 'bob')")
    (row,) = read(database, fights, Query.parse(FIGHTS, {}))
    assert row == {**fight(0), "id": "x", "attacker": "bob", "place": None}


@pytest.mark.parametrize(
    "change",
    ["fair = 2", "data = '{'", "damage = 'x'", "attacker = NULL", "id = NULL", "damage = 1.5"],
)
def test_the_table_refuses_what_no_plugin_could_have_written(database: sqlite3.Connection, change: str) -> None:
    run(database, fights.insert(fight(1)))
    with pytest.raises(sqlite3.IntegrityError):
        database.execute(f"UPDATE {fights.name} SET {change}")


def test_a_ref_to_nobody_fails_at_the_commit(database: sqlite3.Connection) -> None:
    database.execute("BEGIN")
    run(database, fights.insert(fight(1, attacker="carol")))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        database.execute("COMMIT")


def test_an_entity_that_goes_takes_the_rows_that_need_it_and_empties_the_others(database: sqlite3.Connection) -> None:
    run(database, fights.insert(fight(1)), fights.insert(fight(2, attacker="bob")))
    database.execute("DELETE FROM characters WHERE id = 'alice'")
    database.execute("DELETE FROM locations WHERE id = 'there'")
    assert read(database, fights, Query.parse(FIGHTS, None)) == [fight(2, attacker="bob", place=None)]


def plan(connection: sqlite3.Connection, statement: Statement) -> str:
    return " | ".join(row[3] for row in run(connection, ("EXPLAIN QUERY PLAN " + statement[0], statement[1])))


def test_deleting_an_entity_and_asking_for_its_rows_scan_nothing(database: sqlite3.Connection) -> None:
    child = plan(database, (f"SELECT 1 FROM {fights.name} WHERE place = ?", ("here",)))
    assert "USING COVERING INDEX p_combat_system__fights.place" in child
    query = Query.parse(FIGHTS, {"where": {"attacker": "alice"}})
    assert "SEARCH p_combat_system__fights USING INDEX p_combat_system__fights.attacker" in plan(database, fights.select(query, {}))
    staged: dict[Key, Row | None] = {(ULID,): None}
    assert "SEARCH p_combat_system__fights USING INDEX" in plan(database, fights.select(query, staged))


def test_a_key_that_is_a_ref_needs_no_index_of_its_own() -> None:
    table = Table(name="t", columns=(Column(name="who", type="ulid", ref="characters", primary=True),))
    assert TableSql("a", table).create_indexes(table.columns) == []


def test_a_table_of_keys_alone_can_be_replaced(database: sqlite3.Connection) -> None:
    sql = TableSql("a", Table(name="t", columns=(Column(name="select", type="integer", primary=True),)))
    run(database, sql.create(), sql.insert({"select": 5}), sql.replace({"select": 5}))
    assert run(database, sql.get((5,))) == [(5,)]


# ---- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_is_completed_with_defaults_and_a_key() -> None:
    row = complete_row(FIGHTS, {"attacker": "alice", "damage": None}, lambda: ULID)
    assert row == {
        "id": ULID,
        "attacker": "alice",
        "place": None,
        "damage": None,
        "order": "it's",
        "fair": True,
        "data": None,
    }


@pytest.mark.parametrize(
    ("table", "given_row", "problem"),
    [
        (FIGHTS, [], "a row must be an object, not a list"),
        (FIGHTS, {"attacker": "alice", "harm": 1}, "'harm' is no column of fights; its columns are id, attacker"),
        (FIGHTS, {"attacker": "alice", "damage": "1"}, "damage: must be a whole number, not text"),
        (FIGHTS, {}, "attacker: must be there"),
        (FIGHTS, {"attacker": None}, "attacker: must be text, not null"),
        (FIGHTS, {"attacker": "alice", "id": "x"}, "id: must be a ULID"),
        (WIDE, {"k": "x"}, "n: must be there"),
        (FIGHTS, {1: 2}, "'1' is no column of fights"),
    ],
)
def test_a_bad_row_is_refused_by_name(table: Table, given_row: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        complete_row(table, given_row, lambda: ULID)


def test_changes_leave_the_key_alone() -> None:
    row = fight(1)
    assert changed_row(FIGHTS, row, {"id": row["id"], "damage": 5}) == {**row, "damage": 5}
    for changes, problem in (
        ({"id": ULID}, "id: must stay as it is"),
        ({"harm": 5}, "'harm' is no column"),
        ({"attacker": None}, "attacker: must be text, not null"),
        ("x", "changes must be an object, not text"),
    ):
        with pytest.raises(ValueError, match=re.escape(problem)):
            changed_row(FIGHTS, row, changes)


def test_a_key_is_a_value_or_an_object() -> None:
    assert key_of(FIGHTS, ULID) == (ULID,)
    assert key_of(WIDE, {"n": 5, "k": "x"}) == ("x", 5)
    for table, given_key, problem in (
        (FIGHTS, {"id": ULID}, "id: must be a ULID"),
        (WIDE, "x", "the key must be an object with k, n"),
        (WIDE, {"k": "x"}, "the key must be an object with k, n"),
        (WIDE, {"k": "x", "n": 1, "i": 2}, "the key must be an object with k, n"),
        (WIDE, {"k": "x", "n": None}, "n: must be a whole number, not null"),
    ):
        with pytest.raises(ValueError, match=re.escape(problem)):
            key_of(table, given_key)


# ---- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ([], "the query: must be an object, not a list"),
        ({"wher": {}}, "'wher' is no part of a query; its parts are where, order, limit and offset"),
        ({"where": []}, "where: must be an object, not a list"),
        ({"where": {"harm": 1}}, "where: 'harm' is no column of fights"),
        ({"where": {"damage": "1"}}, "where: damage: must be a whole number, not text"),
        ({"where": {"damage": {"like": 1}}}, "where: damage: 'like' is no operator; operators are = != < <= > >="),
        ({"where": {"damage": {"<": None}}}, "where: damage: nothing is < null; only = and != go with it"),
        ({"where": {"data": {"=": [1]}}}, "where: data: can only be compared with null, because it is json"),
        ({"order": "damage"}, "order: must be a list of columns such as -data, not text"),
        ({"order": [1]}, "order: must be a list of texts; there is a number in it"),
        ({"order": ["--damage"]}, "order: '-damage' is no column"),
        ({"order": ["damage", "-damage"]}, "order: damage is there twice"),
        ({"order": ["data"]}, "order: data has no order: it is json"),
        ({"limit": 0}, "limit: must be a whole number from 1 to 1000"),
        ({"limit": MAX_LIMIT + 1}, "limit: must be a whole number from 1 to 1000"),
        ({"limit": True}, "limit: must be a whole number"),
        ({"offset": -1}, "offset: must be a whole number from 0"),
        ({"offset": 2**63}, "offset: must be a whole number from 0"),
    ],
)
def test_a_bad_question_is_refused_by_its_part(asked: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Query.parse(FIGHTS, asked)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"where": {"damage": 5}}, [2]),
        ({"where": {"damage": None}}, [1]),
        ({"where": {"damage": {"!=": None}}}, [2, 3, 4]),
        ({"where": {"damage": {"!=": 5}}}, [1, 3, 4]),
        ({"where": {"damage": {">": 5, "<=": 7}}}, [3, 4]),
        ({"where": {"damage": 7, "order": {"<": "b"}}}, [3]),
        ({"order": ["damage"]}, [1, 2, 3, 4]),
        ({"order": ["-damage"]}, [3, 4, 2, 1]),
        ({"order": ["-damage", "-id"]}, [4, 3, 2, 1]),
        ({"order": ["order"]}, [2, 3, 1, 4]),
        ({"where": {"fair": False}}, [4]),
        ({"limit": 2, "offset": 1}, [2, 3]),
        ({"offset": 10}, []),
    ],
)
def test_a_question_is_answered(database: sqlite3.Connection, asked: Any, found: list[int]) -> None:
    rows = [
        fight(1, damage=None, order="a"),
        fight(2, damage=5, order="Z"),
        fight(3, damage=7, order="_"),
        fight(4, damage=7, order="b", fair=False),
    ]
    query = Query.parse(FIGHTS, asked)
    staged: dict[Key, Row | None] = {row_key(FIGHTS, row): row for row in rows}
    wanted = [rows[number - 1] for number in found]
    assert read(database, fights, query, staged) == wanted
    run(database, *map(fights.insert, rows))
    assert read(database, fights, query) == wanted


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["damage", "-id", "data", "<"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["where", "order", "limit", "offset", "damage", "data", "=", "<"]) | st.text(), inner)
    ),
)


@given(anything | st.fixed_dictionaries({}, optional=dict.fromkeys(("where", "order", "limit", "offset"), anything)))
def test_garbage_is_a_question_or_refused_in_one_line(asked: Any) -> None:
    problem = ""
    try:
        Query.parse(FIGHTS, asked)
    except ValueError as exc:
        problem = str(exc)
    assert "\n" not in problem


# ---- what is staged --------------------------------------------------------------------------------------------------

text = st.sampled_from(["", "a", "A", "ä", "10", "9", "null", "'", '"', "🜨", "\n"])
integers = st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1, 2**53 + 1])
rows_of_wide = st.fixed_dictionaries(
    {
        "k": st.sampled_from("ab"),
        "n": st.integers(0, 3),
        "i": st.none() | integers,
        "r": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "s": st.none() | text,
        "b": st.none() | st.booleans(),
        "j": st.none() | st.sampled_from([{"a": [1, 2.5, None]}, [], "text", 5, True, "\0"]),
        "rowid": st.none() | integers,
    }
).map(lambda row: complete_row(WIDE, row, str))
stored_rows = st.lists(rows_of_wide, max_size=6, unique_by=lambda row: (row["k"], row["n"]))
overlays = st.lists(
    rows_of_wide.flatmap(lambda row: st.tuples(st.just(row_key(WIDE, row)), st.none() | st.just(row))), max_size=6
).map(dict)


@st.composite
def questions(draw: st.DrawFn, rows: list[Row]) -> dict[str, Any]:
    """A question that uses values that are there."""
    where: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(["k", "i", "r", "s", "b", "rowid"]), max_size=2, unique=True)):
        values = [row[name] for row in rows if row[name] is not None]
        if values:
            where[name] = {draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="])): draw(st.sampled_from(values))}
    if draw(st.booleans()):
        where["j"] = {draw(st.sampled_from(["=", "!="])): None}
    order = draw(st.lists(st.sampled_from(["k", "n", "i", "r", "s", "b", "rowid"]), max_size=3, unique=True))
    return {
        "where": where,
        "order": [draw(st.sampled_from(["", "-"])) + name for name in order],
        "limit": draw(st.integers(1, 10)),
        "offset": draw(st.integers(0, 3)),
    }


@settings(max_examples=300, deadline=None)
@given(stored_rows, overlays, st.data())
def test_what_is_staged_is_seen_as_if_it_were_written(rows: list[Row], overlay: dict[Key, Row | None], data: st.DataObject) -> None:
    query = Query.parse(WIDE, data.draw(questions([*rows, *(row for row in overlay.values() if row)])))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        run(connection, wide.create(), *map(wide.insert, rows))
        seen = read(connection, wide, query, overlay)
        for key, row in overlay.items():
            run(connection, wide.delete(key), *([wide.insert(row)] if row else []))
        assert json.dumps(seen) == json.dumps(read(connection, wide, query))


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1))
@example(-1.1352904205810249e-307, 0)  # as text, SQLite 3.40 makes it another number
@example(5e-324, 0)
@example(1.7976931348623157e308, 0)
@example(0.1 + 0.2, 0)
def test_numbers_survive_being_staged_bit_by_bit(number: float, integer: int) -> None:
    row = complete_row(WIDE, {"k": "x", "n": integer, "r": number}, str)
    query = Query.parse(WIDE, {"where": {"r": number, "n": integer}})
    with closing(sqlite3.connect(":memory:")) as connection:
        run(connection, wide.create())
        assert read(connection, wide, query, {row_key(WIDE, row): row}) == [row]


def test_a_thousand_staged_rows_are_no_trouble(database: sqlite3.Connection) -> None:
    staged: dict[Key, Row | None] = {}
    for number in range(1000):
        row = complete_row(WIDE, {"k": "x", "n": number, "s": "text", "r": number / 7}, str)
        staged[row_key(WIDE, row)] = row
    run(database, wide.create())
    assert read(database, wide, Query.parse(WIDE, {"limit": MAX_LIMIT}), staged) == list(staged.values())

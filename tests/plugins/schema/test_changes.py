"""From schema to schema in a real SQLite beside the core's tables: what is done, what is refused, and that nothing is lost."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from holomush.database.schema import CORE_MIGRATIONS
from holomush.plugins.schema.changes import Migration, Plan, Recorded, SchemaChangeError, plan, removal_statements
from holomush.plugins.schema.declared import Attribute, Attributes, Column, Schema, Table
from holomush.plugins.schema.sql import Query, Row, Statement, TableSql, complete_row
from holomush.plugins.schema.steps import convertible
from holomush.plugins.schema.values import TYPES, check_value
from holomush.structuring import StructureError, structure

PLUGIN = "combat-system"
ULID = "01JAZZ0000000000000000000A"
MAX = 2**63 - 1

OLD = """
attributes:
  character: [{name: health, type: integer, default: 100}, {name: calm, type: boolean}]
  exit: [{name: health, type: integer}]
tables:
  - name: combat_logs
    columns:
      - {name: id, type: ulid, primary: true}
      - {name: who, type: ulid, ref: characters}
      - {name: damage, type: integer, required: true}
      - {name: note, type: string, default: "-"}
"""


def read_schema(text: str) -> Schema:
    return structure(yaml.safe_load(text), Schema, "schema")


def read_steps(text: str, version: str = "2.0.0") -> tuple[Migration, ...]:
    return (structure({"version": version, "steps": yaml.safe_load(text)}, Migration, "migrations"),)


def changed(*replacements: tuple[str, str]) -> Schema:
    """The old schema with some of its text replaced."""
    text = OLD
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return read_schema(text)


RECORDED = Recorded("1.0.0", read_schema(OLD))


def run(connection: sqlite3.Connection, statements: tuple[Statement, ...]) -> None:
    """As the store does: in one transaction, in which foreign keys stay on."""
    connection.execute("BEGIN IMMEDIATE")
    for sql, parameters in statements:
        connection.execute(sql, parameters)
    connection.execute("COMMIT")


def open_database() -> sqlite3.Connection:
    """The core's tables with a location, an exit and two characters, the ids of which are their names."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for migration in CORE_MIGRATIONS:
        run(connection, tuple(migration.statements))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS attributes "
        "(entity_id TEXT, plugin TEXT, name TEXT, value TEXT, PRIMARY KEY (entity_id, plugin, name))"
    )
    character = (
        "INSERT INTO characters (id, player_id, name, name_key, location_id, created_at)"
        " VALUES ('{0}', 'p', '{0}', '{0}', 'here', 0)"
    )
    run(
        connection,
        (
            ("INSERT INTO players (id, name, name_key, role, created_at) VALUES ('p', 'P', 'p', 'player', 0)", ()),
            ("INSERT INTO locations (id, name) VALUES ('here', 'Here')", ()),
            ("INSERT INTO exits (id, source_id, destination_id, name) VALUES ('out', 'here', 'here', 'out')", ()),
            (character.format("alice"), ()),
            (character.format("bob"), ()),
        ),
    )
    return connection


def rows_of(connection: sqlite3.Connection, table: Table) -> list[Row]:
    sql = TableSql(PLUGIN, table)
    return [sql.read_row(values) for values in connection.execute(*sql.select(Query.parse(table, None), {}))]


def tables_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Every table and index of plugins, with its columns."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'p\\_%' ESCAPE '\\'")]
    return {name: [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')] for name in names}


def layout(connection: sqlite3.Connection) -> dict[str, Any]:
    """What SQLite knows of the plugins' tables: types, NOT NULL, defaults, keys, refs, indexes; columns in any order."""
    found: dict[str, Any] = {}
    for name in tables_of(connection):
        columns = sorted(row[1:] for row in connection.execute(f'PRAGMA table_info("{name}")'))
        refs = sorted(row[2:] for row in connection.execute(f'PRAGMA foreign_key_list("{name}")'))
        indexes = sorted(row[1] for row in connection.execute(f'PRAGMA index_list("{name}")'))
        found[name] = (columns, refs, indexes)
    return found


def attributes_of(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT entity_id, name, value FROM attributes WHERE plugin = ?", (PLUGIN,))
    return {(entity, name): value for entity, name, value in rows}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The old schema, with two rows and some attributes, of which one is another plugin's."""
    with closing(open_database()) as connection:
        run(connection, plan(None, PLUGIN, "1.0.0", RECORDED.schema, ()).statements)
        for values in (
            ("alice", PLUGIN, "health", "5"),
            ("alice", PLUGIN, "calm", "true"),
            ("alice", "other", "health", "6"),
            ("out", PLUGIN, "health", "7"),
        ):
            connection.execute("INSERT INTO attributes VALUES (?, ?, ?, ?)", values)
        table = RECORDED.schema.tables[0]
        for number, who in enumerate(("alice", "bob")):
            row = complete_row(table, {"id": f"{ULID[:-1]}{number}", "who": who, "damage": MAX - number}, str)
            connection.execute(*TableSql(PLUGIN, table).insert(row))
        yield connection


# ---- what is done unasked --------------------------------------------------------------------------------------------


def test_everything_is_made_the_first_time(database: sqlite3.Connection) -> None:
    made = plan(None, PLUGIN, "1.0.0", RECORDED.schema, read_steps("[{drop_table: {table: nothing}}]", "1.0.0"))
    assert made.summary == (
        "creates the table combat_logs",
        "adds the attribute character.health",
        "adds the attribute character.calm",
        "adds the attribute exit.health",
    )
    assert tables_of(database)["p_combat_system__combat_logs"] == ["id", "who", "damage", "note"]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.1", "2.0.0"])
def test_the_same_schema_needs_nothing(version: str) -> None:
    assert plan(RECORDED, PLUGIN, version, read_schema(OLD), ()) == Plan()
    reordered = RECORDED.schema.tables[0].columns[::-1]
    schema = Schema(attributes=RECORDED.schema.attributes, tables=(Table(name="combat_logs", columns=reordered),))
    assert plan(RECORDED, PLUGIN, version, schema, ()) == Plan()


@pytest.mark.parametrize(
    ("column", "value", "alter"),
    [
        ("{name: extra, type: string}", None, True),
        ("{name: extra, type: string, default: it's}", "it's", True),
        ("{name: extra, type: boolean, default: false, required: true}", False, True),
        ("{name: extra, type: json, default: {a: [1]}}", {"a": [1]}, True),
        ("{name: extra, type: json}", None, True),
        ("{name: extra, type: integer, default: -9223372036854775808}", -(2**63), True),
        ("{name: extra, type: ulid, ref: exits}", None, True),
        ("{name: extra, type: number}", None, True),
        ("{name: extra, type: number, default: 2.5e-308}", 2.5e-308, False),
    ],
)
def test_a_column_is_added(database: sqlite3.Connection, column: str, value: Any, alter: bool) -> None:  # noqa: FBT001
    schema = changed(("- {name: who", f"- {column}\n      - {{name: who"))
    before = rows_of(database, RECORDED.schema.tables[0])
    done = plan(RECORDED, PLUGIN, "1.0.0", schema, ())
    run(database, done.statements)
    assert done.summary == ("adds the column combat_logs.extra",)
    assert done.statements[0][0].startswith("ALTER TABLE") == alter
    assert rows_of(database, schema.tables[0]) == [{**row, "extra": value} for row in before]
    with closing(open_database()) as fresh:
        run(fresh, plan(None, PLUGIN, "1.0.0", schema, ()).statements)
        assert layout(database) == layout(fresh)


def test_a_default_changes_and_a_column_may_become_null(database: sqlite3.Connection) -> None:
    schema = changed(("default: 100", "default: 50"), (", required: true", ""), ('default: "-"', 'default: "+"'))
    before = rows_of(database, schema.tables[0])
    done = plan(RECORDED, PLUGIN, "1.0.0", schema, ())
    run(database, done.statements)
    assert done.summary == (
        "lets the column combat_logs.damage be null",
        "changes the default of the column combat_logs.note",
        "changes the default of the attribute character.health",
    )
    assert rows_of(database, schema.tables[0]) == before
    database.execute("INSERT INTO p_combat_system__combat_logs (id) VALUES ('z')")
    assert rows_of(database, schema.tables[0])[-1] == {"id": "z", "who": None, "damage": None, "note": "+"}


def test_a_required_ref_that_may_be_null_now_no_longer_takes_its_row_along(database: sqlite3.Connection) -> None:
    table = "tables: [{name: t, columns: [{name: id, type: integer, primary: true}, {name: who, type: ulid, ref: characters%s}]}]"
    old, new = (read_schema(table.replace("%s", text)) for text in (", required: true", ""))
    run(database, plan(None, PLUGIN, "1.0.0", old, ()).statements)
    database.execute("INSERT INTO p_combat_system__t VALUES (1, 'alice')")
    run(database, plan(Recorded("1.0.0", old), PLUGIN, "1.0.0", new, ()).statements)
    database.execute("DELETE FROM characters WHERE id = 'alice'")
    assert rows_of(database, new.tables[0]) == [{"id": 1, "who": None}]


# ---- what is refused -------------------------------------------------------------------------------------------------

DAMAGE = "- {name: damage, type: integer, required: true}"
AT_THE_SAME_VERSION = "in migrations, in a version above 1.0.0"


@pytest.mark.parametrize(
    ("replacements", "problems"),
    [
        (
            [(f"      {DAMAGE}\n", "")],
            ["table combat_logs: the column damage (integer) is gone: rows would lose it; say drop_column or rename_column"],
        ),
        (
            [("name: combat_logs", "name: fights")],
            ["table combat_logs is gone: its rows would be lost; say drop_table or rename_table"],
        ),
        (
            [("damage, type: integer", "damage, type: string")],
            ["table combat_logs: the column damage was integer and is string; say convert_column"],
        ),
        (
            [("damage, type: integer", "damage, type: number")],
            ["table combat_logs: the column damage was integer and is number, which may lose something; say drop_column"],
        ),
        (
            [("ref: characters", "ref: exits")],
            ["table combat_logs: the column who had ref: characters and has ref: exits: ids may not be there"],
        ),
        ([(", ref: characters", "")], ["table combat_logs: the column who had ref: characters and has no ref: "]),
        (
            [
                ("id, type: ulid, primary: true", "id, type: ulid, required: true"),
                ("type: integer, required", "type: integer, primary"),
            ],
            [
                "table combat_logs: the column id was primary and is not: rows would have another key; make a new table",
                "table combat_logs: the column damage is primary now: rows would have another key; make a new table",
            ],
        ),
        (
            [('default: "-"', "required: true")],
            ["table combat_logs: the column note is required now: rows there may have none; leave out required"],
        ),
        (
            [(DAMAGE, DAMAGE + "\n      - {name: new, type: integer, required: true}")],
            ["table combat_logs: the column new is new and required: the rows there need a value; give it a default"],
        ),
        (
            [(DAMAGE, DAMAGE + "\n      - {name: new, type: integer, primary: true}")],
            ["table combat_logs: the column new is new and primary: the rows there have no such key; make a new table"],
        ),
        (
            [
                (", {name: calm, type: boolean}", ""),
                ("exit: [{name: health, type: integer}]", "exit: [{name: health, type: ulid}]"),
            ],
            [
                "attribute character.calm (boolean) is gone: what was assigned to it would be lost; say drop_attribute or",
                "attribute exit.health was integer and is ulid, which may lose something; say drop_attribute",
            ],
        ),
        (
            [("calm, type: boolean", "calm, type: integer")],
            ["attribute character.calm was boolean and is integer; say convert_attribute"],
        ),
    ],
)
def test_what_would_lose_something_is_refused_line_by_line(replacements: list[tuple[str, str]], problems: list[str]) -> None:
    schema = changed(*replacements)
    with pytest.raises(SchemaChangeError) as caught:
        plan(RECORDED, PLUGIN, "1.0.0", schema, ())
    assert len(caught.value.problems) == len(problems)
    for line, problem in zip(caught.value.problems, problems, strict=True):
        assert line.startswith(problem)
        assert ("; say " not in line) or line.endswith(AT_THE_SAME_VERSION)
    assert str(caught.value) == "\n".join(caught.value.problems)
    with pytest.raises(SchemaChangeError) as caught:
        plan(RECORDED, PLUGIN, "1.1.0", schema, ())
    assert all(line.endswith(" in migrations") for line in caught.value.problems if "; say " in line)


def test_an_older_version_is_refused() -> None:
    with pytest.raises(SchemaChangeError, match=re.escape("combat-system 1.9.0 is older than the 1.10.0 whose tables are in the")):
        plan(Recorded("1.10.0", RECORDED.schema), PLUGIN, "1.9.0", RECORDED.schema, ())


def test_a_migration_above_the_plugins_own_version_is_refused() -> None:
    with pytest.raises(
        SchemaChangeError, match=re.escape("migrations[0].version: must be at most 1.1.0, the plugin's own, not 2.0.0")
    ):
        plan(None, PLUGIN, "1.1.0", RECORDED.schema, read_steps("[]"))


# ---- what is said in migrations --------------------------------------------------------------------------------------


def test_steps_are_followed_and_keep_every_row(database: sqlite3.Connection) -> None:
    steps = read_steps("""
        - rename_table: {table: combat_logs, to: fights}
        - rename_column: {table: fights, column: damage, to: harm}
        - convert_column: {table: fights, column: harm, to: string}
        - convert_column: {table: fights, column: who, to: string}
        - drop_column: {table: fights, column: note}
        - rename_attribute: {of: character, attribute: health, to: hit_points}
        - convert_attribute: {of: character, attribute: hit_points, to: string}
        - convert_attribute: {of: character, attribute: calm, to: number}
        - drop_attribute: {of: exit, attribute: health}
        """)
    schema = read_schema("""
        attributes: {character: [{name: hit_points, type: string}, {name: calm, type: number}, {name: health, type: json}]}
        tables:
          - name: fights
            columns:
              - {name: id, type: ulid, primary: true}
              - {name: who, type: string}
              - {name: note, type: number, default: 0.1}
              - {name: harm, type: string, required: true}
          - {name: combat_logs, columns: [{name: id, type: integer, primary: true}]}
        """)
    done = plan(RECORDED, PLUGIN, "2.1.0", schema, steps)
    assert done.summary == (
        "renames the table combat_logs to fights",
        "renames the column fights.damage to harm",
        "converts the column fights.harm from integer to string",
        "converts the column fights.who from ulid to string",
        "drops the column fights.note",
        "renames the attribute character.health to hit_points",
        "converts the attribute character.hit_points from integer to string",
        "converts the attribute character.calm from boolean to number",
        "drops the attribute exit.health",
        "adds the column fights.note",
        "creates the table combat_logs",
        "adds the attribute character.health",
    )
    run(database, done.statements)
    assert rows_of(database, schema.tables[0]) == [
        {"id": f"{ULID[:-1]}0", "who": "alice", "note": 0.1, "harm": str(MAX)},
        {"id": f"{ULID[:-1]}1", "who": "bob", "note": 0.1, "harm": str(MAX - 1)},
    ]
    assert attributes_of(database) == {("alice", "hit_points"): '"5"', ("alice", "calm"): "1.0"}
    assert database.execute("SELECT value FROM attributes WHERE plugin = 'other'").fetchall() == [("6",)]
    with closing(open_database()) as fresh:
        run(fresh, plan(None, PLUGIN, "2.1.0", schema, ()).statements)
        assert layout(database) == layout(fresh)
    assert plan(Recorded("2.1.0", schema), PLUGIN, "2.1.0", schema, steps) == Plan()


def test_migrations_are_followed_in_the_order_of_their_versions_from_the_recorded_one_on(database: sqlite3.Connection) -> None:
    steps = (
        *read_steps("[{rename_column: {table: combat_logs, column: b, to: c}}]", "1.10.0"),
        *read_steps("[{rename_column: {table: combat_logs, column: damage, to: b}}]", "1.9.0"),
        *read_steps("[{drop_table: {table: combat_logs}}]", "1.0.0"),
    )
    done = plan(RECORDED, PLUGIN, "1.10.0", changed(("name: damage", "name: c")), steps)
    assert done.summary == ("renames the column combat_logs.damage to b", "renames the column combat_logs.b to c")
    run(database, done.statements)
    assert tables_of(database)["p_combat_system__combat_logs"] == ["id", "who", "c", "note"]


def test_tables_and_columns_change_places(database: sqlite3.Connection) -> None:
    key = "{name: id, type: integer, primary: true}"
    table = f"{{name: %s, columns: [{key}, {{name: new, type: ulid, ref: exits}}, {{name: y, type: ulid}}]}}"
    schema = read_schema(f"tables: [{table.replace('%s', 'a')}, {table.replace('%s', 'b')}]")
    run(database, plan(None, PLUGIN, "1.0.0", schema, ()).statements)
    database.execute("INSERT INTO p_combat_system__a VALUES (1, 'out', 'x')")
    steps = read_steps("""
        - rename_table: {table: a, to: c}
        - rename_table: {table: b, to: a}
        - rename_table: {table: c, to: b}
        - rename_column: {table: b, column: new, to: z}
        - rename_column: {table: b, column: y, to: new}
        - rename_column: {table: b, column: z, to: y}
        """)
    there = table.replace("%s", "b").replace("new", "z").replace("name: y", "name: new").replace("name: z", "name: y")
    wanted = read_schema(f"tables: [{table.replace('%s', 'a')}, {there}]")
    run(database, plan(Recorded("1.0.0", schema), PLUGIN, "2.0.0", wanted, steps).statements)
    assert rows_of(database, wanted.tables[0]) == []
    assert rows_of(database, wanted.tables[1]) == [{"id": 1, "new": "x", "y": "out"}]


def test_a_table_is_dropped(database: sqlite3.Connection) -> None:
    done = plan(
        RECORDED,
        PLUGIN,
        "2.0.0",
        Schema(attributes=RECORDED.schema.attributes),
        read_steps("[{drop_table: {table: combat_logs}}]"),
    )
    run(database, done.statements)
    assert tables_of(database) == {}


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("rename_table: {table: fights, to: b}", "rename_table.table: must be one of combat_logs, not fights"),
        ("rename_table: {table: combat_logs, to: combat_logs}", "rename_table.to: must be a name that is free"),
        ("drop_table: {table: fights}", "drop_table.table: must be one of combat_logs, not fights"),
        ("rename_column: {table: fights, column: a, to: b}", "rename_column.table: must be one of combat_logs"),
        (
            "rename_column: {table: combat_logs, column: a, to: b}",
            "rename_column.column: must be one of id, who, damage, note, not a",
        ),
        (
            "rename_column: {table: combat_logs, column: id, to: who}",
            "rename_column.to: must be a name that is free; there is a column who",
        ),
        ("drop_column: {table: combat_logs, column: a}", "drop_column.column: must be one of id, who, damage, note, not a"),
        ("drop_column: {table: combat_logs, column: id}", "drop_column.column: must not be primary, as id is"),
        (
            "convert_column: {table: combat_logs, column: damage, to: number}",
            "convert_column.to: must be string or timestamptz or json, not number: from integer, all else may lose something",
        ),
        (
            "convert_column: {table: combat_logs, column: note, to: integer}",
            "convert_column.to: must be nothing, not integer: from string",
        ),
        ("rename_attribute: {of: exit, attribute: a, to: b}", "rename_attribute.attribute: must be one of health, not a"),
        (
            "rename_attribute: {of: object, attribute: a, to: b}",
            "rename_attribute.attribute: must be one of (there are none), not a",
        ),
        ("rename_attribute: {of: character, attribute: health, to: calm}", "rename_attribute.to: must be a name that is free"),
        ("drop_attribute: {of: exit, attribute: a}", "drop_attribute.attribute: must be one of health"),
        (
            "convert_attribute: {of: exit, attribute: health, to: boolean}",
            "convert_attribute.to: must be string or timestamptz or json",
        ),
    ],
)
def test_a_step_that_does_not_fit_is_named(step: str, problem: str) -> None:
    first = "{convert_attribute: {of: character, attribute: calm, to: json}}"
    migrations = (*read_steps("[]", "1.0.1"), *read_steps(f"[{first}, {{{step}}}]"))
    with pytest.raises(SchemaChangeError) as caught:
        plan(RECORDED, PLUGIN, "2.0.0", RECORDED.schema, migrations)
    assert str(caught.value).startswith(f"migrations[1].steps[1].{problem}")


def test_a_key_can_only_become_what_a_key_can_be() -> None:
    schema = read_schema("tables: [{name: t, columns: [{name: id, type: integer, primary: true}]}]")
    steps = read_steps("[{convert_column: {table: t, column: id, to: json}}]")
    with pytest.raises(
        SchemaChangeError, match=re.escape("migrations[0].steps[0].convert_column.type: must be one of ulid string integer")
    ):
        plan(Recorded("1.0.0", schema), PLUGIN, "2.0.0", schema, steps)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{}]", "migrations: steps[0]: must have exactly one key, one of rename_table, drop_table"),
        (
            "[{drop_table: {table: a}, drop_column: {table: a, column: b}}]",
            "migrations: steps[0]: must have exactly one key",
        ),
        ("[{drop_tabel: {table: a}}]", "migrations: steps[0]: unknown key 'drop_tabel'"),
        ("[{drop_table: a}]", "migrations: steps[0].drop_table: must be a mapping"),
        ("[{drop_table: {table: A}}]", "migrations: steps[0].drop_table.table: must be lower-case"),
        ("[{drop_attribute: {of: room, attribute: a}}]", "migrations: steps[0].drop_attribute.of: must be one of character"),
        ("[{convert_attribute: {of: exit, attribute: a, to: int}}]", "migrations: steps[0].convert_attribute.to: must be one of"),
    ],
)
def test_a_slip_in_a_step_is_reported_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(StructureError) as caught:
        read_steps(text)
    assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems


def test_a_version_is_three_numbers() -> None:
    with pytest.raises(StructureError, match=r"migrations: version: must be three numbers such as 1\.0\.0, not '2\.0'"):
        read_steps("[]", "2.0")


SAMPLES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -(2**63), 2**53 + 1],
    "timestamptz": [1_700_000_000_000],
    "ulid": [ULID],
    "json": [{"a": ["ü", 1.5]}, "text", 'quo"te'],
    "string": ["x"],
    "number": [1.5],
}


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in TYPES for new in TYPES if convertible(old, new)])
def test_a_conversion_gives_a_value_of_the_new_type_and_keeps_them_apart(database: sqlite3.Connection, old: str, new: str) -> None:
    def schema(type_: str) -> Schema:
        key = Column(name="id", type="integer", primary=True)
        return Schema(
            attributes=Attributes(character=(Attribute(name="a", type=type_),)),
            tables=(Table(name="t", columns=(key, Column(name="c", type=type_))),),
        )

    run(database, plan(None, PLUGIN, "1.0.0", schema(old), ()).statements)
    sql = TableSql(PLUGIN, schema(old).tables[0])
    for number, value in enumerate(SAMPLES[old]):
        database.execute(*sql.insert({"id": number, "c": value}))
    database.execute(*sql.insert({"id": 99, "c": None}))
    database.execute("INSERT INTO attributes VALUES ('bob', ?, 'a', ?)", (PLUGIN, json.dumps(SAMPLES[old][0])))
    steps = read_steps(f"""
        - convert_column: {{table: t, column: c, to: {new}}}
        - convert_attribute: {{of: character, attribute: a, to: {new}}}
        """)
    run(database, plan(Recorded("1.0.0", schema(old)), PLUGIN, "2.0.0", schema(new), steps).statements)
    *values, empty = [row["c"] for row in rows_of(database, schema(new).tables[0])]
    assert empty is None
    assert [check_value(new, value) for value in values] == values
    assert len({json.dumps(value) for value in values}) == len(SAMPLES[old])
    assigned = json.loads(attributes_of(database)["bob", "a"])
    assert check_value(new, assigned) == assigned
    if new != "string" or old != "json":
        assert json.dumps(assigned) == json.dumps(values[0])


def test_a_plugin_is_removed_with_all_it_had(database: sqlite3.Connection) -> None:
    run(database, removal_statements(PLUGIN, RECORDED.schema))
    assert tables_of(database) == {}
    assert database.execute("SELECT plugin, value FROM attributes").fetchall() == [("other", "6")]


# ---- any schema to any other -----------------------------------------------------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    "integer": st.integers(-(2**63), MAX),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "ulid": st.just(ULID),
    "timestamptz": st.integers(-(2**63), MAX),
    "json": st.sampled_from([[], {"a": "'"}, 1.5, True, "x"]),
}


@st.composite
def columns(draw: st.DrawFn) -> Column:
    name, type_ = draw(st.sampled_from(["a", "b", "new", "select"])), draw(st.sampled_from(["integer", "string", *TYPES]))
    ref = draw(st.none() | st.just("characters")) if type_ == "ulid" else None
    default = draw(st.none() | VALUES[type_]) if ref is None else None
    return Column(name=name, type=type_, ref=ref, required=draw(st.booleans()), default=default)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    key = Column(name="id", type="integer", primary=True)
    others = draw(st.lists(columns(), max_size=3, unique_by=lambda column: column.name))
    return Table(name=draw(st.sampled_from(["t", "u", "table"])), columns=tuple(draw(st.permutations([key, *others]))))


schemas = st.lists(tables(), max_size=2, unique_by=lambda table: table.name).map(lambda all_: Schema(tables=tuple(all_)))


@st.composite
def grown(draw: st.DrawFn, schema: Schema) -> Schema:
    """A schema that the plan may well take: columns more, defaults other, some no longer required."""
    all_ = []
    for table in schema.tables:
        kept = [
            Column(
                name=column.name,
                type=column.type,
                primary=column.primary,
                ref=column.ref,
                required=column.required and draw(st.booleans()),
                default=draw(st.just(column.default) | VALUES[column.type]) if not (column.primary or column.ref) else None,
            )
            for column in table.columns
        ]
        more = draw(st.lists(columns(), max_size=2, unique_by=lambda column: column.name))
        names = {column.name for column in kept}
        all_.append(Table(name=table.name, columns=(*kept, *(column for column in more if column.name not in names))))
    return Schema(tables=tuple(all_))


pairs = schemas.flatmap(lambda schema: st.tuples(st.just(schema), schemas | grown(schema)))


@settings(max_examples=300, deadline=None)
@given(pairs, st.data())
def test_any_change_is_refused_or_keeps_every_value(pair: tuple[Schema, Schema], data: st.DataObject) -> None:
    old, new = pair
    with closing(open_database()) as connection:
        run(connection, plan(None, PLUGIN, "1.0.0", old, ()).statements)
        before: dict[str, list[Row]] = {}
        for table in old.tables:
            for number in range(data.draw(st.integers(0, 2))):
                row: Row = {}
                for column in table.columns:
                    values = st.just("alice") if column.ref else VALUES[column.type]
                    row[column.name] = number if column.primary else data.draw(values if column.filled else st.none() | values)
                connection.execute(*TableSql(PLUGIN, table).insert(row))
            before[table.name] = rows_of(connection, table)
        try:
            change = plan(Recorded("1.0.0", old), PLUGIN, "1.0.0", new, ())
        except SchemaChangeError as exc:
            problems = exc.problems
        else:
            problems = ()
            run(connection, change.statements)
            for table in new.tables:
                filled = {column.name: column.default for column in table.columns}
                wanted = [{**filled, **row} for row in before.get(table.name, [])]
                assert json.dumps(rows_of(connection, table), sort_keys=True) == json.dumps(wanted, sort_keys=True)
            with closing(open_database()) as fresh:
                run(fresh, plan(None, PLUGIN, "1.0.0", new, ()).statements)
                assert layout(connection) == layout(fresh)
            assert bool(change.statements) <= bool(change.summary)
            assert plan(Recorded("1.0.0", new), PLUGIN, "1.0.0", new, ()) == Plan()
        gone = [
            (table.name, column.name)
            for table in old.tables
            for column in table.columns
            if (table.name, column.name) not in {(t.name, c.name) for t in new.tables for c in t.columns}
        ]
        assert bool(problems) >= bool(gone)
        assert all("\n" not in problem for problem in problems)

"""The schema of a manifest: what is refused and where, which values the types take, and how both are kept."""

import json
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.schema.declared import Attribute, Attributes, Column, Schema, Table
from holomush.plugins.schema.values import MAX_DEPTH, MAX_TEXT, TYPES, check_value, from_sql, sql_type, to_sql
from holomush.structuring import StructureError, structure

ULID = "01JAZZ0000000000000000000A"

COMBAT = """
attributes:
  character:
    - name: health
      type: integer
      default: 100
    - name: combat_stance
      type: string
      default: "neutral"
  location:
    - name: danger_level
      type: integer
      default: 0
tables:
  - name: combat_logs
    columns:
      - { name: id, type: ulid, primary: true }
      - { name: attacker_id, type: ulid, ref: characters }
      - { name: defender_id, type: ulid, ref: characters }
      - { name: damage, type: integer }
      - { name: timestamp, type: timestamptz }
"""


def read(text: str) -> Schema:
    return structure(yaml.safe_load(text), Schema, "plugin.yaml")


def table_with(*columns: str) -> str:
    listed = ", ".join(("{name: id, type: ulid, primary: true}", *columns))
    return f"tables: [{{name: t, columns: [{listed}]}}]"


def test_the_schema_of_the_design_is_read() -> None:
    schema = read(COMBAT)
    health, stance = schema.attributes.character
    assert (health.type, health.default, stance.default) == ("integer", 100, "neutral")
    assert schema.attributes.by_kind()["location"][0].name == "danger_level"
    (table,) = schema.tables
    assert [column.name for column in table.key] == ["id"]
    assert [column.ref for column in table.columns] == [None, "characters", "characters", None, None]


def test_no_schema_is_an_empty_schema() -> None:
    assert read("{}") == Schema()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tabels: []", "unknown key 'tabels'; known are attributes, tables"),
        ("attributes: {player: []}", "attributes: unknown key 'player'; known are character, location, object, exit"),
        ("attributes: {exit: [{name: Toll, type: integer}]}", "attributes.exit[0].name: must be lower-case letters, digits and _"),
        ("attributes: {exit: [{name: a, type: int}]}", "attributes.exit[0].type: must be one of string integer"),
        (
            "attributes: {exit: [{name: a, type: integer, default: many}]}",
            "attributes.exit[0]: default: must be a whole number, not text",
        ),
        (
            "attributes: {exit: [{name: a, type: string}, {name: a, type: string}]}",
            "attributes.exit: must have names of their own: there are two a",
        ),
        ("tables: [{name: t, columns: [{name: n, type: string}]}]", "tables[0]: columns: must have one with primary: true"),
        ("tables: [{name: select me, columns: []}]", "tables[0].name: must be lower-case letters"),
        (table_with("{name: a, type: integer, primary: true, default: 1}"), "columns[1]: default: must be left out"),
        (
            table_with("{name: a, type: number, primary: true}"),
            "columns[1]: type: must be one of ulid string integer for a primary",
        ),
        (table_with("{name: a, type: string, ref: exits}"), "columns[1]: type: must be ulid, because ref is exits, not string"),
        (table_with("{name: a, type: ulid, ref: players}"), "columns[1].ref: must be one of characters locations objects exits"),
        (
            table_with("{name: a, type: ulid, ref: exits, default: 01JAZZ0000000000000000000A}"),
            "columns[1]: default: must be left out",
        ),
        (table_with("{name: a, type: boolean, default: 1}"), "columns[1]: default: must be true or false, not a number"),
        (table_with("{name: id, type: ulid}"), "tables[0].columns: must have names of their own: there are two id"),
        (table_with(*(f"{{name: a{i}, type: ulid}}" for i in range(64))), "tables[0].columns: must be at most 64, not 65"),
        (table_with("{name: a, type: json, default: {1: 2}}"), "columns[1]: default: must be JSON: the keys of an object are text"),
        (table_with("{name: a, type: number, default: .inf}"), "columns[1]: default: must be a finite number"),
    ],
)
def test_a_slip_is_reported_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(StructureError) as caught:
        read(text)
    assert any(problem in line for line in caught.value.problems), caught.value.problems


def test_a_table_too_many_is_refused() -> None:
    tables = tuple(Table(name=f"t{i}", columns=(Column(name="id", type="ulid", primary=True),)) for i in range(33))
    with pytest.raises(ValueError, match="at most 32, not 33"):
        Schema(tables=tables)


def test_a_time_without_quotes_is_a_default() -> None:
    schema = read("attributes: {object: [{name: made, type: timestamptz, default: 2026-01-01T02:00:00+02:00}]}")
    assert schema.attributes.object[0].default == 1_767_225_600_000


@pytest.mark.parametrize(
    ("type_", "value", "stored"),
    [
        ("string", "", ""),
        ("string", "ä" * (MAX_TEXT // 2), "ä" * (MAX_TEXT // 2)),
        ("integer", -(2**63), -(2**63)),
        ("number", 3, 3.0),
        ("boolean", False, False),
        ("ulid", ULID, ULID),
        ("timestamptz", -5, -5),
        ("timestamptz", "1970-01-01T00:00:01.5Z", 1500),
        ("timestamptz", "1970-01-01t01:00:00+01:00", 0),
        ("json", [1, {"a": None}], [1, {"a": None}]),
        ("json", "text", "text"),
    ],
)
def test_a_value_of_its_type(type_: str, value: Any, stored: Any) -> None:
    checked = check_value(type_, value)
    assert (checked, type(checked)) == (stored, type(stored))


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: Any = 1
for _ in range(MAX_DEPTH + 1):
    DEEP = [DEEP]
BOMB: Any = "x"
for _ in range(MAX_DEPTH):
    BOMB = [BOMB] * 10


@pytest.mark.parametrize(
    ("type_", "value", "problem"),
    [
        ("string", 5, "must be text, not a number"),
        ("string", "a\0b", "without the character U+0000"),
        ("string", "\ud800", "UTF-8 can encode"),
        ("string", "ä" * (MAX_TEXT // 2) + "x", "at most 65536 bytes of text, not 65537"),
        ("integer", True, "must be a whole number, not true or false"),
        ("integer", 1.0, "must be a whole number, not a number"),
        ("integer", 2**63, "within 64 bits"),
        ("number", True, "must be a number, not true or false"),
        ("number", float("nan"), "must be a finite number"),
        ("number", 10**400, "must be a finite number"),
        ("boolean", 1, "must be true or false, not a number"),
        ("ulid", ULID.lower(), "must be a ULID"),
        ("ulid", "8" * 26, "must be a ULID"),
        ("ulid", None, "must be a ULID"),
        ("timestamptz", "2026-01-01", "milliseconds since 1970"),
        ("timestamptz", "2026-01-01T00:00:00", "with the offset"),
        ("timestamptz", "2026-02-30T00:00:00Z", "a time that exists"),
        ("timestamptz", 1.5, "milliseconds since 1970"),
        ("timestamptz", 2**63, "within 64 bits"),
        ("json", None, "other than null"),
        ("json", {1: 2}, "keys of an object are text"),
        ("json", [float("inf")], "finite numbers"),
        ("json", {"a": {1, 2}}, "must be JSON, not set"),
        ("json", ["\ud800"], "UTF-8 can encode"),
        ("json", [1 << 20_000], "finite numbers"),
        ("json", "x" * MAX_TEXT, "at most 65536 bytes"),
        ("json", CYCLE, "at most 32 lists"),
        ("json", DEEP, "at most 32 lists"),
        ("json", BOMB, "at most 65536 bytes of JSON"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(type_: str, value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        check_value(type_, value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_json_value_may_be_as_deep_as_the_limit() -> None:
    assert check_value("json", DEEP[0]) == DEEP[0]


def test_a_ref_takes_any_id_and_null_unless_required() -> None:
    ref = Column(name="who", type="ulid", ref="characters")
    assert (ref.check("alice"), ref.check(None)) == ("alice", None)
    for value in ("", "x" * 65, 5):
        with pytest.raises(ValueError, match="who: must be"):
            ref.check(value)
    with pytest.raises(ValueError, match="who: must be text, not null"):
        Column(name="who", type="ulid", ref="characters", required=True).check(None)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
plain: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
    "boolean": st.booleans(),
    "ulid": st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25).map("7".__add__),
    "timestamptz": st.integers(-(2**63), 2**63 - 1) | st.datetimes(timezones=offsets).map(datetime.isoformat),
    "json": plain.filter(lambda value: value is not None),
}


@given(st.sampled_from(TYPES).flatmap(lambda type_: st.tuples(st.just(type_), VALUES[type_])))
def test_a_value_comes_back_from_sqlite_as_it_was(typed: tuple[str, Any]) -> None:
    type_, given_value = typed
    value = check_value(type_, given_value)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"CREATE TABLE t (v {sql_type(type_)}) STRICT")
        connection.execute("INSERT INTO t VALUES (?)", (to_sql(type_, value),))
        ((back,),) = connection.execute("SELECT v FROM t").fetchall()
    finally:
        connection.close()
    assert json.dumps(from_sql(type_, back)) == json.dumps(value)
    assert check_value(type_, from_sql(type_, back)) == value
    assert from_sql(type_, to_sql(type_, None)) is None


@given(plain, st.sampled_from(TYPES))
def test_any_json_is_a_value_or_refused_in_one_line(value: Any, type_: str) -> None:
    problem = ""
    try:
        check_value(type_, value)
    except ValueError as exc:
        problem = str(exc)
    assert problem.startswith("must be ") or not problem
    assert "\n" not in problem


@st.composite
def attributes(draw: st.DrawFn) -> Attribute:
    type_ = draw(st.sampled_from(TYPES))
    return Attribute(
        name=draw(st.sampled_from("abc")), type=type_, default=draw(st.none() | VALUES_OF_NOW[type_]), description=draw(texts)
    )


VALUES_OF_NOW = {**VALUES, "timestamptz": st.integers(-(2**63), 2**63 - 1)}


@given(
    st.lists(attributes(), unique_by=lambda attribute: attribute.name),
    st.lists(attributes(), unique_by=lambda attribute: attribute.name),
)
def test_a_recorded_schema_comes_back_as_it_was(character: list[Attribute], columns: list[Attribute]) -> None:
    key = Column(name="id", type="ulid", primary=True, ref="objects")
    others = tuple(Column(name=a.name, type=a.type, default=a.default, required=True) for a in columns)
    schema = Schema(
        attributes=Attributes(character=tuple(character)),
        tables=(Table(name="t", columns=(key, *others)),),
    )
    recorded = json.dumps(schema.to_json())
    assert Schema.from_json(json.loads(recorded)) == schema
    assert schema.to_json() == json.loads(recorded)


def test_a_schema_that_a_newer_server_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match="the format 2, which only a newer HoloMUSH knows"):
        Schema.from_json({**Schema().to_json(), "format": 2})

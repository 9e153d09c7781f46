"""The tables of a plugin in SQL: how they are made, how their rows are written, and how a plugin's question becomes a SELECT.

Owns every identifier and literal that comes from a manifest, and the rows as plugins give and get them. Pure: nothing is
executed, and what is staged but not written is handed in. Columns and values of a row are checked here, refs are not:
whether an entity exists is known to the world alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import attrs

from holomush.plugins.schema.declared import Column, Table
from holomush.plugins.schema.values import SqlValue, describe, from_sql, sql_type, to_sql

Statement: TypeAlias = tuple[str, Sequence[SqlValue]]
Row: TypeAlias = dict[str, Any]
"""A value in JSON for every column."""
Key: TypeAlias = tuple[Any, ...]
Overlay: TypeAlias = Mapping[Key, Row | None]
"""What is staged: the rows as they will be, by key, None for one that is deleted."""

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_MAX_OFFSET = 2**63 - 1
# IS finds nulls too, and uses an index as = does.
_OPERATORS = {"=": "IS", "!=": "IS NOT", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_FAR = 2.0**600


def quote(name: str) -> str:
    """``name`` as an identifier. Names come from manifests and are words, but words such as ``order`` too."""
    return f'"{name}"'


def table_name(plugin: str, table: str) -> str:
    """The table's name in the database. No two are alike: a plugin's name has no ``_``, and never two hyphens in a row."""
    return f"p_{plugin.replace('-', '_')}__{table}"


def column_sql(column: Column) -> str:
    """The definition of one column."""
    name = quote(column.name)
    parts = [name, sql_type(column.type)]
    if column.filled:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {_literal(to_sql(column.type, column.default))}")
    if column.type == "boolean":
        parts.append(f"CHECK ({name} IN (0, 1))")
    if column.type == "json":
        parts.append(f"CHECK ({name} IS NULL OR json_valid({name}))")
    if column.ref is not None:
        action = "CASCADE" if column.filled else "SET NULL"
        parts.append(f"REFERENCES {quote(column.ref)} ({quote('id')}) ON DELETE {action} DEFERRABLE INITIALLY DEFERRED")
    return " ".join(parts)


def _literal(value: SqlValue) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return format(value, ".17e") if isinstance(value, float) else str(value)


# ---- rows, as plugins give and get them ------------------------------------------------------------------------------


def complete_row(table: Table, given: object, new_id: Callable[[], str]) -> Row:
    """A new row. What is left out is the default, a key that is one ``ulid`` is made by ``new_id``, all else is null.

    Raises ``ValueError`` with one line that names the column.
    """
    if not isinstance(given, dict):
        raise ValueError(f"a row must be an object, not {describe(given)}")
    for name in given:
        table.column(name)
    made = table.key[0].name if len(table.key) == 1 and table.key[0].type == "ulid" and table.key[0].ref is None else None
    row: Row = {}
    for column in table.columns:
        if column.name in given:
            row[column.name] = column.check(given[column.name])
        elif column.name == made:
            row[column.name] = new_id()
        elif column.default is None and column.filled:
            raise ValueError(f"{column.name}: must be there")
        else:
            row[column.name] = column.default
    return row


def changed_row(table: Table, row: Row, changes: object) -> Row:
    """``row`` with the values of ``changes``. Raises ``ValueError`` with one line; the key stays as it is."""
    if not isinstance(changes, dict):
        raise ValueError(f"changes must be an object, not {describe(changes)}")
    columns = {name: table.column(name) for name in changes}
    checked = {name: column.check(changes[name]) for name, column in columns.items()}
    for name, column in columns.items():
        if column.primary and checked[name] != row[name]:
            raise ValueError(f"{name}: must stay as it is, because it is part of the key; delete the row and insert another")
    return {**row, **checked}


def row_key(table: Table, row: Row) -> Key:
    """The key of a row."""
    return tuple(row[column.name] for column in table.key)


def key_of(table: Table, given: object) -> Key:
    """A key as a plugin gives it: the value of the one primary column, or an object with all of them.

    Raises ``ValueError`` with one line that names the column.
    """
    if len(table.key) == 1:
        return (table.key[0].check(given),)
    names = [column.name for column in table.key]
    if not isinstance(given, dict) or set(given) != set(names):
        raise ValueError(f"the key must be an object with {', '.join(names)}")
    return tuple(column.check(given[column.name]) for column in table.key)


# ---- questions -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Condition:
    """``column operator value``. ``value`` is None only for = and !=, which tell null from the rest."""

    column: Column
    operator: str
    value: Any


@attrs.frozen
class Query:
    """Which rows of a table, in which order. ``order`` has (column, whether it descends) and always ends in the whole key."""

    where: tuple[Condition, ...]
    order: tuple[tuple[Column, bool], ...]
    limit: int
    offset: int

    @classmethod
    def parse(cls, table: Table, given: object) -> Self:
        """``{"where": {column: value or {operator: value}}, "order": ["-column"], "limit", "offset"}``, all optional.

        Raises ``ValueError`` with one line that names the bad part.
        """
        parts = _object("the query", {} if given is None else given)
        unknown = [str(part)[:80] for part in parts if part not in ("where", "order", "limit", "offset")]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no part of a query; its parts are where, order, limit and offset")
        return cls(
            where=_conditions(table, parts.get("where", {})),
            order=_order(table, parts.get("order", [])),
            limit=_number("limit", parts.get("limit", DEFAULT_LIMIT), 1, MAX_LIMIT),
            offset=_number("offset", parts.get("offset", 0), 0, _MAX_OFFSET),
        )


def _object(where: str, given: object) -> dict[Any, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{where}: must be an object, not {describe(given)}")
    return given


def _number(where: str, given: object, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise ValueError(f"{where}: must be a whole number from {least} to {most}")
    return given


def _conditions(table: Table, given: object) -> tuple[Condition, ...]:
    found = []
    for name, asked in _object("where", given).items():
        try:
            column = table.column(name)
            for operator, value in (asked if isinstance(asked, dict) else {"=": asked}).items():
                found.append(_condition(column, operator, value))
        except ValueError as exc:
            raise ValueError(f"where: {exc}") from exc
    return tuple(found)


def _condition(column: Column, operator: object, value: Any) -> Condition:
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise ValueError(f"{column.name}: {str(operator)[:80]!r} is no operator; operators are {' '.join(_OPERATORS)}")
    if value is None:
        if operator not in ("=", "!="):
            raise ValueError(f"{column.name}: nothing is {operator} null; only = and != go with it")
        return Condition(column, operator, None)
    if column.type == "json":
        raise ValueError(f"{column.name}: can only be compared with null, because it is json")
    return Condition(column, operator, column.check(value))


def _order(table: Table, given: object) -> tuple[tuple[Column, bool], ...]:
    if not isinstance(given, list):
        raise ValueError(f"order: must be a list of columns such as -{table.columns[-1].name}, not {describe(given)}")
    order: dict[str, tuple[Column, bool]] = {}
    for name in given:
        if not isinstance(name, str):
            raise ValueError(f"order: must be a list of texts; there is {describe(name)} in it")
        try:
            column = table.column(name.removeprefix("-"))
        except ValueError as exc:
            raise ValueError(f"order: {exc}") from exc
        if column.type == "json" or column.name in order:
            raise ValueError(f"order: {column.name} {'is there twice' if column.name in order else 'has no order: it is json'}")
        order[column.name] = (column, name.startswith("-"))
    return (*order.values(), *((column, False) for column in table.key if column.name not in order))


# ---- statements ------------------------------------------------------------------------------------------------------


@attrs.frozen
class TableSql:
    """The statements for ``table`` of ``plugin``."""

    plugin: str
    table: Table

    @property
    def name(self) -> str:
        """The table's name in the database."""
        return table_name(self.plugin, self.table.name)

    def create(self, name: str | None = None) -> Statement:
        """Make the table, under another name if one is given."""
        columns = ", ".join(map(column_sql, self.table.columns))
        return f"CREATE TABLE {quote(name or self.name)} ({columns}, PRIMARY KEY ({names_sql(self.table.key)})) STRICT", ()

    def create_indexes(self, columns: Sequence[Column]) -> list[Statement]:
        """An index for each of the ``columns`` with a ``ref``, or deleting an entity would scan the table."""
        # Nothing else has a dot in its name. The key has an index anyway, which serves its first column.
        return [
            (f"CREATE INDEX {quote(f'{self.name}.{column.name}')} ON {quote(self.name)} ({quote(column.name)})", ())
            for column in columns
            if column.ref is not None and column != self.table.key[0]
        ]

    def add_column(self, column: Column) -> Statement:
        """Add a column that rows already there take the default of, or null."""
        return f"ALTER TABLE {quote(self.name)} ADD COLUMN {column_sql(column)}", ()

    def insert(self, row: Row) -> Statement:
        """Write a new row."""
        sql = f"INSERT INTO {quote(self.name)} ({names_sql(self.table.columns)}) VALUES ({_marks(self.table.columns)})"  # noqa: S608
        return sql, _stored(self.table.columns, row)

    def replace(self, row: Row) -> Statement:
        """Write the row over the one that has its key; should that be gone by now, as a new one."""
        sql, values = self.insert(row)
        names = [quote(column.name) for column in self.table.columns if not column.primary]
        change = f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}" if names else "NOTHING"
        return f"{sql} ON CONFLICT ({names_sql(self.table.key)}) DO {change}", values

    def delete(self, key: Key) -> Statement:
        """Remove the row with this key, if it is there."""
        return f"DELETE FROM {quote(self.name)} WHERE {self._has_key()}", self._key(key)  # noqa: S608

    def get(self, key: Key) -> Statement:
        """The row with this key, for ``read_row``."""
        return f"SELECT {names_sql(self.table.columns)} FROM {quote(self.name)} WHERE {self._has_key()}", self._key(key)  # noqa: S608

    def count(self) -> Statement:
        """How many rows there are."""
        return f"SELECT count(*) FROM {quote(self.name)}", ()  # noqa: S608

    def select(self, query: Query, overlay: Overlay) -> Statement:
        """The rows for ``read_row`` as they would be if ``overlay`` were written."""
        parameters: list[SqlValue] = [self._staged(overlay)] if overlay else []
        tests = [f"{quote(c.column.name)} {_OPERATORS[c.operator]} ?" for c in query.where]
        parameters += [to_sql(c.column.type, c.value) for c in query.where]
        order = ", ".join(f"{quote(column.name)}{' DESC' if descends else ''}" for column, descends in query.order)
        sql = f"SELECT {names_sql(self.table.columns)} FROM {self._overlaid() if overlay else quote(self.name)}"  # noqa: S608
        sql += f" WHERE {' AND '.join(tests)}" if tests else ""
        sql = f"{'WITH staged (doc) AS (VALUES (?)) ' if overlay else ''}{sql} ORDER BY {order} LIMIT ? OFFSET ?"
        return sql, (*parameters, query.limit, query.offset)

    def read_row(self, values: Sequence[SqlValue]) -> Row:
        """What SQLite gave for ``get`` or ``select`` as the row it was made of."""
        columns = self.table.columns
        return {column.name: from_sql(column.type, value) for column, value in zip(columns, values, strict=True)}

    def _has_key(self) -> str:
        return " AND ".join(f"{quote(column.name)} = ?" for column in self.table.key)

    def _key(self, key: Key) -> tuple[SqlValue, ...]:
        return tuple(to_sql(column.type, value) for column, value in zip(self.table.key, key, strict=True))

    def _overlaid(self) -> str:
        """A table expression: the rows that are not staged, and those that are."""
        keys = ", ".join(_extract(column, index) for index, column in enumerate(self.table.key))
        values = ", ".join(_extract(column, index) for index, column in enumerate(self.table.columns))
        return (
            f"(SELECT {names_sql(self.table.columns)} FROM {quote(self.name)} WHERE ({names_sql(self.table.key)}) NOT IN "  # noqa: S608
            f"(SELECT {keys} FROM staged, json_each(staged.doc, '$.keys') AS item) "
            f"UNION ALL SELECT {values} FROM staged, json_each(staged.doc, '$.rows') AS item)"
        )

    def _staged(self, overlay: Overlay) -> str:
        keys = [self._key(key) for key in overlay]
        rows = [list(map(_exact, _stored(self.table.columns, row))) for row in overlay.values() if row is not None]
        return json.dumps({"keys": keys, "rows": rows}, ensure_ascii=False)


def names_sql(columns: Sequence[Column]) -> str:
    """The names of ``columns`` as a list of identifiers."""
    return ", ".join(quote(column.name) for column in columns)


def _marks(columns: Sequence[Column]) -> str:
    return ", ".join("?" * len(columns))


def _stored(columns: Sequence[Column], row: Row) -> tuple[SqlValue, ...]:
    return tuple(to_sql(column.type, row[column.name]) for column in columns)


def _exact(value: SqlValue) -> SqlValue | tuple[str, str]:
    """``value`` for ``json.dumps``. SQLite reads decimals exactly only far from the ends of what a float can be, so a
    float is a quotient: the divisor is a power of two, which loses no bit.
    """
    if not isinstance(value, float):
        return value
    size = abs(value)
    divisor = 1.0 if 1 / _FAR < size < _FAR or not size else _FAR if size < 1 else 1 / _FAR
    return format(value * divisor, ".17e"), format(divisor, ".17e")


def _extract(column: Column, index: int) -> str:
    """The value of a column out of a row that ``_exact`` made."""
    if column.type != "number":
        return f"json_extract(item.value, '$[{index}]')"
    return " / ".join(f"CAST(json_extract(item.value, '$[{index}][{part}]') AS REAL)" for part in (0, 1))

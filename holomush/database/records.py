"""Owns the one list of tables and columns, and makes of it the statements that write rows. Pure: nothing is executed.

Names of tables and columns come from ``TABLES`` alone, never from outside. The same columns give the identical SQL
string, so that the store can put neighbours in a batch together.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from attrs import frozen

from holomush.database.connection import SqlValue, Statement


@frozen
class Table:
    """The columns of a table in the order of the schema, and how many of the first ones are its key."""

    columns: tuple[str, ...]
    key_length: int = 1

    @property
    def key(self) -> tuple[str, ...]:
        return self.columns[: self.key_length]


def _table(columns: str, key_length: int = 1) -> Table:
    return Table(tuple(columns.split()), key_length)


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "players": _table("id name name_key password_hash role created_at last_login_at preferences ban"),
        "characters": _table("id player_id name name_key description location_id created_at seen_sequence"),
        "locations": _table("id name description owner_id"),
        "exits": _table("id source_id destination_id name aliases lock"),
        "objects": _table("id name description owner_id location_id character_id container_id lock"),
        "events": _table("sequence id stream type timestamp actor_kind actor_id actor_name payload"),
        "kv": _table("plugin key value", 2),
        "settings": _table("key value"),
        "attributes": _table("entity_id plugin name value", 3),
        "plugin_schemas": _table("plugin version schema"),
        "address_bans": _table("address reason created_at"),
        "listeners": _table("stream character_id since", 2),
        "timers": _table("plugin name due payload", 2),
        "resume_tokens": _table("digest session_id character_id expires_at"),
    }
)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def insert(table: str, values: Mapping[str, SqlValue]) -> Statement:
    """A new row. Columns left out get their default. Like all here, raises ``KeyError`` for an unknown name."""
    columns = _ordered(table, values)
    return _insert_sql(table, columns), tuple(values[column] for column in columns)


def upsert(table: str, values: Mapping[str, SqlValue]) -> Statement:
    """A new row, or the new values of the row that has its key. ``values`` has the key and at least one more column."""
    columns = _ordered(table, values)
    return _upsert_sql(table, columns), tuple(values[column] for column in columns)


def update(table: str, key: str | int | tuple[str, ...], changes: Mapping[str, SqlValue]) -> Statement:
    """New values for some columns of the row ``key``: its id, or a tuple if the key has several columns."""
    columns = _ordered(table, changes)
    return _update_sql(table, columns), (*(changes[column] for column in columns), *_key(table, key))


def delete(table: str, key: str | int | tuple[str, ...]) -> Statement:
    """Remove the row ``key``, if it is there."""
    return _delete_sql(table), _key(table, key)


def insert_event(
    *,
    sequence: int,
    event_id: str,
    stream: str,
    event_type: str,
    timestamp: int,
    actor_kind: str,
    actor_id: str,
    actor_name: str,
    payload: Mapping[str, Any],
) -> Statement:
    """A row of the event log; ``timestamp`` in milliseconds since 1970.

    Raises ``ValueError`` or ``TypeError`` if ``payload`` cannot be JSON.
    """
    text = _encode(payload if isinstance(payload, dict) else dict(payload))
    return EVENT_INSERT, (sequence, event_id, stream, event_type, timestamp, actor_kind, actor_id, actor_name, text)


def _key(table: str, key: str | int | tuple[str, ...]) -> tuple[SqlValue, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) != TABLES[table].key_length:
        raise KeyError(f"the key of {table} is ({', '.join(TABLES[table].key)})")
    return parts


def _ordered(table: str, values: Iterable[str]) -> tuple[str, ...]:
    """The columns in ``values`` in the table's own order, however the caller ordered them."""
    return _order_columns(table, frozenset(values))


@lru_cache(maxsize=512)
def _order_columns(table: str, named: frozenset[str]) -> tuple[str, ...]:
    known = TABLES[table].columns
    unknown = named.difference(known)
    if unknown or not named:
        raise KeyError(f"{table} has the columns {', '.join(known)}; not {', '.join(sorted(unknown)) or 'nothing'}")
    return tuple(column for column in known if column in named)


# Every name below has been looked up in TABLES: no SQL is made of outside data.


@lru_cache(maxsize=512)
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


@lru_cache(maxsize=512)
def _upsert_sql(table: str, columns: tuple[str, ...]) -> str:
    key = TABLES[table].key
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    return f"{_insert_sql(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


@lru_cache(maxsize=512)
def _update_sql(table: str, columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE {table} SET {changes} WHERE {_where(table)}"  # noqa: S608


@lru_cache
def _delete_sql(table: str) -> str:
    return f"DELETE FROM {table} WHERE {_where(table)}"  # noqa: S608


def _where(table: str) -> str:
    return " AND ".join(f"{column} = ?" for column in TABLES[table].key)


EVENT_INSERT = _insert_sql("events", TABLES["events"].columns)

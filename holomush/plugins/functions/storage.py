"""The host functions for what a plugin keeps: keys, attributes on entities, rows of its own tables. All of it is staged."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import attrs

from holomush.plugins.calls import Call
from holomush.plugins.functions.arguments import parse_json
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.schema.sql import Row
from holomush.plugins.schema.values import check_value

SCHEMA = "db:migrate"
"""The capability for attributes and tables. What the plugin may note on is its own; whom it learns of is not its business here."""

ATTRIBUTES_LIMIT = 65_536
"""Bytes of JSON that one plugin may note on one entity."""


def kv_get(call: Call, key: str) -> Any:
    """The value under a key as text, or ``{"base64": ...}`` if it is none; null without one."""
    call.require("kv:read")
    value = call.attempt.kv.get(key)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def kv_set(call: Call, key: str, value: str) -> None:
    """Keep a value: text, or ``{"base64": ...}`` for bytes."""
    call.require("kv:write")
    call.attempt.kv.set(key, _bytes(value))


def kv_delete(call: Call, key: str) -> bool:
    """Forget a key. False if there is none."""
    call.require("kv:write")
    return call.attempt.kv.delete(key)


def kv_list(call: Call, prefix: str) -> list[str]:
    """The keys that begin so, sorted."""
    call.require("kv:read")
    return call.attempt.kv.keys(prefix)


def set_attributes(call: Call, entity_id: str, text: str) -> dict[str, Any]:
    """Note attributes on an entity; null takes one back to its default. Gives all that the plugin has noted there."""
    call.require(SCHEMA)
    values = parse_json(text)
    if not isinstance(values, dict):
        raise HostCallError("invalid_argument", "must be an object of attributes and their values")
    entity = call.attempt.transaction.get(entity_id)
    if entity is None:
        raise HostCallError("not_found", f"there is nothing with the id {entity_id[:40]!r}")
    noted = dict(entity.attributes)
    for name, value in values.items():
        declared = call.storage.attribute(entity.kind, name)
        if declared is None:
            raise HostCallError("invalid_argument", f"the plugin declares no attribute {name[:48]!r} for a {entity.kind}")
        if value is None:
            noted.pop((call.plugin, name), None)
            continue
        try:
            noted[call.plugin, name] = check_value(declared.type, value)
        except ValueError as exc:
            raise HostCallError("invalid_argument", f"{name}: {exc}") from exc
    own = {name: value for (plugin, name), value in noted.items() if plugin == call.plugin}
    if len(json.dumps(own, ensure_ascii=False).encode()) > ATTRIBUTES_LIMIT:
        raise HostCallError("too_large", f"what a plugin notes on one {entity.kind} may have {ATTRIBUTES_LIMIT} bytes")
    if values:
        call.attempt.transaction.update(attrs.evolve(entity, attributes=noted))
    declarations = call.storage.schema.attributes.by_kind()[entity.kind.value]
    return {one.name: noted.get((call.plugin, one.name), one.default) for one in declarations}


def table_insert(call: Call, table: str, row: str) -> Row:
    """Add a row; gives it whole."""
    call.require(SCHEMA)
    return call.attempt.tables.insert(table, parse_json(row), call.must_stop)


def table_get(call: Call, table: str, key: str) -> Row | None:
    """The row with a key, or null."""
    call.require(SCHEMA)
    return call.attempt.tables.get(table, parse_json(key), call.must_stop)


def table_select(call: Call, table: str, query: str) -> list[Row]:
    """Rows by equality and range, in order, up to a limit."""
    call.require(SCHEMA)
    return call.attempt.tables.select(table, parse_json(query), call.must_stop)


def table_update(call: Call, table: str, key: str, changes: str) -> Row:
    """Change columns of the row with a key; gives it whole."""
    call.require(SCHEMA)
    return call.attempt.tables.update(table, parse_json(key), parse_json(changes), call.must_stop)


def table_delete(call: Call, table: str, key: str) -> bool:
    """Remove the row with a key. False if there is none."""
    call.require(SCHEMA)
    return call.attempt.tables.delete(table, parse_json(key), call.must_stop)


def _bytes(value: str) -> bytes:
    if value.startswith('{"base64"'):
        try:
            packed = json.loads(value)
            if isinstance(packed, dict) and packed.keys() == {"base64"}:
                return base64.b64decode(packed["base64"], validate=True)
        except (ValueError, TypeError, RecursionError, binascii.Error) as exc:
            raise HostCallError("invalid_argument", 'the value begins like {"base64": ...} and is not that') from exc
    return value.encode()

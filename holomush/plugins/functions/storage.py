"""The host functions for what a plugin keeps: keys, attributes on entities, rows of its own tables, timers. All of it is staged."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import attrs

from holomush.clock import now
from holomush.events.event import EmittedEvent
from holomush.plugins.calls import Call
from holomush.plugins.functions.arguments import parse_json, text_value
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.schema.sql import Row
from holomush.plugins.schema.values import check_value
from holomush.plugins.storage.registers import Timer

SCHEMA = "db:migrate"
"""The capability for attributes and tables. What the plugin may note on is its own; whom it learns of is not its business here."""

TIMERS_LIMIT = 1_000
"""Timers of one plugin."""
LONGEST_TIMER = 31 * 24 * 60 * 60
"""Seconds."""
TIMER_PAYLOAD_LIMIT = 16_384
"""Bytes of JSON."""

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


def set_timer(call: Call, name: str, seconds: str, payload: str) -> None:
    """Let an event ``timer`` come on the plugin's own stream after a while. Takes the place of a timer of the same name."""
    call.require("timers")
    text_value({"name": name}, "name", least=1, most=100)
    wait = parse_json(seconds)
    if type(wait) not in (int, float) or not 1 <= wait <= LONGEST_TIMER:
        raise HostCallError("invalid_argument", f"seconds: must be 1 to {LONGEST_TIMER}")
    carried = parse_json(payload)
    if not isinstance(carried, dict) or len(payload.encode()) > TIMER_PAYLOAD_LIMIT:
        raise HostCallError("invalid_argument", f"payload: must be an object of at most {TIMER_PAYLOAD_LIMIT} bytes")
    # Checked now: what could not be an event's payload would fail when nobody waits for it.
    EmittedEvent.parse({"stream": f"plugin:{call.plugin}", "type": "timer", "payload": carried})
    # Each becomes an event: as many as the plugin might emit in answer to events.
    if not call.attempt.pay(call.rates.answer_events):
        raise HostCallError("rate_limited", "the plugin has set too many timers; it may again in a moment")
    timers = call.storage.registers.timers
    changes = call.attempt.registers.of(timers)
    if (
        changes.get((call.plugin, name)) is None
        and sum(1 for timer in changes.values() if timer.plugin == call.plugin) >= TIMERS_LIMIT
    ):
        raise HostCallError("too_large", f"a plugin may have {TIMERS_LIMIT} timers")
    changes.put(Timer(call.plugin, name, now() + int(wait * 1000), carried))


def cancel_timer(call: Call, name: str) -> bool:
    """Forget a timer. False if there is none."""
    call.require("timers")
    return call.attempt.registers.of(call.storage.registers.timers).remove((call.plugin, name))


def _bytes(value: str) -> bytes:
    if value.startswith('{"base64"'):
        try:
            packed = json.loads(value)
            if isinstance(packed, dict) and packed.keys() == {"base64"}:
                return base64.b64decode(packed["base64"], validate=True)
        except (ValueError, TypeError, RecursionError, binascii.Error) as exc:
            raise HostCallError("invalid_argument", 'the value begins like {"base64": ...} and is not that') from exc
    return value.encode()

"""The host functions about streams that people hear by choice: who hears which channel, and what was said there."""

from __future__ import annotations

from typing import Any

from holomush.database.eventlog import recent
from holomush.events.event import Event
from holomush.events.streams import InvalidStream, StreamKind, parse_stream
from holomush.plugins.calls import Call
from holomush.plugins.functions.arguments import parse_json
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.storage.registers import Listening
from holomush.world.model import Character

HISTORY_LIMIT = 100
"""Events that are given at once."""
CHANNELS_EACH = 100
"""Channels that one character may hear."""


def listen(call: Call, stream: str, character_id: str) -> None:
    """From now on a character hears a channel."""
    _require_channel(call, stream)
    call.attempt.transaction.expect(character_id, Character)
    listeners = call.storage.registers.listeners
    changes = call.attempt.registers.of(listeners)
    if changes.get((stream, character_id)) is not None:
        return
    heard = {(channel, character_id) for channel in listeners.of_character(character_id)}
    begun = {key for key, one in changes.staged.items() if one is not None and one.character_id == character_id}
    ended = {key for key, one in changes.staged.items() if one is None}
    if len((heard | begun) - ended) >= CHANNELS_EACH:
        raise HostCallError("too_large", f"a character may hear {CHANNELS_EACH} channels")
    changes.put(Listening(stream, character_id, call.surroundings.sequence()))


def unlisten(call: Call, stream: str, character_id: str) -> bool:
    """A character hears a channel no more. False if it did not."""
    _require_channel(call, stream)
    return call.attempt.registers.of(call.storage.registers.listeners).remove((stream, character_id))


def list_listeners(call: Call, stream: str) -> list[str]:
    """The characters that hear a channel."""
    _require_channel(call, stream)
    listeners = call.storage.registers.listeners
    staged = call.attempt.registers.of(listeners).staged
    begun = [one.character_id for one in staged.values() if one is not None and one.stream == stream]
    heard = dict.fromkeys((*listeners.of_stream(stream), *begun))
    return [character_id for character_id in heard if staged.get((stream, character_id), ...) is not None]


def list_events(call: Call, stream: str, limit: str) -> list[dict[str, Any]]:
    """The last events of a stream, oldest first."""
    _check_stream(stream)
    call.require(f"history:{stream}")
    count = parse_json(limit)
    if type(count) is not int or not 1 <= count <= HISTORY_LIMIT:
        raise HostCallError("invalid_argument", f"limit: must be 1 to {HISTORY_LIMIT}")
    if call.storage.reader is None:
        raise HostCallError("unavailable", "there is no event log here")
    rows = recent(call.storage.reader, stream, count, call.must_stop)
    return [Event.stored(**row.fields()).to_wire() for row in rows]


def _require_channel(call: Call, stream: str) -> None:
    if _check_stream(stream) is not StreamKind.CHANNEL:
        raise HostCallError("invalid_argument", f"{stream[:80]} is no channel: only a stream channel:<name> can be listened to")
    call.require(f"listen:{stream}")


def _check_stream(stream: str) -> StreamKind:
    try:
        return parse_stream(stream).kind
    except InvalidStream as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc

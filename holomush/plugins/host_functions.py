"""Every function a guest can call in the host, in one table, and the envelope their results travel in.

They run in the thread of the guest's call, read the world through the call's transaction and stage changes on it; none
waits for anything, so each is bounded by itself. None calls back into a guest, so no instance can be entered twice.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import attrs

from holomush.events.event import EmittedEvent, InvalidEvent
from holomush.plugins import views
from holomush.plugins.calls import Call, HostCallError
from holomush.world.matching import find_near
from holomush.world.model import Character, GameObject, Kind, Location
from holomush.world.transaction import NotFoundError, WorldError

NAMESPACE = "extism:host/user"

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_HOLDERS = {"location": Kind.LOCATION, "character": Kind.CHARACTER, "container": Kind.OBJECT}
_FIND_CAPABILITIES = {
    Kind.LOCATION: "read:locations",
    Kind.EXIT: "read:locations",
    Kind.CHARACTER: "read:characters",
    Kind.OBJECT: "read:objects",
}


@attrs.frozen(kw_only=True)
class HostFunction:
    """One row of the table. ``parameters`` are texts; ``returns`` is False for functions without an envelope."""

    name: str
    parameters: tuple[str, ...]
    capability: str
    run: Callable[..., Any]
    returns: bool = True


def answer(function: HostFunction, call: Call, arguments: list[str]) -> bytes | None:
    """Run a host function for a guest: the envelope to give back, or None for one that gives none.

    An error the guest may handle becomes an envelope. Anything else is a fault of the host: it dooms the call and is kept in
    ``call.doom``, because an exception must not cross into WebAssembly.
    """
    if call.doom is not None:
        return None
    try:
        if function.returns:
            call.count_host_call()
        value = function.run(call, *arguments)
        reply = {"ok": True, "value": value}
    except HostCallError as exc:
        reply = _refusal(exc.code, exc)
    except NotFoundError as exc:
        reply = _refusal("not_found", exc)
    except (WorldError, InvalidEvent) as exc:
        reply = _refusal("invalid_argument", exc)
    except BaseException as exc:  # noqa: BLE001 - the plugin firewall: whatever it is must not reach the guest's stack
        call.doom = exc
        return None
    if not function.returns:
        return None
    envelope = json.dumps(reply).encode()
    if len(envelope) > call.limits.message_bytes:
        envelope = json.dumps(_refusal("too_large", "the result is too large")).encode()
    return envelope


def refuse(function: HostFunction, error: HostCallError) -> bytes | None:
    """The envelope for a call that did not get as far as its function."""
    return json.dumps(_refusal(error.code, error)).encode() if function.returns else None


def parse_json(text: str) -> Any:
    """JSON from a guest. Raises ``HostCallError``."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as exc:
        raise HostCallError("invalid_argument", f"not valid JSON: {exc}") from exc


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _refusal(code: str, message: object) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": str(message)}}


def _emit_event(call: Call, text: str) -> None:
    call.emit(EmittedEvent.parse(parse_json(text)))


def _query_location(call: Call, location_id: str) -> views.View:
    call.require("read:locations")
    location = call.transaction.expect(location_id, Location)
    return views.location_view(call.transaction, location, call.is_connected)


def _query_object(call: Call, object_id: str) -> views.View:
    call.require("read:objects")
    return views.object_view(call.transaction, call.transaction.expect(object_id, GameObject))


def _query_character(call: Call, character_id: str) -> views.View:
    call.require("read:characters")
    character = call.transaction.expect(character_id, Character)
    return views.full_character_view(call.transaction, character, call.is_connected)


def _find(call: Call, text: str) -> list[views.View]:
    query = parse_json(text)
    match query:
        case {"name": str(name), "near": str(near), "kinds": list(words)} if len(query) == 3:
            pass
        case _:
            raise HostCallError("invalid_argument", 'must be {"name": text, "near": character id, "kinds": [kinds]}')
    try:
        kinds = {Kind(word) for word in words}
    except (ValueError, TypeError) as exc:
        raise HostCallError("invalid_argument", f"kinds: must be some of {', '.join(Kind)}") from exc
    for kind in kinds:
        call.require(_FIND_CAPABILITIES[kind])
    character = call.transaction.expect(near, Character)
    found = find_near(call.transaction, character, name, kinds)
    shown: list[views.View] = []
    for entity in found:
        match entity:
            case Location():
                shown.append(views.brief_location(entity))
            case Character():
                shown.append(views.character_view(entity, call.is_connected))
            case GameObject():
                shown.append(views.brief_object(entity))
            case _:
                shown.append(views.exit_view(entity))
    return shown


def _move_character(call: Call, character_id: str, location_id: str) -> None:
    call.require("write:characters")
    character = call.transaction.expect(character_id, Character)
    call.transaction.expect(location_id, Location)
    call.transaction.update(attrs.evolve(character, location_id=location_id))


def _move_object(call: Call, object_id: str, text: str) -> None:
    call.require("write:objects")
    place = parse_json(text)
    if not (isinstance(place, dict) and len(place) == 1 and next(iter(place)) in _HOLDERS):
        raise HostCallError("invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}')
    word, holder_id = next(iter(place.items()))
    if not isinstance(holder_id, str):
        raise HostCallError("invalid_argument", f"{word}: must be an id")
    thing = call.transaction.expect(object_id, GameObject)
    kind = call.transaction.holder_kind(object_id, holder_id)
    if kind is not _HOLDERS[word]:
        raise HostCallError("not_found", f"there is no {_HOLDERS[word]} with the id {holder_id[:40]!r}")
    call.transaction.update(attrs.evolve(thing, holder_id=holder_id, holder_kind=kind))


def _log(call: Call, level: str, message: str) -> None:
    # One call, one line: a plugin cannot forge log lines of others, nor write escape sequences to the operator's terminal.
    call.log(_LEVELS.get(level.lower(), logging.INFO), _CONTROL.sub(" ", message[:4096]))


HOST_FUNCTIONS = (
    HostFunction(name="holomush_emit_event", parameters=("json",), capability="emit:<stream>", run=_emit_event),
    HostFunction(name="holomush_query_location", parameters=("id",), capability="read:locations", run=_query_location),
    HostFunction(name="holomush_query_object", parameters=("id",), capability="read:objects", run=_query_object),
    HostFunction(name="holomush_query_character", parameters=("id",), capability="read:characters", run=_query_character),
    HostFunction(name="holomush_find", parameters=("json",), capability="read:<kinds>", run=_find),
    HostFunction(
        name="holomush_move_character",
        parameters=("id", "location_id"),
        capability="write:characters",
        run=_move_character,
    ),
    HostFunction(name="holomush_move_object", parameters=("id", "place_json"), capability="write:objects", run=_move_object),
    HostFunction(name="holomush_log", parameters=("level", "message"), capability="", run=_log, returns=False),
)

"""What a HoloMUSH plugin written in Python works with: the values it gets and returns, and the server's functions.

Inside the server this module is part of the runtime, so a plugin just imports it. Installed anywhere else it gives an
editor its completions and a test its types; the functions then raise RuntimeError, unless `holomush_pdk.testing`
stands in for the server.

Every function of the server raises HostError when the server refuses: `error.code` is one of capability_denied,
invalid_argument, not_found, conflict, rate_limited, too_large, timeout and unavailable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "EmitEvent",
    "Event",
    "HostError",
    "Invocation",
    "Record",
    "Response",
    "config",
    "emit_event",
    "find",
    "log",
    "move_character",
    "move_object",
    "query_character",
    "query_location",
    "query_object",
]

_host: Any  # the module _holomush, or what holomush_pdk.testing puts in its place
try:
    import _holomush as _host
except ModuleNotFoundError:
    _host = None

# json.loads and json.dumps look at their options each time; half of what a short call costs is JSON.
_encode = json.JSONEncoder(allow_nan=False).encode
_decode = json.JSONDecoder().decode
_DONE = '{"ok": true, "value": null}'


class HostError(Exception):
    """The server refused a call, or could not answer it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Record(dict[str, Any]):
    """A JSON object of the server; its keys can be read as attributes too: `actor.name` is `actor["name"]`.

    A key that is also the name of a dict method (`items`, `keys`, `values`, `get`, ...) needs the brackets.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here, only: {', '.join(self) or 'nothing'}") from None
        if type(value) is dict:
            value = self[name] = Record(value)
        elif type(value) is list and value and type(value[0]) is dict:
            value = self[name] = [Record(item) if type(item) is dict else item for item in value]
        return value


@dataclass(frozen=True)
class Event:
    """Something that has happened. `timestamp` is in milliseconds since 1970."""

    id: str
    stream: str
    type: str
    timestamp: int = 0
    actor_kind: str = "system"
    actor_id: str = ""
    actor_name: str = ""
    payload: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_input(cls) -> Event:
        """The event that this call is about."""
        get = _input().get
        return cls(
            get("id", ""),
            get("stream", ""),
            get("type", ""),
            get("timestamp", 0),
            get("actor_kind", "system"),
            get("actor_id", ""),
            get("actor_name", ""),
            get("payload") or {},
        )


@dataclass(frozen=True)
class Invocation:
    """A command that somebody has typed.

    `args` holds what the command's pattern matched, `raw` the whole line; `actor` is the character, `location` where
    it is and `session` its connection. `timestamp` is in milliseconds since 1970.
    """

    command: str
    handler: str
    args: Record
    raw: str
    actor: Record
    location: Record
    session: Record
    timestamp: int

    @classmethod
    def from_input(cls) -> Invocation:
        """The command that this call is about."""
        get = _input().get
        return cls(
            get("command", ""),
            get("handler", ""),
            Record(get("args") or ()),
            get("raw", ""),
            Record(get("actor") or ()),
            Record(get("location") or ()),
            Record(get("session") or ()),
            get("timestamp", 0),
        )


@dataclass(frozen=True)
class EmitEvent:
    """An event to be emitted with a handler's answer, in `Response.events`."""

    stream: str
    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"stream": self.stream, "type": self.type, "payload": self.payload}


@dataclass(frozen=True)
class Response:
    """A handler's whole answer: text for the player (a line or a list of lines), events, and whether it was handled."""

    output: str | list[str] | None = None
    events: Iterable[EmitEvent | Mapping[str, Any]] = ()
    handled: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "events": [event.to_dict() if isinstance(event, EmitEvent) else event for event in self.events],
        }
        if self.output is not None:
            answer["output"] = self.output
        if self.handled is not None:
            answer["handled"] = self.handled
        return answer


def emit_event(stream: str, type: str, payload: Mapping[str, Any]) -> None:  # noqa: A002 - the event's own word
    """Emits an event now. (Events in a Response are emitted when the handler has returned.)"""
    _call("holomush_emit_event", _encode({"stream": stream, "type": type, "payload": payload}))


def query_location(id: str) -> Record:  # noqa: A002
    """The location with that id."""
    return Record(_call("holomush_query_location", id))


def query_object(id: str) -> Record:  # noqa: A002
    """The object with that id."""
    return Record(_call("holomush_query_object", id))


def query_character(id: str) -> Record:  # noqa: A002
    """The character with that id."""
    return Record(_call("holomush_query_character", id))


def find(name: str, near: str, kinds: Iterable[str] = ("character", "object", "exit")) -> list[Record]:
    """What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear."""
    query = {"name": name, "near": near, "kinds": [kinds] if isinstance(kinds, str) else list(kinds)}
    return [Record(found) for found in _call("holomush_find", _encode(query))]


def move_character(id: str, location_id: str) -> None:  # noqa: A002
    """Puts a character into a location."""
    _call("holomush_move_character", id, location_id)


def move_object(
    id: str,  # noqa: A002
    location: str | None = None,
    character: str | None = None,
    container: str | None = None,
) -> None:
    """Puts an object into one place: lying in a location, carried by a character, or inside another object."""
    places = {"location": location, "character": character, "container": container}
    place = {kind: where for kind, where in places.items() if where is not None}
    if len(place) != 1:
        raise ValueError("move_object wants exactly one of location, character and container")
    _call("holomush_move_object", id, _encode(place))


def log(message: str, level: str = "info") -> None:
    """Writes a line to the server's log; levels are debug, info, warn and error."""
    _require_host("log").holomush_log(level, str(message))


def config(key: str, default: str = "") -> str:
    """A setting from the plugin's manifest; the default if it is missing or empty."""
    return _require_host("config").config_get(key) or default


def _require_host(function: str) -> Any:
    if _host is None:
        raise RuntimeError(
            f"{function} needs the HoloMUSH server, and this code is running outside of it; in a test, use holomush_pdk.testing"
        )
    return _host


def _input() -> dict[str, Any]:
    data = _require_host("from_input").input()
    value = _decode(data.decode()) if data else {}
    if not isinstance(value, dict):
        raise TypeError(f"the input of this call is not a JSON object but a {type(value).__name__}")
    return value


def _call(function: str, *texts: str) -> Any:
    answer = getattr(_require_host(function), function)(*texts)
    if answer is None:
        raise HostError("unavailable", f"the server has given up {function}")
    if answer == _DONE:  # what most calls that change something answer: no need to read it as JSON
        return None
    envelope = _decode(answer)
    if envelope["ok"]:
        return envelope.get("value")
    error = envelope["error"]
    raise HostError(error["code"], error["message"])

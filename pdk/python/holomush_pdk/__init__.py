"""What a HoloMUSH plugin written in Python works with: the values it gets and returns, and the server's functions.

Inside the server this module is part of the runtime, so a plugin just imports it. Installed anywhere else it gives an
editor its completions and a test its types; the functions then raise RuntimeError, unless `holomush_pdk.testing`
stands in for the server.

Every function of the server raises HostError when the server refuses: `error.code` is one of capability_denied,
invalid_argument, not_found, conflict, rate_limited, too_large, timeout and unavailable.
"""

from __future__ import annotations

import base64
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
    "boot_session",
    "config",
    "create_character",
    "create_exit",
    "create_location",
    "create_object",
    "destroy_character",
    "destroy_exit",
    "destroy_location",
    "destroy_object",
    "emit_event",
    "find",
    "http_get",
    "http_post",
    "kv_delete",
    "kv_get",
    "kv_list",
    "kv_set",
    "list_commands",
    "list_sessions",
    "list_topics",
    "log",
    "move_character",
    "move_object",
    "query_character",
    "query_exit",
    "query_location",
    "query_object",
    "read_topic",
    "server_shutdown",
    "server_stats",
    "set_attributes",
    "table_delete",
    "table_get",
    "table_insert",
    "table_select",
    "table_update",
    "update_character",
    "update_exit",
    "update_location",
    "update_object",
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


def query_exit(id: str) -> Record:  # noqa: A002
    """The exit with that id."""
    return Record(_call("holomush_query_exit", id))


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


def create_location(name: str, description: str = "", owner_id: str | None = None) -> Record:
    """Makes a location; returns it."""
    fields = {"name": name, "description": description, "owner_id": owner_id}
    return Record(_call("holomush_create_location", _encode(fields)))


def create_exit(name: str, source_id: str, destination_id: str, aliases: Iterable[str] = (), lock: str = "") -> Record:
    """Makes an exit from one location to another; returns it."""
    fields = {"name": name, "source_id": source_id, "destination_id": destination_id, "aliases": list(aliases), "lock": lock}
    return Record(_call("holomush_create_exit", _encode(fields)))


def create_object(
    name: str,
    location: str | None = None,
    character: str | None = None,
    container: str | None = None,
    description: str = "",
    owner_id: str | None = None,
) -> Record:
    """Makes an object in exactly one of the three places; returns it."""
    place = _place("create_object", location, character, container)
    fields = {"name": name, "description": description, "owner_id": owner_id, "place": place}
    return Record(_call("holomush_create_object", _encode(fields)))


def create_character(name: str, location_id: str, description: str = "") -> Record:
    """Makes a character of the game's own, which nobody can log in as; returns it."""
    fields = {"name": name, "location_id": location_id, "description": description}
    return Record(_call("holomush_create_character", _encode(fields)))


def update_location(id: str, /, **changes: Any) -> Record:  # noqa: A002
    """Changes `name`, `description` or `owner_id` of a location; returns it."""
    return Record(_call("holomush_update_location", id, _encode(changes)))


def update_exit(id: str, /, **changes: Any) -> Record:  # noqa: A002
    """Changes `name`, `aliases`, `source_id`, `destination_id` or `lock` of an exit; returns it."""
    return Record(_call("holomush_update_exit", id, _encode(changes)))


def update_object(id: str, /, **changes: Any) -> Record:  # noqa: A002
    """Changes `name`, `description` or `owner_id` of an object; returns it."""
    return Record(_call("holomush_update_object", id, _encode(changes)))


def update_character(id: str, /, **changes: Any) -> Record:  # noqa: A002
    """Changes `description` of a character, or `name` of one of the game's own; returns it."""
    return Record(_call("holomush_update_character", id, _encode(changes)))


def move_object(
    id: str,  # noqa: A002
    location: str | None = None,
    character: str | None = None,
    container: str | None = None,
) -> None:
    """Puts an object into one place: lying in a location, carried by a character, or inside another object."""
    _call("holomush_move_object", id, _encode(_place("move_object", location, character, container)))


def move_character(id: str, location_id: str) -> None:  # noqa: A002
    """Puts a character into a location."""
    _call("holomush_move_character", id, location_id)


def destroy_location(id: str) -> None:  # noqa: A002
    """Destroys a location that is empty and that no exit leads to."""
    _call("holomush_destroy_location", id)


def destroy_exit(id: str) -> None:  # noqa: A002
    """Destroys an exit."""
    _call("holomush_destroy_exit", id)


def destroy_object(id: str) -> None:  # noqa: A002
    """Destroys an object that holds nothing."""
    _call("holomush_destroy_object", id)


def destroy_character(id: str) -> None:  # noqa: A002
    """Destroys a character that carries nothing and that nobody plays."""
    _call("holomush_destroy_character", id)


def kv_get(key: str, default: str | bytes | None = None) -> str | bytes | None:
    """What the plugin keeps under a key: text, or bytes if it is not UTF-8; the default if there is nothing."""
    value = _call("holomush_kv_get", key)
    if value is None:
        return default
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def kv_set(key: str, value: str | bytes) -> None:
    """Keeps text or bytes under a key, for good."""
    data = value if isinstance(value, bytes) else value.encode()
    try:
        text = data.decode()
        plain = not text.startswith('{"base64"')
    except UnicodeDecodeError:
        plain = False
    _call("holomush_kv_set", key, text if plain else _encode({"base64": base64.b64encode(data).decode()}))


def kv_delete(key: str) -> bool:
    """Forgets a key; False if there was none."""
    return bool(_call("holomush_kv_delete", key))


def kv_list(prefix: str = "") -> list[str]:
    """The plugin's keys that begin so, sorted."""
    return list(_call("holomush_kv_list", prefix))


def set_attributes(id: str, /, **values: Any) -> Record:  # noqa: A002
    """Notes attributes of the plugin's schema on a location, exit, object or character; None takes one back to its default.

    Returns all of the plugin's attributes there.
    """
    return Record(_call("holomush_set_attributes", id, _encode(values)))


def table_insert(table: str, /, **row: Any) -> Record:
    """Adds a row to a table of the plugin's schema; returns it whole. A ULID key that is left out is made up."""
    return Record(_call("holomush_table_insert", table, _encode(row)))


def table_get(table: str, key: Any) -> Record | None:
    """The row with that key (a dict for a key of several columns), or None."""
    row = _call("holomush_table_get", table, _encode(key))
    return None if row is None else Record(row)


def table_select(
    table: str, where: Mapping[str, Any] | None = None, order: Iterable[str] = (), limit: int = 100, offset: int = 0
) -> list[Record]:
    """Rows of a table.

    `where` gives columns and what they must equal, or `{">=": 5, "<": 10}`; `order` columns, with `-` before those
    that go downwards.
    """
    query = {"where": where or {}, "order": [order] if isinstance(order, str) else list(order), "limit": limit, "offset": offset}
    return [Record(row) for row in _call("holomush_table_select", table, _encode(query))]


def table_update(table: str, key: Any, /, **changes: Any) -> Record:
    """Changes columns of the row with that key; returns it whole."""
    return Record(_call("holomush_table_update", table, _encode(key), _encode(changes)))


def table_delete(table: str, key: Any) -> bool:
    """Removes the row with that key; False if there was none."""
    return bool(_call("holomush_table_delete", table, _encode(key)))


def http_get(url: str) -> Record:
    """Asks a web server; returns `status`, `url`, `headers` and `body` (str, or bytes if it is not UTF-8)."""
    return _response(_call("holomush_http_get", url))


def http_post(url: str, body: str) -> Record:
    """Sends a body to a web server; returns what `http_get` does."""
    return _response(_call("holomush_http_post", url, body))


def list_sessions() -> list[Record]:
    """Everybody in play: `character_id`, `character_name`, `connected_at`, `idle_seconds` and `connections`."""
    return [Record(session) for session in _call("holomush_list_sessions")]


def boot_session(character_id: str, reason: str = "") -> None:
    """Hangs up on everybody who plays a character, after telling them the reason."""
    _call("holomush_boot_session", character_id, reason)


def list_commands(character_id: str) -> list[Record]:
    """The commands that whoever plays a character may use, of all plugins.

    Each has `plugin`, `plugin_description`, `name`, `words` (what a line begins with), `usage`, `description`, `aliases`,
    `prefix` (or None) and `access`.
    """
    return [Record(command) for command in _call("holomush_list_commands", character_id)]


def list_topics(character_id: str, words: str = "") -> list[Record]:
    """The help topics that whoever plays a character may read, each with `plugin`, `topic` and `title`.

    With `words` those in which all of them occur.
    """
    return [Record(topic) for topic in _call("holomush_list_topics", character_id, words)]


def read_topic(character_id: str, plugin: str, topic: str) -> str:
    """The text of a plugin's help topic, for whoever plays a character."""
    return str(_call("holomush_read_topic", character_id, plugin, topic))


def server_stats() -> Record:
    """Figures about the server: `version`, `uptime_seconds`, `sessions` and how much there is of everything."""
    return Record(_call("holomush_server_stats"))


def server_shutdown(reason: str = "") -> None:
    """Stops the server in good order, after telling everybody the reason."""
    _call("holomush_server_shutdown", reason)


def log(message: str, level: str = "info") -> None:
    """Writes a line to the server's log; levels are debug, info, warn and error."""
    _require_host("log").holomush_log(level, str(message))


def config(key: str, default: str = "") -> str:
    """A setting from the plugin's manifest; the default if it is missing or empty."""
    return _require_host("config").config_get(key) or default


def _place(function: str, location: str | None, character: str | None, container: str | None) -> dict[str, str]:
    places = {"location": location, "character": character, "container": container}
    place = {kind: where for kind, where in places.items() if where is not None}
    if len(place) != 1:
        raise ValueError(f"{function} wants exactly one of location, character and container")
    return place


def _response(answer: dict[str, Any]) -> Record:
    body = answer["body"]
    if isinstance(body, dict):
        answer["body"] = base64.b64decode(body["base64"])
    return Record(answer)


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

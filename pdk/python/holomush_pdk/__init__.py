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
    "add_character",
    "ban_address",
    "boot_session",
    "cancel_timer",
    "config",
    "create_character",
    "create_exit",
    "create_location",
    "create_object",
    "destroy_character",
    "destroy_exit",
    "destroy_location",
    "destroy_object",
    "disable_plugin",
    "emit_event",
    "enable_plugin",
    "export_world",
    "find",
    "http_get",
    "http_post",
    "import_world",
    "kv_delete",
    "kv_get",
    "kv_list",
    "kv_set",
    "list_bans",
    "list_commands",
    "list_events",
    "list_listeners",
    "list_plugins",
    "list_sessions",
    "list_topics",
    "listen",
    "log",
    "move_character",
    "move_object",
    "query_account",
    "query_character",
    "query_exit",
    "query_location",
    "query_object",
    "read_topic",
    "server_shutdown",
    "server_stats",
    "set_attributes",
    "set_timer",
    "switch_character",
    "table_delete",
    "table_get",
    "table_insert",
    "table_select",
    "table_update",
    "unban_address",
    "unlisten",
    "update_account",
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
    it is. `session` is its connection: `id`, `connected_at`, `access` (guest, player, builder or admin), `width` (columns)
    and `screen_reader`. Times are in milliseconds since 1970.
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


def list_events(stream: str, limit: int = 20) -> list[Record]:
    """The last events of a stream (100 at most), oldest first; each has what an `Event` has."""
    return [Record(event) for event in _call("holomush_list_events", stream, _encode(limit))]


def listen(stream: str, character_id: str) -> None:
    """From now on a character hears a `channel:` stream, until `unlisten`."""
    _call("holomush_listen", stream, character_id)


def unlisten(stream: str, character_id: str) -> bool:
    """A character no longer hears a `channel:` stream; False if it did not."""
    return bool(_call("holomush_unlisten", stream, character_id))


def list_listeners(stream: str) -> list[str]:
    """The ids of the characters who hear a `channel:` stream."""
    return list(_call("holomush_list_listeners", stream))


def set_timer(name: str, seconds: float, payload: Mapping[str, Any] | None = None) -> None:
    """After so many seconds the event `timer` comes, with `name` and `payload`, on the stream `plugin:` and the plugin's name.

    It comes after a restart of the server, too. A timer of the same name is replaced.
    """
    _call("holomush_set_timer", name, _encode(seconds), _encode({} if payload is None else payload))


def cancel_timer(name: str) -> bool:
    """Takes a timer back; False if there was none."""
    return bool(_call("holomush_cancel_timer", name))


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


def find(name: str, near: str | None = None, kinds: Iterable[str] = ("character", "object", "exit")) -> list[Record]:
    """What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear.

    Without `near` the whole world is searched.
    """
    query = {"name": name, "near": near, "kinds": [kinds] if isinstance(kinds, str) else list(kinds)}
    return [Record(found) for found in _call("holomush_find", _encode(query))]


def create_location(
    name: str,
    description: str = "",
    owner_id: str | None = None,
    id: str | None = None,  # noqa: A002
) -> Record:
    """Makes a location; returns it. Without `id`, a new ULID, one is made up."""
    fields = {"name": name, "description": description, "owner_id": owner_id}
    return Record(_call("holomush_create_location", _encode(fields | _given(id=id))))


def create_exit(
    name: str,
    source_id: str,
    destination_id: str,
    aliases: Iterable[str] = (),
    lock: str = "",
    id: str | None = None,  # noqa: A002
) -> Record:
    """Makes an exit from one location to another; returns it. Without `id`, a new ULID, one is made up."""
    fields = {"name": name, "source_id": source_id, "destination_id": destination_id, "aliases": list(aliases), "lock": lock}
    return Record(_call("holomush_create_exit", _encode(fields | _given(id=id))))


def create_object(
    name: str,
    location: str | None = None,
    character: str | None = None,
    container: str | None = None,
    description: str = "",
    owner_id: str | None = None,
    lock: str = "",
    id: str | None = None,  # noqa: A002
) -> Record:
    """Makes an object in exactly one of the three places; returns it. Without `id`, a new ULID, one is made up."""
    place = _place("create_object", location, character, container)
    fields = {"name": name, "description": description, "owner_id": owner_id, "place": place}
    return Record(_call("holomush_create_object", _encode(fields | _given(lock=lock or None, id=id))))


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
    """Changes `name`, `description`, `owner_id` or `lock` of an object; returns it."""
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
    """Everybody in play: `character_id`, `character_name`, `access`, `connected_at`, `idle_seconds` and `connections`.

    A plugin with attributes for characters also gets their `attributes`; one with the capability session:addresses their
    `addresses`, where they come from.
    """
    return [Record(session) for session in _call("holomush_list_sessions")]


def boot_session(character_id: str, reason: str = "") -> None:
    """Hangs up on everybody who plays a character, after telling them the reason."""
    _call("holomush_boot_session", character_id, reason)


def switch_character(session_id: str, character_id: str) -> None:
    """The connection with that id (`inv.session.id`) goes on as another character of the same player."""
    _call("holomush_switch_character", session_id, character_id)


def query_account(character_id: str) -> Record:
    """The account of the player whom a character belongs to.

    It has `name`, `role`, `created_at`, `last_login_at` (or None), `characters` (each with `id`, `name` and `connected`),
    `preferences` and `ban` (the reason, or None).
    """
    return Record(_call("holomush_query_account", character_id))


def update_account(character_id: str, **changes: Any) -> Record:
    """Changes `role`, `password`, `preferences` or `ban` of the player whom a character belongs to; returns the account.

    `preferences` is a dict of those to change: `colour`, `width`, `screen_reader`, `page_length`, `charset`, `prompt` and
    `keepalive`; None takes one back to its default. `ban` is a reason, or None to let the player in again.
    """
    return Record(_call("holomush_update_account", character_id, _encode(changes)))


def add_character(character_id: str, name: str) -> Record:
    """Makes one more character for the player whom a character belongs to, where new ones begin; returns it."""
    return Record(_call("holomush_add_character", character_id, name))


def ban_address(address: str, reason: str = "") -> None:
    """Lets nobody in from an IP address, or from a network such as 192.0.2.0/24."""
    _call("holomush_ban_address", address, reason)


def unban_address(address: str) -> bool:
    """Takes a ban of an address or network back; False if there was none."""
    return bool(_call("holomush_unban_address", address))


def list_bans() -> Record:
    """Who is not let in: `addresses` (each with `address`, `reason` and `created_at`) and `accounts` (`name` and `reason`)."""
    return Record(_call("holomush_list_bans"))


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
    """Figures about the server: `version`, `uptime_seconds`, `sessions`, `commands`, `events_per_second` and how much there is."""
    return Record(_call("holomush_server_stats"))


def server_shutdown(reason: str = "") -> None:
    """Stops the server in good order, after telling everybody the reason."""
    _call("holomush_server_shutdown", reason)


def list_plugins() -> list[Record]:
    """All plugins in load order.

    Each has `name`, `version`, `description`, `language`, `enabled`, `paused_seconds`, `calls`, `failures`, `p50_ms`,
    `p95_ms`, `memory_bytes`, `instances` and `needed_by` (names).
    """
    return [Record(plugin) for plugin in _call("holomush_list_plugins")]


def enable_plugin(name: str) -> None:
    """Switches a plugin on."""
    _call("holomush_enable_plugin", name)


def disable_plugin(name: str) -> None:
    """Switches a plugin off, over a restart too. One that others depend on stays on."""
    _call("holomush_disable_plugin", name)


def export_world(name: str) -> Record:
    """Writes the world into a file of the server.

    Returns its `path`, and how many `locations`, `exits`, `objects` and `characters` are in it.
    """
    return Record(_call("holomush_export_world", name))


def import_world(name: str) -> Record:
    """Reads a file that `export_world` has written; returns what that does, and `created`, `updated` and `warnings` (texts)."""
    return Record(_call("holomush_import_world", name))


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


def _given(**fields: str | None) -> dict[str, str | None]:
    """Those of optional fields that are there: the server makes up the others."""
    return {name: value for name, value in fields.items() if value is not None}


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

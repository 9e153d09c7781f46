"""Every function a guest can call in the host, in one table, and the envelope their results travel in.

They run in the thread of the guest's call, read the world through the call's transaction and stage changes on it. None waits for
anything but HTTP and a query of the plugin's own tables, which both have bounds. None calls back into a guest, so no instance can
be entered twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from holomush.database.direct import QueryStoppedError
from holomush.events.event import InvalidEvent
from holomush.plugins.calls import Call
from holomush.plugins.functions import accounts, channels, outside, storage, world, worlds
from holomush.plugins.functions.refusal import HostCallError
from holomush.world.transaction import NotFoundError, WorldError

NAMESPACE = "extism:host/user"
RESULT_LIMIT = 8 * 1024 * 1024
"""Bytes of an envelope: enough for a crowded place and for an HTTP response."""


@attrs.frozen(kw_only=True)
class HostFunction:
    """One row of the table. ``parameters`` are texts; ``returns`` is False for functions without an envelope.

    ``void``: in the design it gives nothing back, so that a module may import it without a result; then an error fails the call.
    """

    name: str
    parameters: tuple[str, ...]
    capability: str
    run: Callable[..., Any]
    returns: bool = True
    void: bool = False


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
        interpose = call.surroundings.interpose
        value = function.run(call, *arguments) if interpose is None else interpose(function, call, arguments)
        reply = {"ok": True, "value": value}
    except HostCallError as exc:
        reply = _refusal(exc.code, exc)
    except NotFoundError as exc:
        reply = _refusal("not_found", exc)
    except (WorldError, InvalidEvent) as exc:
        reply = _refusal("invalid_argument", exc)
    except QueryStoppedError as exc:
        # The guest itself is being interrupted; this only happened to be under way.
        reply = _refusal("timeout", exc)
    except BaseException as exc:  # noqa: BLE001 - the plugin firewall: whatever it is must not reach the guest's stack
        call.doom = exc
        return None
    if not function.returns:
        return None
    envelope = encode(reply)
    # Nothing that changes something answers with so much: what it did could not be taken back any more.
    return envelope if len(envelope) <= RESULT_LIMIT else encode(_refusal("too_large", "the result is too large"))


def refuse(function: HostFunction, error: HostCallError) -> bytes | None:
    """The envelope for a call that did not get as far as its function."""
    return encode(_refusal(error.code, error)) if function.returns else None


def encode(envelope: Mapping[str, Any]) -> bytes:
    """An envelope as a guest gets it."""
    return json.dumps(envelope, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _refusal(code: str, message: object) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": str(message)}}


def _row(name: str, parameters: str, capability: str, run: Callable[..., Any], **special: Any) -> HostFunction:
    return HostFunction(name=f"holomush_{name}", parameters=tuple(parameters.split()), capability=capability, run=run, **special)


HOST_FUNCTIONS = (
    _row("emit_event", "json", "emit:<stream>", world.emit_event, void=True),
    _row("query_location", "id", "read:locations", world.query_location),
    _row("query_exit", "id", "read:locations", world.query_exit),
    _row("query_object", "id", "read:objects", world.query_object),
    _row("query_character", "id", "read:characters", world.query_character),
    _row("find", "json", "read:<kinds>", world.find),
    _row("create_location", "json", "write:locations", world.create_location),
    _row("create_exit", "json", "write:locations", world.create_exit),
    _row("create_object", "json", "write:objects", world.create_object),
    _row("create_character", "json", "write:characters", world.create_character),
    _row("update_location", "id changes_json", "write:locations", world.update_location),
    _row("update_exit", "id changes_json", "write:locations", world.update_exit),
    _row("update_object", "id changes_json", "write:objects", world.update_object),
    _row("update_character", "id changes_json", "write:characters", world.update_character),
    _row("move_object", "id place_json", "write:objects", world.move_object),
    _row("move_character", "id location_id", "write:characters", world.move_character),
    _row("destroy_location", "id", "write:locations", world.destroy_location),
    _row("destroy_exit", "id", "write:locations", world.destroy_exit),
    _row("destroy_object", "id", "write:objects", world.destroy_object),
    _row("destroy_character", "id", "write:characters", world.destroy_character),
    _row("kv_get", "key", "kv:read", storage.kv_get),
    _row("kv_set", "key value", "kv:write", storage.kv_set, void=True),
    _row("kv_delete", "key", "kv:write", storage.kv_delete),
    _row("kv_list", "prefix", "kv:read", storage.kv_list),
    _row("set_attributes", "id json", "db:migrate", storage.set_attributes),
    _row("table_insert", "table row_json", "db:migrate", storage.table_insert),
    _row("table_get", "table key_json", "db:migrate", storage.table_get),
    _row("table_select", "table query_json", "db:migrate", storage.table_select),
    _row("table_update", "table key_json changes_json", "db:migrate", storage.table_update),
    _row("table_delete", "table key_json", "db:migrate", storage.table_delete),
    _row("http_get", "url", "http:get:<domain>", outside.http_get),
    _row("http_post", "url body", "http:post:<domain>", outside.http_post),
    _row("list_sessions", "", "session:read", outside.list_sessions),
    _row("boot_session", "character_id reason", "session:boot", outside.boot_session),
    _row("list_commands", "character_id", "read:commands", outside.list_commands),
    _row("list_topics", "character_id words", "read:commands", outside.list_topics),
    _row("read_topic", "character_id plugin topic", "read:commands", outside.read_topic),
    _row("list_events", "stream limit", "history:<stream>", channels.list_events),
    _row("listen", "stream character_id", "listen:<stream>", channels.listen),
    _row("unlisten", "stream character_id", "listen:<stream>", channels.unlisten),
    _row("list_listeners", "stream", "listen:<stream>", channels.list_listeners),
    _row("set_timer", "name seconds payload_json", "timers", storage.set_timer),
    _row("cancel_timer", "name", "timers", storage.cancel_timer),
    _row("query_account", "character_id", "account:read", accounts.query_account),
    _row("update_account", "character_id changes_json", "account:<keys>", accounts.update_account),
    _row("add_character", "character_id name", "account:characters", accounts.add_character),
    _row("switch_character", "session_id character_id", "session:switch", accounts.switch_character),
    _row("ban_address", "address reason", "account:ban", accounts.ban_address),
    _row("unban_address", "address", "account:ban", accounts.unban_address),
    _row("list_bans", "", "account:ban", accounts.list_bans),
    _row("list_plugins", "", "server:plugins", outside.list_plugins),
    _row("enable_plugin", "name", "server:plugins", outside.enable_plugin),
    _row("disable_plugin", "name", "server:plugins", outside.disable_plugin),
    _row("export_world", "name", "world:export", worlds.export_world),
    _row("import_world", "name", "world:import", worlds.import_world),
    _row("server_stats", "", "server:stats", outside.server_stats),
    _row("server_shutdown", "reason", "server:shutdown", outside.server_shutdown),
    _row("log", "level message", "", outside.log, returns=False, void=True),
)

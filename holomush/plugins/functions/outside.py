"""The host functions that reach beyond the game's data: web servers, sessions, help, the server itself, the log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import trio

from holomush.commands.access import Access
from holomush.plugins.calls import Call
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.storage.registers import OFF, Setting
from holomush.world.model import Character

REASON_LIMIT = 200
"""Characters of a reason that people are told."""
LOG_LIMIT = 4096
"""Characters of one line in the log."""

SEARCH_LIMIT = 200
"""Characters of what is looked for in help topics."""
SEARCH_WORDS = 10

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def http_get(call: Call, url: str) -> dict[str, Any]:
    """Ask a web server."""
    return _request(call, "GET", url, "")


def http_post(call: Call, url: str, body: str) -> dict[str, Any]:
    """Send something to a web server."""
    return _request(call, "POST", url, body)


def _request(call: Call, method: Literal["GET", "POST"], url: str, body: str) -> dict[str, Any]:
    if call.is_loading:
        raise HostCallError("unavailable", "no request can be made while the plugin is being loaded")
    call.must_be_patient()
    if not call.rates.http.take():
        raise HostCallError("rate_limited", "the plugin has made as many requests as it may for now")
    begun = time.monotonic()
    with call.standing_clock():
        try:
            # In an event loop of its own, in this thread: whatever the other side sends, nobody else has to wait for its reading.
            return trio.run(_fetch, call, method, url, body)
        finally:
            call.stop_waiting = None
            call.waiting_left -= time.monotonic() - begun


async def _fetch(call: Call, method: Literal["GET", "POST"], url: str, body: str) -> dict[str, Any]:
    def require(capability: str) -> None:
        call.require(capability)
        call.attempt.reached_outside = True

    token = trio.lowlevel.current_trio_token()
    with trio.move_on_after(max(0.0, call.waiting_left)) as scope:

        def stop() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)

        call.stop_waiting = stop
        if call.must_stop():
            scope.cancel()
        return await call.surroundings.fetch(method, url, body, require)
    if call.must_stop():
        raise HostCallError("unavailable", "the call is being stopped")
    raise HostCallError("timeout", "one call may wait only so long for other servers, all requests together")


def list_sessions(call: Call) -> list[dict[str, Any]]:
    """Everybody in play."""
    call.require("session:read")
    hidden = set() if call.allows("session:addresses") else {"addresses"}
    shown = []
    for session in call.surroundings.sessions():
        # No read of the transaction's: whoever lists all would be in conflict with everybody who moves.
        character = call.attempt.transaction.world.get(session["character_id"])
        noted = {} if character is None else call.viewer.noted(character)
        shown.append({**{key: value for key, value in session.items() if key not in hidden}, **noted})
    return shown


def boot_session(call: Call, character_id: str, reason: str) -> None:
    """Hang up on everybody who plays a character, once the call is on disk."""
    call.require("session:boot")
    call.attempt.transaction.expect(character_id, Character)
    if not call.surroundings.is_connected(character_id):
        raise HostCallError("not_found", "nobody plays that character right now")
    call.attempt.requests.append(partial(call.surroundings.boot, character_id, _line(reason, REASON_LIMIT)))


def list_commands(call: Call, character_id: str) -> list[dict[str, Any]]:
    """The commands that whoever plays a character may use."""
    return call.surroundings.handbook.commands(_access(call, character_id))


def list_topics(call: Call, character_id: str, words: str) -> list[dict[str, Any]]:
    """The help topics that whoever plays a character may read; with ``words``, those in which all of them occur."""
    access = _access(call, character_id)
    looked_for = words.split()
    # The search holds up everybody if the call is a quick one.
    if len(words) > SEARCH_LIMIT or len(looked_for) > SEARCH_WORDS:
        raise HostCallError("invalid_argument", f"words: must be at most {SEARCH_WORDS} words and {SEARCH_LIMIT} characters")
    return call.surroundings.handbook.topics(access, looked_for)


def read_topic(call: Call, character_id: str, plugin: str, topic: str) -> str:
    """The text of a help topic, for whoever plays a character."""
    text = call.surroundings.handbook.read(_access(call, character_id), plugin, topic)
    if text is None:
        raise HostCallError("not_found", f"the plugin {plugin[:80]!r} has no help topic {topic[:80]!r}")
    return text


def _access(call: Call, character_id: str) -> Access:
    call.require("read:commands")
    call.attempt.transaction.expect(character_id, Character)
    access = call.surroundings.access(character_id)
    if access is None:
        raise HostCallError("not_found", "nobody plays that character right now")
    return access


def server_stats(call: Call) -> dict[str, Any]:
    """Figures about the server."""
    call.require("server:stats")
    return dict(call.surroundings.stats())


def server_shutdown(call: Call, reason: str) -> None:
    """Stop the server, once the call is on disk."""
    call.require("server:shutdown")
    call.attempt.requests.append(partial(call.surroundings.shut_down, _line(reason, REASON_LIMIT)))


def list_plugins(call: Call) -> list[dict[str, Any]]:
    """Every loaded plugin, with figures about its calls."""
    call.require("server:plugins")
    return [dict(plugin) for plugin in call.surroundings.plugins()]


def enable_plugin(call: Call, name: str) -> None:
    """Switch a plugin on again, once the call is on disk."""
    _plugin(call, name)
    needs = [plugin["name"] for plugin in call.surroundings.plugins() if name in plugin["needed_by"]]
    off = [needed for needed in needs if _is_off(call, needed)]
    if off:
        raise HostCallError("conflict", f"{name} cannot do without {', '.join(off)}")
    call.attempt.registers.of(call.storage.registers.settings).remove(f"{OFF}{name}")


def disable_plugin(call: Call, name: str) -> None:
    """Switch a plugin off, until it is switched on again."""
    needed_by = [other for other in _plugin(call, name)["needed_by"] if not _is_off(call, other)]
    if needed_by:
        raise HostCallError("conflict", f"{', '.join(needed_by)} cannot do without {name}")
    call.attempt.registers.of(call.storage.registers.settings).put(Setting(f"{OFF}{name}", "on"))


def _is_off(call: Call, name: str) -> bool:
    """Counts as read: of two at once, one that switches a plugin on and one that switches off what it needs, one is run again."""
    return call.attempt.registers.of(call.storage.registers.settings).get(f"{OFF}{name}") is not None


def _plugin(call: Call, name: str) -> Mapping[str, Any]:
    call.require("server:plugins")
    plugin = next((plugin for plugin in call.surroundings.plugins() if plugin["name"] == name), None)
    if plugin is None:
        raise HostCallError("not_found", f"there is no plugin {name[:80]!r}")
    return plugin


def log(call: Call, level: str, message: str) -> None:
    """Write a line to the log."""
    # One call, one line: a plugin cannot forge log lines of others, nor write escape sequences to the operator's terminal.
    call.log(_LEVELS.get(level.lower(), logging.INFO), _line(message, LOG_LIMIT))


def _line(text: str, limit: int) -> str:
    return _CONTROL.sub(" ", text[:limit])

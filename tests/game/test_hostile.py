"""Plugins that mean harm: what they get, what the player reads, that nothing comes of it, and that everybody else plays on."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from game.hostile import (
    EVERYTHING,
    FAILED,
    FOUNTAIN,
    GRANTED,
    HELPERS,
    IMPORTS,
    NONSENSE,
    SHORT,
    SQUARE,
    TOO_LONG,
    TOO_MUCH_MEMORY,
    TOO_MUCH_OUTPUT,
    assert_harmless,
    assert_unknown,
    attacked_server,
    broken,
    write_module,
    write_python,
    write_wasm,
)
from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime

# Guests that have to be stopped, or fail. Each has done much before.

ENDLESS = {
    "a loop": "while True: pass",
    "a loop that catches everything": """
while True:
    try:
        while True: pass
    except BaseException:
        pass
""",
    "a finally that loops": """
try:
    raise ValueError
finally:
    while True: pass
""",
    "a regular expression": "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')",
    "a huge power": "return 7 ** (10 ** 9) and None",
    "a huge sum": "return sum(range(10 ** 12))",
    "a million emits": """
for _ in range(10 ** 9):
    refused(emit_event, f"location:{SQUARE}", "boast", {"boast": "again"})
""",
    "a million keys": "for n in range(10 ** 9): refused(kv_set, f'key{n}', 'x' * 100)",
    "a million log lines": "for n in range(10 ** 9): log('x' * 100)",
    "a million queries": "for n in range(10 ** 9): refused(query_location, SQUARE)",
    "a list that never ends": "return [x for x in iter(int, 1) if x]",
}
FAILING = {
    "an error": ("raise KeyError('oops')", FAILED),
    "an exit": ("raise SystemExit(0)", FAILED),
    "an end of the process": ("import os\nos._exit(0)", FAILED),
    "an abort": ("import os\nos.abort()", FAILED),
    "a crash of the interpreter": ("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nreturn f()", FAILED),
    "recursion": ("def f(x): return f(x) + 1\nreturn f(1)", FAILED),
    "mutual recursion that catches errors": (
        """
def f(depth):
    try:
        return f(depth + 1)
    except RecursionError:
        raise ValueError(depth)
return f(0)
""",
        FAILED,
    ),
    "recursion in JSON": ("x = []\nfor _ in range(10 ** 5): x = [x]\nemit_event(f'location:{SQUARE}', 'boast', {'x': x})", FAILED),
    "a hoard": ("hoard = []\nwhile True: hoard.append(bytearray(1_000_000))", TOO_MUCH_MEMORY),
    "a hoard of small things": ("hoard = []\nwhile True: hoard.append([])", TOO_MUCH_MEMORY),
    "a text of a gigabyte": ("return 'x' * 10 ** 9", TOO_MUCH_MEMORY),
    "output of 10 MB": ("return 'x' * 10 ** 7", TOO_MUCH_OUTPUT),
    "10 MB of lines": ("return ['x'] * 10 ** 6", TOO_MUCH_OUTPUT),
    "a number": ("return 42", FAILED),
    "keys of its own": ("return {'output': 'x', 'sql': 'DROP TABLE players'}", NONSENSE),
    "an actor of its own": ("return {'output': 'x', 'actor': inv.actor}", NONSENSE),
    "an event with an actor of its own": (
        "return {'events': [{'stream': f'location:{SQUARE}', 'type': 'say', 'payload': {}, 'actor_id': 'x'}]}",
        NONSENSE,
    ),
    "an event without a stream": ("return {'events': [{'type': 'say', 'payload': {}}]}", NONSENSE),
    "65 events": ("return {'events': [{'stream': f'location:{SQUARE}', 'type': 'boast', 'payload': {}}] * 65}", FAILED),
    "an event for a place that is not there": (
        "return {'events': [{'stream': 'location:nowhere', 'type': 'boast', 'payload': {}}]}",
        FAILED,
    ),
    "output that is no text": ("return {'output': {'a': 1}}", NONSENSE),
    "a file": ("open('/etc/passwd').read()", FAILED),
    "a new file": ("open('/tmp/hostile', 'w')", FAILED),
    "a program": ("import os\nos.system('id')", FAILED),
    "a socket": ("import socket\nsocket.create_connection(('127.0.0.1', 4201))", FAILED),
    "a thread": ("import threading\nthreading.Thread(target=print).start()", FAILED),
    "a fork": ("import os\nos.fork()", FAILED),
    "machine code": ("import ctypes\nctypes.string_at(0)", FAILED),
    "a host function with numbers": ("import _holomush\n_holomush.holomush_emit_event(5)", FAILED),
    "a host function with too few arguments": ("import _holomush\n_holomush.holomush_kv_set('key')", FAILED),
    "half a surrogate pair": ("kv_set('half', '\\ud800')", FAILED),
    "a nap": ("import time\ntime.sleep(3600)", FAILED),
    "a wait for nobody": ("import threading\nthreading.Event().wait()", FAILED),
    "a wait for nothing": ("import select\nselect.select([], [], [])", FAILED),
    "a refused emit that nobody catches": ("holomush_pdk._call('holomush_emit_event', '{}')", FAILED),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_does_not_end_is_stopped(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    write_python(tmp_path / "plugins", f"do_much(inv)\n{ENDLESS[name]}")
    async with attacked_server(data, runtime, tmp_path / "plugins", SHORT) as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(TOO_LONG), is_long=True)


@pytest.mark.parametrize("name", FAILING)
async def test_what_fails_has_no_effect(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, how = FAILING[name]
    write_python(tmp_path / "plugins", f"do_much(inv)\n{body}")
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(how))


# The same in WebAssembly, where nothing stands between the guest and the machine but the sandbox.

ENDLESS_WASM = {
    "a loop": ("(call $keep) (loop $l (br $l))", ""),
    "a loop around the host": (
        "(local.set $o (call $block (i32.const 0) (i32.const 3))) (loop $l (call $free (call $query (local.get $o))) (br $l))",
        "",
    ),
    "a loop around alloc": ("(call $keep) (loop $l (call $free (call $alloc (i64.const 8))) (br $l))", ""),
    "a loop around a sleep": (
        "(call $keep) (loop $l (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))) (br $l))",
        "",
    ),
    "a recursion that returns": (
        "(call $keep) (call $f (i32.const 64))",
        """(func $f (param i32) (if (local.get 0) (then
          (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))""",
    ),
}
LENGTHEN = "(call $store_u64 (i64.sub (local.get $o) (i64.const 8)) (i64.const 0x7000000070000000))"
FAILING_WASM = {
    "recursion": ("(call $f)", "(func $f (call $f) (call $f))", FAILED),
    "a trap": ("(unreachable)", "", FAILED),
    "memory": ("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))", "", TOO_MUCH_MEMORY),
    "blocks": ("(loop $l (br_if $l (i64.ne (call $alloc (i64.const 1000000)) (i64.const 0))))", "", TOO_MUCH_MEMORY),
    "small blocks": ("(loop $l (br_if $l (i64.ne (call $alloc (i64.const 8)) (i64.const 0))))", "", FAILED),
    "output of 10 MB": ("(call $show (call $alloc (i64.const 10000000)))", "", TOO_MUCH_OUTPUT),
    "output that is no JSON": ("(call $show (call $block (i32.const 0) (i32.const 3)))", "", NONSENSE),
    "output that is no text": (
        "(call $show (call $block (i32.const 256) (i32.const 2)))",
        '(data (i32.const 256) "\\ff\\fe")',
        NONSENSE,
    ),
    "an error of 10 MB": ("(call $error_set (call $alloc (i64.const 10000000))) (return (i32.const 1))", "", FAILED),
    "an error that says timeout": (
        "(call $error_set (call $block (i32.const 256) (i32.const 7))) (return (i32.const 1))",
        '(data (i32.const 256) "timeout")',
        FAILED,
    ),
    "an error that is no UTF-8": (
        "(call $error_set (call $block (i32.const 256) (i32.const 2))) (return (i32.const 1))",
        '(data (i32.const 256) "\\ff\\fe")',
        FAILED,
    ),
    "a code other than 0": ("(return (i32.const 1))", "", FAILED),
    "a text that is no UTF-8": (
        "(drop (call $query (call $block (i32.const 256) (i32.const 2))))",
        '(data (i32.const 256) "\\ff\\fe")',
        FAILED,
    ),
    "a forged header, then the host": (
        f"(local.set $o (call $alloc (i64.const 16))) {LENGTHEN} (drop (call $query (local.get $o)))",
        "",
        FAILED,
    ),
    "a forged address": ("(drop (call $query (i64.const 0x7fffffff)))", "", FAILED),
    "an address below zero": ("(drop (call $query (i64.const -77)))", "", FAILED),
    "output of others": ("(call $output_set (i64.const 0) (i64.const 0x7fffffff))", "", FAILED),
    "an event that makes no sense": ("(call $emit (call $block (i32.const 0) (i32.const 3)))", "", FAILED),
}


@pytest.mark.parametrize("name", ENDLESS_WASM)
async def test_a_module_that_does_not_end_is_stopped(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, extra = ENDLESS_WASM[name]
    write_wasm(tmp_path / "plugins", body, extra=extra)
    async with attacked_server(data, runtime, tmp_path / "plugins", SHORT) as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(TOO_LONG), is_long=True)


@pytest.mark.parametrize("name", FAILING_WASM)
async def test_a_module_that_fails_has_no_effect(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, extra, how = FAILING_WASM[name]
    write_wasm(tmp_path / "plugins", f"(call $keep) {body}", extra=extra)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(how))


async def test_a_sleep_in_wasi_returns_at_once(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    # Nine years, by the clock of subscription 0.
    write_wasm(
        tmp_path / "plugins",
        """(if (i32.ne (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 768)) (i32.const 52))
             (then (unreachable)))
           (call $show (call $block (i32.const 16) (i32.const 26)))""",
        extra='(data (i32.const 280) "\\00\\00\\58\\47\\f8\\0d\\00\\00")',
    )
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        assert await alice.do("attack") == "All is well.\n"


# Modules that attack while they are loaded, or cannot be. The server starts without them.

LOADING = {
    "a start section that loops": ("(module (func $s (loop $l (br $l))) (start $s) {rest})", "it ran longer than 0.3 seconds"),
    "a start section that traps": ("(module (func $s (unreachable)) (start $s) {rest})", "it crashed inside its sandbox"),
    "_initialize that loops": ('(module (func (export "_initialize") (loop $l (br $l))) {rest})', "it ran longer than 0.3 seconds"),
    "init that loops": ('(module (func (export "init") (loop $l (br $l))) {rest})', "it ran longer than 0.3 seconds"),
    "a host call from the start section": (
        "(module {imports} {helpers} (start $keep) {attack})",
        "it changes the world or emits events while it is being loaded",
    ),
    "a memory bomb in the start section": (
        "(module (memory 1) (func $s (loop $l (drop (memory.grow (i32.const 16))) (br $l))) (start $s) {rest})",
        "it used more than 64 MiB of memory",
    ),
    "a memory that is too large": ("(module (memory 65536) {rest})", "its memory begins with 4096 MiB: it may have 64"),
    "an import of its own": (
        '(module (import "extism:host/user" "holomush_sql" (func)) {rest})',
        "plugin.wasm: imports extism:host/user.holomush_sql, which plugins do not have",
    ),
    "Extism's own HTTP": (
        '(module (import "extism:host/env" "http_request" (func (param i64 i64) (result i64))) {rest})',
        "plugin.wasm: imports extism:host/env.http_request, which plugins do not have: call holomush_http_get",
    ),
    "no handlers": ("(module)", "commands[0].handler: plugin.wasm has no function attack"),
}


@pytest.mark.parametrize("name", LOADING)
async def test_a_module_that_cannot_be_loaded_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    text, reason = LOADING[name]
    attack = '(func (export "attack"))'
    rest = f'{attack} (func (export "fine"))'
    write_module(tmp_path / "plugins", text.format(rest=rest, attack=attack, imports=IMPORTS, helpers=HELPERS))
    async with attacked_server(data, runtime, tmp_path / "plugins", SHORT) as (server, alice, _):
        [message] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("plugin hostile is left out: ")][:1]
        assert message.startswith(f"plugin hostile is left out: {reason}")
        await assert_unknown(alice, "attack")
        assert await alice.do("say all is well") == 'You say, "all is well"\n'
        assert await server.running.game.store.fetch("SELECT * FROM kv") == []


LOADING_PYTHON = {
    "a loop": ("while True: pass", "it ran longer than 0.3 seconds"),
    "a hoard": ("hoard = []\nwhile True: hoard.append(bytearray(1_000_000))", "it used more than 64 MiB of memory"),
    "an error": ("raise ValueError('no')", "it raised an error: ValueError: no"),
    "an exit": ("raise SystemExit", "it raised an error: "),
    "a change": ("kv_set('a', 'b')", "it changes the world or emits events while it is being loaded"),
    "an event": ("emit_event('global', 'boast', {})", "it changes the world or emits events while it is being loaded"),
    "a row": ("table_insert('notes', text='x')", "it raised an error: holomush_pdk.HostError: unavailable: tables cannot be used"),
    "a boot": ("server_shutdown('ha')", "it changes the world or emits events while it is being loaded"),
    "a forged list of functions": ("import json\njson.dumps = lambda *a, **k: '1'", "its list of functions makes no sense"),
    "a list that is no JSON": ("import json\njson.dumps = lambda *a, **k: '['", "its list of functions makes no sense"),
    "a request": (
        "http_get('https://example.com')",
        "it raised an error: holomush_pdk.HostError: unavailable: no request can be made",
    ),
}


@pytest.mark.parametrize("name", LOADING_PYTHON)
async def test_a_plugin_that_cannot_be_loaded_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    body, reason = LOADING_PYTHON[name]
    # Half of them at the top, half in init: both are run when an instance is made.
    at_the_top = "json.dumps" in body or list(LOADING_PYTHON).index(name) % 2
    more = body if at_the_top else f"def init():\n{indent(body, '    ')}\n"
    write_python(tmp_path / "plugins", "pass", more=more)
    config = SHORT if name == "a loop" else GRANTED
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, _):
        [message] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("plugin hostile is left out: ")]
        assert message.startswith(f"plugin hostile is left out: {reason}")
        await assert_unknown(alice, "attack")
        assert await server.running.game.store.fetch("SELECT * FROM kv") == []


# What host functions refuse. The plugin goes on and says what it was told; Alice reads that, and nothing has come of it.

NO_HTTP = "the plugin has no capability http:get:example.com: add it to capabilities in plugin.yaml"
REFUSED = {
    "an event on a stream that it may not use": (
        "return refused(emit_event, 'global', 'boast', {})",
        "capability_denied: the operator does not grant emit:global: see plugins.grants.hostile in the configuration",
        ("emit:location:*",),
    ),
    "an event on a stream that is a pattern": (
        "return refused(emit_event, 'location:*', 'boast', {})",
        'invalid_argument: stream: "location:*" is no stream; after "location:" goes a name of 1 to 64 characters without spaces,'
        " colons and *",
        None,
    ),
    "an actor of its own": (
        'return raw(\'emit_event\', \'{"stream": "global", "type": "say", "payload": {}, "actor_id": "x"}\')',
        "invalid_argument: actor_id: unknown key; an event has stream, type and payload",
        None,
    ),
    "an event nested deep": (
        "return raw_event('[' * 10 ** 5 + ']' * 10 ** 5)",
        "invalid_argument: not valid JSON: maximum recursion depth exceeded while decoding a JSON array from a unicode string",
        None,
    ),
    "an event with infinity": (
        'return raw(\'emit_event\', \'{"stream": "global", "type": "say", "payload": {"n": 1e999}}\')',
        "invalid_argument: payload.n: must be a finite number; JSON has no inf",
        None,
    ),
    "an event with a number of 5000 digits": (
        'return raw(\'emit_event\', \'{"stream": "global", "type": "say", "payload": {"n": \' + \'9\' * 5000 + \'}}\')[:33]',
        "invalid_argument: not valid JSON:",
        None,
    ),
    "half a surrogate pair": (
        'return raw(\'emit_event\', r\'{"stream": "global", "type": "say", "payload": {"message": "\\ud800"}}\')',
        "invalid_argument: payload.message: has half of a surrogate pair; cut text between characters",
        None,
    ),
    "an event in a place destroyed before": (
        """
id = create_location('Attic').id
destroy_location(id)
return refused(emit_event, f'location:{id}', 'say', {})[:10]
""",
        "not_found:",
        None,
    ),
    "an argument that is too large": (
        "return refused(log, 'x' * 300_000) + '|' + refused(kv_set, 'key', 'x' * 300_000)",
        "done: None|too_large: an argument may have 262144 bytes",
        None,
    ),
    "more host calls than a call may make": (
        "for _ in range(300): last = refused(query_location, SQUARE)\nreturn last",
        "rate_limited: one call may make 256 host calls",
        None,
    ),
    "HTTP without the capability": ("return refused(http_get, 'https://example.com')", f"capability_denied: {NO_HTTP}", None),
    "HTTP to a file": (
        "return refused(http_get, 'file:///etc/passwd')",
        "invalid_argument: 'file:///etc/passwd': write https:// in place of file://",
        None,
    ),
    "HTTP to an address": (
        "return refused(http_get, 'https://127.0.0.1/')",
        "invalid_argument: 'https://127.0.0.1/': name the server by its domain, not by an IP address",
        None,
    ),
    "sessions without the grant": (
        "return refused(list_sessions)",
        "capability_denied: the operator does not grant session:read: see plugins.grants.hostile in the configuration",
        ("emit:*",),
    ),
    "a boot without the grant": (
        "return refused(boot_session, inv.actor.id)",
        "capability_denied: the operator does not grant session:boot: see plugins.grants.hostile in the configuration",
        ("session:read",),
    ),
    "a shutdown without the grant": (
        "return refused(server_shutdown, 'ha')",
        "capability_denied: the operator does not grant server:shutdown: see plugins.grants.hostile in the configuration",
        ("server:stats",),
    ),
    "a boot of nobody": (
        "return refused(boot_session, FOUNTAIN)",
        f"not_found: there is no character with the id {FOUNTAIN!r}",
        None,
    ),
    "an empty key": ("return refused(kv_set, '', 'x')", "invalid_argument: a key must have 1 to 256 bytes, not 0", None),
    "a key that is too long": (
        "return refused(kv_set, 'k' * 257, 'x')",
        "invalid_argument: a key must have 1 to 256 bytes, not 257",
        None,
    ),
    "a value that is too large": (
        "return refused(kv_set, 'k', 'x' * 65_537)",
        "too_large: a value may have 65536 bytes, not 65537",
        None,
    ),
    "bytes that are none": (
        "return raw('kv_set', 'k', '{\"base64\": 5}')",
        'invalid_argument: the value begins like {"base64": ...} and is not that',
        None,
    ),
    "keys of others": (
        "return str([kv_get(k) for k in ('secret', 'keeper/secret', '../keeper/secret', 'keeper\\0secret', '%', '*')] + kv_list())",
        "[None, None, None, None, None, None]",
        None,
    ),
    "tables of others": (
        "return '|'.join(refused(table_select, t)[:48] for t in ('characters', 'players', 'p_keeper__notes', '../notes'))",
        "|".join(
            f"not_found: the plugin declares no table {name!r}"[:48]
            for name in ("characters", "players", "p_keeper__notes", "../notes")
        ),
        None,
    ),
    "columns that are SQL": (
        "return refused(table_select, 'notes', {'1=1; DROP TABLE notes; --': 1})",
        "invalid_argument: where: '1=1; DROP TABLE notes; --' is no column of notes; its columns are id, who, text",
        None,
    ),
    "an order that is SQL": (
        "return refused(table_select, 'notes', None, ['id; DROP TABLE notes'])",
        "invalid_argument: order: 'id; DROP TABLE notes' is no column of notes; its columns are id, who, text",
        None,
    ),
    "a row for nobody": (
        f"return refused(table_insert, 'notes', who={FOUNTAIN!r})",
        f"not_found: notes.who: there is no character with the id {FOUNTAIN!r}",
        None,
    ),
    "a row that is too large": (
        "return refused(table_insert, 'notes', text='x' * 17_000)",
        "too_large: a row may have 16384 bytes",
        None,
    ),
    "attributes of others": (
        "return refused(set_attributes, inv.actor.id, **{'keeper.mood': 'x'})",
        "invalid_argument: the plugin declares no attribute 'keeper.mood' for a character",
        None,
    ),
    "an attribute that is too large": (
        "return refused(set_attributes, inv.actor.id, mood='x' * 65_537)",
        "invalid_argument: mood: must be at most 65536 bytes of text, not 65537",
        None,
    ),
    "an attribute of the wrong type": (
        "return refused(set_attributes, inv.actor.id, mood=5)",
        "invalid_argument: mood: must be text, not a number",
        None,
    ),
    "ids that are none": (
        "return '|'.join(refused(query_location, i)[:10] for i in ('', '../..', \"' OR 1 --\", '\\0', 'x' * 9_000, inv.actor.id))",
        "|".join(["not_found:"] * 6),
        None,
    ),
    "names that are taken": (
        "return '|'.join(refused(create_character, name, SQUARE) for name in ('Bob', 'bOB', '\uff22ob'))",
        "invalid_argument: the name Bob is taken|invalid_argument: the name bOB is taken|invalid_argument: the name Bob is taken",
        None,
    ),
    "official names": (
        "return '|'.join(refused(create_character, name, SQUARE) for name in ('Admin', 'SYSTEM', 'Guest9', 'G.o.d', 'Everyone'))",
        "|".join(["invalid_argument: name: That name is reserved. Please choose another."] * 5),
        None,
    ),
    "names that draw nothing": (
        "return '|'.join(refused(create_character, n, SQUARE)[:23] for n in ('\u200b\u200b', 'B\u043eb', '\u202eboB', 'Al\\nice'))",
        "|".join(["invalid_argument: name:"] * 4),
        None,
    ),
    "the name of a player": (
        "return refused(update_character, inv.actor.id, name='Alicia')",
        "conflict: Alice is a player's character, and players log in by that name",
        None,
    ),
    "a swap of names": (
        "return refused(create_character, 'Alice', SQUARE)",
        "invalid_argument: the name Alice is taken",
        None,
    ),
    "the end of the start": (
        "return refused(destroy_location, SQUARE)",
        "conflict: new characters begin in The Lantern Square, so it stays",
        None,
    ),
    "the end of a place that exits lead to": (
        "return refused(destroy_location, TOWER)",
        "invalid_argument: The Clock Tower is not empty",
        None,
    ),
    "the end of somebody in play": (
        "return refused(destroy_character, inv.actor.id)",
        "conflict: somebody plays Alice right now",
        None,
    ),
    "the end of a thing as if it were a place": (
        "return refused(destroy_location, FOUNTAIN)",
        f"not_found: there is no location with the id {FOUNTAIN!r}",
        None,
    ),
    "a thing inside itself": (
        "return refused(move_object, FOUNTAIN, container=FOUNTAIN)",
        "invalid_argument: a thing cannot be put inside itself",
        None,
    ),
    "a thing inside a place as if it were a chest": (
        "return refused(move_object, FOUNTAIN, container=SQUARE)",
        f"not_found: there is no object with the id {SQUARE!r}",
        None,
    ),
    "an exit to nowhere": (
        "return refused(create_exit, 'out', SQUARE, FOUNTAIN)",
        f"not_found: there is no location with the id {FOUNTAIN!r}",
        None,
    ),
    "a name that forges a line": (
        "return refused(create_object, 'lamp\\nYou are booted.', location=SQUARE)",
        "invalid_argument: name: must not have control characters",
        None,
    ),
    "a description that is too long": (
        "return refused(update_location, SQUARE, description='x' * 8_193)",
        "invalid_argument: description: must have 0 to 8192 characters, not 8193",
        None,
    ),
    "fields that are the server's": (
        "return refused(update_character, inv.actor.id, player_id='x')",
        "invalid_argument: 'player_id' is no key of this; there are name, description",
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_has_no_effect(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, told, grants = REFUSED[name]
    write_python(tmp_path / "plugins", body)
    write_python(tmp_path / "plugins", "kv_set('secret', 'mine')", name="keeper", manifest=KEEPER)
    config = PluginsConfig(grants={"hostile": (*grants, "db:migrate") if grants else EVERYTHING, "keeper": EVERYTHING})
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        assert await bob.do("keep") == ""
        await assert_harmless(server, alice, bob, f"{told}\n")


KEEPER = """
commands: [{name: keep, pattern: keep, handler: attack}]
schema:
  attributes:
    character: [{name: mood, type: string}]
  tables: [{name: notes, columns: [{name: id, type: ulid, primary: true}]}]
"""

"""Guests that mean harm, as text, and what the server must be like before and after. What each of them gets is in the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import attrs
import trio
from support.game import Player, Server, running_server
from support.plugins import write_plugin
from support.wat import BLOCK
from wasmtime import wat2wasm

from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime
from holomush.world.rows import load_entities

SQUARE = "01K0000000000000000000SQAR"
GARDEN = "01K0000000000000000000GRDN"
TOWER = "01K000000000000000000STWR1"
FOUNTAIN = "01K0000000000000000000FTN1"
EVERYTHING = ("emit:*", "read:*", "write:*", "kv:*", "db:migrate", "session:*", "server:*")
"""What the hostile plugin may do, unless a test is about what it may not."""

MANIFEST = """
commands:
  - {name: attack, pattern: "attack [<how>]", handler: attack}
  - {name: fine, pattern: "fine", handler: fine}
renders:
  boast: {others: "{actor} boasts: {boast}"}
"""
SCHEMA = """
schema:
  attributes:
    character:
      - {name: mood, type: string, default: calm}
      - {name: note, type: json}
  tables:
    - name: notes
      columns:
        - {name: id, type: ulid, primary: true}
        - {name: who, type: ulid, ref: characters}
        - {name: text, type: string}
    - name: debts
      columns:
        - {name: id, type: string, primary: true}
        - {name: who, type: ulid, ref: characters, required: true}
"""
PRELUDE = f"""
import holomush_pdk
from holomush_pdk import *

SQUARE, GARDEN, TOWER, FOUNTAIN = {SQUARE!r}, {GARDEN!r}, {TOWER!r}, {FOUNTAIN!r}

def refused(function, *args, **named):
    try:
        return f"done: {{function(*args, **named)!r}}"
    except HostError as error:
        return str(error)

def raw(function, *texts):
    return refused(holomush_pdk._call, "holomush_" + function, *texts)

def raw_event(payload):
    return raw("emit_event", '{{"stream": "global", "type": "say", "payload": ' + payload + "}}")

def do_much(inv):
    emit_event(f"location:{{inv.location.id}}", "boast", {{"boast": "I did it"}})
    move_character(inv.actor.id, GARDEN)
    move_object(FOUNTAIN, character=inv.actor.id)
    kv_set("done", "yes")
    set_attributes(inv.actor.id, mood="proud")
    table_insert("notes", text="done")

def fine(inv):
    return "All is well."

"""
IMPORTS = """
(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
(import "extism:host/env" "free" (func $free (param i64)))
(import "extism:host/env" "length" (func $length (param i64) (result i64)))
(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
(import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
(import "extism:host/env" "error_set" (func $error_set (param i64)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
(import "extism:host/user" "holomush_kv_set" (func $kv_set (param i64 i64) (result i64)))
(import "extism:host/user" "holomush_emit_event" (func $emit (param i64)))
(import "extism:host/user" "holomush_query_object" (func $query (param i64) (result i64)))
"""
ANSWER = '{"output": "All is well."}'
HELPERS = f"""
(memory (export "memory") 1)
(data (i32.const 0) "key")
(data (i32.const 16) "{ANSWER.replace('"', chr(92) + '"')}")
{BLOCK}
(func $keep (drop (call $kv_set (call $block (i32.const 0) (i32.const 3)) (call $block (i32.const 0) (i32.const 3)))))
(func (export "fine") (result i32) (call $show (call $block (i32.const 16) (i32.const {len(ANSWER)}))) (i32.const 0))
"""


def write_python(
    folder: Path,
    body: str,
    *,
    name: str = "hostile",
    manifest: str = MANIFEST + SCHEMA,
    more: str = "",
    capabilities: Sequence[str] = EVERYTHING,
) -> None:
    """A plugin whose command ``attack`` does ``body``; ``more`` is source before it."""
    asked = f"capabilities: {list(capabilities)}\n"
    source = f"{PRELUDE}{more}\ndef attack(inv):\n    how = inv.args.get('how', '')\n{indent(body.strip(), '    ')}\n"
    write_plugin(folder, name, asked + manifest, source)


def write_wasm(folder: Path, body: str, *, extra: str = "", name: str = "hostile", manifest: str = MANIFEST) -> None:
    """The same in WebAssembly text. ``extra`` stands beside the functions."""
    text = f'(module {IMPORTS} {HELPERS} {extra} (func (export "attack") (result i32) (local $o i64) {body} (i32.const 0)))'
    write_module(folder, text, name=name, manifest=manifest)


def write_module(folder: Path, text: str, *, name: str = "hostile", manifest: str = MANIFEST) -> None:
    """A plugin that is this module."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "plugin.yaml").write_text(f"name: {name}\nversion: 1.0.0\ncapabilities: {list(EVERYTHING)}\n{manifest}")
    (path / "plugin.wasm").write_bytes(wat2wasm(text))


async def everything(server: Server) -> Mapping[str, Any]:
    """All that a call can change, on disk and in memory, which must agree."""
    game = server.running.game
    await game.store.write([])
    on_disk = {entity.id: attrs.asdict(entity) for entity in await load_entities(game.store)}
    in_memory = {entity.id: attrs.asdict(entity) for entity in game.world.entities()}
    assert in_memory == on_disk
    kv: dict[str, dict[str, bytes]] = {plugin.name: {} for plugin in server.running.host.plugins}
    for plugin, key, value in await game.store.fetch("SELECT plugin, key, value FROM kv"):
        kv[plugin][key] = value
    for plugin, kept in kv.items():
        seen = server.running.host.begin(plugin).kv
        assert {key: seen.get(key) for key in seen.keys("")} == kept
    tables = [
        name
        for (name,) in await game.store.fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'p!_%' ESCAPE '!'")
    ]
    return {
        "entities": on_disk,
        "keys": kv,
        "rows": {table: await game.store.fetch(f"SELECT * FROM {table}") for table in sorted(tables)},
        "players": await game.store.fetch("SELECT id, name, role FROM players ORDER BY id"),
        "events": await game.store.fetch("SELECT id FROM events WHERE type NOT IN ('say', 'connect', 'disconnect')"),
    }


TOO_LONG = "took too long and was stopped"
TOO_MUCH_MEMORY = "used too much memory and was stopped"
TOO_MUCH_OUTPUT = "gave too long an answer"
NONSENSE = "gave an answer that makes no sense"
FAILED = "failed"
GRANTED = PluginsConfig(grants={"hostile": EVERYTHING})
SHORT = attrs.evolve(GRANTED, timeout=0.3)


@asynccontextmanager
async def attacked_server(
    data: Path, runtime: SourceRuntime, folder: Path, config: PluginsConfig = GRANTED
) -> AsyncIterator[tuple[Server, Player, Player]]:
    """A server with the plugins in ``folder``, Alice in the square and Bob in the garden, where he hears nothing of her."""
    async with running_server(data, runtime, folder, plugins=config) as server:
        bob = await server.create("Bob")
        assert "The Walled Garden" in await bob.do("north")
        yield server, await server.create("Alice"), bob


async def while_bob_talks(bob: Player, alice: Player, line: str) -> tuple[str, int]:
    """What Alice gets for her line, and how often Bob said something and was answered meanwhile."""
    answer: list[str] = []
    said = 0

    async def type_line() -> None:
        answer.append(await alice.do(line))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(type_line)
        while not answer:
            with trio.fail_after(5):
                assert await bob.do(f"say {said}") == f'You say, "{said}"\n'
            said += 1
    return answer[0], said


async def assert_harmless(server: Server, alice: Player, bob: Player, told: str, *, is_long: bool = False) -> None:
    """Alice attacks and reads ``told``, nothing has changed, and all else works, the plugin included."""
    before = await everything(server)
    answer, said = await while_bob_talks(bob, alice, "attack")
    assert answer == told
    assert said > (3 if is_long else 0)
    assert await everything(server) == before
    assert await alice.do("fine") == "All is well.\n"
    assert await alice.do("say still here") == 'You say, "still here"\n'
    assert server.running.game.store.failure is None


async def assert_unknown(player: Player, line: str) -> None:
    """There is no such command."""
    await player.type(line)
    assert (await player.read_until("\n")).startswith("Huh?  ")  # and perhaps what else may have been meant


def broken(how: str) -> str:
    return f'"attack" {how}. Nothing was changed. (Plugin: hostile)\n'

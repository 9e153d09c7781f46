"""What a call into a Python plugin costs, and what a plugin costs to have."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import trio
from wasmtime import wat2wasm

from benchmarks import report
from benchmarks.servers import BOB, PLACE, Server, open_server
from holomush import bundled
from holomush.plugins.guests.guest import Guest, SourceRuntime
from holomush.plugins.host import PluginHost
from holomush.plugins.roster.source import PluginSource, SourceLanguage, read_plugin
from holomush.plugins.schema.recorded import bring_up_to_date
from holomush.plugins.schema.sql import TableSql

CALLS = 3000
SOURCE = """
from holomush_pdk import Invocation, emit_event, query_character

def handle_plain(inv: Invocation):
    return inv.args["text"]

def handle_query(inv: Invocation):
    return query_character(inv.actor.id).name
"""
MANIFEST = """\
name: {name}
version: 1.0.0
capabilities: [read:characters]
commands:
  - {{name: plain, pattern: "plain <text>", handler: handle_plain}}
  - {{name: query, pattern: "query <text>", handler: handle_query}}
"""
KEEPING_SOURCE = """
from holomush_pdk import kv_get, kv_set, set_attributes, table_insert, table_select

def handle_keys(inv):
    kv_set("count", str(int(kv_get("count", "0")) + 1))

def handle_attribute(inv):
    set_attributes(inv.actor.id, health=99)

def handle_insert(inv):
    table_insert("blows", who=inv.actor.id, damage=5)

def handle_select(inv):
    return str(len(table_select("blows", {"who": None, "damage": {">=": 500}}, order="-damage", limit=10)))
"""
KEEPING_MANIFEST = """\
name: keeping
version: 1.0.0
capabilities: ["kv:*", "db:migrate"]
schema:
  attributes:
    character: [{name: health, type: integer, default: 100}]
  tables:
    - name: blows
      columns:
        - {name: id, type: ulid, primary: true}
        - {name: who, type: ulid, ref: characters}
        - {name: damage, type: integer}
"""
ROWS = 1000
FOREIGN_SOURCE = """
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (func (export "handle_foreign") (result i32) (local $at i64)
    (local.set $at (call $alloc (i64.const 16)))
    (call $store_u64 (local.get $at) (i64.const 0x74757074756f227b)) ;; {"output
    (call $store_u64 (i64.add (local.get $at) (i64.const 8)) (i64.const 0x7d206c6c756e3a22)) ;; ":null }
    (call $output_set (local.get $at) (i64.const 16))
    (i32.const 0)))
"""
INVOCATION = json.dumps(
    {
        "command": "plain",
        "handler": "handle_plain",
        "args": {"text": "hello"},
        "raw": "plain hello",
        "actor": {"id": BOB, "name": "Bob"},
        "location": {"id": PLACE, "name": "Place"},
        "session": {},
        "timestamp": 0,
    }
).encode()


def run(folder: Path) -> None:
    """Print the figures. ``folder`` is for plugins made for the occasion."""
    report.heading("A call into a Python plugin")
    trio.run(_calls, folder)
    report.heading("Plugins loaded (each row in a process of its own; memory is Pss, with the whole server's modules)")
    for count in (1, 10, 100):
        # A fresh process each time, or one count's memory would be another's.
        subprocess.run([sys.executable, "-m", "benchmarks.guests", str(folder), str(count)], check=True)


def _write_plugin(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "plugin.yaml").write_text(MANIFEST.format(name=name))
    (path / "plugin.py").write_text(SOURCE)
    return path


async def _calls(folder: Path) -> None:
    source = read_plugin(_write_plugin(folder, "bench"))
    async with open_server(folder) as server:
        await server.load(source)
        _bare_calls(server, source)
        await _measure(server.host, "bench", "handle_plain", "through the host: quick lane, transaction, span")
        await _measure(server.host, "bench", "handle_query", "the same, with a query")
        await _load_keeping(folder, server)
        await _measure(server.host, "keeping", "handle_keys", "a key read and set")
        await _measure(server.host, "keeping", "handle_attribute", "an attribute set")
        await _measure(server.host, "keeping", "handle_insert", "a row inserted")
        await _measure(server.host, "keeping", "handle_select", f"10 of {ROWS} rows selected by range, in order")
        await server.load(read_plugin(_write_foreign(folder)))
        await _measure(server.host, "foreign", "handle_foreign", "a WebAssembly module of 100 bytes, through the guard")


async def _measure(host: PluginHost, plugin: str, function: str, what: str) -> None:
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        await host.call(plugin, function, INVOCATION, host.begin(plugin), event_type="command", event_stream="global")
        times.append(time.perf_counter() - begun)
    report.spread(what, times)


async def _load_keeping(folder: Path, server: Server) -> None:
    path = folder / "keeping"
    path.mkdir()
    (path / "plugin.yaml").write_text(KEEPING_MANIFEST)
    (path / "plugin.py").write_text(KEEPING_SOURCE)
    source = read_plugin(path)
    await server.load(source)
    await bring_up_to_date(server.store, source.manifest)
    (table,) = source.manifest.schema.tables
    rows = ({"id": f"{number:026}", "who": None, "damage": number} for number in range(ROWS))
    await server.store.write([TableSql("keeping", table).insert(row) for row in rows])
    await server.storage.open_tables("keeping", server.store)


def _write_foreign(folder: Path) -> Path:
    path = folder / "foreign"
    path.mkdir()
    (path / "plugin.yaml").write_text("name: foreign\nversion: 1.0.0\n")
    (path / "plugin.wasm").write_bytes(bytes(wat2wasm(FOREIGN_SOURCE)))
    return path


def _bare_calls(server: Server, source: PluginSource) -> None:
    guest = Guest(SourceRuntime(bundled.RUNTIMES).shared(SourceLanguage.PYTHON, 1024), {})
    call = server.bare_call(source.manifest)
    guest.load("bench", source.modules, call)
    for function, what in (("handle_plain", "bare: in this thread, JSON in and out"), ("handle_query", "bare, with a query")):
        times = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            guest.call(function, INVOCATION, call)
            times.append(time.perf_counter() - begun)
        report.spread(what, times)


async def _load(folder: Path, count: int) -> None:
    sources = [read_plugin(_write_plugin(folder, f"bench-{index}")) for index in range(count)]
    async with open_server(folder) as server:
        begun = time.perf_counter()
        server.host._runtime.shared(SourceLanguage.PYTHON, 1024)
        compiled = time.perf_counter() - begun
        before = report.proportional_memory()
        begun = time.perf_counter()
        for source in sources:
            await server.load(source)
        seconds = time.perf_counter() - begun
        memory = report.proportional_memory()
    report.line(
        f"{count} plugin{'' if count == 1 else 's'}",
        f"{compiled + seconds:6.3f} s in all ({compiled * 1e3:.0f} ms the shared module, {seconds / count * 1e3:.1f} ms each)   "
        f"{memory:6.1f} MiB in all, {(memory - before) / count:.2f} MiB each",
    )


if __name__ == "__main__":
    import holomush.server  # noqa: F401 - so that "in all" is a server's memory

    trio.run(_load, Path(sys.argv[1]), int(sys.argv[2]))

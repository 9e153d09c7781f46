"""What a call into a Python plugin costs, and what a plugin costs to have."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from opentelemetry.trace import NoOpTracer
from wasmtime import wat2wasm

from benchmarks import report
from holomush import bundled
from holomush.config import PluginsConfig
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.plugins.attempt import Attempt
from holomush.plugins.calls import Call, Rates
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.guest import Guest, SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.limits import Limits
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.source import PluginSource, read_plugin
from holomush.plugins.schema.recorded import bring_up_to_date
from holomush.plugins.schema.sql import TableSql
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.plugins.surroundings import Surroundings
from holomush.world.model import Character, Location
from holomush.world.state import World

CALLS = 3000
PLACE, BOB = "01K00000000000000000000001", "01K00000000000000000000002"
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


async def _no_web(*_: object) -> dict[str, Any]:
    raise AssertionError("these plugins ask no web server")


SURROUNDINGS = Surroundings(fetch=_no_web, is_connected=lambda _: True)


def run(folder: Path) -> None:
    """Print the figures. ``folder`` is for plugins made for the occasion."""
    report.heading("A call into a Python plugin")
    trio.run(_calls, folder)
    report.heading("Plugins loaded (each row in a process of its own; memory is Pss, with the whole server's modules)")
    for count in (1, 10, 100):
        # A fresh process each time, or one count's memory would be another's.
        subprocess.run([sys.executable, "-m", "benchmarks.guests", str(folder), str(count)], check=True)


def _world() -> World:
    place = Location(id=PLACE, name="Place")
    return World([place, Character(id=BOB, name="Bob", player_id="p", location_id=PLACE)])


@attrs.frozen
class _Server:
    """As much of one as a call needs."""

    host: PluginHost
    storage: Storage
    store: Store

    async def load(self, source: PluginSource) -> None:
        """Load a plugin with all that it asks for."""
        await self.storage.open(source.manifest.name, source.manifest.schema, self.store)
        await self.host.load_plugin(source, Grant(granted=source.manifest.capability_set))


@asynccontextmanager
async def _server(folder: Path, world: World) -> AsyncIterator[_Server]:
    runtime, config = SourceRuntime(bundled.PYTHON_RUNTIME), PluginsConfig()
    async with open_store(folder / "benchmark.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        with open_storage(store, config) as storage:
            async with open_host(runtime, world, storage, config, NoOpTracer(), SURROUNDINGS) as host:
                yield _Server(host, storage, store)


def _write_plugin(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "plugin.yaml").write_text(MANIFEST.format(name=name))
    (path / "plugin.py").write_text(SOURCE)
    return path


async def _calls(folder: Path) -> None:
    world = _world()
    source = read_plugin(_write_plugin(folder, "bench"))
    async with _server(folder, world) as server:
        await server.load(source)
        _bare_calls(world, source, server.storage)
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


async def _load_keeping(folder: Path, server: _Server) -> None:
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


def _bare_calls(world: World, source: PluginSource, storage: Storage) -> None:
    guest = Guest(SourceRuntime(bundled.PYTHON_RUNTIME).shared(1024), {})
    call = Call(
        plugin="bench",
        function="",
        asked=source.manifest.capability_set,
        granted=source.manifest.capability_set,
        limits=Limits(host_calls=10**9),
        rates=Rates.of("bench", PluginsConfig()),
        attempt=Attempt.begin(world, storage["bench"]),
        storage=storage["bench"],
        viewer=Viewer(SURROUNDINGS.is_connected),
        surroundings=SURROUNDINGS,
    )
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
    async with _server(folder, _world()) as server:
        begun = time.perf_counter()
        server.host._runtime.shared(1024)
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

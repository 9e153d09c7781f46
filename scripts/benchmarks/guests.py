"""What a call into a Python plugin costs, and what a plugin costs to have."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from opentelemetry.trace import NoOpTracer

from benchmarks import report
from holomush import bundled
from holomush.config import PluginsConfig
from holomush.plugins.calls import Call
from holomush.plugins.capabilities import CapabilitySet
from holomush.plugins.guest import Guest, SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.limits import Limits
from holomush.plugins.source import read_plugin
from holomush.world.model import Character, Location
from holomush.world.state import World
from holomush.world.transaction import Transaction

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


def _world() -> World:
    place = Location(id=PLACE, name="Place")
    return World([place, Character(id=BOB, name="Bob", player_id="p", location_id=PLACE)])


@asynccontextmanager
async def _host(world: World) -> AsyncIterator[PluginHost]:
    runtime = SourceRuntime(bundled.PYTHON_RUNTIME)
    async with open_host(runtime, world, PluginsConfig(), NoOpTracer(), lambda _: True) as host:
        yield host


def _write_plugin(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "plugin.yaml").write_text(MANIFEST.format(name=name))
    (path / "plugin.py").write_text(SOURCE)
    return path


async def _calls(folder: Path) -> None:
    world = _world()
    source = read_plugin(_write_plugin(folder, "bench"))
    guest = Guest(SourceRuntime(bundled.PYTHON_RUNTIME).shared(1024), {})
    call = Call(
        plugin="bench",
        function="",
        capabilities=CapabilitySet.parse(["read:characters"]),
        limits=Limits(host_calls=10**9),
        transaction=Transaction(world),
        is_connected=lambda _: True,
    )
    guest.load("bench", source.modules, call)
    for function, what in (("handle_plain", "bare: in this thread, JSON in and out"), ("handle_query", "bare, with a query")):
        times = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            guest.call(function, INVOCATION, call)
            times.append(time.perf_counter() - begun)
        report.spread(what, times)
    async with _host(world) as host:
        await host.load_plugin(source)
        for function, what in (
            ("handle_plain", "through the host: quick lane, transaction, span"),
            ("handle_query", "the same, with a query"),
        ):
            times = []
            for _ in range(CALLS):
                begun = time.perf_counter()
                await host.call("bench", function, INVOCATION, Transaction(world), event_type="command", event_stream="global")
                times.append(time.perf_counter() - begun)
            report.spread(what, times)


async def _load(folder: Path, count: int) -> None:
    sources = [read_plugin(_write_plugin(folder, f"bench-{index}")) for index in range(count)]
    async with _host(_world()) as host:
        begun = time.perf_counter()
        host._runtime.shared(1024)
        compiled = time.perf_counter() - begun
        before = report.proportional_memory()
        begun = time.perf_counter()
        for source in sources:
            await host.load_plugin(source)
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

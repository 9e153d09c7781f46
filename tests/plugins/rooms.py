"""A small world for tests of the plugin host: two places, three people, some things, and calls into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from opentelemetry.trace import NoOpTracer, Tracer
from support.plugins import write_plugin

from holomush.config import PluginsConfig
from holomush.plugins.calls import Call
from holomush.plugins.capabilities import CapabilitySet
from holomush.plugins.guest import SourceRuntime
from holomush.plugins.host import LoadedPlugin, PluginHost, open_host
from holomush.plugins.limits import Limits
from holomush.plugins.reply import Reply, encode_input
from holomush.plugins.source import read_plugin
from holomush.world.model import Character, Exit, GameObject, Kind, Location
from holomush.world.state import World
from holomush.world.transaction import Transaction


def make_world() -> World:
    """The square with Alice, Bob, a lamp and a bag that holds a coin; north of it the garden with Dora. Alice carries a hat."""
    return World(
        [
            Location(id="square", name="The Square", description="Wide.", owner_id="alice"),
            Location(id="garden", name="The Garden"),
            Exit(id="north", name="north", aliases=("n",), source_id="square", destination_id="garden", lock="key"),
            Character(id="alice", name="Alice", player_id="p1", location_id="square", description="Tall."),
            Character(id="bob", name="Bob", player_id="p2", location_id="square"),
            Character(id="dora", name="Dora", player_id="p3", location_id="garden"),
            GameObject(id="lamp", name="lamp", holder_id="square", holder_kind=Kind.LOCATION, description="Brass."),
            GameObject(id="bag", name="bag", holder_id="square", holder_kind=Kind.LOCATION, owner_id="bob"),
            GameObject(id="coin", name="coin", holder_id="bag", holder_kind=Kind.OBJECT),
            GameObject(id="hat", name="hat", holder_id="alice", holder_kind=Kind.CHARACTER),
        ]
    )


def make_call(*capabilities: str, world: World | None = None, limits: Limits | None = None) -> Call:
    """A call by the plugin ``tester``. Only Alice is connected."""
    return Call(
        plugin="tester",
        function="handle_test",
        capabilities=CapabilitySet.parse(capabilities),
        limits=limits or Limits(),
        transaction=Transaction(world or make_world()),
        is_connected=lambda character_id: character_id == "alice",
    )


@attrs.frozen
class Rig:
    """A plugin host with plugins made of text."""

    host: PluginHost
    world: World
    folder: Path

    async def load(self, source: str, manifest: str = "", *, name: str = "tester", **modules: str) -> LoadedPlugin:
        """Write a plugin and load it."""
        return await self.host.load_plugin(read_plugin(write_plugin(self.folder, name, manifest, source, **modules)))

    async def call(self, function: str, args: Mapping[str, Any] | None = None, *, name: str = "tester") -> Reply:
        """Call a function as a command does, and forget what it would have changed."""
        return await self.call_in(Transaction(self.world), function, args, name=name)

    async def call_in(
        self, transaction: Transaction, function: str, args: Mapping[str, Any] | None = None, *, name: str = "tester"
    ) -> Reply:
        """Call a function as a command does, in a transaction."""
        invocation = {"command": function, "handler": function, "args": dict(args or {}), "raw": function, "timestamp": 1}
        return await self.host.call(
            name, function, encode_input(invocation), transaction, event_type="command", event_stream="character:alice"
        )


@asynccontextmanager
async def open_rig(
    folder: Path, runtime: SourceRuntime, config: PluginsConfig | None = None, *, tracer: Tracer | None = None
) -> AsyncIterator[Rig]:
    """A host on the small world, with plugins below ``folder``."""
    world = make_world()
    tracer = tracer or NoOpTracer()
    async with open_host(runtime, world, config or PluginsConfig(), tracer, lambda character_id: character_id == "alice") as host:
        yield Rig(host, world, folder)

"""A small world for tests of the plugin host: two places, three people, some things, and calls into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from opentelemetry.trace import NoOpTracer, Tracer
from support.plugins import write_plugin

from holomush.config import PluginsConfig
from holomush.database.direct import DirectReader
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.plugins.attempt import Attempt
from holomush.plugins.calls import Call, Rates
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.limits import Limits
from holomush.plugins.loaded import LoadedPlugin
from holomush.plugins.reply import Reply, encode_input
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.roster.source import read_plugin
from holomush.plugins.schema.declared import Schema
from holomush.plugins.storage.kv import KvStore
from holomush.plugins.storage.storage import PluginStorage, Storage, open_storage
from holomush.plugins.storage.tables import TableStore
from holomush.plugins.surroundings import Surroundings
from holomush.world.model import Character, Exit, GameObject, Kind, Location
from holomush.world.state import World


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


def alice_only(character_id: str) -> bool:
    """Whether somebody plays that character: only Alice is connected."""
    return character_id == "alice"


async def no_web(*_: object) -> dict[str, Any]:
    """There is no network here."""
    raise AssertionError("nobody should have asked for that")


def make_surroundings(**changes: Any) -> Surroundings:
    """A server where only Alice is connected."""
    return attrs.evolve(Surroundings(fetch=no_web, is_connected=alice_only, start=lambda: "start"), **changes)


def make_storage(schema: Schema | None = None, config: PluginsConfig | None = None) -> PluginStorage:
    """What ``tester`` keeps: nothing yet, and no tables, for which a database is needed."""
    config = config or PluginsConfig()
    schema = schema or Schema()
    reader = DirectReader(Path("/nowhere"))
    return PluginStorage(KvStore("tester", config.kv), TableStore("tester", schema.tables, reader, config.tables), schema)


def make_call(
    *capabilities: str,
    world: World | None = None,
    limits: Limits | None = None,
    config: PluginsConfig | None = None,
    storage: PluginStorage | None = None,
    surroundings: Surroundings | None = None,
) -> Call:
    """A call by the plugin ``tester``, which may do all that it asks for."""
    held = CapabilitySet.parse(capabilities)
    storage = storage or make_storage()
    return Call(
        plugin="tester",
        function="handle_test",
        asked=held,
        granted=held,
        limits=limits or Limits(),
        rates=Rates.of("tester", config or PluginsConfig()),
        attempt=Attempt.begin(world or make_world(), storage),
        storage=storage,
        viewer=Viewer(alice_only),
        surroundings=surroundings or make_surroundings(),
    )


@attrs.frozen
class Rig:
    """A plugin host with plugins made of text."""

    host: PluginHost
    world: World
    folder: Path
    store: Store
    storage: Storage

    async def load(self, source: str, manifest: str = "", *, name: str = "tester", **modules: str) -> LoadedPlugin:
        """Write a plugin and load it."""
        return await self.load_folder(write_plugin(self.folder, name, manifest, source, **modules))

    async def load_folder(self, folder: Path) -> LoadedPlugin:
        """Load the plugin in a folder, with all that it asks for. Its tables are not made."""
        plugin = read_plugin(folder)
        await self.storage.open(plugin.manifest.name, plugin.manifest.schema, self.store)
        return await self.host.load_plugin(plugin, Grant(granted=plugin.manifest.capability_set))

    async def call(self, function: str, args: Mapping[str, Any] | None = None, *, name: str = "tester") -> Reply:
        """Call a function as a command does, and forget what it would have changed."""
        return await self.call_in(self.host.begin(name), function, args, name=name)

    async def call_in(
        self, attempt: Attempt, function: str, args: Mapping[str, Any] | None = None, *, name: str = "tester"
    ) -> Reply:
        """Call a function as a command does, in an attempt."""
        invocation = {"command": function, "handler": function, "args": dict(args or {}), "raw": function, "timestamp": 1}
        return await self.host.call(
            name, function, encode_input(invocation), attempt, event_type="command", event_stream="character:alice"
        )


@asynccontextmanager
async def open_rig(
    folder: Path,
    runtime: SourceRuntime,
    config: PluginsConfig | None = None,
    *,
    tracer: Tracer | None = None,
    surroundings: Surroundings | None = None,
) -> AsyncIterator[Rig]:
    """A host on the small world, with plugins below ``folder`` and a database beside it."""
    world = make_world()
    config = config or PluginsConfig()
    await trio.Path(folder).mkdir(exist_ok=True)
    async with open_store(folder / "rig.db", synchronous="OFF") as store:
        await migrate(store, CORE_MIGRATIONS)
        with open_storage(store, config) as storage:
            async with open_host(
                runtime, world, storage, config, tracer or NoOpTracer(), surroundings or make_surroundings()
            ) as host:
                yield Rig(host, world, folder, store, storage)

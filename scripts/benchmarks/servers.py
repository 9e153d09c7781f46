"""As much of a server as plugins need to be loaded and called: a host, what it keeps, and a world of one place and Bob."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from opentelemetry.trace import NoOpTracer

from holomush import bundled
from holomush.config import PluginsConfig
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
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.plugins.surroundings import Surroundings
from holomush.world.model import Character, Location
from holomush.world.state import World

PLACE, BOB = "01K00000000000000000000001", "01K00000000000000000000002"


async def _no_web(*_: object) -> dict[str, Any]:
    raise AssertionError("these plugins ask no web server")


_SURROUNDINGS = Surroundings(fetch=_no_web, is_connected=lambda _: True)


@attrs.frozen
class Server:
    """Use ``open_server``."""

    host: PluginHost
    world: World
    storage: Storage
    store: Store
    config: PluginsConfig

    async def open_storage(self, source: PluginSource) -> None:
        """Make ready what a plugin keeps; ``PluginHost.load_plugin`` relies on it."""
        await self.storage.open(source.manifest.name, source.manifest.schema, self.store)

    async def load(self, source: PluginSource) -> LoadedPlugin:
        """Load a plugin with all that it asks for."""
        await self.open_storage(source)
        return await self.host.load_plugin(source, Grant(granted=source.manifest.capability_set))

    def bare_call(self, manifest: Manifest, function: str = "") -> Call:
        """What an instance of a loaded plugin needs to be called without the host."""
        storage = self.storage[manifest.name]
        return Call(
            plugin=manifest.name,
            function=function,
            asked=manifest.capability_set,
            granted=manifest.capability_set,
            limits=Limits(host_calls=10**9),
            rates=Rates.of(manifest.name, self.config),
            attempt=Attempt.begin(self.world, storage),
            storage=storage,
            viewer=Viewer(_SURROUNDINGS.is_connected),
            surroundings=_SURROUNDINGS,
        )


@asynccontextmanager
async def open_server(folder: Path, config: PluginsConfig | None = None) -> AsyncIterator[Server]:
    """A server without plugins yet, with its database in ``folder``."""
    config = config or PluginsConfig()
    place = Location(id=PLACE, name="Place")
    world = World([place, Character(id=BOB, name="Bob", player_id="p", location_id=PLACE)])
    async with open_store(folder / "benchmark.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        with open_storage(store, config) as storage:
            async with open_host(SourceRuntime(bundled.RUNTIMES), world, storage, config, NoOpTracer(), _SURROUNDINGS) as host:
                yield Server(host, world, storage, store, config)

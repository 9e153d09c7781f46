"""The heart without players: a world on a real disk, real plugins, and people who note what they hear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from opentelemetry.trace import NoOpTracer
from support.plugins import write_plugin

from holomush.config import PluginsConfig
from holomush.database import records
from holomush.database.eventlog import last_sequence
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, Ticket, open_store
from holomush.dispatch.calls import PluginCalls
from holomush.dispatch.commit import Actor, Committer
from holomush.events.bus import Bus, Publication
from holomush.events.event import ActorKind, EmittedEvent, Event
from holomush.events.render import Role
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.reply import Reply, encode_input
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.source import read_plugin
from holomush.plugins.schema.recorded import bring_up_to_date
from holomush.plugins.storage.registers import Registers
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.plugins.surroundings import Surroundings
from holomush.startup import make_fetch
from holomush.world.model import Character, Entity, GameObject, Kind, Location
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World
from holomush.world.transaction import Transaction

SQUARE, GARDEN = "location:square", "location:garden"
ALICE = Actor(ActorKind.CHARACTER, "alice", "Alice")


def make_entities() -> list[Entity]:
    """Alice and Bob on the square with a lamp; Dora in the garden."""
    return [
        Location(id="square", name="The Square"),
        Location(id="garden", name="The Garden"),
        Character(id="alice", name="Alice", player_id="p", location_id="square"),
        Character(id="bob", name="Bob", player_id="p", location_id="square"),
        Character(id="dora", name="Dora", player_id="p", location_id="garden"),
        GameObject(id="lamp", name="lamp", holder_id="square", holder_kind=Kind.LOCATION),
    ]


class Ear:
    """Somebody who notes the events they hear, and when everything was on disk by then."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.events: list[Event] = []

    def deliver(self, publication: Publication, role: Role) -> None:
        """Take an event."""
        self.heard.append(publication.event.type)
        self.events.append(publication.event)


@attrs.frozen(kw_only=True)
class Heart:
    """Everything between a line and a listener."""

    store: Store
    world: World
    bus: Bus
    committer: Committer
    host: PluginHost
    storage: Storage
    calls: PluginCalls
    folder: Path

    async def load(self, name: str, source: str, manifest: str = "") -> None:
        """Write a plugin that may do everything, and load it."""
        plugin = read_plugin(write_plugin(self.folder, name, 'capabilities: ["*"]\n' + manifest, source))
        await self.storage.open(name, plugin.manifest.schema, self.store)
        await self.host.load_plugin(plugin, Grant(granted=plugin.manifest.capability_set))
        await bring_up_to_date(self.store, plugin.manifest)
        await self.storage.open_tables(name, self.store)

    def listen(self, character_id: str) -> Ear:
        """What the character hears from now on."""
        ear = Ear()
        self.bus.listen(character_id, ear)
        return ear

    async def run(self, plugin: str, function: str, output: Callable[[Reply], None] = lambda _: None, **args: Any) -> Reply:
        """Call a function as Alice's command, to its commit."""
        data = encode_input({"command": function, "handler": function, "args": args, "raw": function, "timestamp": 1})
        return await self.calls.run(
            plugin, function, lambda *_: data, ALICE, event_type="command", event_stream="character:alice", output=output
        )

    def say(self, *types: str, stream: str = SQUARE, depth: int = 0) -> Ticket:
        """Commit events as Alice's doing."""
        transaction = Transaction(self.world)
        transaction.events += [EmittedEvent(stream, event_type, {}) for event_type in types]
        return self.committer.commit(transaction, ALICE, depth=depth)

    def walk(self, character_id: str, location_id: str) -> Ticket:
        """Commit a character's move."""
        transaction = Transaction(self.world)
        walker = transaction.expect(character_id, Character)
        transaction.update(attrs.evolve(walker, location_id=location_id))
        return self.committer.commit(transaction, ALICE)

    async def logged(self) -> list[str]:
        """The types of the events on disk, in order."""
        return [event_type for (event_type,) in await self.store.fetch("SELECT type FROM events ORDER BY sequence")]

    async def on_disk(self, character_id: str) -> str:
        """Where a character is according to the disk."""
        ((location_id,),) = await self.store.fetch("SELECT location_id FROM characters WHERE id = ?", (character_id,))
        return str(location_id)


@asynccontextmanager
async def open_heart(
    folder: Path,
    runtime: SourceRuntime,
    config: PluginsConfig | None = None,
    *,
    max_pages: int | None = None,
    batch: int = 512,
    queue: int = 8192,
    shut_down: Callable[[str], None] = lambda _: None,
    interpose: Callable[..., Any] | None = None,
) -> AsyncIterator[Heart]:
    """A heart on a fresh database below ``folder``."""
    path = trio.Path(folder)
    await path.mkdir(exist_ok=True)
    async with open_store(folder / "world.db", max_pages=max_pages, batch=batch, queue=queue) as store:
        await migrate(store, CORE_MIGRATIONS)
        player = {"id": "p", "name": "P", "name_key": "p", "password_hash": None, "role": "player", "created_at": 0}
        await store.write([records.insert("players", player), *insert_statements(make_entities())])
        world = World(await load_entities(store))
        registers = Registers()
        await registers.load(store)
        bus = Bus()
        bus.sequence = await last_sequence(store)
        config = config or PluginsConfig()
        surroundings = Surroundings(fetch=make_fetch(config.http), shut_down=shut_down, interpose=interpose)
        with open_storage(store, config, registers) as storage:
            async with open_host(runtime, world, storage, config, NoOpTracer(), surroundings) as host:
                committer = Committer(world, store, bus, registers)
                yield Heart(
                    store=store,
                    world=world,
                    bus=bus,
                    committer=committer,
                    host=host,
                    storage=storage,
                    calls=PluginCalls(host, committer),
                    folder=folder / "plugins",
                )

"""The server's heart without players: real host, real commits, a database that is thrown away, and one plugin.

Everything here runs under Trio. What tests see of it is in ``harness``.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, TypeVar

import attrs
from opentelemetry.trace import Tracer

from holomush import bundled
from holomush.auth.accounts import Player
from holomush.clock import now
from holomush.commands.access import Access
from holomush.commands.router import Router
from holomush.config import PluginsConfig
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.dispatch.calls import PluginCalls
from holomush.dispatch.commit import SYSTEM, Actor, Committer
from holomush.dispatch.lines import Asker, Lines
from holomush.dispatch.switchboard import Switchboard
from holomush.errors import HolomushError
from holomush.events.bus import Bus, Publication
from holomush.events.event import ActorKind, Event
from holomush.events.render import Role
from holomush.plugins.attempt import Attempt
from holomush.plugins.calls import EVENT_HANDLER
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.reply import Reply, encode_input
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.schema.recorded import bring_up_to_date
from holomush.plugins.storage.registers import Registers
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.plugins.surroundings import Surroundings
from holomush.startup import make_renderer
from holomush.testing.crowd import Crowd, session_of
from holomush.text.markup import strip
from holomush.world.model import Character, Entity, Location
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World
from holomush.world.transaction import Transaction

PLAYER_ID = "01K000000000000000000P1AYR"
"""The account that all characters of a test belong to."""
SQUARE_ID = "01K000000000000000005QARE0"
ALICE_ID = "01K0000000000000000A11CE00"
BOB_ID = "01K000000000000000000B0B00"

NO_SESSION: Mapping[str, Any] = MappingProxyType({})

T = TypeVar("T")


@cache
def shared_runtime() -> SourceRuntime:
    """The interpreters, compiled once for all harnesses of the process."""
    *own, _ = default_folders(os.environ, Path())
    use_compile_cache(own)
    return SourceRuntime(bundled.RUNTIMES)


class ObservedCalls(PluginCalls):
    """Keeps how the last call went, which ``Lines`` tells nobody but the player, and sets the clock that a plugin is shown."""

    def __init__(self, host: PluginHost, committer: Committer) -> None:
        super().__init__(host, committer)
        self.now: int | None = None
        """The timestamp of invocations, in milliseconds; None for the real time."""
        self.reply: Reply | None = None
        self.failure: HolomushError | None = None
        self.function = ""

    def begin(self) -> None:
        """Forget the last call."""
        self.reply = self.failure = None
        self.function = ""

    def timestamp(self) -> int:
        """What time it is."""
        return now() if self.now is None else self.now

    async def run(
        self, plugin: str, function: str, make_input: Callable[[Transaction, Viewer], bytes], *arguments: Any, **keywords: Any
    ) -> Reply:
        """As in the server."""

        def timed(transaction: Transaction, viewer: Viewer) -> bytes:
            return encode_input({**json.loads(make_input(transaction, viewer)), "timestamp": self.now})

        self.begin()
        self.function = function
        try:
            self.reply = await super().run(plugin, function, make_input if self.now is None else timed, *arguments, **keywords)
        except HolomushError as exc:
            self.failure = exc
            raise
        return self.reply


class _Ear:
    """Keeps the texts that one character is shown."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def deliver(self, publication: Publication, role: Role) -> None:
        """Take an event."""
        text = publication.text(role)
        if text is not None:
            self.heard.append(strip(text))


@attrs.define(eq=False, kw_only=True)
class Stage:
    """Everything between a test and a plugin. Use ``open_stage``, then ``load`` once."""

    store: Store
    world: World
    bus: Bus
    crowd: Crowd
    switchboard: Switchboard
    storage: Storage
    host: PluginHost
    committer: Committer
    calls: ObservedCalls
    plugin: str = ""
    events: list[Event] = attrs.Factory(list)
    """What was emitted since ``begin``."""
    ears: dict[str, _Ear] = attrs.Factory(dict)

    @property
    def router(self) -> Router:
        """The plugin's commands."""
        return self.switchboard.router

    async def load(self, source: PluginSource) -> None:
        """Load the plugin as the server does, with all that it asks for. Raises what that raises."""
        manifest = source.manifest
        self.plugin = manifest.name
        await self.storage.open(manifest.name, manifest.schema, self.store)
        loaded = await self.host.load_plugin(source, Grant(granted=manifest.capability_set))
        await bring_up_to_date(self.store, manifest)
        await self.storage.open_tables(manifest.name, self.store)
        # Never in the quick lane, from which a call may be taken to be made anew: a mock is asked once for each host call.
        loaded.slowness.always = True
        # Made now, so that what the plugin does at its start is no part of its first call.
        loaded.patient_pool.release(await loaded.patient_pool.acquire())
        self.switchboard.open(self.host, [source])
        self.bus.renderer = make_renderer([manifest])

    def begin(self) -> None:
        """Forget the last call, and listen for what the next one lets people hear."""
        self.calls.begin()
        self.events = []
        self.committer.on_event = self.events.append
        self.ears = {entity.id: _Ear() for entity in self.world.entities() if isinstance(entity, Character)}
        for character_id, ear in self.ears.items():
            self.bus.listen(character_id, ear)

    async def deliver(self, event: Event) -> None:
        """Hand the plugin an event. Raises ``HolomushError``."""
        data = encode_input(event.to_wire())
        actor = Actor(ActorKind.PLUGIN, self.plugin, self.plugin)
        await self.run(EVENT_HANDLER, data, actor, event_type=event.type, event_stream=event.stream, depth=event.depth + 1)

    async def run(self, function: str, data: bytes, actor: Actor, *, event_type: str, event_stream: str, depth: int = 0) -> None:
        """Call a function to its commit. Raises ``HolomushError``."""
        await self.calls.run(
            self.plugin,
            function,
            lambda *_: data,
            actor,
            event_type=event_type,
            event_stream=event_stream,
            depth=depth,
            output=lambda _: None,
        )

    async def type_line(
        self, line: str, character: Character, access: Access, session: Mapping[str, Any] = NO_SESSION
    ) -> list[str]:
        """Do what a line says, as the server does; ``session`` is laid over what a plugin is told of the connection.

        Returns what the player is told.
        """
        told: list[str] = []
        shown = {
            "id": session_of(character.id),
            "connected_at": self.calls.timestamp(),
            "access": access.name.lower(),
            "width": 80,
            "screen_reader": False,
            **session,
        }
        self.crowd.typed_with[character.id] = access
        asker = Asker(character_id=character.id, access=access, session=shown, tell=lambda text: told.append(strip(text)))
        await Lines(lambda: self.router, self.calls, self.world, self.store).run(line, asker)
        return told

    async def change(self, work: Callable[[Attempt], T]) -> T:
        """Let ``work`` stage something, and commit it in nobody's name. Raises what both raise."""
        attempt = self.host.begin(self.plugin)
        result = work(attempt)
        ticket = self.committer.commit(
            attempt.transaction, SYSTEM, output=attempt.settle, extra=attempt.statements(), registers=attempt.registers
        )
        attempt.apply()
        await ticket.durable()
        return result

    async def look(self, work: Callable[[Attempt], T]) -> T:
        """Let ``work`` read."""
        return work(self.host.begin(self.plugin))


@asynccontextmanager
async def open_stage(config: PluginsConfig, tracer: Tracer, surroundings: Callable[[Crowd], Surroundings]) -> AsyncIterator[Stage]:
    """A stage with a square, Alice and Bob, and no plugin yet."""
    with TemporaryDirectory(prefix="holomush-") as folder:
        async with open_store(Path(folder) / "world.db", synchronous="OFF") as store:
            await migrate(store, CORE_MIGRATIONS)
            registers = Registers()
            player = Player(id=PLAYER_ID, name="Tester", name_key="tester", access=Access.PLAYER, created_at=0)
            entities: list[Entity] = [
                Location(id=SQUARE_ID, name="The Square", description="A square in a small town."),
                Character(id=ALICE_ID, name="Alice", player_id=PLAYER_ID, location_id=SQUARE_ID),
                Character(id=BOB_ID, name="Bob", player_id=PLAYER_ID, location_id=SQUARE_ID),
            ]
            await store.write([*registers.accounts.statements({PLAYER_ID: player}), *insert_statements(entities)])
            await registers.load(store)
            world = World(await load_entities(store))
            bus = Bus()
            crowd = Crowd(world, SQUARE_ID)
            switchboard = Switchboard(registers, crowd.handbook)
            crowd.loaded = switchboard.plugins
            with open_storage(store, config, registers) as storage:
                async with open_host(shared_runtime(), world, storage, config, tracer, surroundings(crowd)) as host:
                    committer = Committer(world, store, bus, registers)
                    yield Stage(
                        store=store,
                        world=world,
                        bus=bus,
                        crowd=crowd,
                        switchboard=switchboard,
                        storage=storage,
                        host=host,
                        committer=committer,
                        calls=ObservedCalls(host, committer),
                    )

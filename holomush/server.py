"""The nursery tree, and nothing else: what starts after what, and how it all stops in reverse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio
from opentelemetry.trace import Tracer

from holomush.auth.passwords import PasswordHashes
from holomush.auth.throttle import Throttle
from holomush.config import Config
from holomush.database.eventlog import last_sequence
from holomush.database.store import StorageError, Store, open_store
from holomush.dispatch.calls import PluginCalls
from holomush.dispatch.commit import Committer
from holomush.dispatch.lines import Lines
from holomush.dispatch.subscribers import Subscribers
from holomush.dispatch.switchboard import Switchboard
from holomush.dispatch.timers import Timers
from holomush.errors import HolomushError
from holomush.events.bus import Bus
from holomush.events.render import Renderer
from holomush.net.connection import TelnetServer
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.handbook import Handbook
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.roster.roster import Roster
from holomush.plugins.storage.registers import Registers
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.sessions.entrance import Entrance
from holomush.sessions.oversight import Oversight
from holomush.sessions.presence import Presences
from holomush.sessions.session import Game
from holomush.startup import DATABASE, Keeping, collect_templates, load_plugins, make_surroundings, prepare_world
from holomush.world.model import Location
from holomush.world.rows import load_entities
from holomush.world.state import World

RECOVERY_INTERVAL = 5.0
"""Seconds between attempts to write again after the disk has failed."""

LATE_CALL_INTERVAL = 0.1
"""Seconds that a plugin's call may take which is begun when the grace of the shut-down is over."""

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Parts:
    """What a server is made of besides its configuration."""

    runtime: SourceRuntime
    plugin_folders: Sequence[Path]
    starter_world: Path
    passwords: PasswordHashes
    tracer: Tracer


@attrs.frozen(kw_only=True)
class Running:
    """A server that accepts connections. ``admin_password`` is set once: when a new one was made up."""

    game: Game
    host: PluginHost
    roster: Roster
    registers: Registers
    admin_password: str | None


async def serve(
    config: Config,
    parts: Parts,
    listeners: list[trio.abc.Listener[trio.abc.HalfCloseableStream]],
    shutdown: trio.Event,
    *,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a server on ``listeners`` until ``shutdown`` is set and everybody has been sent away.

    Raises ``HolomushError`` for what an operator can mend: a database in use, a broken world file, a missing runtime.
    """
    closing = trio.Event()
    world = World()
    async with open_store(config.data / DATABASE) as store:
        start_id = await prepare_world(store, world, parts.starter_world)
        registers = Registers()
        await registers.load(store)
        bus = Bus()
        bus.sequence = await last_sequence(store)
        presences = Presences(store, bus)
        presences.follow(registers.accounts, world)
        oversight = Oversight(presences, world, bus)
        handbook = Handbook()
        switchboard = Switchboard(registers, handbook)
        start = partial(_start, world, start_id)
        keeping = Keeping(lambda: start().id, parts.passwords)
        surroundings = make_surroundings(config, oversight, switchboard, handbook, keeping, shutdown)
        with open_storage(store, config.plugins, registers) as storage:
            async with open_host(parts.runtime, world, storage, config.plugins, parts.tracer, surroundings) as host:
                roster = await load_plugins(config, parts.plugin_folders, host, storage, store)
                manifests = roster.manifests
                switchboard.open(host, roster.sources)
                bus.renderer = Renderer(collect_templates(manifests))
                committer = Committer(world, store, bus, registers)
                calls = PluginCalls(host, committer)

                def gets_events(name: str) -> bool:
                    return switchboard.is_on(name) and not host.is_paused(name)

                timers = Timers(registers, world, committer, lambda name: host.has(name) and gets_events(name))
                entrance = Entrance(
                    world=world,
                    accounts=registers.accounts,
                    bans=registers.address_bans,
                    committer=committer,
                    passwords=parts.passwords,
                    throttle=Throttle(),
                    start=start,
                    guest_limit=config.sessions.guests,
                )
                game = Game(
                    world=world,
                    store=store,
                    bus=bus,
                    committer=committer,
                    lines=Lines(lambda: switchboard.router, calls, world, store),
                    entrance=entrance,
                    presences=presences,
                    channels_of=registers.listeners.of_character,
                    heard_since=registers.listeners.since,
                    config=config.sessions,
                )
                grace = config.sessions.shutdown_grace
                async with (
                    _background(partial(_end_late_calls, host, closing, grace)),
                    trio.open_nursery() as core,  # outlives the sessions
                ):
                    committer.on_event = Subscribers(manifests, calls, core, lambda name: not gets_events(name)).enqueue
                    await game.entrance.dismiss_stale_guests()
                    admin_password = await game.entrance.make_first_admin()
                    await presences.load()
                    async with (
                        _background(
                            presences.keep_saving,
                            oversight.keep_counting,
                            timers.run,
                            partial(_keep_recovering, store, world, storage),
                        ),
                        trio.open_nursery() as sessions,  # outlives the listeners
                    ):
                        server = TelnetServer(game, config.telnet, closing)
                        async with trio.open_nursery() as accepting:
                            await accepting.start(partial(trio.serve_listeners, server.handle, listeners, handler_nursery=sessions))
                            task_status.started(
                                Running(game=game, host=host, roster=roster, registers=registers, admin_password=admin_password)
                            )
                            await shutdown.wait()
                            accepting.cancel_scope.cancel()  # 1. no new connections
                        closing.set()  # 2. everybody is told, and hung up on
                        sessions.cancel_scope.deadline = trio.current_time() + grace
                    core.cancel_scope.deadline = trio.current_time() + grace  # 3. plugins' event chains come to their end
    # 4. leaving open_store has written everything that was accepted


@asynccontextmanager
async def _background(*tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run endless tasks while inside."""
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        yield
        nursery.cancel_scope.cancel()


async def _end_late_calls(host: PluginHost, closing: trio.Event, grace: float) -> None:
    """Once the grace is over, interrupt every call that runs or is still begun: no cancellation reaches a guest's thread."""
    await closing.wait()
    await trio.sleep(grace)
    while True:
        host.close()
        await trio.sleep(LATE_CALL_INTERVAL)


def _start(world: World, start_id: str) -> Location:
    """Where new characters begin."""
    location = world.get(start_id)
    if isinstance(location, Location):
        return location
    first = next((entity for entity in world.entities() if isinstance(entity, Location)), None)
    if first is None:
        raise HolomushError("There is no place in this world to stand on.")
    return first


async def _keep_recovering(store: Store, world: World, storage: Storage) -> None:
    """When the disk has failed, try again now and then; once it works, begin anew from what is on it."""
    while True:
        await trio.sleep(RECOVERY_INTERVAL)
        if store.failure is not None:
            _log.error("the database cannot be written: %s", store.failure)
            try:
                # Memory may be ahead of the disk by what could not be written. The disk is the truth.
                world.replace(await load_entities(store))
                await storage.reload(store)
                if await store.recover():
                    _log.warning("the database can be written again")
            except StorageError as exc:
                _log.error("the database cannot be read: %s", exc)

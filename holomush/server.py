"""The nursery tree, and nothing else: what starts after what, and how it all stops in reverse."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from opentelemetry.trace import Tracer

from holomush.auth.passwords import PasswordHashes
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
from holomush.net.connection import Connections
from holomush.net.listeners import Listener, Listeners
from holomush.net.web.pages import Pages
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.handbook import Handbook
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.roster.roster import Roster
from holomush.plugins.storage.registers import Registers
from holomush.plugins.storage.storage import Storage, open_storage
from holomush.sessions.game import Game
from holomush.sessions.oversight import Oversight
from holomush.sessions.presence import Presences
from holomush.startup import DATABASE, Keeping, load_plugins, make_renderer, make_surroundings, prepare_world
from holomush.telemetry.metrics import Metrics
from holomush.wiring import make_doorkeeper, make_doors, make_game, make_status, measure_all
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
    metrics: Metrics
    pages: Pages


@attrs.frozen
class Running:
    """A server that accepts connections. ``admin_password`` is set once: when a new one was made up."""

    game: Game
    host: PluginHost
    roster: Roster
    registers: Registers
    connections: Connections
    admin_password: str | None


async def serve(
    config: Config,
    parts: Parts,
    listeners: Listeners,
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
        bus = Bus(await last_sequence(store))
        presences = Presences(store, bus)
        presences.follow(registers.accounts, world)
        oversight = Oversight(presences, world, bus)
        switchboard = Switchboard(registers, handbook := Handbook())
        start = partial(_start, world, start_id)
        keeping = Keeping(lambda: start().id, parts.passwords)
        surroundings = make_surroundings(config, oversight, switchboard, handbook, keeping, shutdown)
        with open_storage(store, config.plugins, registers) as storage:
            async with open_host(parts.runtime, world, storage, config.plugins, parts.tracer, surroundings) as host:
                roster = await load_plugins(config, parts.plugin_folders, host, storage, store)
                manifests = roster.manifests
                switchboard.open(host, roster.sources)
                bus.renderer = make_renderer(manifests)
                committer = Committer(world, store, bus, registers)
                calls = PluginCalls(host, committer)

                def gets_events(name: str) -> bool:
                    return switchboard.is_on(name) and not host.is_paused(name)

                timers = Timers(registers, world, committer, lambda name: host.has(name) and gets_events(name))
                game = make_game(
                    config,
                    world=world,
                    store=store,
                    bus=bus,
                    committer=committer,
                    lines=Lines(lambda: switchboard.router, calls, world, store),
                    presences=presences,
                    registers=registers,
                    passwords=parts.passwords,
                    start=start,
                )
                connections = Connections(game, config)
                keeper = make_doorkeeper(config)
                grace = config.sessions.shutdown_grace
                async with (
                    _background(partial(_end_late_calls, host, closing, grace)),
                    trio.open_nursery() as core,  # outlives the sessions
                ):
                    subscribers = Subscribers(manifests, calls, core, lambda name: not gets_events(name))
                    committer.on_event = subscribers.enqueue
                    measure_all(parts.metrics, game, connections, keeper, host, store, subscribers)
                    await game.entrance.dismiss_stale_guests()
                    admin_password = await game.entrance.make_first_admin()
                    await presences.load()
                    await game.resumption.begin()
                    async with (
                        _background(
                            presences.keep_saving,
                            oversight.keep_counting,
                            timers.run,
                            game.sights.run,
                            game.resumption.run,
                            connections.look_after,
                            partial(_keep_recovering, store, world, storage),
                        ),
                        trio.open_nursery() as sessions,  # outlives the listeners
                    ):
                        status = make_status(config, oversight, store, parts.metrics, listeners.ports)
                        telnet, web = make_doors(config, parts.pages, status, connections, keeper)
                        async with trio.open_nursery() as accepting:
                            await _accept(accepting, sessions, telnet.handle, listeners.telnet)
                            await _accept(accepting, sessions, web.handle, listeners.web)
                            task_status.started(Running(game, host, roster, registers, connections, admin_password))
                            await shutdown.wait()
                            accepting.cancel_scope.cancel()  # 1. no new connections
                        closing.set()  # 2. everybody is told, and hung up on
                        connections.say_goodbye()
                        sessions.cancel_scope.deadline = trio.current_time() + grace
                    core.cancel_scope.deadline = trio.current_time() + grace  # 3. plugins' event chains come to their end
    # 4. leaving open_store has written everything that was accepted


async def _accept(
    accepting: trio.Nursery, sessions: trio.Nursery, handle: Callable[[Any], Awaitable[None]], listeners: Sequence[Listener]
) -> None:
    """Serve what comes through the listeners, if there are any, from now on."""
    if listeners:
        await accepting.start(partial(trio.serve_listeners, handle, list(listeners), handler_nursery=sessions))


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

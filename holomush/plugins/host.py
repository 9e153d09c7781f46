"""The plugin host: loads plugins and calls them. What a call has changed is for the caller to commit or forget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import attrs
import trio
from extism.extism import CompiledPlugin
from opentelemetry.trace import Status, StatusCode, Tracer

from holomush.config import PluginsConfig
from holomush.errors import HolomushError
from holomush.events.event import Event
from holomush.plugins.calls import Call
from holomush.plugins.capabilities import CapabilitySet
from holomush.plugins.deadlines import Deadlines
from holomush.plugins.guest import (
    Guest,
    GuestError,
    GuestFailedError,
    GuestInterruptedError,
    GuestOutputError,
    GuestOverdueError,
    HostFaultError,
    SourceRuntime,
)
from holomush.plugins.limits import Limits
from holomush.plugins.manifest import Manifest
from holomush.plugins.pool import GuestPool
from holomush.plugins.quick import QuickLane
from holomush.plugins.reply import Reply, encode_input, read_reply
from holomush.plugins.source import PluginSource
from holomush.world.state import World
from holomush.world.transaction import Transaction

OWN_MODULE_AFTER = 3
"""Timeouts after which a plugin gets a compiled module of its own, so that interrupting it disturbs only itself."""
PATIENT_CALLS = 50
"""After a call that was too slow for the quick lane, so many go to worker threads at once."""

T = TypeVar("T")

_THREADS = 32
_LOAD_ATTEMPTS = 20
_log = logging.getLogger(__name__)


class PluginLoadError(HolomushError):
    """A plugin cannot be loaded. The text begins with its name."""


@attrs.define(eq=False, kw_only=True)
class LoadedPlugin:
    """A plugin that can be called."""

    manifest: Manifest
    modules: Mapping[str, str]
    capabilities: CapabilitySet
    limits: Limits
    pool: GuestPool
    """The one instance for the quick lane."""
    patient_pool: GuestPool
    """Instances for worker threads, made when the quick lane was not enough."""
    functions: frozenset[str] = frozenset()
    own_module: CompiledPlugin | None = None
    timeouts: int = 0
    patient_calls: int = 0
    """Calls still to be made by worker threads at once, because one was slow lately."""

    @property
    def name(self) -> str:
        """The name in its manifest."""
        return self.manifest.name


class PluginHost:
    """All plugins of a server. Use ``open_host``."""

    def __init__(
        self,
        runtime: SourceRuntime,
        world: World,
        config: PluginsConfig,
        tracer: Tracer,
        is_connected: Callable[[str], bool],
    ) -> None:
        self._runtime = runtime
        self._world = world
        self._config = config
        self._tracer = tracer
        self._is_connected = is_connected
        self._plugins: dict[str, LoadedPlugin] = {}
        self._names: set[str] = set()
        self.deadlines = Deadlines()
        self.quick_lane = QuickLane()
        # Enough that guests caught in loops, each holding a thread for its 5 s, leave threads for the others.
        self._threads = trio.CapacityLimiter(_THREADS)

    @property
    def plugins(self) -> tuple[LoadedPlugin, ...]:
        """The loaded plugins, in load order: by priority, then name."""
        return tuple(sorted(self._plugins.values(), key=lambda plugin: (plugin.manifest.priority, plugin.name)))

    async def load_plugin(self, source: PluginSource) -> LoadedPlugin:
        """Make a plugin ready to be called. Raises ``PluginLoadError``; then nothing of it is left."""
        manifest = source.manifest
        name = manifest.name
        if name in self._names:
            raise PluginLoadError(f"{name}: {source.folder}: a plugin of that name is loaded already")
        limits = Limits.of(self._config, timeout_ms=manifest.limits.timeout_ms, memory_mb=manifest.limits.memory_mb)
        plugin = LoadedPlugin(
            manifest=manifest,
            modules=source.modules,
            capabilities=CapabilitySet.parse(manifest.capabilities),
            limits=limits,
            pool=GuestPool(lambda: self._make_guest(plugin, patient=False), 1),
            patient_pool=GuestPool(lambda: self._make_guest(plugin, patient=True), self._config.instances),
        )
        self._names.add(name)
        try:
            await self._load(plugin)
        except BaseException:
            self._names.discard(name)
            raise
        self._plugins[name] = plugin
        return plugin

    async def _load(self, plugin: LoadedPlugin) -> None:
        name = plugin.name
        try:
            plugin.pool.release(await self._first_guest(plugin))
        except GuestError as exc:
            if isinstance(exc, GuestFailedError):
                _log.error("%s: %s", name, exc.report.rstrip())
            raise PluginLoadError(f"{name}: {exc}") from exc
        missing = [
            f"{path}: plugin.py has no function {function}"
            for path, function in plugin.manifest.handlers()
            if function not in plugin.functions
        ]
        if missing:
            plugin.pool.clear()
            raise PluginLoadError("\n".join(f"{name}: {problem}" for problem in missing))

    async def deliver_event(self, name: str, event: Event, transaction: Transaction) -> Reply:
        """Hand an event to the plugin ``name``. What it emits is staged on ``transaction``. Raises ``GuestError``."""
        return await self.call(
            name,
            "handle_event",
            encode_input(event.to_wire()),
            transaction,
            event_type=event.type,
            event_stream=event.stream,
        )

    async def call(
        self,
        name: str,
        function: str,
        data: bytes,
        transaction: Transaction,
        *,
        event_type: str,
        event_stream: str,
    ) -> Reply:
        """Call one function of a loaded plugin with JSON ``data``.

        What it does is staged on ``transaction``, which is worthless if this raises ``GuestError``. ``GuestInterruptedError``
        asks for the call to be made again, with a fresh transaction.
        """
        plugin = self._plugins[name]
        attributes = {
            "plugin.name": name,
            "plugin.function": function,
            "event.type": event_type,
            "event.stream": event_stream,
        }
        with self._tracer.start_as_current_span(
            "plugin.call", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                reply = await self._call(plugin, function, data, self._new_call(plugin, function, transaction))
            except GuestError as exc:
                span.set_status(Status(StatusCode.ERROR, str(exc)))
                self._note_failure(plugin, function, exc)
                raise
        return reply

    def close(self) -> None:
        """Interrupt what runs and let every instance go."""
        self.deadlines.cancel_all()
        for plugin in self._plugins.values():
            plugin.pool.clear()
            plugin.patient_pool.clear()

    def _new_call(self, plugin: LoadedPlugin, function: str, transaction: Transaction) -> Call:
        return Call(
            plugin=plugin.name,
            function=function,
            capabilities=plugin.capabilities,
            limits=plugin.limits,
            transaction=transaction,
            is_connected=self._is_connected,
        )

    async def _call(self, plugin: LoadedPlugin, function: str, data: bytes, call: Call) -> Reply:
        if len(data) > plugin.limits.message_bytes:
            raise GuestOutputError(f"what it was to be given is larger than {plugin.limits.message_bytes} bytes")
        if plugin.patient_calls:
            plugin.patient_calls -= 1
            return await self._call_patiently(plugin, function, data, call)
        before = call.transaction.savepoint()
        try:
            async with _lent(plugin.pool) as guest:
                return read_reply(self.quick_lane.call(guest, function, data, call), call)
        except GuestInterruptedError:
            if not call.too_slow:
                raise
        plugin.patient_calls = PATIENT_CALLS
        call.transaction.restore(before)
        return await self._call_patiently(plugin, function, data, self._new_call(plugin, function, call.transaction))

    async def _call_patiently(self, plugin: LoadedPlugin, function: str, data: bytes, call: Call) -> Reply:
        async with _lent(plugin.patient_pool) as guest:
            with self.deadlines.watching(call, guest):
                output = await self._in_thread(partial(guest.call, function, data, call))
            return read_reply(output, call)

    async def _first_guest(self, plugin: LoadedPlugin) -> Guest:
        for _ in range(_LOAD_ATTEMPTS - 1):
            try:
                return await plugin.pool.acquire()
            except GuestInterruptedError:
                continue  # by the timeout of another plugin, which is no fault of this one's
        return await plugin.pool.acquire()

    async def _make_guest(self, plugin: LoadedPlugin, *, patient: bool) -> Guest:
        transaction = Transaction(self._world)
        call = self._new_call(plugin, "plugin.py", transaction)
        guest = await self._in_thread(partial(self._new_guest, plugin, patient=patient))
        with self.deadlines.watching(call, guest):
            plugin.functions = await self._in_thread(partial(guest.load, plugin.name, plugin.modules, call))
            if "init" in plugin.functions:
                await self._in_thread(partial(guest.call, "init", b"", call))
        if transaction.has_effects:
            # Instances come and go as the host likes: what making one changed would change again at any time.
            raise GuestOutputError("it changes the world or emits events while it is being loaded")
        return guest

    def _new_guest(self, plugin: LoadedPlugin, *, patient: bool) -> Guest:
        if patient and plugin.own_module is None and plugin.timeouts >= OWN_MODULE_AFTER:
            plugin.own_module = self._runtime.own(plugin.limits.pages)
        own = plugin.own_module if patient else None
        return Guest(own or self._runtime.shared(plugin.limits.pages, patient=patient), plugin.manifest.config)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    def _note_failure(self, plugin: LoadedPlugin, function: str, error: GuestError) -> None:
        if isinstance(error, GuestInterruptedError):
            return
        if isinstance(error, GuestOverdueError):
            plugin.timeouts += 1
            if plugin.timeouts == OWN_MODULE_AFTER:
                plugin.patient_pool.clear()  # the next ones come from the plugin's own module
        report = error.report.rstrip() if isinstance(error, GuestFailedError) else str(error)
        cause = error.__cause__ if isinstance(error, HostFaultError) else None
        _log.error("plugin %s, %s: %s", plugin.name, function, report, exc_info=cause)


@asynccontextmanager
async def _lent(pool: GuestPool) -> AsyncIterator[Guest]:
    """An instance for one call. After any failure its memory is in doubt, even where it still answers: a fresh one costs 3 ms."""
    guest = await pool.acquire()
    try:
        yield guest
    except BaseException:
        pool.discard()
        raise
    pool.release(guest)


@asynccontextmanager
async def open_host(
    runtime: SourceRuntime,
    world: World,
    config: PluginsConfig,
    tracer: Tracer,
    is_connected: Callable[[str], bool],
) -> AsyncIterator[PluginHost]:
    """A host with no plugins yet, whose deadlines are kept while inside. On leaving, what runs is interrupted."""
    host = PluginHost(runtime, world, config, tracer, is_connected)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.deadlines.run)
        try:
            with host.quick_lane.open():
                yield host
        finally:
            host.close()
            host.deadlines.stop()

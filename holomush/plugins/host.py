"""The plugin host: loads plugins and calls them. What a call has changed is for the caller to commit or forget."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import trio
from opentelemetry.trace import Status, StatusCode, Tracer

from holomush.config import PluginsConfig
from holomush.events.event import Event
from holomush.plugins.attempt import Attempt
from holomush.plugins.calls import EVENT_HANDLER, Call, Rates
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.binary import WasmError
from holomush.plugins.guests.deadlines import Deadlines
from holomush.plugins.guests.foreign import ForeignProgram, prepare
from holomush.plugins.guests.guest import (
    STOPPED,
    Guest,
    GuestError,
    GuestFailedError,
    GuestInputError,
    GuestInterruptedError,
    GuestOutputError,
    GuestOverdueError,
    HostFaultError,
    Program,
    SourceProgram,
    SourceRuntime,
    printable,
    report_of,
)
from holomush.plugins.guests.pool import GuestPool
from holomush.plugins.guests.quick import LONGER, REST, QuickLane
from holomush.plugins.limits import Limits
from holomush.plugins.loaded import LoadedPlugin, PluginLoadError, PluginPausedError, shown_attributes
from holomush.plugins.pauses import Health, in_words
from holomush.plugins.reply import Reply, encode_input, read_reply
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.storage.storage import Storage
from holomush.plugins.surroundings import Surroundings
from holomush.world.state import World

OWN_MODULE_AFTER = 3
"""Timeouts after which a plugin gets a compiled module of its own, so that interrupting it disturbs only itself."""
MEASURED_CALLS = 64
"""After so many calls an instance is asked how much memory it has."""

T = TypeVar("T")

_THREADS = 32
_LOAD_ATTEMPTS = 20
_log = logging.getLogger(__name__)


class PluginHost:
    """All plugins of a server. Use ``open_host``."""

    def __init__(
        self,
        runtime: SourceRuntime,
        world: World,
        storage: Storage,
        config: PluginsConfig,
        tracer: Tracer,
        surroundings: Surroundings,
    ) -> None:
        self._runtime = runtime
        self._world = world
        self._storage = storage
        self._config = config
        self._tracer = tracer
        self._surroundings = surroundings
        self._plugins: dict[str, LoadedPlugin] = {}
        self._names: set[str] = set()
        # Trio's, kept because other threads ask for it, too.
        self._clock = trio.lowlevel.current_clock()
        self.deadlines = Deadlines()
        self.quick_lane = QuickLane()
        # Enough that guests caught in loops, each holding a thread for its 5 s, leave threads for the others.
        self._threads = trio.CapacityLimiter(_THREADS)

    @property
    def plugins(self) -> tuple[LoadedPlugin, ...]:
        """The loaded plugins, in the order in which they were loaded."""
        return tuple(self._plugins.values())

    async def load_plugin(self, source: PluginSource, grant: Grant) -> LoadedPlugin:
        """Make a plugin ready to be called; what it keeps is open in the storage already.

        Raises ``PluginLoadError``; then nothing of it is left.
        """
        manifest = source.manifest
        name = manifest.name
        if name in self._names:
            raise PluginLoadError(f"{name}: {source.folder}: a plugin of that name is loaded already")
        limits = Limits.of(self._config, timeout_ms=manifest.limits.timeout_ms, memory_mb=manifest.limits.memory_mb)
        self._names.add(name)
        try:
            program = await self._make_program(source, limits)
            plugin = LoadedPlugin(
                manifest=manifest,
                modules=source.modules,
                main=source.main,
                language="wasm" if source.wasm is not None else source.language.value,
                program=program,
                asked=manifest.capability_set,
                granted=grant.granted,
                limits=limits,
                rates=Rates.of(name, self._config),
                health=Health(self._config.pauses),
                viewer=self._viewer_for(manifest),
                pool=GuestPool(lambda: self._make_guest(plugin, patient=False), 1),
                patient_pool=GuestPool(lambda: self._make_guest(plugin, patient=True), self._config.instances),
            )
            await self._load(plugin)
        except BaseException:
            self._names.discard(name)
            raise
        self._plugins[name] = plugin
        return plugin

    def put_in_order(self, names: Sequence[str]) -> None:
        """Loading has no order when several are loaded at once: this one holds for ``plugins``."""
        self._plugins = {name: self._plugins[name] for name in names if name in self._plugins}

    def unload_plugin(self, name: str) -> None:
        """Forget a loaded plugin that nobody calls any more."""
        plugin = self._plugins.pop(name)
        self._names.discard(name)
        plugin.pool.clear()
        plugin.patient_pool.clear()

    def has(self, name: str) -> bool:
        """Whether a plugin of that name is loaded."""
        return name in self._plugins

    def is_paused(self, name: str) -> bool:
        """Whether the plugin is switched off for now."""
        return self.pause_left(name) > 0

    def pause_left(self, name: str) -> float:
        """Seconds for which the plugin is still switched off. Safe to call from any thread."""
        return self._plugins[name].health.pause_left(self._clock.current_time())

    def begin(self, name: str) -> Attempt:
        """A new attempt of a call of the plugin ``name``, to be given to ``call``."""
        return Attempt.begin(self._world, self._storage[name])

    async def rested(self, name: str) -> None:
        """Wait until a call of the plugin may be made ``alone``. Then make it at once: others wait for the same."""
        await trio.sleep_until(self._plugins[name].alone_again)

    def viewer(self, name: str) -> Viewer:
        """How the plugin ``name`` is shown entities."""
        return self._plugins[name].viewer

    def _viewer_for(self, manifest: Manifest) -> Viewer:
        needed = [requirement.name for requirement in manifest.candidate().depends]
        shown = [manifest, *(self._plugins[name].manifest for name in needed if name in self._plugins)]
        return Viewer(self._surroundings.is_connected, shown_attributes(shown))

    async def _load(self, plugin: LoadedPlugin) -> None:
        name = plugin.name
        try:
            guest = await self._first_guest(plugin)
            _measure(plugin, guest)
            plugin.pool.release(guest)
        except GuestError as exc:
            if isinstance(exc, GuestFailedError):
                _log.error("%s: %s", name, report_of(exc))
            raise PluginLoadError(f"{name}: {printable(str(exc))}") from exc
        missing = [
            f"{path}: {plugin.main} has no function {function}"
            for path, function in plugin.manifest.handlers()
            if function not in plugin.functions
        ]
        if missing:
            plugin.pool.clear()
            raise PluginLoadError("\n".join(f"{name}: {problem}" for problem in missing))

    async def deliver_event(self, name: str, event: Event, attempt: Attempt) -> Reply:
        """Hand an event to the plugin ``name``. What it emits is staged on ``attempt``. Raises ``GuestError``."""
        return await self.call(
            name,
            EVENT_HANDLER,
            encode_input(event.to_wire()),
            attempt,
            event_type=event.type,
            event_stream=event.stream,
        )

    async def call(
        self,
        name: str,
        function: str,
        data: bytes,
        attempt: Attempt,
        *,
        event_type: str,
        event_stream: str,
        alone: bool = False,
    ) -> Reply:
        """Call one function of a loaded plugin with JSON ``data``.

        ``alone``: longer in the quick lane, where nobody else can commit anything meanwhile.

        What it does is staged on ``attempt``, which is worthless if this raises ``GuestError``. ``GuestInterruptedError`` asks for
        the call to be made again, with a fresh attempt.
        """
        plugin = self._plugins[name]
        pause = plugin.health.pause_left(self._clock.current_time())
        if pause:
            raise PluginPausedError(pause)
        attributes = {
            "plugin.name": name,
            "plugin.function": function,
            "event.type": event_type,
            "event.stream": event_stream,
        }
        with self._tracer.start_as_current_span(
            "plugin.call", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            begun = time.perf_counter()
            try:
                reply = await self._call(plugin, function, data, self._new_call(plugin, function, attempt), alone=alone)
            except GuestError as exc:
                span.set_status(Status(StatusCode.ERROR, str(exc)))
                self._note_failure(plugin, function, exc)
                plugin.figures.note(time.perf_counter() - begun, failed=not isinstance(exc, GuestInterruptedError))
                raise
            plugin.figures.note(time.perf_counter() - begun, failed=False)
        plugin.health.went_well()
        return reply

    def close(self) -> None:
        """Interrupt what runs and let every instance go."""
        self.deadlines.cancel_all()
        for plugin in self._plugins.values():
            plugin.pool.clear()
            plugin.patient_pool.clear()

    def _new_call(self, plugin: LoadedPlugin, function: str, attempt: Attempt) -> Call:
        return Call(
            plugin=plugin.name,
            function=function,
            asked=plugin.asked,
            granted=plugin.granted,
            limits=plugin.limits,
            rates=plugin.rates,
            attempt=attempt,
            storage=self._storage[plugin.name],
            viewer=plugin.viewer,
            surroundings=self._surroundings,
            waiting_left=2 * self._config.http.timeout,
        )

    async def _call(self, plugin: LoadedPlugin, function: str, data: bytes, call: Call, *, alone: bool) -> Reply:
        if len(data) > plugin.limits.message_bytes:
            raise GuestInputError(f"what it was to be given is larger than {plugin.limits.message_bytes} bytes")
        alone = alone and self._clock.current_time() >= plugin.alone_again
        if plugin.slowness.is_slow(function) and not alone:
            return await self._call_patiently(plugin, function, data, call)
        attempt = call.attempt
        before = attempt.transaction.savepoint()
        try:
            async with _lent(plugin.pool) as guest:
                output = self._call_quickly(plugin, guest, function, data, call, alone=alone)
                reply = read_reply(output, call)
                _measure(plugin, guest)
                return reply
        except GuestError:
            if not call.too_slow:
                raise
        plugin.slowness.was_too_slow(function)
        attempt.begin_again(self._storage[plugin.name], before)
        return await self._call_patiently(plugin, function, data, self._new_call(plugin, function, attempt))

    def _call_quickly(self, plugin: LoadedPlugin, guest: Guest, function: str, data: bytes, call: Call, *, alone: bool) -> bytes:
        if not alone:
            return self.quick_lane.call(guest, function, data, call)
        begun = time.perf_counter()
        try:
            return self.quick_lane.call(guest, function, data, call, LONGER)
        finally:
            plugin.alone_again = self._clock.current_time() + REST * (time.perf_counter() - begun)

    async def _call_patiently(self, plugin: LoadedPlugin, function: str, data: bytes, call: Call) -> Reply:
        async with _lent(plugin.patient_pool) as guest:
            with self.deadlines.watching(call, guest):
                output, seconds = await self._in_thread(partial(_timed_call, guest, function, data, call))
            plugin.slowness.took(function, seconds)
            _measure(plugin, guest)
            return read_reply(output, call)

    async def _first_guest(self, plugin: LoadedPlugin) -> Guest:
        for _ in range(_LOAD_ATTEMPTS - 1):
            try:
                return await plugin.pool.acquire()
            except GuestInterruptedError:
                continue  # by the timeout of another plugin, which is no fault of this one's
        return await plugin.pool.acquire()

    async def _make_guest(self, plugin: LoadedPlugin, *, patient: bool) -> Guest:
        attempt = self.begin(plugin.name)
        call = self._new_call(plugin, "init", attempt)
        call.is_loading = True
        guest = await self._in_thread(partial(plugin.program.instantiate, plugin.manifest.config, patient=patient))
        with self.deadlines.watching(call, guest):
            plugin.functions = await self._in_thread(partial(guest.load, plugin.name, plugin.modules, call))
            if "init" in plugin.functions:
                await self._in_thread(partial(guest.call, "init", b"", call))
        if attempt.has_effects:
            # Instances come and go as the host likes: what making one changed would change again at any time.
            raise GuestOutputError("it changes the world or emits events while it is being loaded")
        return guest

    async def _make_program(self, source: PluginSource, limits: Limits) -> Program:
        if source.wasm is None:
            return SourceProgram(self._runtime, source.language, limits.pages)
        try:
            module = await self._in_thread(partial(prepare, source.wasm))
        except WasmError as exc:
            raise PluginLoadError(f"{source.manifest.name}: plugin.wasm: {exc}") from exc
        return ForeignProgram(module, limits.pages)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    def _note_failure(self, plugin: LoadedPlugin, function: str, error: GuestError) -> None:
        if isinstance(error, GuestInterruptedError):
            return
        if isinstance(error, GuestOverdueError):
            plugin.timeouts += 1
            if plugin.timeouts == OWN_MODULE_AFTER:
                plugin.program.isolate()
                plugin.patient_pool.clear()
        report = report_of(error)
        cause = error.__cause__ if isinstance(error, HostFaultError) else None
        _log.error("plugin %s, %s: %s", plugin.name, function, report, exc_info=cause)
        pause = plugin.health.failed(self._clock.current_time()) if isinstance(error, STOPPED) else None
        if pause is not None:
            told = f"Plugin {plugin.name} is switched off for {in_words(pause)}, because it keeps failing: {report}."
            _log.error("%s", told)
            self._surroundings.tell_admins(told)


def _timed_call(guest: Guest, function: str, data: bytes, call: Call) -> tuple[bytes, float]:
    """The output, and the seconds of processor time that it took."""
    begun = time.thread_time()
    return guest.call(function, data, call), time.thread_time() - begun


def _measure(plugin: LoadedPlugin, guest: Guest) -> None:
    """Now and then an instance is asked how much memory it has."""
    if plugin.figures.calls % MEASURED_CALLS == 0:
        plugin.memory_each = guest.memory()


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
    storage: Storage,
    config: PluginsConfig,
    tracer: Tracer,
    surroundings: Surroundings,
) -> AsyncIterator[PluginHost]:
    """A host with no plugins yet, whose deadlines are kept while inside. On leaving, what runs is interrupted."""
    host = PluginHost(runtime, world, storage, config, tracer, surroundings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.deadlines.run)
        try:
            with host.quick_lane.open():
                yield host
        finally:
            host.close()
            host.deadlines.stop()

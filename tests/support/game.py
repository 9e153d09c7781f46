"""A whole server in memory, and players who type at it. Only the sockets are missing; disk, guests and codec are real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio
import trio.testing
from opentelemetry.trace import NoOpTracer, Tracer

from holomush import bundled
from holomush.auth.passwords import HashingCost, PasswordHashes
from holomush.config import Config, LimitsConfig, PluginsConfig, Rate, SessionsConfig, TelnetConfig, WebConfig
from holomush.net.listeners import Listeners
from holomush.net.web.pages import Pages
from holomush.plugins.guests.guest import SourceRuntime
from holomush.server import Parts, Running, serve
from holomush.telemetry.metrics import Metrics, open_metrics

Stream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
PATIENCE = 30
"""Seconds that a test waits for something that should happen at once."""
FAST_TYPISTS = LimitsConfig(commands=Rate(per_second=100_000, burst=100_000), input=Rate(per_second=1e9, burst=1_000_000_000))
"""Tests type faster than people."""
CHEAP = HashingCost(time_cost=1, memory_cost=8, parallelism=1)
BUNDLED_COMMANDS = tuple(sorted(bundled.PLUGIN_NAMES - {"echo"}))
"""The bundled plugins that have commands, in load order; ``echo`` comes last."""
ADMIN_PASSWORD = "the admin's own"


class MemoryListener(trio.abc.Listener[Stream]):
    """Accepts connections that tests make with ``connect``."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Stream](100)

    async def connect(self) -> tuple[Stream, Stream]:
        """A new connection; returns the client's end and the server's."""
        client, server = trio.testing.memory_stream_pair()
        await self._send.send(server)
        return client, server

    async def accept(self) -> Stream:
        return await self._receive.receive()

    async def aclose(self) -> None:
        self._receive.close()
        await trio.lowlevel.checkpoint()


class Player:
    """Somebody at a telnet client. ``server_end`` is the other end of a connection in memory."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, server_end: Stream | None = None) -> None:
        self._stream = stream
        self._server_end = server_end
        self._unread = b""

    async def type(self, *lines: str) -> None:
        """Send lines."""
        await self._stream.send_all("".join(f"{line}\r\n" for line in lines).encode())

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self._stream.send_all(data)

    def stop_taking(self) -> trio.Event:
        """From now on what the server sends is on its way and never confirmed. Set the event to break the connection."""
        gone = trio.Event()

        async def wait() -> None:
            await gone.wait()
            raise trio.BrokenResourceError("the line is dead")

        assert self._server_end is not None
        self._server_end.send_stream.send_all_hook = wait
        return gone

    async def read_until(self, text: str) -> str:
        """Everything read up to and with ``text``, which must come. Lines end in newlines; telnet commands are left in."""
        read = await self.read_bytes_until(text.replace("\n", "\r\n").encode())
        return read.decode(errors="replace").replace("\r\n", "\n")

    async def read_bytes_until(self, wanted: bytes) -> bytes:
        """Everything read up to and with ``wanted``, which must come, as it was sent."""
        with trio.fail_after(PATIENCE):
            while wanted not in self._unread:
                data = await self._stream.receive_some(4096)
                if not data:
                    raise AssertionError(f"hung up before {wanted!r}: {self._unread!r}")
                self._unread += data
        end = self._unread.index(wanted) + len(wanted)
        read, self._unread = self._unread[:end], self._unread[end:]
        return read

    async def do(self, line: str) -> str:
        """Type a line and return what it shows: all that comes up to the server's answer to a line that means nothing."""
        await self.type(line, "xyzzy-marker")
        return (await self.read_until('Huh?  (Type "help" for help.)\n')).removesuffix('Huh?  (Type "help" for help.)\n')

    async def read_to_end(self) -> str:
        """Everything up to the hang-up."""
        with trio.fail_after(PATIENCE):
            while data := await self._stream.receive_some(4096):
                self._unread += data
        read, self._unread = self._unread, b""
        return read.decode(errors="replace").replace("\r\n", "\n")

    async def hang_up(self) -> None:
        """Drop the connection."""
        await self._stream.aclose()


@attrs.define
class Server:
    """A running server in a test."""

    running: Running
    listener: MemoryListener
    web: MemoryListener
    shutdown: trio.Event

    async def connect(self) -> Player:
        """Somebody who sees the connect screen."""
        player = Player(*await self.listener.connect())
        await player.read_until("asked for it unseen.\n")
        return player

    async def create(self, name: str) -> Player:
        """Somebody new, who plays ``name`` with the password ``password``."""
        player = await self.connect()
        await player.type(f'create "{name}" password')
        await player.read_until("Obvious exits:\n")
        await player.read_until("\n")
        return player

    async def come_back(self, name: str, password: str = "password") -> tuple[Player, str]:
        """Somebody who played before, and what they were shown up to the way out of where they are."""
        player = await self.connect()
        await player.type(f'connect "{name}" {password}')
        return player, await player.read_until("Obvious exits:\n") + await player.read_until("\n")


@asynccontextmanager
async def running_server(
    data: Path,
    runtime: SourceRuntime,
    *plugin_folders: Path,
    sessions: SessionsConfig | None = None,
    plugins: PluginsConfig | None = None,
    telnet: TelnetConfig | None = None,
    web_config: WebConfig | None = None,
    limits: LimitsConfig | None = None,
    tracer: Tracer | None = None,
    listeners: Sequence[trio.SocketListener] = (),
    web_listeners: Sequence[trio.SocketListener] = (),
) -> AsyncIterator[Server]:
    """A server on ``data`` with the bundled plugins and those in ``plugin_folders``; stopped in good order on leaving.

    It accepts connections in memory, and those of ``listeners``.
    """
    config = Config(
        data=data,
        sessions=sessions or SessionsConfig(),
        plugins=plugins or PluginsConfig(),
        telnet=telnet or TelnetConfig(),
        web=web_config or WebConfig(),
        limits=limits or FAST_TYPISTS,
    )
    with open_metrics(config.telemetry) as metrics:
        async with _serving(config, runtime, plugin_folders, tracer, metrics, listeners, web_listeners) as server:
            yield server


@asynccontextmanager
async def _serving(
    config: Config,
    runtime: SourceRuntime,
    plugin_folders: Sequence[Path],
    tracer: Tracer | None,
    metrics: Metrics,
    listeners: Sequence[trio.SocketListener],
    web_listeners: Sequence[trio.SocketListener],
) -> AsyncIterator[Server]:
    parts = Parts(
        runtime=runtime,
        plugin_folders=[bundled.PLUGINS, *plugin_folders],
        starter_world=bundled.STARTER_WORLD,
        passwords=PasswordHashes(CHEAP),
        tracer=tracer or NoOpTracer(),
        metrics=metrics,
        pages=Pages.load(bundled.SITE),
    )
    listener, web, shutdown = MemoryListener(), MemoryListener(), trio.Event()
    opened = Listeners(telnet=[listener, *listeners], web=[web, *web_listeners])
    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(serve, config, parts, opened, shutdown))
        yield Server(running, listener, web, shutdown)
        shutdown.set()

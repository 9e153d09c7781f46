"""Many connections that do nothing, and beside them a crowd that plays: memory of each, processor time, how long answers take."""

from __future__ import annotations

import json
import os
import resource
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import trio
from support.crowd import crowd
from support.crowd.connection import Connection, CrowdError
from support.crowd.people import Timing
from support.crowd.town import Town, write_town
from trio_websocket import ConnectionClosed, WebSocketConnection, connect_websocket_url

from benchmarks import report
from benchmarks.game_server import GameServer, running

IDLE, TALKING, SECONDS = 1_000, 200, 120.0
SOCKETS = 200
"""Idle websockets."""
MEAN_GAP = 2.0
"""Seconds between two lines of a player."""
AT_ONCE = 4
"""Connections that come at the same time."""
AGAIN = 2.0
"""Seconds until somebody tries again."""
ARRIVAL = 60.0
"""Seconds that somebody may take to come in."""
SETTLING = 5.0
"""Seconds until the memory is looked at."""
WARM_UP = 20
"""Connections of each kind that come and go before anything is measured."""
SHOWN = 20

_READ_ME = f"""\
  Half of the idle connections are on the connect screen, half are guests, all in one place that nobody else comes to. They are
  telnet on loopback, plain, and read what they are sent. Memory is the growth of the server's resident memory, divided by the
  connections. Those who play have mixed habits (talking, walking, building, channels, pages, coming and going), in the places of
  the starter world; each types a line every {MEAN_GAP:g} s in the mean, planned with a fixed seed. Times are from when a line was
  due by the plan until its answer was read."""
_LOUNGE = "The Lounge"


@attrs.define
class Figures:
    """What was measured. Memory is in KiB for each connection, the processor in shares of one."""

    memory: dict[str, float] = attrs.Factory(dict)
    resident: dict[str, float] = attrs.Factory(dict)
    """The server's memory in all, in MiB."""
    idle_cpu: float = 0.0
    playing_cpu: float = 0.0
    own_cpu: float = 0.0


class Idler:
    """One telnet connection that only reads. ``has_arrived`` is set once ``sign`` was read."""

    def __init__(self, stream: trio.SocketStream, sign: bytes) -> None:
        self.stream = stream
        self._sign = sign
        self.has_arrived = trio.Event()

    async def read(self) -> None:
        """Read to the end."""
        tail = b""
        try:
            while data := await self.stream.receive_some(262_144):
                tail = (tail + data)[-65_536:] if not self.has_arrived.is_set() else b""
                if self._sign in tail:
                    self.has_arrived.set()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


def run(folder: Path, idle: int = IDLE, players: int = TALKING, seconds: float = SECONDS) -> None:
    """Print the figures, for a server with its data in ``folder``. Exits with what is wrong, if anything is."""
    data = folder / "idle"
    data.mkdir()
    town, password = write_town(data), secrets.token_urlsafe(12)
    config = {
        # The crowd gets ready in one go, as no person types, and wants to read all that it missed.
        "limits": {"commands": {"per_second": 100_000, "burst": 100_000}},
        "sessions": {"guests": idle + SOCKETS + 2 * WARM_UP, "login_timeout": 3_600, "replay_limit": 10_000},
    }
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report.heading(f"{idle} idle connections, and {players} players")
    print(_READ_ME, flush=True)
    report.line("load of the machine before", f"{os.getloadavg()[0]:9.1f}")
    with running(data, config, password) as server:
        try:
            figures, played = trio.run(_measure, server, town, password, idle, players, seconds)
        except* CrowdError as group:
            found = [str(error) for error in _leaves(group)]
            sys.exit("\n".join(["bench: the crowd could not play on", *found[:SHOWN], *server.complaints()[:SHOWN]]))
        status = server.stop()
        _tell(figures, played)
        problems = [*server.complaints(), *server.damage(), *([] if status == 0 else [f"the exit status is {status}"])]
    report.line("wrong in the log, in the database, with the exit", f"{len(problems):9}")
    if problems:
        sys.exit("\n".join(["bench: the server did not do well", *problems[:SHOWN]]))


def _leaves(group: BaseExceptionGroup[CrowdError]) -> Iterator[CrowdError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _measure(
    server: GameServer, town: Town, password: str, idle: int, players: int, seconds: float
) -> tuple[Figures, crowd.Played]:
    figures = Figures()
    sign = _LOUNGE.encode()
    said = b"lounge\r\n", b"connect guest\r\n"
    async with trio.open_nursery() as nursery:
        admin = Connection(await trio.open_tcp_stream("127.0.0.1", server.telnet))
        nursery.start_soon(admin.read)
        await admin.ask(f"connect Admin {password}", town.start.last_line)
        await admin.ask(f"dig lounge to {_LOUNGE}", f".*{_LOUNGE}")
        for idler in await _come(nursery, server.telnet, WARM_UP, said, sign):
            await idler.stream.aclose()
        for socket in await _open_sockets(nursery, server.web, WARM_UP, guests=True):
            await socket.aclose()
        await trio.sleep(SETTLING)

        figures.resident["alone"] = memory = server.memory
        half = idle // 2
        await _come(nursery, server.telnet, half, (b"",), b"WHO")
        memory = await _grown(figures, server, "on the connect screen", memory, half)
        await _come(nursery, server.telnet, idle - half, said, sign)
        await _grown(figures, server, "playing", memory, idle - half)
        figures.resident["with all that are idle"] = server.memory
        figures.idle_cpu = await _cpu_share(server, seconds / 2)

        memory = server.memory
        sockets = await _open_sockets(nursery, server.web, SOCKETS // 2, guests=False)
        memory = await _grown(figures, server, "websockets before coming in", memory, SOCKETS // 2)
        sockets += await _open_sockets(nursery, server.web, SOCKETS - SOCKETS // 2, guests=True)
        await _grown(figures, server, "websockets playing", memory, SOCKETS - SOCKETS // 2)
        for socket in sockets:
            await socket.aclose()
        await trio.sleep(SETTLING)

        marks: list[tuple[float, float, float]] = []

        def note() -> None:
            marks.append((time.perf_counter(), server.cpu, time.process_time()))

        await admin.ask("destroy lounge", "lounge destroyed")  # or the crowd would walk there
        await admin.quit()
        script = crowd.Script(players=players, seconds=seconds, mean_gap=MEAN_GAP)
        played = await crowd.run(script, town, server.telnet, password, note, note)
        (start, cpu, own), (end, cpu_end, own_end) = marks
        figures.playing_cpu, figures.own_cpu = (cpu_end - cpu) / (end - start), (own_end - own) / (end - start)
        figures.resident["after the play"] = server.memory
        nursery.cancel_scope.cancel()
    return figures, played


async def _grown(figures: Figures, server: GameServer, what: str, before: float, count: int) -> float:
    """Note the memory of each of ``count`` connections; returns the memory of the server now."""
    await trio.sleep(SETTLING)
    figures.memory[what] = (server.memory - before) * 1024 / count
    return server.memory


async def _cpu_share(server: GameServer, seconds: float) -> float:
    cpu, start = server.cpu, time.perf_counter()
    await trio.sleep(seconds)
    return (server.cpu - cpu) / (time.perf_counter() - start)


async def _come(nursery: trio.Nursery, port: int, count: int, said: Sequence[bytes], sign: bytes) -> list[Idler]:
    """Open connections that say something and stay, until they have all read ``sign``.

    ``said`` begins with the last line, which is said again now and then until it helps.
    """
    idlers: list[Idler] = []
    door = trio.CapacityLimiter(AT_ONCE)

    async def come() -> None:
        async with door:
            idler = Idler(await trio.open_tcp_stream("127.0.0.1", port), sign)
            nursery.start_soon(idler.read)
            await idler.stream.send_all(b"".join(reversed(said)))
            with trio.fail_after(ARRIVAL):
                while not idler.has_arrived.is_set():
                    # Of many who walk through one exit at once some are told to try again.
                    with trio.move_on_after(AGAIN):
                        await idler.has_arrived.wait()
                        break
                    await idler.stream.send_all(said[0])
            idlers.append(idler)

    async with trio.open_nursery() as coming:
        for _ in range(count):
            coming.start_soon(come)
    return idlers


async def _open_sockets(nursery: trio.Nursery, port: int, count: int, *, guests: bool) -> list[WebSocketConnection]:
    """Open websockets that stay and only read: before coming in, or as guests."""
    sockets: list[WebSocketConnection] = []
    for _ in range(count):
        socket = await connect_websocket_url(nursery, f"ws://127.0.0.1:{port}/ws")
        wanted = "hello"
        if guests:
            await socket.send_message(json.dumps({"type": "guest"}))
            wanted = "playing"
        with trio.fail_after(ARRIVAL):
            while json.loads(await socket.get_message())["type"] != wanted:
                pass
        nursery.start_soon(_read_on, socket)
        sockets.append(socket)
    return sockets


async def _read_on(socket: WebSocketConnection) -> None:
    try:
        while True:
            await socket.get_message()
    except ConnectionClosed:
        return


def _tell(figures: Figures, played: crowd.Played) -> None:
    for what, kib in figures.memory.items():
        report.line(f"memory of each connection: {what}", f"{kib:9.1f} KiB")
    for what, mib in figures.resident.items():
        report.line(f"the server's resident memory: {what}", f"{mib:9.1f} MiB")
    report.line("the server's processor time, all idle", f"{figures.idle_cpu * 100:9.1f} % of one processor")
    report.line("the same, players playing", f"{figures.playing_cpu * 100:9.1f} %")
    report.line("the same, of the players themselves", f"{figures.own_cpu * 100:9.1f} %")
    timings = dict(sorted(played.evening.timings.items(), key=lambda item: -len(item[1])))
    everything = [timing for each in timings.values() for timing in each]
    report.line("typed", f"{len(everything) / played.seconds:9.1f} lines/s")
    print(f"  {'answers in ms':<41}" + "".join(f"{column:>10}" for column in ("lines", "p50", "p99", "max")))
    for what, each in {"all": everything, **timings}.items():
        cells = (f"{len(each)}", *(f"{_since_due(each, percent):.1f}" for percent in (50, 99, 100)))
        print(f"  {what:<41}" + "".join(f"{cell:>10}" for cell in cells))


def _since_due(timings: list[Timing], percent: int) -> float:
    return report.percentile([timing.since_due for timing in timings], percent) * 1e3

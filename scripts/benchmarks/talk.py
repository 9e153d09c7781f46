"""People talking over telnet to a real server in another process."""

from __future__ import annotations

import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks import report

SECONDS = 5.0
FAST_TYPISTS = "limits: {commands: {per_second: 100000, burst: 100000}}\n"
"""People here type as soon as they have read."""


@attrs.define(eq=False)
class Talker:
    """A raw telnet connection that counts lines."""

    name: str
    sock: socket.socket
    own: bytes = b""
    tail: bytes = b""
    lines: int = 0
    sent_at: float = 0.0
    heard: list[float] = attrs.Factory(list)

    def say(self) -> None:
        """Say the next thing."""
        text = f"the {len(self.heard)}th thing that {self.name} says"
        self.own = f'You say, "{text}"'.encode()
        self.sent_at = time.perf_counter()
        self.sock.sendall(f"say {text}\r\n".encode())

    def read(self) -> bool:
        """Take what has come; whether the own words are among it."""
        data = self.tail + self.sock.recv(262_144)
        self.lines += data.count(b"\n") - self.tail.count(b"\n")
        heard = bool(self.own) and self.own in data
        if heard:
            self.heard.append(time.perf_counter() - self.sent_at)
            self.own = b""
        self.tail = data[-200:] if self.own else b""
        return heard


# What the machine and Trio cost by themselves: a server that answers each line with what our server would, and does nothing else.
BARE_SERVER = """
import trio
async def handle(stream):
    async for data in stream:
        await stream.send_all(b"".join(b'You say, "%s"\\r\\n' % line[4:] for line in data.splitlines()))
async def main():
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    print(listener.socket.getsockname()[1], flush=True)
    await trio.serve_listeners(handle, [listener])
trio.run(main)
"""


def run(folder: Path) -> None:
    """Print the figures, for a server with its data in ``folder``."""
    flush = report.flush_time(folder)
    bare_times, bare_rate = _bare()
    with _server(folder / "talk") as (process, port):
        report.heading("Talking over telnet")
        report.line("one flush of this disk", f"median {flush * 1e3:9.1f} ms")
        report.spread("a bare Trio server that answers lines, one client", bare_times, "ms")
        report.line("the same, 20 clients", f"{bare_rate:7.0f} lines/s")
        people = [_join(port, f"Talker {_letters(index)}") for index in range(50)]
        alone = people[0]
        _measure(process.pid, people[:1], people[:1], 2.0)
        alone.heard.clear()
        for each in people[1:]:
            each.sock.sendall(b"north\r\n")
        _drain(people)
        _measure(process.pid, [alone], [alone], SECONDS)
        report.spread("own say to own ears, alone in a room", alone.heard, "ms")
        floor = statistics.median(bare_times) + flush
        report.line("  to bare answer and flush", f"{statistics.median(alone.heard) / floor:7.1f} times")
        for each in people[1:20]:
            each.sock.sendall(b"south\r\n")
        _drain(people)
        commands, lines, seconds, cpu = _measure(process.pid, people[:20], people[:20], SECONDS)
        report.line(
            "20 people, each talks as soon as they heard themselves",
            f"{commands / seconds:7.0f} commands/s   {lines / seconds:8.0f} lines/s   {cpu / seconds * 100:.0f} % CPU",
        )
        report.line("  lines delivered, to lines of the bare server", f"{lines / seconds / bare_rate:7.1f} times")
        for each in people[20:]:
            each.sock.sendall(b"south\r\n")
        _drain(people)
        for talking in (1, 5, 50):
            commands, lines, seconds, cpu = _measure(process.pid, people[:talking], people, SECONDS)
            report.line(
                f"50 people in a room, {talking} of them talking",
                f"{commands / seconds:7.0f} commands/s   {lines / seconds:8.0f} lines/s   "
                f"{cpu / lines * 1000:.4f} CPU-s per 1,000 lines",
            )
        report.line("memory of the server (Pss)", f"{report.proportional_memory(process.pid):.0f} MiB")


def _bare() -> tuple[list[float], float]:
    """Round trips of one client of the bare server, and lines a second of twenty."""
    with subprocess.Popen([sys.executable, "-c", BARE_SERVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            people = [Talker(_letters(index), socket.create_connection(("127.0.0.1", port))) for index in range(20)]
            _measure(process.pid, people[:1], people[:1], 1.0)
            _measure(process.pid, people[:1], people[:1], 2.0)
            times = list(people[0].heard)
            commands, _, seconds, _ = _measure(process.pid, people, people, 2.0)
            return times, commands / seconds
        finally:
            process.kill()


def _measure(pid: int, talking: list[Talker], everybody: list[Talker], seconds: float) -> tuple[int, int, float, float]:
    """Let ``talking`` talk for a while: commands, lines delivered to everybody, seconds, the server's CPU seconds."""
    for each in everybody:
        each.lines = 0
        each.heard.clear()
    with selectors.DefaultSelector() as selector:
        for each in everybody:
            selector.register(each.sock, selectors.EVENT_READ, each)
        cpu, begun = report.cpu_seconds(pid), time.perf_counter()
        speakers = set(talking)
        for each in talking:
            each.say()
        while (now := time.perf_counter()) < begun + seconds:
            for key, _ in selector.select(0.1):
                talker: Talker = key.data
                if talker.read() and talker in speakers:
                    talker.say()
        used = report.cpu_seconds(pid) - cpu
    commands = sum(len(each.heard) for each in talking)
    lines = sum(each.lines for each in everybody)
    _drain(everybody)
    return commands, lines, now - begun, used


def _drain(people: list[Talker]) -> None:
    """Read until nothing has come for a moment."""
    with selectors.DefaultSelector() as selector:
        for each in people:
            each.own = each.tail = b""
            selector.register(each.sock, selectors.EVENT_READ)
        while ready := selector.select(0.3):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.recv(262_144)


def _join(port: int, name: str) -> Talker:
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(f'create "{name}" correct horse\r\n'.encode())
    seen = b""
    while b"Obvious exits:" not in seen:
        data = sock.recv(65536)
        if not data:
            raise RuntimeError(f"the server hung up on {name}: {seen!r}")
        seen += data
    return Talker(name, sock)


def _letters(index: int) -> str:
    return chr(ord("a") + index // 26) + chr(ord("a") + index % 26)


@contextmanager
def _server(data: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    config = data.parent / "talk.yaml"
    config.write_text(FAST_TYPISTS, encoding="utf-8")
    ports = ["--telnet", "127.0.0.1:0", "--web", "off"]
    command = [sys.executable, "-m", "holomush", "--config", str(config), "--data", str(data), *ports]
    log = (data.parent / "talk.log").open("w")
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if "ready" not in ready:
                raise RuntimeError(f"the server did not start: {(data.parent / 'talk.log').read_text()}")
            yield process, int(ready.split("telnet ")[1].split(",")[0].rpartition(":")[2])
        finally:
            process.terminate()

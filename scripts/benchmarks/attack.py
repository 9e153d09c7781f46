"""An attacker in a process of its own: many connections at once that send what no client should, until enough has been read.

``python -m benchmarks.attack telnet|web PORT AMOUNT SEED`` prints a ``Tally`` as JSON at the end.
"""

from __future__ import annotations

import collections
import json
import os
import random
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import attrs
import trio

from benchmarks import attack_telnet, attack_web

CONNECTIONS = 10
"""At once."""
PATIENCE = 30.0
"""Seconds that one connection may take to send all, and as many until the server has hung up on it."""
READ_SIZE = 262_144
SMALL_WINDOW = 4_096
"""Bytes that the system of somebody who does not read takes for them, or as few as it lets us."""
DEAF_FOR = 3.0
"""Seconds for which somebody who does not read stays."""
POLITENESS = 19
"""The attacker's niceness: a real one would not take its processor from the server."""


class Assault(Protocol):
    """What one connection does."""

    @property
    def name(self) -> str:
        """What it is counted as."""

    @property
    def pieces(self) -> Sequence[bytes]:
        """What it sends, one after the other."""

    @property
    def weight(self) -> int:
        """How much it counts: bytes, or messages."""

    @property
    def manner(self) -> str:
        """``read`` to the end, be ``deaf``, or ``break`` the connection."""


@attrs.define
class Tally:
    """What has been sent. Amounts are in bytes for telnet, in messages for the web."""

    sent: int = 0
    read: int = 0
    """Of ``sent`` that the server is known to have read: it has hung up behind it, and not before."""
    bytes: int = 0
    connections: int = 0
    cut: int = 0
    """Connections that the server has broken before all was sent."""
    unfinished: int = 0
    """Connections that the server had not hung up on in time."""
    weights: dict[str, int] = attrs.Factory(collections.Counter)
    """``sent`` by what the connections did."""
    visits: dict[str, int] = attrs.Factory(collections.Counter)
    """``connections``, the same."""


async def attack(port: int, amount: int, next_assault: Callable[[], Assault]) -> Tally:
    """Go on until the server has read ``amount``."""
    tally = Tally()

    async def keep_on() -> None:
        while tally.read < amount:
            await _run(port, next_assault(), tally)

    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(keep_on)
    return tally


async def _run(port: int, assault: Assault, tally: Tally) -> None:
    """One connection from beginning to end."""
    sock = trio.socket.socket()
    with sock:
        if assault.manner == "deaf":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        await sock.connect(("127.0.0.1", port))
        tally.connections += 1
        tally.visits[assault.name] += 1
        stream = trio.SocketStream(sock)
        if assault.manner == "deaf":
            with trio.move_on_after(DEAF_FOR):
                await _send(stream, assault, tally)
                await trio.sleep_forever()
            _reset(sock)
        elif assault.manner == "break":
            with trio.move_on_after(PATIENCE):
                await _send(stream, assault, tally)
            _reset(sock)
        else:
            await _to_the_end(stream, assault, tally)


async def _to_the_end(stream: trio.SocketStream, assault: Assault, tally: Tally) -> None:
    sent = False
    with trio.move_on_after(2 * PATIENCE) as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drain, stream)  # ends the nursery's wait once the server has hung up
            sent = await _send(stream, assault, tally)
            if sent:
                with suppress(trio.BrokenResourceError):
                    await stream.send_eof()
    if patience.cancelled_caught:
        tally.unfinished += 1
    elif sent:
        tally.read += assault.weight


async def _send(stream: trio.SocketStream, assault: Assault, tally: Tally) -> bool:
    """Whether all could be sent."""
    try:
        for piece in assault.pieces:
            await stream.send_all(piece)
            tally.bytes += len(piece)
    except trio.BrokenResourceError:
        tally.cut += 1
        return False
    tally.sent += assault.weight
    tally.weights[assault.name] += assault.weight
    return True


async def _drain(stream: trio.SocketStream) -> None:
    try:
        while await stream.receive_some(READ_SIZE):
            pass
    except trio.BrokenResourceError:
        pass  # it had had enough


def _reset(sock: trio.socket.SocketType) -> None:
    """Closing the socket is a reset from now on."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ASSAULTS: Mapping[str, Callable[[random.Random], Assault]] = {
    "telnet": attack_telnet.next_assault,
    "web": attack_web.next_assault,
}


def main() -> None:
    """Run with the arguments of this process."""
    kind, port, amount, seed = sys.argv[1], *map(int, sys.argv[2:5])
    os.nice(POLITENESS)
    source = random.Random(seed)  # noqa: S311 - it must be the same each time, not secret
    tally = trio.run(attack, port, amount, lambda: ASSAULTS[kind](source))
    print(json.dumps(attrs.asdict(tally)))


if __name__ == "__main__":
    main()

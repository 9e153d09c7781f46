"""A whole server over real TCP sockets, and what is known of their last bytes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from support.game import PATIENCE, Player, Server, running_server

from holomush.config import SessionsConfig
from holomush.net.sockets import CONFIRMATION_WAIT, last_confirmed, send_now, unacknowledged
from holomush.plugins.guests.guest import SourceRuntime


async def dial(port: int) -> tuple[Player, trio.SocketStream]:
    """Somebody who sees the connect screen over TCP."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    player = Player(stream)
    await player.read_until("asked for it unseen.\n")
    return player, stream


async def local_listeners() -> tuple[list[trio.SocketListener], int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    return listeners, listeners[0].socket.getsockname()[1]


async def test_talking_over_tcp(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await local_listeners()
    async with running_server(data, runtime, listeners=listeners) as server:
        alice, alices_line = await dial(port)
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\n")
        await alice.read_until("\n")
        bob, bobs_line = await dial(port)
        await bob.type("create Bob password")
        await alice.read_until("Bob has connected.\n")
        await alice.type("say hello")
        await bob.read_until('Alice says, "hello"\n')
        await bob.send(b"say half a li")
        await bobs_line.aclose()
        assert await alice.read_until("disconnected.\n") == 'You say, "hello"\nBob has disconnected.\n'
        await alice.type("say missed")
        await alice.read_until("\n")
        bob, other_line = await dial(port)
        lines = [alices_line, other_line]
        await bob.type("connect Bob password")
        shown = await bob.read_until("--- end of replay ---\n")
        assert shown == '--- 1 missed event ---\nAlice says, "missed"\n--- end of replay ---\n'
        assert await addresses(server) == {"127.0.0.1"}
        await alice.type("QUIT")
        assert (await alice.read_to_end()).endswith("Goodbye.\n")
        server.shutdown.set()
        assert (await bob.read_to_end()).endswith("The server is shutting down. Goodbye.\n")
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", port)
    for line in lines:
        await line.aclose()


async def reset(stream: trio.SocketStream) -> None:
    """Break a connection off: a reset, not an end."""
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    await stream.aclose()


async def addresses(server: Server) -> set[str]:
    await trio.lowlevel.checkpoint()
    return {client.address for presence in server.running.game.presences for client in presence.clients}


async def test_a_client_that_resets_the_connection_is_gone(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await local_listeners()
    async with running_server(data, runtime, listeners=listeners) as server:
        alice = await server.create("Alice")
        bob, line = await dial(port)
        await bob.type("create Bob password")
        await alice.read_until("Bob has connected.\n")
        await reset(line)
        await alice.read_until("Bob has disconnected.\n")
        assert await alice.do("say hello") == 'You say, "hello"\n'


async def test_a_client_that_never_reads_neither_stops_others_nor_the_server(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await local_listeners()
    quick = SessionsConfig(shutdown_grace=0.5)
    async with running_server(data, runtime, listeners=listeners, sessions=quick) as server:
        alice = await server.create("Alice")
        deaf, line = await dial(port)
        await deaf.type("create Deaf password")
        await alice.read_until("Deaf has connected.\n")
        game = server.running.game
        presence = game.presences.get(deaf_id(server))
        assert presence is not None
        [client] = presence.clients
        with trio.fail_after(2 * PATIENCE):
            while client.caught_up:  # until the kernel's buffers are full
                await alice.do("say " + "x" * 8000)
        assert await alice.do("say hello") == 'You say, "hello"\n'
        server.shutdown.set()
        with trio.fail_after(PATIENCE):
            assert (await alice.read_to_end()).endswith("The server is shutting down. Goodbye.\n")
    await line.aclose()


def deaf_id(server: Server) -> str:
    character = server.running.game.world.character_named("Deaf")
    assert character is not None
    return character.id


@asynccontextmanager
async def both_ends() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """The server's and the client's end of a connection on which both have talked so long that confirmations may be put off."""
    [listener], port = await local_listeners()
    async with listener, await trio.open_tcp_stream("127.0.0.1", port) as client, await listener.accept() as server:
        for _ in range(40):
            await client.send_all(b"look\r\n")
            await server.receive_some(100)
            await server.send_all(b"The Square\r\n")
            await client.receive_some(100)
        yield server, client


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has arrived")
@pytest.mark.parametrize("who_ends", ["client", "server"])
async def test_what_a_client_reads_last_counts_as_arrived(who_ends: str) -> None:
    async with both_ends() as (server, client):
        left = unacknowledged(server)
        assert left is not None
        await client.send_all(b"say half a li")
        if who_ends == "client":
            await client.send_eof()
        await server.receive_some(100)
        await server.send_all(b'Bob says, "hello"\r\n')
        await client.receive_some(100)
        with trio.fail_after(PATIENCE):
            await last_confirmed(server)
            assert left() == 0
            assert await client.receive_some(100) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has arrived")
async def test_a_client_that_confirms_nothing_is_waited_for_half_a_second(autojump_clock: trio.abc.Clock) -> None:
    async with both_ends() as (server, _):
        left, send = unacknowledged(server), send_now(server)
        assert left is not None
        assert send is not None
        with suppress(BlockingIOError):
            while True:  # until the client's system takes no more, because nobody reads there
                send(b"x" * 65_536)
        start = trio.current_time()
        await last_confirmed(server)
        assert left()
        assert CONFIRMATION_WAIT <= trio.current_time() - start <= CONFIRMATION_WAIT + 0.01


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has arrived")
async def test_a_client_that_has_reset_the_connection_is_not_waited_for() -> None:
    async with both_ends() as (server, client):
        await reset(client)
        with trio.fail_after(PATIENCE), pytest.raises(trio.BrokenResourceError):
            await last_confirmed(server)

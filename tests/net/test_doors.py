"""The doors over loopback: whom proxies speak for, TLS, and what a client that is gone had not taken."""

from __future__ import annotations

import ipaddress
import logging
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
import trustme
from support.game import ADMIN_PASSWORD, FAST_TYPISTS, PATIENCE, Player, Server, running_server
from trio.testing import MockClock

from holomush.config import LimitsConfig, Rate
from holomush.net.doors import PROXY_TIMEOUT
from holomush.net.proxy import V2_START
from holomush.net.tls import CHECK_INTERVAL, HANDSHAKE_TIMEOUT, Certificate, TlsListener
from holomush.plugins.guests.guest import SourceRuntime

OPENING = "asked for it unseen.\n"
PROXIED = LimitsConfig(commands=FAST_TYPISTS.commands, per_address=2, proxies=("127.0.0.1",))


def version_1(address: str) -> bytes:
    kind, here = ("TCP6", "::1") if ":" in address else ("TCP4", "127.0.0.1")
    return f"PROXY {kind} {address} {here} 40000 4201\r\n".encode()


def version_2(address: str) -> bytes:
    source = ipaddress.ip_address(address)
    here = ipaddress.ip_address("127.0.0.1" if source.version == 4 else "::1")
    addresses = source.packed + here.packed + struct.pack("!HH", 40_000, 4_201)
    return V2_START + struct.pack("!BBH", 0x21, 0x11 if source.version == 4 else 0x21, len(addresses)) + addresses


async def listen() -> tuple[list[trio.SocketListener], int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    return listeners, listeners[0].socket.getsockname()[1]


@asynccontextmanager
async def dial(port: int, header: bytes = b"") -> AsyncIterator[Player]:
    """A connection over TCP that begins with what a proxy says."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(header)
        yield Player(stream)


@asynccontextmanager
async def let_in_again(port: int, header: bytes) -> AsyncIterator[Player]:
    """A connection by a proxy, once the server has noticed that others of the address have gone."""
    with trio.fail_after(PATIENCE):
        while True:
            async with dial(port, header) as player:
                if not (await player.read_until("\n")).startswith("There are "):
                    await player.read_until(OPENING)
                    yield player
                    return


async def create(player: Player, name: str) -> None:
    await player.read_until(OPENING)
    await player.type(f"create {name} password")
    await player.read_until("Obvious exits:\n")
    await player.read_until("\n")


def visits(server: Server) -> dict[str, int]:
    """How many connections of each kind there are."""
    return {kind: count for kind, count in server.running.connections.visits.here.read().items() if count}


# ---- Proxies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "address"), [(version_1, "203.0.113.7"), (version_2, "203.0.113.7"), (version_2, "2001:db8::7")]
)
async def test_the_address_that_a_proxy_tells_is_the_one_that_counts(
    data: Path, runtime: SourceRuntime, header: object, address: str
) -> None:
    assert callable(header)
    listeners, port = await listen()
    async with running_server(data, runtime, listeners=listeners, limits=PROXIED) as server:
        admin, _ = await server.come_back("admin", ADMIN_PASSWORD)
        async with dial(port, header(address)) as alice, dial(port, header(address)) as other, dial(port, header(address)) as third:
            await create(alice, "Alice")
            await other.read_until(OPENING)
            refused = "There are 2 connections from your address already. Close one and try again.\n"
            assert await third.read_to_end() == refused
            async with dial(port, header("198.51.100.1")) as elsewhere:
                await elsewhere.read_until(OPENING)
            assert f"In play: Alice, 1 connection from {address}, idle" in await admin.do("account Alice")
            await admin.type(f"ban {address}=Enough")
            await admin.read_until("Disconnected: Alice\n")
            with trio.fail_after(PATIENCE):
                assert await alice.read_to_end() == "You are disconnected: you are banned (Enough)\n"
        async with let_in_again(port, header(address)) as again:
            await again.type("connect Alice password")
            assert await again.read_until("\n") == "Nobody is let in from your address: Enough\n"


async def test_arrivals_are_counted_by_the_address_that_a_proxy_tells(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await listen()
    limits = LimitsConfig(commands=FAST_TYPISTS.commands, arrivals=Rate(per_second=0.01, burst=1), proxies=("127.0.0.1",))
    async with running_server(data, runtime, listeners=listeners, limits=limits):
        async with dial(port, version_1("203.0.113.7")) as first:
            await first.read_until(OPENING)
        async with dial(port, version_1("203.0.113.7")) as second:
            refused = await second.read_to_end()
            assert refused.startswith("Your address connects too often. Try again in ")
            assert refused.endswith(" seconds.\n")
            assert refused.count("\n") == 1


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 nonsense\r\n",
        b"PROXY TCP4 203.0.113.7 127.0.0.1 1 x\r\n",
        V2_START + b"\x31\x11\0\0",
        b"PROXY " + b"x" * 200,
    ],
)
async def test_a_broken_header_is_cut_off_without_a_word(
    data: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture, header: bytes
) -> None:
    listeners, port = await listen()
    async with running_server(data, runtime, listeners=listeners, limits=PROXIED) as server:
        async with dial(port, header) as somebody:
            with suppress(trio.BrokenResourceError):  # bytes that were not read make it a reset
                assert await somebody.read_to_end() == ""
        alice = await server.create("Alice")
        assert await alice.do("say hello") == 'You say, "hello"\n'
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("a connection from the proxy 127.0.0.1 was cut: a PROXY header ")
    assert record.exc_info is None


async def test_a_proxy_that_says_nothing_is_cut_off(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    listeners, port = await listen()
    async with running_server(data, runtime, listeners=listeners, limits=PROXIED) as server, dial(port) as silent:
        await server.create("Alice")
        mock_clock.jump(PROXY_TIMEOUT)
        assert await silent.read_to_end() == ""


async def test_without_a_proxy_this_machine_is_not_counted(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await listen()
    limits = LimitsConfig(commands=FAST_TYPISTS.commands, per_address=1, arrivals=Rate(per_second=0.01, burst=1))
    async with running_server(data, runtime, listeners=listeners, limits=limits) as server:
        async with dial(port) as one, dial(port) as other, dial(port) as third:
            for player in (one, other, third):
                await player.read_until(OPENING)
            assert visits(server) == {"telnet": 3}
        async with dial(port, version_1("203.0.113.7")) as liar:  # nobody trusts it: it is a line typed
            assert "PROXY" not in await liar.read_until(OPENING)
            await liar.type("create Alice password")
            await liar.read_until("Obvious exits:\n")
            [presence] = server.running.game.presences
            assert {client.address for client in presence.clients} == {"127.0.0.1"}


# ---- TLS ------------------------------------------------------------------------------------------------------------------


def write(folder: Path, issued: trustme.LeafCert) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    issued.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return certificate, key


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def dial_tls(port: int, authority: trustme.CA, name: str, header: bytes = b"") -> AsyncIterator[Player]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(header)
        secure = trio.SSLStream(stream, context, server_hostname=name, https_compatible=True)
        await secure.do_handshake()
        yield Player(secure)  # type: ignore[arg-type]  # it is read and written only


async def test_a_game_over_tls(
    data: Path, runtime: SourceRuntime, tmp_path: Path, authority: trustme.CA, mock_clock: MockClock
) -> None:
    mock_clock.rate = 1.0
    certificate = Certificate(*write(tmp_path, authority.issue_cert("one.example")))
    plain, port = await listen()
    listeners = [TlsListener(listener, certificate) for listener in plain]
    async with (
        running_server(data, runtime, listeners=listeners, limits=PROXIED) as server,  # type: ignore[arg-type]
        dial_tls(port, authority, "one.example", version_1("203.0.113.7")) as alice,
    ):
        await create(alice, "Alice")
        bob = await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        await bob.type("say " + "x" * 8000)
        assert await alice.read_until("\n") == f'Bob says, "{"x" * 8000}"\n'
        assert visits(server) == {"telnet": 1, "tls": 1}
        assert ["203.0.113.7"] in [[client.address for client in one.clients] for one in server.running.game.presences]

        write(tmp_path, authority.issue_cert("two.example"))
        mock_clock.jump(CHECK_INTERVAL)
        async with dial_tls(port, authority, "two.example", version_1("203.0.113.8")) as other:
            await other.read_until(OPENING)
        await bob.type("say still here")
        assert await alice.read_until("\n") == 'Bob says, "still here"\n'
        await alice.type("QUIT")
        assert await alice.read_to_end() == "Goodbye.\n"


async def test_who_never_shakes_hands_holds_nobody_up_and_is_cut_off(
    data: Path, runtime: SourceRuntime, tmp_path: Path, authority: trustme.CA, mock_clock: MockClock
) -> None:
    mock_clock.rate = 1.0
    certificate = Certificate(*write(tmp_path, authority.issue_cert("one.example")))
    plain, port = await listen()
    listeners = [TlsListener(listener, certificate) for listener in plain]
    async with (
        running_server(data, runtime, listeners=listeners) as server,  # type: ignore[arg-type]
        dial(port) as silent,
        dial(port, b"GET / HTTP/1.0\r\n\r\n") as confused,
    ):
        async with dial_tls(port, authority, "one.example") as alice:
            await create(alice, "Alice")
            assert visits(server) == {"tls": 1}
        assert "HTTP" not in await confused.read_to_end()
        mock_clock.jump(HANDSHAKE_TIMEOUT)
        assert await silent.read_to_end() == ""


# ---- What has arrived -----------------------------------------------------------------------------------------------------


async def test_what_a_deaf_client_had_not_taken_is_told_when_it_comes_back(data: Path, runtime: SourceRuntime) -> None:
    listeners, port = await listen()
    async with running_server(data, runtime, listeners=listeners) as server:
        alice = await server.create("Alice")
        socket = trio.socket.socket()
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        await socket.connect(("127.0.0.1", port))
        stream = trio.SocketStream(socket)
        deaf = Player(stream)
        await create(deaf, "Deaf")
        await alice.read_until("Deaf has connected.\n")
        [client] = [one for one in server.running.connections if one.address == "127.0.0.1"]
        count = 40
        for number in range(count):
            await alice.do(f"say {number} {'x' * 1000}")
        assert not client.caught_up
        # All that its system has confirmed. It is not read: that would make room for more.
        received = (await socket.recv(1_000_000, trio.socket.MSG_PEEK)).count(b"\r\n")
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()  # a reset
        await alice.read_until("Deaf has disconnected.\n")
        async with dial(port) as again:
            await again.read_until(OPENING)
            await again.type("connect Deaf password")
            shown = await again.read_until("--- end of replay ---\n")
        told = [line.split(" ")[2].strip('"') for line in shown.splitlines() if line.startswith("Alice says")]
        assert 0 < received < count
        assert told == [str(number) for number in range(received, count)]

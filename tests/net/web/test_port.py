"""The whole port: what goes where, whose address counts, who is one too many; over memory and over real sockets with TLS."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, open_websocket_url

from holomush.net.tls import HANDSHAKE_TIMEOUT, Certificate, TlsListener
from holomush.net.web.http import HEAD_TIMEOUT
from holomush.net.web.pages import policy
from holomush.net.web.port import WebPort

from .wire import LOOPBACK_PROXY, TEXT, Config, Gate, HttpClient, RawSocket, dialled, frame, read_all, web_port

V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\x0a\0\0\1\x30\x39\x10\x6a"
"""192.0.2.7 in version 2 of the PROXY protocol."""
V1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 4202\r\n"

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


async def introduce(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
    await connection.send_message(f"{address} {subprotocol or '-'}")
    await connection.get_message()


@asynccontextmanager
async def listening(port: WebPort, certificate: Certificate | None = None) -> AsyncIterator[int]:
    """The port on a real socket of the loopback interface; its number."""
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listeners = [TlsListener(socket, certificate) for socket in sockets] if certificate else sockets
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, port.handle, listeners)
        with trio.fail_after(20):
            yield sockets[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Certificate:
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    return Certificate(tmp_path / "both.pem", tmp_path / "both.pem", alpn=["http/1.1"])


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_pages_answers_and_nothing() -> None:
    async with dialled(web_port()) as stream:
        client = HttpClient(stream)
        page = await client.ask("/")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["content-security-policy"] == policy("mush.example")
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["cross-origin-resource-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-cache"
        again = await client.ask("/", If_None_Match=page.headers["etag"])
        assert (again.status, again.body, again.headers.get("content-length")) == (304, b"", None)
        packed = await client.ask("/", Accept_Encoding="gzip")
        assert int(packed.headers["content-length"]) == len(packed.body) < len(page.body)
        assert (await client.ask("/who?1")).body == b"memory 1\n"
        assert (await client.ask("/nothing")).body == b"There is no such page.\n"
        assert (await client.ask("/ws")).status == 426


async def test_an_answer_that_fails_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async with dialled(web_port()) as stream:
        client = HttpClient(stream)
        got = await client.ask("/broken")
        assert (got.status, got.body) == (500, b"Something went wrong here.\n")
        assert (await client.ask("/who")).status == 200
    assert caplog.messages == ["the answer to /broken failed"]


async def test_a_game_that_fails_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        async with trio.open_nursery():
            raise RuntimeError("broken")

    async with dialled(web_port(play)) as stream:
        socket = RawSocket(stream)
        await socket.open()
        assert await socket.receive_close() == (1011, "")
    assert caplog.messages == ["a game over a websocket from memory failed and was ended"]


async def test_a_real_client_plays_over_tls(certificate: Certificate, client_context: ssl.SSLContext) -> None:
    async with listening(web_port(introduce), certificate) as port:
        url = f"wss://127.0.0.1:{port}/ws?x=y"
        async with open_websocket_url(url, client_context, subprotocols=["gmcp", "telnet", "holomush"]) as connection:
            assert connection.subprotocol == "telnet"
            assert await connection.get_message() == "127.0.0.1 telnet"
        headers = [(b"Origin", f"https://127.0.0.1:{port}".encode())]
        async with open_websocket_url(url, client_context, extra_headers=headers, subprotocols=["other"]) as connection:
            assert connection.subprotocol is None
            assert await connection.get_message() == "127.0.0.1 -"
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=client_context, https_compatible=True)
        client = HttpClient(stream)
        got = await client.ask("/ws", Origin="https://evil.example", **UPGRADE)
        assert (got.status, got.body) == (403, b"Pages of that site may not play here.\n")
        assert (await client.ask("/who?x", Connection="close")).body == b"127.0.0.1 x\n"
        assert await stream.receive_some() == b""
        await stream.aclose()


async def test_sending_and_receiving_over_tls_at_once(certificate: Certificate, client_context: ssl.SSLContext) -> None:
    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, connection)
            for number in range(200):
                assert await connection.get_message() == str(number)

    async def write(connection: WebSocketConnection) -> None:
        for number in range(200):
            await connection.send_message(str(number))

    async with (
        listening(web_port(play), certificate) as port,
        open_websocket_url(f"wss://127.0.0.1:{port}/ws", client_context) as connection,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(write, connection)
        assert [await connection.get_message() for _ in range(200)] == [str(number) for number in range(200)]


async def test_configured_origins_may_play() -> None:
    async with listening(web_port(introduce, Config(origins=("https://play.example.org",)))) as port:
        headers = [(b"Origin", b"https://play.example.org")]
        async with open_websocket_url(f"ws://127.0.0.1:{port}/ws", extra_headers=headers) as connection:
            assert await connection.get_message() == "127.0.0.1 -"


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("config", [LOOPBACK_PROXY, Config()])
async def test_the_proxy_protocol_counts_from_a_trusted_proxy_only(header: bytes, config: Config) -> None:
    gate = Gate()
    async with listening(web_port(config=config, admit=gate)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(header)
            got = await HttpClient(stream).ask("/who?x", X_Forwarded_For="198.51.100.1")
    if config.proxies:
        assert got.body == b"192.0.2.7 x\n"
        assert gate.seen[0] == "192.0.2.7"
    else:
        assert (got.status, got.body) == (400, b"That is not a request.\n")


@pytest.mark.parametrize("is_inside", [False, True])
async def test_the_proxy_protocol_comes_before_tls_or_inside(
    is_inside: bool,  # noqa: FBT001
    certificate: Certificate,
    client_context: ssl.SSLContext,
) -> None:
    async with listening(web_port(config=LOOPBACK_PROXY), certificate) as port:
        raw = await trio.open_tcp_stream("127.0.0.1", port)
        if not is_inside:
            await raw.send_all(V2)
        stream = trio.SSLStream(raw, client_context, server_hostname="127.0.0.1", https_compatible=True)
        if is_inside:
            await stream.send_all(V2)
        assert (await HttpClient(stream).ask("/who?x")).body == b"192.0.2.7 x\n"
        await stream.aclose()


async def test_each_forwarded_request_may_be_for_somebody_else() -> None:
    gate = Gate()
    async with listening(web_port(introduce, LOOPBACK_PROXY, gate)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            client = HttpClient(stream)
            assert (await client.ask("/who", X_Forwarded_For="6.6.6.6, 192.0.2.1")).body == b"192.0.2.1 \n"
            assert (await client.ask("/who", X_Forwarded_For="192.0.2.2, 127.0.0.1")).body == b"192.0.2.2 \n"
            assert (await client.ask("/who")).body == b"127.0.0.1 \n"
        headers = [(b"X-Forwarded-For", b"2001:db8::1")]
        async with open_websocket_url(f"ws://127.0.0.1:{port}/ws", extra_headers=headers) as connection:
            assert await connection.get_message() == "2001:db8::1 -"
            assert gate.counts == {"2001:db8::1": 1}  # pages are not counted, who plays is
    assert set(gate.counts.values()) == {0}


async def test_a_stranger_cannot_forward_itself() -> None:
    async with listening(web_port()) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            assert (await HttpClient(stream).ask("/who", X_Forwarded_For="192.0.2.1")).body == b"127.0.0.1 \n"


async def test_a_proxy_that_speaks_nonsense_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(web_port(config=LOOPBACK_PROXY)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"PROXY nonsense\r\n")
            assert await stream.receive_some() == b""
    assert caplog.messages == [
        "a connection from the proxy 127.0.0.1 was cut: a PROXY header is not of the form PROXY TCP4 SOURCE DESTINATION PORT PORT"
    ]


async def test_one_too_many_is_told_so() -> None:
    gate = Gate(limit=1)
    port = web_port(admit=gate)
    async with dialled(port) as first:
        assert (await HttpClient(first).ask("/who")).status == 200
        async with dialled(port) as second:
            got = await HttpClient(second).ask("/who")
            assert (got.status, got.body) == (429, b"There are too many connections from your address. Try again later.\n")
            assert got.headers["retry-after"] == "30"
            assert await second.receive_some() == b""
    async with dialled(port) as third:
        assert (await HttpClient(third).ask("/who")).status == 200
    assert gate.counts == {"memory": 0}


async def test_one_too_many_over_a_proxy_is_told_so() -> None:
    gate = Gate(limit=0)
    async with listening(web_port(config=LOOPBACK_PROXY, admit=gate)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            assert (await HttpClient(stream).ask("/ws", X_Forwarded_For="192.0.2.1", **UPGRADE)).status == 429
    assert gate.seen == ["192.0.2.1"]


async def test_one_too_many_does_not_stay_long(autojump_clock: MockClock) -> None:
    async with dialled(web_port(admit=Gate(limit=0))) as stream:
        assert await read_all(stream) == b""
    assert trio.current_time() == 3


async def test_a_game_counts_until_it_is_over() -> None:
    gate = Gate()
    async with dialled(web_port(admit=gate)) as stream:
        socket = RawSocket(stream)
        await socket.open(frame(TEXT, b"hello"))
        assert await socket.receive() == (TEXT, b"hello")
        assert gate.counts == {"memory": 1}
    assert gate.counts == {"memory": 0}


async def test_who_never_shakes_hands_is_hung_up_on(
    certificate: Certificate, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    left, right = memory_stream_pair()
    await web_port().handle(trio.SSLStream(right, certificate.context(), server_side=True))
    assert trio.current_time() == HANDSHAKE_TIMEOUT
    assert await left.receive_some() == b""
    assert caplog.messages == []


async def test_a_proxy_that_says_nothing_is_hung_up_on(mock_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(web_port(config=LOOPBACK_PROXY)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"PROXY")
            await wait_all_tasks_blocked(0.05)
            mock_clock.jump(HEAD_TIMEOUT)
            assert await stream.receive_some() == b""
    assert caplog.messages == []


async def test_nothing_is_logged_when_peers_vanish(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with listening(web_port()) as port:
        for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            with closing((await trio.open_tcp_stream("127.0.0.1", port)).socket) as socket:
                socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                if data:
                    await socket.send(data)
        await wait_all_tasks_blocked(0.05)
    assert caplog.messages == []

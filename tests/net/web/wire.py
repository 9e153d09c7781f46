"""Both ends of a web port in memory, and a client that says exactly the bytes it is told."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from ipaddress import ip_network

import attrs
import h11
import trio
from trio.testing import memory_stream_pair
from trio_websocket import WebSocketConnection

from holomush.config import Rate
from holomush.net.proxy import Network
from holomush.net.turnstile import Turnstile
from holomush.net.web.http import Answer, Request, line
from holomush.net.web.pages import Pages
from holomush.net.web.port import Play, WebPort

LIMIT = 1_000
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: mush.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What the key above has to be answered with; from RFC 6455."""

PAGES = Pages({"/index.html": b"<!doctype html>" + b"<p>Hello</p>" * 100, "/icon.svg": b"<svg/>"})


@attrs.frozen(kw_only=True)
class Config:
    """What the port needs of a configuration."""

    origins: tuple[str, ...] = ()
    message_limit: int = LIMIT
    proxies: tuple[Network, ...] = ()


LOOPBACK_PROXY = Config(proxies=(ip_network("127.0.0.1/32"),))


async def echo(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
    """Sends back what it gets, until somebody hangs up."""
    while True:
        await connection.send_message(await connection.get_message())


@attrs.define
class Gate:
    """Lets ``limit`` in at once, each address for itself. ``seen`` are all that asked."""

    limit: int = 100
    counts: dict[str, int] = attrs.field(factory=dict)
    seen: list[str] = attrs.field(factory=list)

    @contextmanager
    def __call__(self, address: str) -> Iterator[bool]:
        self.seen.append(address)
        count = self.counts.get(address, 0)
        if count >= self.limit:
            yield False
            return
        self.counts[address] = count + 1
        try:
            yield True
        finally:
            self.counts[address] -= 1


async def who(request: Request) -> Answer:
    return line(200, f"{request.address} {request.query}")


async def broken(_: Request) -> Answer:
    raise RuntimeError("broken")


ANSWERS: Mapping[str, Callable[[Request], Awaitable[Answer]]] = {"/who": who, "/broken": broken}


def web_port(
    play: Play = echo,
    config: Config | None = None,
    admit: Callable[[str], AbstractContextManager[bool]] | None = None,
) -> WebPort:
    return WebPort(
        pages=PAGES,
        answers=ANSWERS,
        play=play,
        config=config or Config(),
        subprotocols=["holomush", "telnet"],
        admit=admit or Gate(),
        turnstile=Turnstile(Rate(per_second=1e9, burst=1_000_000_000)),
    )


@asynccontextmanager
async def dialled(port: WebPort) -> AsyncIterator[trio.abc.HalfCloseableStream]:
    """A connection in memory. The port has to end by itself once the client is closed."""
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.handle, server)
        yield client
        await client.aclose()


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything up to the end."""
    return b"".join([bytes(data) async for data in stream])


@attrs.frozen
class Got:
    """An answer as a client sees it; names of headers are small."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A client of one connection that understands answers strictly."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Ask for something. A header's name may have ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in {"Host": "mush.example", **headers}.items()}
        head = h11.Request(method=method, target=path, headers=list(named.items()))
        await self.stream.send_all((self._h11.send(head) or b"") + (self._h11.send(h11.EndOfMessage()) or b""))
        got = await self.read()
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        return got

    async def read(self) -> Got:
        """The next answer."""
        response = await self._event()
        assert isinstance(response, h11.Response), response
        body = b""
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage)
        headers = {name.decode(): value.decode() for name, value in response.headers}
        assert len(headers) == len(list(response.headers)), "a header comes twice"
        return Got(response.status_code, headers, body)

    async def _event(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(bytes(await self.stream.receive_some(4096)))
        return event


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    """A frame as a client sends it. ``mask`` None leaves it out, which no client may."""
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask is not None else 0
    if len(payload) < 126:
        size = bytes([bit | len(payload)])
    elif len(payload) < 65_536:
        size = bytes([bit | 126]) + struct.pack("!H", len(payload))
    else:
        size = bytes([bit | 127]) + struct.pack("!Q", len(payload))
    if mask is None:
        return first + size + payload
    return first + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    """A client's close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


@attrs.define
class RawSocket:
    """A websocket client that sends any bytes and takes frames apart."""

    stream: trio.abc.Stream
    buffer: bytes = b""

    async def open(self, more: bytes = b"") -> None:
        """Shake hands, sending ``more`` without waiting for the answer."""
        await self.stream.send_all(HANDSHAKE + more)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self._take(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPTED in head

    async def send(self, *frames: bytes) -> None:
        await self.stream.send_all(b"".join(frames))

    async def receive(self) -> tuple[int, bytes]:
        """The server's next frame: its opcode and payload. Raises ``EOFError`` at the end."""
        first, size = await self._take(2)
        assert first & 0x80, "the server does not fragment"
        if size == 126:
            size = int.from_bytes(await self._take(2))
        return first & 0x0F, await self._take(size)

    async def receive_all(self) -> list[tuple[int, bytes]]:
        """Frames up to the end, which may not be in the middle of one."""
        frames = []
        while not await self.ended():
            frames.append(await self.receive())
        return frames

    async def receive_close(self) -> tuple[int, str]:
        """The code and reason of the close frame that has to come next, after which nothing may come."""
        opcode, payload = await self.receive()
        assert opcode == CLOSE, (opcode, payload)
        return int.from_bytes(payload[:2]), payload[2:].decode()

    async def ended(self) -> bool:
        """Whether nothing more comes. Waits for the next byte, or the end."""
        if not self.buffer:
            self.buffer = bytes(await self.stream.receive_some(4096))
        return not self.buffer

    async def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = bytes(await self.stream.receive_some(4096))
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


@asynccontextmanager
async def raw_socket(port: WebPort, more: bytes = b"") -> AsyncIterator[RawSocket]:
    """A websocket in memory whose handshake is done."""
    async with dialled(port) as stream:
        socket = RawSocket(stream)
        await socket.open(more)
        yield socket

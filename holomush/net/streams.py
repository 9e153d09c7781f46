"""What any listener does with a stream: bytes given back, whose it is, and hanging up without losing the last words.

Knows no protocol.
"""

from __future__ import annotations

import ipaddress

import trio

LINGER = 2.0
"""Seconds that a peer has to take the last words before the connection is cut."""
LINGER_BYTES = 65_536
"""Bytes read away meanwhile; whoever sends more is cut off."""
READ_SIZE = 4_096


class Prefixed(trio.abc.Stream):
    """A stream of which somebody has read too much: ``data`` comes first, then what ``inner`` has."""

    def __init__(self, inner: trio.abc.Stream, data: bytes) -> None:
        self.inner = inner
        self._data = data

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The bytes given back, then those of the inner stream. Raises ``ValueError`` for a ``max_bytes`` below 1."""
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be 1 or more")
        if not self._data:
            return bytes(await self.inner.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        size = len(self._data) if max_bytes is None else max_bytes
        data, self._data = self._data[:size], self._data[size:]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send by the inner stream."""
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the inner stream."""
        await self.inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the inner stream. What was given back is gone."""
        self._data = b""
        await self.inner.aclose()


class HalfCloseablePrefixed(Prefixed, trio.abc.HalfCloseableStream):
    """The same over a stream that can say that nothing more comes."""

    def __init__(self, inner: trio.abc.HalfCloseableStream, data: bytes) -> None:
        super().__init__(inner, data)
        self._half_closeable = inner

    async def send_eof(self) -> None:
        """Say that nothing more comes."""
        await self._half_closeable.send_eof()


def prefixed(stream: trio.abc.Stream, data: bytes) -> Prefixed:
    """``stream`` with ``data`` still to be read before the rest. It can be half-closed if ``stream`` can."""
    if isinstance(stream, trio.abc.HalfCloseableStream):
        return HalfCloseablePrefixed(stream, data)
    return Prefixed(stream, data)


def normal_address(text: str) -> str | None:
    """An IP address as it is always written here: no zone, IPv4 in IPv6 as IPv4. None if it is not an address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address)))
    return str(address)


def peer_address(stream: trio.abc.Stream) -> str:
    """Where the other end of a stream is: an IP address, "gone" if it has hung up, "memory" if there is no network."""
    while not isinstance(stream, trio.SocketStream):
        if isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        elif isinstance(stream, Prefixed):
            stream = stream.inner
        else:
            return "memory"
    try:
        text = str(stream.socket.getpeername()[0])
    except OSError:
        return "gone"
    return normal_address(text) or text


async def linger(stream: trio.abc.Stream) -> None:
    """Read away what the peer still sends, for ``LINGER`` seconds at most.

    A socket closed with bytes unread resets the connection, and the peer may lose the answer that it was sent.
    """
    with trio.move_on_after(LINGER):
        try:
            if isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
            left = LINGER_BYTES
            while left > 0:
                data = await stream.receive_some(READ_SIZE)
                if not data:
                    return
                left -= len(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

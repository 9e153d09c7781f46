"""Between the network and trio-websocket: the bounds that the library does not have, and the close frames it does not send.

Owns no protocol of its own: it finds where frames end and hands them on whole, one at a time; masks, codes and UTF-8 are the
library's. What it adds to the library (0.12):

- A message may have so many bytes, not characters, and so many fragments: fragments without bytes would cost memory forever.
- A failed connection (1002, 1007, 1009) gets its close frame, and time to read it. The library only hangs up.
- A close frame is not waited for forever, not even by a game that closes the connection itself.
- Once a close frame is sent, no frame but the peer's close is handed on: the library would answer a ping then and fail.
"""

from __future__ import annotations

import attrs
import trio
from trio_websocket import WebSocketConnection
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection

from holomush.errors import HolomushError
from holomush.net.streams import LINGER
from holomush.rates import Bucket

FRAGMENTS = 1_024
"""Frames of one message."""
READ_SIZE = 16_384
FRAME_COST = 256
"""What a frame costs besides its bytes, in bytes: small ones take as long as large ones."""
CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take a close frame, and as many to answer it."""

_CONTINUATION = 0x0
_CLOSE = 0x8
_CLOSE_START = 0x88
_PONG_START = 0x8A
_CONTROL_LIMIT = 125
_FAILED = (1002, 1007)


class MessageTooLong(HolomushError):
    """A message over the limits. Its frame is skipped."""


@attrs.frozen
class Frame:
    """One frame as it came: header, mask and payload."""

    opcode: int
    data: bytes


class FrameCutter:
    """Cuts what a websocket client sends into frames. Keeps no more than one message's bytes and what was fed last."""

    def __init__(self, message_limit: int) -> None:
        self._limit = message_limit
        self._buffer = bytearray()
        self._skip = 0
        self._bytes = 0
        self._fragments = 0

    def feed(self, data: bytes | bytearray) -> None:
        """Take what has come."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += data[skipped:]

    def next_frame(self) -> Frame | None:
        """The next frame, or None if it is not all there yet. Raises ``MessageTooLong``; go on with the next one then.

        Of a control frame that is longer than any may be, only the header is given: no library will want the rest.
        """
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode = buffer[0] & 0x0F
        length = buffer[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        size = 2 + extended + (4 if buffer[1] & 0x80 else 0)
        if len(buffer) < size:
            return None
        if extended:
            length = int.from_bytes(buffer[2 : 2 + extended])
        if opcode >= _CLOSE:
            if length <= _CONTROL_LIMIT:
                return self._take(opcode, size + length)
            header = bytes(buffer[:size])
            self._drop(size, length)
            return Frame(opcode, header)
        if not self._fits(opcode, length):
            self._drop(size, length)
            raise MessageTooLong(f"a message may have {self._limit} bytes in {FRAGMENTS} fragments")
        frame = self._take(opcode, size + length)
        if frame is not None:
            self._count(opcode, length)
        return frame

    def _fits(self, opcode: int, length: int) -> bool:
        if opcode != _CONTINUATION:
            return length <= self._limit
        return self._bytes + length <= self._limit and self._fragments < FRAGMENTS

    def _count(self, opcode: int, length: int) -> None:
        if opcode != _CONTINUATION:
            self._bytes = self._fragments = 0
        self._bytes += length
        self._fragments += 1

    def _drop(self, size: int, length: int) -> None:
        """Drop the frame that is next, as far as it is there now, and the rest when it comes."""
        there = min(length, len(self._buffer) - size)
        del self._buffer[: size + there]
        self._skip = length - there

    def _take(self, opcode: int, size: int) -> Frame | None:
        if len(self._buffer) < size:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Frame(opcode, data)


class GuardedStream(trio.abc.Stream):
    """A stream for ``trio_websocket.wrap_server_stream``: the handshake's ``head`` first, then the client's frames.

    ``rest`` is what came behind the head by now. One task receives, any may send.
    """

    def __init__(self, inner: trio.abc.Stream, head: bytes, rest: bytes, message_limit: int, pace: Bucket) -> None:
        """``pace`` has tokens for the bytes that may come, of which each frame takes ``FRAME_COST`` more."""
        self._inner = inner
        self._pace = pace
        self._head = head
        self._cutter = FrameCutter(message_limit)
        self._cutter.feed(rest)
        self._lock = trio.Lock()
        self._attached = trio.Event()
        self._has_closed = False
        self._is_over = False
        self._receiving = trio.CancelScope()
        self._connection: WebSocketConnection | None = None

    def attach(self, connection: WebSocketConnection) -> None:
        """The connection over this stream, once the handshake is answered: it knows why it fails. Frames are handed on from now."""
        self._connection = connection
        self._attached.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - frames stay whole
        """The head, then one frame at a time, whatever ``max_bytes`` is. Nothing at the end, also after a message too long."""
        await trio.lowlevel.checkpoint()
        if self._head:
            head, self._head = self._head, b""
            return head
        # A client may send before it has an answer. The library takes no frames before it has given one.
        await self._attached.wait()
        if self._is_over:
            return b""
        frame = None
        try:
            with self._receiving:
                frame = await self._next_frame()
        except MessageTooLong as exc:
            await self._fail(1009, str(exc))
        else:
            self._is_over = self._receiving.cancelled_caught
            self._receiving = trio.CancelScope(deadline=self._receiving.deadline)
        if frame is not None:
            wait = self._pace.reserve(FRAME_COST + len(frame.data))
            if wait:
                await trio.sleep(wait)
        return frame.data if frame else b""

    async def _next_frame(self) -> Frame | None:
        while True:
            try:
                frame = self._cutter.next_frame()
            except MessageTooLong:
                if not self._is_closing():
                    raise
                continue
            if frame is None:
                data = await self._inner.receive_some(READ_SIZE)
                if not data:
                    return None
                self._cutter.feed(data)
            elif frame.opcode == _CLOSE or not self._is_closing():
                return frame

    def _is_closing(self) -> bool:
        # The library counts as closing from before it waits for its turn to send the close frame.
        return self._has_closed or (self._connection is not None and self._connection.closed is not None)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send the answer to the handshake, or one frame.

        Behind a close frame raises ``trio.BrokenResourceError``; the library's own answers to what came before it are dropped.
        """
        async with self._lock:
            if self._has_closed:
                if data[0] in (_CLOSE_START, _PONG_START):
                    return
                raise trio.BrokenResourceError("the websocket is closed")
            if data[0] == _CLOSE_START:
                await self._send_close(data)
            else:
                await self._inner.send_all(data)

    async def say_close(self, code: int, reason: str = "") -> None:
        """Send a close frame, unless one was sent. Raises what the stream raises."""
        async with self._lock:
            if not self._has_closed:
                await self._send_close(Connection(ConnectionType.SERVER).send(CloseConnection(code=code, reason=reason)))

    async def _send_close(self, frame: bytes | bytearray | memoryview) -> None:
        self._has_closed = True
        with trio.move_on_after(CLOSE_TIMEOUT) as patience:
            await self._inner.send_all(frame)
        if patience.cancelled_caught:
            raise trio.BrokenResourceError("the client does not take its close frame")
        self._receiving.deadline = trio.current_time() + CLOSE_TIMEOUT

    async def _fail(self, code: int, reason: str) -> None:
        """Send a close frame and wait a while for the peer's, so that it reads ours before the connection goes."""
        self._is_over = True
        with trio.move_on_after(LINGER):
            try:
                await self.say_close(code, reason)
                await self._next_frame()  # only a close frame or the end comes through now
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the inner stream."""
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the inner stream; with a close frame before if the library gives up on the peer and has sent none."""
        reason = self._connection.closed if self._connection else None
        try:
            if reason is not None and reason.code in _FAILED and not self._has_closed:
                await self._fail(reason.code, reason.reason or "")
        finally:
            await self._inner.aclose()

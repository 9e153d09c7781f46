"""What one client is still to be sent: a bounded buffer in front of a stream.

Putting something in never waits. Bytes go straight to the socket as long as it takes them, all of one scheduler turn in one send;
only when it does not does a task wait for it. A client that reads too slowly for too long is given up, with a notice.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable

import trio

LAST_WAIT = 5.0
"""Seconds that a client which was given up has to take what is on its way and the notice."""

SendNow = Callable[[bytes], int]
"""Sends what can be sent without waiting; returns the number of bytes. Raises ``BlockingIOError`` or another ``OSError``."""

Unacknowledged = Callable[[], int | None]
"""How many of the bytes that the operating system has taken have not been confirmed by the other side; None if it cannot tell.

What was read just before a connection was reset may never have been confirmed: it counts as not arrived, since a line read twice
harms less than one that is lost.
"""

# A client that wants compression costs 64 KiB so, a quarter of what it would by default; text compresses nearly as well.
_WINDOW_BITS = 13
_MEMORY_LEVEL = 6

REMEMBERED_MARKS = 4_096
"""Marks on their way that are remembered. Of more the oldest are forgotten, and count as not arrived."""

NOTICE = b"\r\n*** You were sent more than you read. Disconnected; connect again to see what you missed. ***\r\n"


class Flusher:
    """Sends what all outboxes were given during one scheduler turn, in the next. One for each server."""

    def __init__(self) -> None:
        self._waiting: list[Outbox] = []
        self._wake = trio.Event()
        # A task of its own, not ``run_sync_soon``: that would wake the event loop through a socket, for each line that is said.
        trio.lowlevel.spawn_system_task(self._run, name="flush outboxes")

    def add(self, outbox: Outbox) -> None:
        """``outbox`` has something to send."""
        if not self._waiting:
            self._wake.set()
        self._waiting.append(outbox)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            outbox.flush()


class Outbox:
    """The buffer of one client. ``limit`` is in bytes."""

    def __init__(
        self,
        stream: trio.abc.SendStream,
        flusher: Flusher,
        limit: int,
        send_now: SendNow | None = None,
        unacknowledged: Unacknowledged | None = None,
    ) -> None:
        """Without ``unacknowledged`` bytes have arrived when the operating system has taken them."""
        self._stream = stream
        self._flusher = flusher
        self._limit = limit
        self._send_now = send_now
        self._unacknowledged = unacknowledged
        self._compressor: zlib._Compress | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._mark = 0
        self._blocked = b""
        self._taken = 0  # bytes that have gone to the stream, or wait in _blocked
        self._marks: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_MARKS)  # (how many bytes were taken with it, mark)
        self._noted = 0
        self._arrived_mark = 0
        self._wake = trio.Event()
        self._closing = False
        self._broken = False
        self._dropped = False
        self._gone = False
        self._registered = False
        self._patience = trio.CancelScope()
        self.last_sent = trio.current_time()
        """When something went to the client, on Trio's clock."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was put in has arrived."""
        return not (self._chunks or self._blocked or self._broken or self._dropped) and self._arrived() == self._taken

    @property
    def waiting(self) -> int:
        """Bytes that the operating system has not taken yet."""
        return self._size + len(self._blocked)

    @property
    def was_given_up(self) -> bool:
        """Whether the client read too slowly for too long."""
        return self._patience.deadline < float("inf")

    @property
    def arrived_mark(self) -> int:
        """The highest ``mark`` of which all bytes have arrived, as far as the operating system can tell."""
        arrived = self._arrived()
        while self._marks and self._marks[0][0] <= arrived:
            self._arrived_mark = self._marks.popleft()[1]
        return self._arrived_mark

    def _arrived(self) -> int:
        """How many of the bytes taken have arrived."""
        left = 0 if self._unacknowledged is None else self._unacknowledged()
        return 0 if left is None else self._taken - len(self._blocked) - left

    def put(self, data: bytes, mark: int = 0) -> None:
        """Send ``data`` soon. Dropped if the outbox is closing. ``mark`` is a sequence number to remember as arrived."""
        if self._closing:
            self._drop(mark)
            return
        # The hottest lines of the server: once for each listener of each event.
        size = self._size + len(data)
        if size + len(self._blocked) > self._limit:
            self._give_up()
            return
        self._chunks.append(data)
        self._size = size
        if mark > self._mark:  # noqa: PLR1730 - calling max() costs as much as the rest of this method
            self._mark = mark
        if not self._registered:
            self._register()

    def compress(self, start: bytes) -> None:
        """Send ``start`` as it is, and compress all that comes after it."""
        if self._compressor is None:
            self.put(start)
            self._take()
            self._compressor = zlib.compressobj(wbits=_WINDOW_BITS, memLevel=_MEMORY_LEVEL)
            self._wake.set()

    def stop_compressing(self) -> None:
        """All that comes after what is there is sent as it is again."""
        if self._compressor is not None:
            self._take(zlib.Z_FINISH)
            self._compressor = None
            self._wake.set()

    def close(self) -> None:
        """Send what is there, and then end ``run``."""
        self._closing = True
        self._wake.set()
        self._register()

    def flush(self) -> None:
        """Send what can be sent without waiting."""
        self._registered = False
        if self._gone or self._blocked or not self._chunks:
            return
        self._take()
        if self._send_now is not None:
            try:
                self._blocked = self._blocked[self._send_now(self._blocked) :]
            except BlockingIOError:
                pass
            except OSError:
                # The peer is gone, which the reader of the connection finds out too. Nothing is left to send to it.
                self._gone = self._broken = self._closing = True
        if self._blocked:
            self._wake.set()
        else:
            self.last_sent = trio.current_time()

    def _take(self, flush: int = zlib.Z_SYNC_FLUSH) -> None:
        """Make of all chunks the bytes that go to the stream."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._compressor is not None:
            data = self._compressor.compress(data) + self._compressor.flush(flush)
        self._blocked += data
        self._taken += len(data)
        self._note()

    def _note(self) -> None:
        """The mark of what has been put in belongs to the bytes that have been taken by now."""
        if self._mark > self._noted:
            self._noted = self._mark
            self._marks.append((self._taken, self._mark))

    async def run(self) -> None:
        """Wait for the stream when it is slow; return when closed and all is sent, or given up. Raises as ``send_all`` does."""
        with self._patience:
            await self._send_all()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._blocked and not self._gone:
                data = self._blocked
                await self._stream.send_all(data)
                self.last_sent = trio.current_time()
                # Compression may have begun or ended meanwhile, and have added to it.
                self._blocked = self._blocked[len(data) :]
                self.flush()
            if self._closing and self._flushed():
                return

    def _flushed(self) -> bool:
        """Send what can be sent; whether nothing is left. If something is, ``run`` has been woken for it."""
        self.flush()
        return self._gone or not self._blocked

    def _drop(self, mark: int) -> None:
        """Something came too late. The first event that is dropped is where what was sent ends."""
        if not mark or self._dropped or self._broken:
            return
        self._dropped = True
        self._mark = max(self._mark, mark - 1)
        if not self._chunks:
            self._note()

    def _give_up(self) -> None:
        """What waits is thrown away and so does not count as sent; what is on its way may still arrive, and then the notice."""
        self._chunks = [NOTICE]
        self._size = len(NOTICE)
        self._mark = self._noted
        self._broken = True
        self._patience.deadline = trio.current_time() + LAST_WAIT
        self.close()

    def _register(self) -> None:
        if not self._registered:
            self._registered = True
            self._flusher.add(self)

"""What one client is still to be sent: a bounded buffer in front of a stream.

Putting something in never waits. Bytes go straight to the socket as long as it takes them, all of one scheduler turn in one send;
only when it does not does a task wait for it. A client that reads too slowly for too long is given up, with a notice.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

LAST_WAIT = 5.0
"""Seconds that a client which was given up has to take what is on its way and the notice."""

SendNow = Callable[[bytes], int]
"""Sends what can be sent without waiting; returns the number of bytes. Raises ``BlockingIOError`` or another ``OSError``."""

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

    def __init__(self, stream: trio.abc.SendStream, flusher: Flusher, limit: int, send_now: SendNow | None = None) -> None:
        self._stream = stream
        self._flusher = flusher
        self._limit = limit
        self._send_now = send_now
        self._chunks: list[bytes] = []
        self._size = 0
        self._mark = 0
        self._blocked = b""
        self._blocked_mark = 0
        self._wake = trio.Event()
        self._closing = False
        self._broken = False
        self._dropped = False
        self._registered = False
        self._patience = trio.CancelScope()
        self.sent_mark = 0
        """The highest ``mark`` of which the operating system has taken all bytes."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was put in has been sent."""
        return not (self._chunks or self._blocked or self._broken or self._dropped)

    def put(self, data: bytes, mark: int = 0) -> None:
        """Send ``data`` soon. Dropped if the outbox is closing. ``mark`` is a sequence number to remember as sent."""
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

    def close(self) -> None:
        """Send what is there, and then end ``run``."""
        self._closing = True
        self._wake.set()
        self._register()

    def flush(self) -> None:
        """Send what can be sent without waiting."""
        self._registered = False
        if self._blocked or not self._chunks:
            return
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        sent = 0
        if self._send_now is not None:
            try:
                sent = self._send_now(data)
            except BlockingIOError:
                pass
            except OSError:
                # The peer is gone, which the reader of the connection finds out too. Nothing is left to send to it.
                self._broken = True
                self._closing = True
                self._wake.set()
                return
        if sent == len(data):
            self.sent_mark = self._mark
        else:
            self._blocked = data[sent:]
            self._blocked_mark = self._mark
            self._wake.set()

    async def run(self) -> None:
        """Wait for the stream when it is slow; return when closed and all is sent, or given up. Raises as ``send_all`` does."""
        with self._patience:
            await self._send_all()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._blocked:
                await self._stream.send_all(self._blocked)
                self.sent_mark = self._blocked_mark
                self._blocked = b""
                self.flush()
            if self._closing and self._flushed():
                return

    def _flushed(self) -> bool:
        """Send what can be sent; whether nothing is left. If something is, ``run`` has been woken for it."""
        self.flush()
        return not self._blocked

    def _drop(self, mark: int) -> None:
        """Something came too late. The first event that is dropped is where what was sent ends."""
        if not mark or self._dropped or self._broken:
            return
        self._dropped = True
        self._mark = max(self._mark, mark - 1)
        if not (self._chunks or self._blocked):
            self.sent_mark = self._mark

    def _give_up(self) -> None:
        """What waits is thrown away and so does not count as sent; what is on its way may still arrive, and then the notice."""
        self._chunks = [NOTICE]
        self._mark = self._blocked_mark if self._blocked else self.sent_mark
        self._broken = True
        self._patience.deadline = trio.current_time() + LAST_WAIT
        self.close()

    def _register(self) -> None:
        if not self._registered:
            self._registered = True
            self._flusher.add(self)

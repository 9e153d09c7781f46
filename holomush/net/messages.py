"""What one websocket is still to be sent: a bounded queue of messages in front of it.

Putting something in never waits. A client that reads too slowly for too long is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import trio

from holomush.net.outbox import LAST_WAIT

Message = str | bytes

MESSAGES = 4_096
"""Messages that may wait at most, however short: each takes a hundred bytes besides what is in it."""


class MessageOutbox:
    """The queue of one client. ``limit`` is in characters and bytes. ``last_words`` are sent to one that is given up."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], limit: int, last_words: Sequence[Message]) -> None:
        self._send = send
        self._limit = limit
        self._last_words = last_words
        self._queue: deque[tuple[Message, int]] = deque()
        self._wake = trio.Event()
        self._closing = False
        self._patience = trio.CancelScope()
        self._sending = 0  # of the message on its way, or the one with which the connection broke
        self._dropped = 0  # the mark of the first event that came too late
        self._arrived_mark = 0
        self.waiting = 0
        """Characters and bytes that are still to be sent."""
        self.last_sent = trio.current_time()

    @property
    def caught_up(self) -> bool:
        """Whether everything that was put in has been taken."""
        return not (self._queue or self._sending or self._dropped or self.was_given_up)

    @property
    def arrived_mark(self) -> int:
        """The highest ``mark`` of which everything has been taken."""
        all_sent = self._dropped and not (self._queue or self._sending)
        return max(self._arrived_mark, self._dropped - 1) if all_sent else self._arrived_mark

    @property
    def was_given_up(self) -> bool:
        """Whether the client read too slowly for too long."""
        return self._patience.deadline < float("inf")

    def put(self, message: Message, mark: int = 0) -> None:
        """Send a message soon. Dropped if the outbox is closing. ``mark`` is a sequence number to remember as arrived."""
        if self._closing:
            # The first event that is dropped is where what was sent ends; not if more was thrown away before.
            if mark and not (self._dropped or self.was_given_up):
                self._dropped = mark
            return
        if self.waiting + len(message) > self._limit or len(self._queue) >= MESSAGES:
            self._give_up()
            return
        self._queue.append((message, mark))
        self.waiting += len(message)
        self._wake.set()

    def close(self) -> None:
        """Send what is there, and then end ``run``."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Send until closed, or given up. Raises as ``send`` does."""
        with self._patience:
            while not (self._closing and not self._queue):
                await self._wake.wait()
                self._wake = trio.Event()
                while self._queue:
                    await self._send_next()

    async def _send_next(self) -> None:
        message, mark = self._queue.popleft()
        self._sending = max(1, len(message))
        await self._send(message)
        self._sending = 0
        self.waiting -= len(message)
        self.last_sent = trio.current_time()
        self._arrived_mark = max(self._arrived_mark, mark)

    def _give_up(self) -> None:
        """What waits is thrown away and so does not count as sent; what is on its way may still arrive, and then the last words."""
        self.waiting -= sum(len(message) for message, _ in self._queue)
        self._queue = deque((message, 0) for message in self._last_words)
        self.waiting += sum(map(len, self._last_words))
        self._patience.deadline = trio.current_time() + LAST_WAIT
        self.close()

"""How fast the server listens: so many bytes of each connection, and to strangers one at a time.

A stranger is whoever does not play yet. Reading what they send costs time that all share, and there may be hundreds at once: in
each turn of the event loop one of them is let through, so that those who play wait for one at most.
"""

from __future__ import annotations

import trio

from holomush.config import Rate
from holomush.rates import Bucket


class Turnstile:
    """Of one server. ``rate`` is in bytes of one connection."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._lock = trio.Lock()

    def bucket(self) -> Bucket:
        """What one connection may send, in bytes."""
        return Bucket(self._rate, trio.current_time)

    async def pass_stranger(self) -> None:
        """Wait for a turn of the event loop of one's own, in the order of asking."""
        async with self._lock:
            # Held until the event loop has gone round once: the next one passes in the next turn at the earliest.
            await trio.lowlevel.checkpoint()

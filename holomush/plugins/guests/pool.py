"""The instances of one plugin.

One instance is enough for quick calls, which simply take turns. When all are busy for long, as when one is caught in a loop, a
further one is made, up to a limit: a call that hangs for its five seconds does not make everybody else wait for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from holomush.plugins.guests.guest import Guest

PATIENCE = 0.05
"""Seconds to wait for an instance before another is made. A call takes about 0.0002."""


class GuestPool:
    """At most ``limit`` instances, made by ``make`` when needed."""

    def __init__(self, make: Callable[[], Awaitable[Guest]], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._made = 0
        self._idle: list[Guest] = []
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def size(self) -> int:
        """Instances that exist, busy or not."""
        return self._made

    async def acquire(self) -> Guest:
        """An instance for the caller alone. Give it back with ``release`` or ``discard``."""
        patient = True
        while True:
            if self._idle:
                return self._idle.pop()
            if self._made == 0 or (not patient and self._made < self._limit):
                return await self._new()
            if self._made < self._limit:
                with trio.move_on_after(PATIENCE) as patience:
                    await self._waiting.park()
                patient = not patience.cancelled_caught
            else:
                await self._waiting.park()

    def release(self, guest: Guest) -> None:
        """The call went well: the instance can be used again."""
        self._idle.append(guest)
        self._waiting.unpark()

    def discard(self) -> None:
        """The call went wrong: its instance is not to be used again, and there is room for a new one."""
        self._made -= 1
        self._waiting.unpark()

    def clear(self) -> None:
        """Forget the idle instances."""
        self._made -= len(self._idle)
        self._idle.clear()

    async def _new(self) -> Guest:
        self._made += 1
        try:
            return await self._make()
        except BaseException:
            self.discard()
            raise

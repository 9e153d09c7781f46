"""Interrupts guests that run past their deadline.

A guest in WebAssembly knows no cancellation of Trio's, and a deadline must start when the guest does, not when its thread was
asked for. So one task looks at all running calls forty times a second, and sleeps for good while there are none. It cancels again
until the call has ended: an interrupt that comes before the guest has begun is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from holomush.plugins.calls import Call
from holomush.plugins.guests.guest import Guest

RESOLUTION = 0.025
"""Seconds between looks: how much later than its deadline a guest may be stopped."""


class Deadlines:
    """The running calls of one host."""

    def __init__(self) -> None:
        self._running: dict[Call, Guest] = {}
        self._woken = trio.Event()
        self._watch = trio.CancelScope(shield=True)

    @contextmanager
    def watching(self, call: Call, guest: Guest) -> Iterator[None]:
        """While inside, ``guest`` is interrupted when ``call`` is overdue or cancelled."""
        self._running[call] = guest
        self._woken.set()
        try:
            yield
        finally:
            # Before the guest can be thrown away: cancelling a freed one would be a use after free.
            del self._running[call]

    def cancel_all(self) -> None:
        """Interrupt every call that runs now: the server is stopping."""
        for call in self._running:
            call.cancelled = True
            if call.stop_waiting is not None:
                call.stop_waiting()

    def stop(self) -> None:
        """End ``run``: no calls are left."""
        self._watch.cancel()

    async def run(self) -> None:
        """Look after the calls until ``stop``."""
        # Deaf to cancellation: a task that is cancelled waits for its guest's thread, which nothing but this would end.
        with self._watch:
            while True:
                if not self._running:
                    self._woken = trio.Event()
                    await self._woken.wait()
                self._interrupt(time.monotonic())
                await trio.sleep(RESOLUTION)

    def _interrupt(self, now: float) -> None:
        for call, guest in self._running.items():
            deadline = call.deadline
            if call.cancelled or (deadline is not None and deadline <= now):
                call.overdue = True
                guest.cancel()

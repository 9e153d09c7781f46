"""The quick lane: guest calls on the Trio thread itself, for as long as nobody notices.

Nearly every call takes about a tenth of a millisecond, less than handing it to a worker thread and back. So each is first tried
here. A thread of its own looks on and interrupts a guest that takes more than ``QUICK``; what it did is forgotten, and it is run
anew by a worker thread, under its real deadline. The host sends plugins that were slow lately to the worker threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from holomush.plugins.calls import Call
from holomush.plugins.guests.guest import Guest

QUICK = 0.01
"""Seconds of processor time that a guest may hold up the Trio thread, give or take half of it. Not of the clock: on a small
machine shared with others a whole process may stand still for longer, which is no fault of the guest's."""
LONGER = 0.1
"""The same for a call that others keep getting in the way of: while it runs here nobody can."""
REST = 9
"""How many times as long as such a call took its plugin gets no other: calls that get in each other's way would take turns."""
_IDLE_LOOKS = 100
"""Looks without a running guest after which the onlooker sleeps until the next call."""


class QuickLane:
    """One guest at a time, on the thread that calls. Use ``open``."""

    def __init__(self) -> None:
        self._running: tuple[Guest, Call, float] | None = None
        """Who runs, and when its time is up by ``_clock``."""
        self._clock: Callable[[], float] = time.monotonic
        self._busy = threading.Event()
        self._closed = False
        self._onlooker = threading.Thread(target=self._look_on, name="quick lane", daemon=True)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Calls can be made while inside, on the thread that enters."""
        if hasattr(time, "pthread_getcpuclockid"):
            self._clock = partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
        self._onlooker.start()
        try:
            yield
        finally:
            self._closed = True
            self._busy.set()
            self._onlooker.join()

    def call(self, guest: Guest, function: str, data: bytes, call: Call, patience: float = QUICK) -> bytes:
        """As ``Guest.call``. Raises ``GuestError`` with ``call.too_slow`` set for one that needs more time than ``patience``."""
        call.is_quick = True
        self._running = (guest, call, self._clock() + patience)
        if not self._busy.is_set():
            self._busy.set()
        try:
            return guest.call(function, data, call)
        finally:
            self._running = None
            if not call.too_slow:
                call.write_kept_log()

    def _look_on(self) -> None:
        idle = 0
        while not self._closed:
            self._busy.wait()
            time.sleep(QUICK / 2)
            # A reference of its own keeps the guest from being freed while it is interrupted.
            running = self._running
            if running is None:
                idle += 1
                if idle >= _IDLE_LOOKS:
                    self._busy.clear()
                    idle = 0
                continue
            idle = 0
            guest, call, ends = running
            if self._clock() > ends:
                call.too_slow = True
                guest.cancel()

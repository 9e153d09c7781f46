"""How often: a bucket of tokens for each thing that may be done so many times a second.

Only counts. What is refused, and in which words, is for the caller to say.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from holomush.config import Rate

_MARGIN = 1e-6
"""Seconds by which a wait is rounded, so that nobody is refused or made to wait over the last digit of a float."""


class Bucket:
    """Holds ``rate.burst`` tokens, all there at first, and gets ``rate.per_second`` back each second. Any thread may use it."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        # Tokens taken since the bucket was full last, as a whole number: what has come back is worked out anew each time from
        # when that was, so that no rounding adds up, however long it is in use.
        self._taken = 0
        self._full_at = clock()

    def take(self, n: int = 1) -> bool:
        """Whether there were ``n`` tokens; if so they are gone. Raises ``ValueError`` for fewer than 1."""
        _check(n)
        with self._lock:
            now = self._clock()
            if self._free(now) < n:
                return False
            self._count(n, now)
            return True

    def reserve(self, n: int = 1) -> float:
        """Take ``n`` tokens, those that are still to come if need be. Returns the seconds until they are all there, mostly 0.

        Whoever waits for so long before going on never does more than ``take`` would have let. Raises ``ValueError`` for fewer
        than 1.
        """
        _check(n)
        with self._lock:
            now = self._clock()
            self._count(n, now)
            missing = -self._free(now)
        wait = missing / self._rate.per_second
        return wait if wait > _MARGIN else 0.0

    def give_back(self, n: int = 1) -> None:
        """Put back ``n`` tokens that were taken for what did not happen. Raises ``ValueError`` for fewer than 1."""
        _check(n)
        with self._lock:
            self._taken = max(0, self._taken - n)

    def seconds_until(self, n: int = 1) -> float:
        """How long until ``n`` tokens are there if nobody else takes any: 0 if they are, infinite if they never fit."""
        _check(n)
        if n > self._rate.burst:
            return math.inf
        with self._lock:
            missing = n - self._free(self._clock())
        return missing / self._rate.per_second + _MARGIN if missing > 0 else 0.0

    def _free(self, now: float) -> float:
        """Below 0 if some are reserved that are still to come."""
        returned = max(0.0, now - self._full_at) * self._rate.per_second
        return self._rate.burst - max(0.0, self._taken - returned)

    def _count(self, n: int, now: float) -> None:
        if (now - self._full_at) * self._rate.per_second >= self._taken:
            self._full_at = max(now, self._full_at)
            self._taken = 0
        self._taken += n


def _check(n: int) -> None:
    if n < 1:
        raise ValueError(f"at least 1 can be taken, not {n}")

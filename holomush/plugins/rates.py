"""How often: a bucket of tokens for each thing that a plugin may do so many times a second.

Only counts. What is refused, and in which words, is for the caller to say.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from holomush.config import Rate

_MARGIN = 1e-6
"""Seconds by which a wait is rounded up, so that who has waited is not refused over the last digit of a float."""


class Bucket:
    """Holds ``rate.burst`` tokens, all there at first, and gets ``rate.per_second`` back each second. Any thread may use it."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        # As of the last take that was granted. A refusal changes nothing: small refills would be lost in rounding, and whoever
        # asks all the time would never get one.
        self._left = float(rate.burst)
        self._as_of = clock()

    def take(self, n: int = 1) -> bool:
        """Whether there were ``n`` tokens; if so they are gone. Raises ``ValueError`` for fewer than 1."""
        _check(n)
        with self._lock:
            now = self._clock()
            free = self._free(now)
            if free < n:
                return False
            self._left, self._as_of = free - n, now
            return True

    def give_back(self, n: int = 1) -> None:
        """Put back ``n`` tokens that were taken for what did not happen. Raises ``ValueError`` for fewer than 1."""
        _check(n)
        with self._lock:
            self._left += n

    def seconds_until(self, n: int = 1) -> float:
        """How long until ``n`` tokens are there if nobody else takes any: 0 if they are, infinite if they never fit."""
        _check(n)
        if n > self._rate.burst:
            return math.inf
        with self._lock:
            missing = n - self._free(self._clock())
        return missing / self._rate.per_second + _MARGIN if missing > 0 else 0.0

    def _free(self, now: float) -> float:
        return min(self._rate.burst, self._left + max(0.0, now - self._as_of) * self._rate.per_second)


def _check(n: int) -> None:
    if n < 1:
        raise ValueError(f"at least 1 can be taken, not {n}")

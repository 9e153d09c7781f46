"""Figures that are counted while the game goes on, as cheaply as can be, and read when somebody asks.

An instrument of OpenTelemetry takes more than ten microseconds to record one value, longer than much of what is to be measured.
These take a fraction of one, and ``metrics`` turns them into OpenTelemetry's values when they are read.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

import attrs

SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Bounds for how long something took."""
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Bounds for how many there were at once."""

_PENDING = 1_000
"""Values that are put aside at most. Sorting so many in takes a fifth of a millisecond."""


@attrs.frozen
class Reading:
    """A histogram at one moment: ``counts`` has one more than ``bounds``, for what is above them all."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    """All values together."""

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


class Histogram:
    """How many values there were up to each of some bounds. Any thread may record and read.

    Values are only put aside, and sorted into their places many at a time: each by itself would take three times as long.
    """

    __slots__ = ("_bounds", "_counts", "_lock", "_pending", "_total", "started")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        """Raises ``ValueError`` for bounds that do not rise."""
        if any(lower >= upper for lower, upper in pairwise(bounds)):
            raise ValueError(f"bounds must rise: {tuple(bounds)}")
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0
        self._lock = threading.Lock()
        # Never another one: a thread may be about to append to it.
        self._pending: deque[float] = deque()
        self.started = time.time_ns()
        """Since when it counts, in nanoseconds since 1970."""

    def record(self, value: float) -> None:
        """Count one value."""
        pending = self._pending
        pending.append(value)
        if len(pending) >= _PENDING:
            with self._lock:
                self._sort_in()

    def read(self) -> Reading:
        """What has been counted so far."""
        with self._lock:
            self._sort_in()
            return Reading(self._bounds, tuple(self._counts), self._total)

    def _sort_in(self) -> None:
        """Only with the lock: then nobody else takes out what is counted here."""
        take = self._pending.popleft
        values = sorted([take() for _ in range(len(self._pending))])
        below = 0
        for index, bound in enumerate(self._bounds):
            # A bound belongs to what is below it, as OpenMetrics has it.
            up_to = bisect_right(values, bound, below)
            self._counts[index] += up_to - below
            below = up_to
        self._counts[-1] += len(values) - below
        self._total += sum(values)


class Commits:
    """Group commits of a store. Any thread may count and read."""

    def __init__(self) -> None:
        self.durations = Histogram(SECONDS)
        """From the submission of the first unit to the disk, in seconds."""
        self.units = Histogram(SIZES)
        """How many units were made durable at once."""

    def note(self, units: int, seconds: float) -> None:
        """One is done: for ``Store.on_commit``."""
        self.durations.record(seconds)
        self.units.record(units)


class Counts:
    """A number for each of a few names that are known from the start: nothing that somebody types becomes one.

    Any thread may count and read.
    """

    def __init__(self, *names: str) -> None:
        self._numbers = dict.fromkeys(names, 0)
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Count ``number`` more of ``name``; fewer if it is below 0. Raises ``KeyError`` for a name that is not known."""
        with self._lock:
            self._numbers[name] += number

    def read(self) -> Mapping[str, int]:
        """The numbers so far, by name."""
        with self._lock:
            return dict(self._numbers)


class Visits:
    """How many of each kind are here, and how many have come since the start. Any thread may count and read."""

    def __init__(self, *kinds: str) -> None:
        self.here = Counts(*kinds)
        self.so_far = Counts(*kinds)

    @contextmanager
    def of(self, kind: str) -> Iterator[None]:
        """One is here while inside. Raises ``KeyError`` for a kind that is not known."""
        self.so_far.add(kind)
        self.here.add(kind)
        try:
            yield
        finally:
            self.here.add(kind, -1)

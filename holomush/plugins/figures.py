"""Figures about one plugin's calls: how many, how many failed, and how long the last ones took."""

from __future__ import annotations

from collections import deque

import attrs

from holomush.telemetry.recording import Histogram

KEPT = 1_000
"""Calls whose time is kept."""


@attrs.define(eq=False)
class Figures:
    """Counted on the Trio thread; reading is safe from any."""

    calls: int = 0
    failures: int = 0
    durations: Histogram = attrs.Factory(Histogram)
    """How long the calls took, in seconds."""
    _seconds: deque[float] = attrs.Factory(lambda: deque(maxlen=KEPT))

    def note(self, seconds: float, *, failed: bool) -> None:
        """A call has ended."""
        self.calls += 1
        self.failures += failed
        self.durations.record(seconds)
        self._seconds.append(seconds)

    def milliseconds(self, share: float) -> float:
        """What the given share of the last calls stayed below: 0.5 for the median. 0 if there was none."""
        times = sorted(self._seconds.copy())
        return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 3) if times else 0.0

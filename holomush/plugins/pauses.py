"""When a plugin that fails again and again is switched off for a while, and for how long. Values and clock readings only."""

from __future__ import annotations

import math

from holomush.config import PausesConfig


class Health:
    """How one plugin has done lately. Times are in seconds of any one clock."""

    def __init__(self, config: PausesConfig) -> None:
        self._config = config
        self._in_a_row = 0
        self._next_pause = config.shortest
        self._until = -math.inf

    def pause_left(self, now: float) -> float:
        """Seconds until the plugin may be called again; 0 if it may now."""
        return max(0.0, self._until - now)

    def went_well(self) -> None:
        """A call came to its end: all is forgiven."""
        self._in_a_row = 0
        self._next_pause = self._config.shortest

    def failed(self, now: float) -> float | None:
        """A call had to be stopped. If that begins a pause, its length; each is twice as long as the one before."""
        self._in_a_row += 1
        # Calls that were under way when the pause began do not lengthen it.
        if self._in_a_row < self._config.failures or self._until > now:
            return None
        pause, self._next_pause = self._next_pause, min(self._next_pause * 2, self._config.longest)
        self._until = now + pause
        return pause


def in_words(seconds: float) -> str:
    """A length of time for people: ``1 second``, ``10 seconds``."""
    return f"{seconds:g} second" if seconds == 1 else f"{seconds:g} seconds"

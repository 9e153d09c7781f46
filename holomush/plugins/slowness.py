"""Which functions of a plugin are too slow for the quick lane, so that they are not tried there each time anew."""

from __future__ import annotations

import attrs

from holomush.plugins.guests.quick import QUICK

PATIENT_CALLS = 50
"""After a call that was too slow for the quick lane, so many that would not have been go to worker threads all the same."""


@attrs.define(eq=False)
class Slowness:
    """What is known of one plugin's functions. Used on the Trio thread alone."""

    always: bool = False
    """Whether all calls go to worker threads."""
    left: dict[str, int] = attrs.Factory(dict)
    """Quick enough calls still to be made by worker threads, by function."""

    def is_slow(self, function: str) -> bool:
        """Whether a call of the function is to be made by a worker thread at once."""
        return self.always or function in self.left

    def was_too_slow(self, function: str) -> None:
        """It was tried in the quick lane and took too long."""
        self.left[function] = PATIENT_CALLS

    def took(self, function: str, seconds: float) -> None:
        """A worker thread has made a call, which took so much processor time. What stays slow is not tried again."""
        if function not in self.left or seconds > QUICK:
            return
        self.left[function] -= 1
        if not self.left[function]:
            del self.left[function]

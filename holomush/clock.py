"""The time of day, in the one unit that rows, events and plugins have it in."""

import time


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000

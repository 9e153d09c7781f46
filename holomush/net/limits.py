"""Who may connect: how many connections there may be, of one address and in all, and how fast an address may make new ones.

Only counts and refuses; what a connection is, and where its address comes from, is the caller's. How fast a connection may type
is for a ``Bucket`` of its own (``holomush.rates``), which says how long to wait before a line is done.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import TracebackType

import attrs

from holomush.config import Rate
from holomush.errors import HolomushError
from holomush.rates import Bucket

REASONS = ("full", "address", "rate")
"""Why somebody is refused: the server is full, the address has enough connections, or makes new ones too fast."""

_ABOVE_ZERO = attrs.validators.ge(1)


class Refused(HolomushError):
    """A connection is not let in. ``reason`` is one of ``REASONS``; ``str()`` is one line for whoever connects."""

    def __init__(self, reason: str, line: str) -> None:
        self.reason = reason
        super().__init__(line)


@attrs.frozen(kw_only=True)
class DoorLimits:
    """How many connections there may be."""

    total: int = attrs.field(validator=_ABOVE_ZERO)
    """At once, of everybody."""
    per_address: int = attrs.field(validator=_ABOVE_ZERO)
    """At once, of one address."""
    arrivals: Rate
    """New ones of one address."""
    remembered: int = attrs.field(default=10_000, validator=_ABOVE_ZERO)
    """Addresses whose arrivals are remembered, to bound the memory. Past it, the one that came longest ago begins afresh."""


class Place:
    """A connection's place. ``release`` it when the connection ends, or use it in a ``with``."""

    __slots__ = ("_release",)

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Make room for another connection. Only the first time counts."""
        if self._release is not None:
            self._release()
            self._release = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.release()


class AddressLimits:
    """The door of a server. Not locked: use it from one thread; ``refused`` and ``connected`` may be read from any."""

    def __init__(self, limits: DoorLimits, *, key: Callable[[str], str], clock: Callable[[], float]) -> None:
        """``key`` makes of an address what it is counted by: the /64 for IPv6. ``clock`` gives seconds."""
        self._limits = limits
        self._key = key
        self._clock = clock
        self._here: dict[str, int] = {}
        # In the order of the last arrival, so that the first is the one to forget.
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._refused = dict.fromkeys(REASONS, 0)
        self.connected = 0
        """How many are in."""

    @property
    def refused(self) -> Mapping[str, int]:
        """How many were refused since the start, for each of ``REASONS``."""
        return dict(self._refused)

    @property
    def remembered(self) -> int:
        """The number of addresses that something is kept about."""
        return len(self._here.keys() | self._buckets.keys())

    def admit(self, address: str) -> Place:
        """Let one connection in. Raises ``Refused``, and then nothing is counted but the refusal."""
        key = self._key(address)
        if self.connected >= self._limits.total:
            raise self._refuse("full", "The server is full right now. Please try again later.")
        here = self._here.get(key, 0)
        if here >= self._limits.per_address:
            raise self._refuse("address", f"{_there_are(here)} from your address already. Close one and try again.")
        bucket = self._bucket(key)
        if not bucket.take():
            seconds = max(1, math.ceil(bucket.seconds_until()))
            wait = f"{seconds} second{'' if seconds == 1 else 's'}"
            raise self._refuse("rate", f"Your address connects too often. Try again in {wait}.")
        self._here[key] = here + 1
        self.connected += 1
        return Place(lambda: self._leave(key))

    def _leave(self, key: str) -> None:
        self.connected -= 1
        self._here[key] -= 1
        if not self._here[key]:
            del self._here[key]

    def _bucket(self, key: str) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._limits.arrivals, self._clock)
            if len(self._buckets) > self._limits.remembered:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket

    def _refuse(self, reason: str, line: str) -> Refused:
        self._refused[reason] += 1
        return Refused(reason, line)


def _there_are(connections: int) -> str:
    return "There is 1 connection" if connections == 1 else f"There are {connections} connections"

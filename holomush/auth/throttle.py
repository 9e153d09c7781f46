"""Guessing made slow: how long an address or a name must wait after failed attempts.

Keeps its counts in memory and forgets them at a restart. It only refuses; what an attempt is, and what its keys are, is
the caller's to say.
"""

import ipaddress
import math
from collections import deque
from collections.abc import Callable

import trio
from attrs import define, field, frozen, validators

from holomush.errors import HolomushError


class Throttled(HolomushError):
    """Too many failed attempts. ``seconds`` is how long to wait; ``str()`` is one line for the player."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        whole = max(1, math.ceil(seconds))
        super().__init__(f"Too many failed attempts. Try again in {whole} second{'' if whole == 1 else 's'}.")


@frozen(kw_only=True)
class ThrottleLimits:
    """When waiting begins and how it grows. All times in seconds."""

    free: int = field(default=5, validator=validators.ge(1))
    """Failures that cost nothing, within ``window``; the last of them begins the first wait."""

    window: float = field(default=600, validator=validators.gt(0))
    """After so long without a failure all is forgotten."""

    first_wait: float = field(default=10, validator=validators.gt(0))
    """Doubled by every further failure…"""

    longest_wait: float = field(default=300, validator=validators.gt(0))
    """…up to this."""

    keys: int = field(default=10_000, validator=validators.ge(1))
    """Keys remembered, to bound the memory. Past it, the one that failed longest ago is forgotten."""


@define
class _Failures:
    """What is known of one key."""

    times: deque[float]
    """The last ``free`` failures inside the window, oldest first."""

    waits: int = 0
    """Waits already imposed."""

    blocked_until: float = -math.inf
    forget_at: float = -math.inf


class Throttle:
    """Counts failed attempts by key. Not locked: use it from the Trio thread only.

    An attempt has several keys, such as its address and the name it tried; the strictest decides. Failing at somebody's
    name makes its owner wait as well, five minutes at most: the price of counting by name at all.

    Call :meth:`check` before the slow verification, to spare the work, and again after it, before looking at its
    answer: a hundred connections that guess at once all pass the first, and only the second keeps the answers from
    them. Then call :meth:`failed` or :meth:`succeeded`, with no ``await`` between.
    """

    def __init__(self, limits: ThrottleLimits | None = None, *, clock: Callable[[], float] = trio.current_time) -> None:
        """``clock`` gives seconds and never goes back."""
        self._limits = limits or ThrottleLimits()
        self._clock = clock
        # In the order of the last failure, so that the first is the one to forget.
        self._by_key: dict[str, _Failures] = {}

    def __len__(self) -> int:
        """The number of keys remembered."""
        return len(self._by_key)

    def check(self, *keys: str) -> None:
        """Raise :class:`Throttled` with the longest wait among ``keys``, if any has to wait. Changes nothing."""
        now = self._clock()
        wait = max((self._by_key[key].blocked_until - now for key in keys if key in self._by_key), default=0.0)
        if wait > 0:
            raise Throttled(wait)

    def failed(self, *keys: str) -> None:
        """Count one failed attempt against each of ``keys``."""
        now = self._clock()
        for key in dict.fromkeys(keys):
            # Taken out and put back: that makes it the youngest.
            failures = self._by_key.pop(key, None)
            if failures is None or now >= failures.forget_at:
                failures = _Failures(deque(maxlen=self._limits.free))
            self._count(failures, now)
            self._by_key[key] = failures
        while len(self._by_key) > self._limits.keys:
            del self._by_key[next(iter(self._by_key))]

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of ``keys``.

        Whoever owns one account can log in to it between guesses at others; to give him nothing by that, pass the name
        and not the address.
        """
        for key in keys:
            self._by_key.pop(key, None)

    def _count(self, failures: _Failures, now: float) -> None:
        limits = self._limits
        while failures.times and now - failures.times[0] >= limits.window:
            failures.times.popleft()
        failures.times.append(now)
        # Once it has had to wait, a key stays on the ladder until it is quiet for a whole window: else the long waits
        # themselves would push the failures out of the window, and buy five free ones again.
        if failures.waits or len(failures.times) >= limits.free:
            # The exponent is bounded before the product is, or a patient attacker would make it overflow.
            failures.blocked_until = now + min(limits.longest_wait, limits.first_wait * 2.0 ** min(failures.waits, 64))
            failures.waits += 1
        failures.forget_at = max(now + limits.window, failures.blocked_until)


def address_key(host: str) -> str:
    """The throttling key of a peer's address: the address itself, or for IPv6 its /64, which one customer has all of.

    What is no IP address (a Unix socket, a proxy's name) is its own key.
    """
    try:
        # A zone such as %eth0 is about our side of the link.
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"address:{host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address:{address.ipv4_mapped}"
        return f"address:{ipaddress.ip_network((int(address), 64), strict=False)}"
    return f"address:{address}"

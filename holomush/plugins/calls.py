"""One call into a plugin while it runs: what it may do, what it has done, and why it must fail if it must.

A ``Call`` travels as Extism's host context from the thread that makes the call to the host functions the guest calls. It never
outlives the call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import attrs

from holomush.errors import HolomushError
from holomush.events.event import EmittedEvent
from holomush.events.streams import StreamKind, parse_stream
from holomush.plugins.capabilities import CapabilitySet
from holomush.plugins.limits import Limits
from holomush.world.transaction import Transaction


class HostCallError(HolomushError):
    """What a host function answers instead of a value. ``code`` is one of the ABI's error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.define(eq=False, kw_only=True)
class Call:
    """The state of one call. Made on the Trio side, then used by the one thread that runs the guest until the call has ended."""

    plugin: str
    function: str
    capabilities: CapabilitySet
    limits: Limits
    transaction: Transaction
    is_connected: Callable[[str], bool]
    """Whether somebody plays the character with this id right now. Called from the guest's thread."""

    deadline: float | None = None
    """``time.monotonic()`` at which the call is interrupted; set when the guest starts, so waiting for a thread is free."""
    overdue: bool = False
    cancelled: bool = False
    too_slow: bool = False
    """Interrupted in the quick lane: to be run again by a worker thread."""
    doom: BaseException | None = None
    """An error of the host's own. The guest may run on, but gets no further answers and its result is thrown away."""
    host_calls: int = 0
    log_lines: int = 0
    keeps_log: bool = False
    """Whether log lines wait for the end of the call: one that may have to be run anew must not log twice."""
    kept_log: list[tuple[int, str]] = attrs.Factory(list)
    """The lines that wait, as (level, text)."""

    def start_clock(self) -> None:
        """The guest runs from now on."""
        self.deadline = time.monotonic() + self.limits.timeout

    def count_host_call(self) -> None:
        """Raises ``HostCallError`` once the call has made more host calls than it may."""
        self.host_calls += 1
        if self.host_calls > self.limits.host_calls:
            raise HostCallError("rate_limited", f"one call may make {self.limits.host_calls} host calls")

    def log(self, level: int, text: str) -> None:
        """Write a line to the plugin's log: now, or with ``keeps_log`` when the call has ended."""
        self.log_lines += 1
        most = self.limits.host_calls
        if self.log_lines > most + 1:
            return
        if self.log_lines == most + 1:
            level, text = logging.WARNING, f"the rest of what this call logs is left out: one call may log {most} lines"
        if self.keeps_log:
            self.kept_log.append((level, text))
        else:
            logging.getLogger(f"holomush.plugin.{self.plugin}").log(level, "%s", text)

    def write_kept_log(self) -> None:
        """The call has ended and is not run anew: write what it logged."""
        kept, self.kept_log, self.keeps_log, self.log_lines = self.kept_log, [], False, 0
        for level, text in kept:
            self.log(level, text)

    def require(self, capability: str) -> None:
        """Raises ``HostCallError`` unless the plugin holds ``capability``."""
        if not self.capabilities.allows(capability):
            raise HostCallError(
                "capability_denied", f"the plugin has no capability {capability}: add it to capabilities in plugin.yaml"
            )

    def emit(self, event: EmittedEvent) -> None:
        """Stage an event. Raises ``HostCallError`` if the stream is not the plugin's to use or the call has emitted enough."""
        self.require(f"emit:{event.stream}")
        stream = parse_stream(event.stream)
        if stream.kind in (StreamKind.LOCATION, StreamKind.CHARACTER):
            entity = self.transaction.get(stream.name)
            if entity is None or entity.kind.value != stream.kind.value:
                raise HostCallError("not_found", f"there is no {stream.kind} for the stream {event.stream}")
        if len(self.transaction.events) >= self.limits.events:
            raise HostCallError("too_large", f"one call may emit {self.limits.events} events")
        self.transaction.events.append(event)

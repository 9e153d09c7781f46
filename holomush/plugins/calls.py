"""One call into a plugin while it runs: what it may do, what it has done, and why it must fail if it must.

A ``Call`` travels as Extism's host context from the thread that makes the call to the host functions the guest calls. It never
outlives the call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from holomush.config import PluginsConfig
from holomush.events.event import EmittedEvent
from holomush.events.streams import StreamKind, parse_stream
from holomush.plugins.attempt import Attempt
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.views import Viewer
from holomush.plugins.limits import Limits
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.storage.storage import PluginStorage
from holomush.plugins.surroundings import Surroundings
from holomush.rates import Bucket


class CapabilityDeniedError(HostCallError):
    """The plugin may not do what ``capability`` is needed for."""

    def __init__(self, capability: str, message: str) -> None:
        super().__init__("capability_denied", message)
        self.capability = capability


class CallMustWaitError(BaseException):
    """The call wants something that must not be waited for where it runs. Dooms it, so that it is run again elsewhere."""


class LogLines:
    """The log of one plugin: so many lines a second, and then a note of how many were left out."""

    def __init__(self, plugin: str, bucket: Bucket) -> None:
        self._logger = logging.getLogger(f"holomush.plugin.{plugin}")
        self._bucket = bucket
        self._left_out = 0

    def write(self, level: int, text: str) -> None:
        """One line, unless there have been too many. From any thread."""
        if not self._bucket.take():
            self._left_out += 1
            return
        if self._left_out:
            self._logger.warning("%d lines are left out: it logs more than it may", self._left_out)
            self._left_out = 0
        self._logger.log(level, "%s", text)


@attrs.frozen(kw_only=True)
class Rates:
    """How often one plugin may do what others notice."""

    command_events: Bucket
    answer_events: Bucket
    creations: Bucket
    http: Bucket
    log: LogLines

    @classmethod
    def of(cls, plugin: str, config: PluginsConfig) -> Rates:
        """Full buckets."""
        return cls(
            command_events=Bucket(config.command_events),
            answer_events=Bucket(config.answer_events),
            creations=Bucket(config.creations),
            http=Bucket(config.http.rate),
            log=LogLines(plugin, Bucket(config.log_lines)),
        )


@attrs.define(eq=False, kw_only=True)
class Call:
    """The state of one call. Made on the Trio side, then used by the one thread that runs the guest until the call has ended."""

    plugin: str
    function: str
    asked: CapabilitySet
    """What the manifest asks for."""
    granted: CapabilitySet
    """What the operator lets the plugin do. It needs both."""
    limits: Limits
    rates: Rates
    attempt: Attempt
    storage: PluginStorage
    viewer: Viewer
    surroundings: Surroundings

    deadline: float | None = None
    """``time.monotonic()`` at which the call is interrupted; set when the guest starts, so waiting for a thread is free."""
    overdue: bool = False
    cancelled: bool = False
    too_slow: bool = False
    """Interrupted in the quick lane, or about to wait: to be run again by a worker thread."""
    is_quick: bool = False
    """Whether it runs in the quick lane, where it must not wait for anything."""
    is_loading: bool = False
    """Whether it makes an instance, and so must change nothing and ask nothing of the outside."""
    waiting_left: float = 0.0
    """Seconds that it may still wait for other servers, all requests together: the guest's clock stands still meanwhile."""
    stop_waiting: Callable[[], None] | None = None
    """Set while a host function waits for the network: ends that. From any thread."""
    doom: BaseException | None = None
    """An error of the host's own. The guest may run on, but gets no further answers and its result is thrown away."""
    host_calls: int = 0
    log_lines: int = 0
    kept_log: list[tuple[int, str]] = attrs.Factory(list)
    """Lines, as (level, text), that wait for the end of a quick call: one that may have to be run anew must not log twice."""

    def start_clock(self) -> None:
        """The guest runs from now on."""
        self.deadline = time.monotonic() + self.limits.timeout

    def must_stop(self) -> bool:
        """Whether what a host function does in between should end now. Asked from the guest's thread, set from others."""
        return self.too_slow or self.overdue or self.cancelled

    def must_be_patient(self) -> None:
        """What follows takes long. Raises ``CallMustWaitError`` in the quick lane: the call is run again in a worker thread."""
        if self.is_quick:
            self.too_slow = True
            raise CallMustWaitError

    @contextmanager
    def standing_clock(self) -> Iterator[None]:
        """The guest's own time does not pass while the host does something that takes long."""
        guest_left = None if self.deadline is None else self.deadline - time.monotonic()
        self.deadline = None
        try:
            yield
        finally:
            if guest_left is not None:
                self.deadline = time.monotonic() + guest_left

    def count_host_call(self) -> None:
        """Raises ``HostCallError`` once the call has made more host calls than it may."""
        self.host_calls += 1
        if self.host_calls > self.limits.host_calls:
            raise HostCallError("rate_limited", f"one call may make {self.limits.host_calls} host calls")

    def log(self, level: int, text: str) -> None:
        """Write a line to the plugin's log: now, or for a quick call when it has ended."""
        self.log_lines += 1
        most = self.limits.host_calls
        if self.log_lines > most + 1:
            return
        if self.log_lines == most + 1:
            level, text = logging.WARNING, f"the rest of what this call logs is left out: one call may log {most} lines"
        if self.is_quick:
            self.kept_log.append((level, text))
        else:
            self.rates.log.write(level, text)

    def write_kept_log(self) -> None:
        """The call has ended and is not run anew: write what it logged."""
        for level, text in self.kept_log:
            self.rates.log.write(level, text)
        self.kept_log.clear()

    def require(self, capability: str) -> None:
        """Raises ``CapabilityDeniedError`` unless the plugin has asked for ``capability`` and the operator grants it."""
        if not self.asked.allows(capability):
            raise CapabilityDeniedError(
                capability, f"the plugin has no capability {capability}: add it to capabilities in plugin.yaml"
            )
        if not self.granted.allows(capability):
            raise CapabilityDeniedError(
                capability,
                f"the operator does not grant {capability}: see plugins.grants.{self.plugin} in the configuration",
            )

    def allows(self, capability: str) -> bool:
        """Whether ``require`` would let it pass."""
        return self.asked.allows(capability) and self.granted.allows(capability)

    def emit(self, event: EmittedEvent) -> None:
        """Stage an event. Raises ``HostCallError`` if the stream is not the plugin's to use or it has emitted enough."""
        self.require(f"emit:{event.stream}")
        transaction = self.attempt.transaction
        stream = parse_stream(event.stream)
        if stream.kind in (StreamKind.LOCATION, StreamKind.CHARACTER):
            entity = transaction.get(stream.name)
            if entity is None or entity.kind.value != stream.kind.value:
                raise HostCallError("not_found", f"there is no {stream.kind} for the stream {event.stream}")
        if len(transaction.events) >= self.limits.events:
            raise HostCallError("too_large", f"one call may emit {self.limits.events} events")
        answers = self.function == EVENT_HANDLER
        if not self.attempt.pay(self.rates.answer_events if answers else self.rates.command_events):
            what = "in answer to events" if answers else "for commands"
            raise HostCallError("rate_limited", f"the plugin has emitted too many events {what}; it may again in a moment")
        transaction.events.append(event)


EVENT_HANDLER = "handle_event"
"""The export that gets the events which a plugin subscribed to."""

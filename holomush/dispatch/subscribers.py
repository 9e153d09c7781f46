"""Hands durable events to the plugins that subscribed to them, in order within a stream.

Each stream with something to deliver has one task, which ends when the stream is empty. A slow plugin so delays its own stream's
chain and nothing else. A stream whose chain falls too far behind loses events, with an error in the log.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import attrs
import trio

from holomush.dispatch.calls import PluginCalls
from holomush.dispatch.commit import Actor
from holomush.errors import HolomushError
from holomush.events.event import ActorKind, Event
from holomush.events.streams import StreamPattern
from holomush.plugins.calls import EVENT_HANDLER
from holomush.plugins.reply import encode_input
from holomush.plugins.roster.manifest import Manifest

BACKLOG_LIMIT = 1000
"""Events that may wait for plugins on one stream."""
DEPTH_LIMIT = 8
"""How long a chain of events that plugins emit in answer to events may get."""

_log = logging.getLogger(__name__)


_Delivery = tuple[Event, Mapping[str, bool]]
"""An event, and for each plugin that gets it, in order, whether it is exclusive."""


@attrs.frozen
class _Subscription:
    plugin: str
    type: str
    stream: StreamPattern
    exclusive: bool

    def wants(self, event: Event) -> bool:
        return self.type in ("*", event.type) and self.stream.matches(event.stream)


class Subscribers:
    """The subscriptions of all plugins, in load order."""

    def __init__(
        self, manifests: Iterable[Manifest], calls: PluginCalls, nursery: trio.Nursery, is_paused: Callable[[str], bool]
    ) -> None:
        self._subscriptions = [
            _Subscription(manifest.name, subscription.type, subscription.stream_pattern(), subscription.exclusive)
            for manifest in manifests
            for subscription in manifest.subscribes
        ]
        self._calls = calls
        self._nursery = nursery
        self._is_paused = is_paused
        self._backlogs: dict[str, deque[_Delivery]] = {}

    def backlogs(self) -> list[int]:
        """For each stream with events that wait for plugins, how many. Safe to call from any thread."""
        return [len(backlog) for backlog in tuple(self._backlogs.values())]

    def enqueue(self, event: Event) -> None:
        """Deliver ``event``, in its stream's turn, to whoever subscribed to it."""
        plugins: dict[str, bool] = {}
        for subscription in self._subscriptions:
            if subscription.wants(event):
                plugins[subscription.plugin] = plugins.get(subscription.plugin, False) or subscription.exclusive
        if not plugins:
            return
        if event.depth >= DEPTH_LIMIT:
            _log.error("event %s on %s is the %dth in a chain of answers: cut here", event.type, event.stream, event.depth)
            return
        backlog = self._backlogs.get(event.stream)
        if backlog is None:
            backlog = deque()
            try:
                self._nursery.start_soon(self._deliver, event.stream, backlog)
            except RuntimeError:
                # The nursery is closed: what was accepted is still written while the server stops, but no plugin hears of it.
                return
            self._backlogs[event.stream] = backlog
        if len(backlog) >= BACKLOG_LIMIT:
            _log.error("event %s on %s is lost to plugins: %d wait already", event.type, event.stream, len(backlog))
            return
        backlog.append((event, plugins))

    async def _deliver(self, stream: str, backlog: deque[_Delivery]) -> None:
        while backlog:
            event, plugins = backlog[0]
            await self._deliver_one(event, plugins)
            backlog.popleft()
        del self._backlogs[stream]

    async def _deliver_one(self, event: Event, plugins: Mapping[str, bool]) -> None:
        data = encode_input(event.to_wire())
        for plugin, exclusive in plugins.items():
            if self._is_paused(plugin):
                continue  # that was said when it began
            try:
                reply = await self._calls.run(
                    plugin,
                    EVENT_HANDLER,
                    lambda *_: data,
                    Actor(ActorKind.PLUGIN, plugin, plugin),
                    event_type=event.type,
                    event_stream=event.stream,
                    depth=event.depth + 1,
                    output=lambda _: None,
                )
            except HolomushError as exc:
                # The host has logged the details. One plugin's failure is not the next one's.
                _log.error("plugin %s missed event %s on %s: %s", plugin, event.type, event.stream, exc)
            else:
                # Only of what came through: a plugin that fails keeps nothing from the others.
                if reply.handled or exclusive:
                    return

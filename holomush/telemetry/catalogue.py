"""Every metric of the server, by name, and where each of them comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import attrs

from holomush.telemetry.metrics import Labels, Metrics
from holomush.telemetry.process import open_descriptors, resident_bytes, uptime
from holomush.telemetry.recording import Commits, Histogram

PLUGIN = "plugin.name"
"""The label, and the attribute of spans, that names a plugin."""


class CallFigures(Protocol):
    """What is counted of one plugin's calls."""

    @property
    def calls(self) -> int:
        """Calls so far."""

    @property
    def failures(self) -> int:
        """Those of them that failed."""

    @property
    def durations(self) -> Histogram:
        """How long they took, in seconds."""


@attrs.frozen(kw_only=True)
class Sources:
    """Where the figures are. Each function is called from any thread. Names are from small sets: none is what somebody typed."""

    characters: Callable[[], int]
    """Characters in play."""
    connections: Callable[[], Mapping[str, int]]
    """Connections, in play or not, by kind: ``telnet``, ``tls``, ``websocket``."""
    connections_opened: Callable[[], Mapping[str, int]]
    """Connections since the start, by kind."""
    connections_refused: Callable[[], Mapping[str, int]]
    """Connections that were not let in since the start, by reason."""
    logins: Callable[[], Mapping[str, int]]
    """Attempts to come in since the start, by outcome."""
    lines: Callable[[], int]
    """Lines typed in play since the start."""
    events: Callable[[], int]
    """Events published since the start."""
    plugins: Callable[[], Iterable[tuple[str, CallFigures]]]
    """The loaded plugins, by name."""
    commits: Commits
    commits_waiting: Callable[[], int]
    """Units submitted to the store that are not on disk yet."""
    backlogs: Callable[[], Iterable[int]]
    """For each stream with events that wait for plugins, how many."""
    outbox_bytes: Callable[[], int]
    """Bytes that clients have not taken yet."""
    clients_dropped: Callable[[], int]
    """Clients that were given up since the start, because they read too slowly."""


def measure(metrics: Metrics, sources: Sources) -> None:
    """Show everything. Call it once."""
    _measure_people(metrics, sources)
    _measure_plugins(metrics, sources)
    _measure_store(metrics, sources)
    metrics.amount("process.memory.usage", "By", "Memory of the server in RAM.", resident_bytes)
    metrics.amount("process.unix.file_descriptor.count", "{file_descriptor}", "Open files and sockets.", open_descriptors)
    metrics.gauge("process.uptime", "s", "Time since the server's start.", uptime())


def _measure_people(metrics: Metrics, sources: Sources) -> None:
    metrics.amount("holomush.characters.playing", "{character}", "Characters in play.", sources.characters)
    metrics.amount("holomush.connections", "{connection}", "Connections, in play or not.", _by("kind", sources.connections))
    opened = _by("kind", sources.connections_opened)
    metrics.counter("holomush.connections.opened", "{connection}", "Connections since the start.", opened)
    refused = _by("reason", sources.connections_refused)
    metrics.counter("holomush.connections.refused", "{connection}", "Connections that were not let in.", refused)
    metrics.counter("holomush.logins", "{attempt}", "Attempts to come in.", _by("outcome", sources.logins))
    metrics.counter("holomush.lines", "{line}", "Lines typed in play.", sources.lines)
    metrics.amount("holomush.outbox.usage", "By", "Sent to clients, and not taken by them yet.", sources.outbox_bytes)
    metrics.counter("holomush.clients.dropped", "{client}", "Clients given up: they read too slowly.", sources.clients_dropped)


def _measure_plugins(metrics: Metrics, sources: Sources) -> None:
    def each(figure: Callable[[CallFigures], int]) -> Callable[[], list[tuple[Labels, float]]]:
        return lambda: [({PLUGIN: name}, figure(figures)) for name, figures in sources.plugins()]

    metrics.counter("holomush.events", "{event}", "Events published.", sources.events)
    metrics.counter("holomush.plugin.calls", "{call}", "Calls of plugins.", each(lambda figures: figures.calls))
    metrics.counter("holomush.plugin.failures", "{call}", "Calls of plugins that failed.", each(lambda figures: figures.failures))
    metrics.histogram(
        "holomush.plugin.call.duration",
        "s",
        "How long calls of plugins took.",
        lambda: [({PLUGIN: name}, figures.durations) for name, figures in sources.plugins()],
    )
    waiting = "Events that wait for plugins."
    metrics.amount("holomush.plugin.backlog.events", "{event}", waiting, lambda: sum(sources.backlogs()))
    longest = "Events that wait for plugins on the stream where most do."
    metrics.gauge("holomush.plugin.backlog.longest", "{event}", longest, lambda: max(sources.backlogs(), default=0))


def _measure_store(metrics: Metrics, sources: Sources) -> None:
    metrics.histogram(
        "holomush.commit.duration",
        "s",
        "From submitting to durable, for the first unit of each group commit.",
        lambda: [({}, sources.commits.durations)],
    )
    metrics.histogram("holomush.commit.units", "{unit}", "Units in one group commit.", lambda: [({}, sources.commits.units)])
    metrics.amount("holomush.commit.waiting", "{unit}", "Units that are not on disk yet.", sources.commits_waiting)


def _by(label: str, source: Callable[[], Mapping[str, int]]) -> Callable[[], list[tuple[Labels, float]]]:
    return lambda: [({label: name}, number) for name, number in source().items()]

"""Metrics: read from their sources when somebody asks, as OpenMetrics text or, with ``telemetry.exporter: otlp``, once a minute.

What there is to measure is in ``catalogue``. A source is a function that returns numbers which somebody counts anyway; it is
called from any thread, so it must not block, and copies what the event loop changes before it walks through it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import ALLOWUTF8, CONTENT_TYPE_LATEST, generate_latest

from holomush import __version__
from holomush.config import TelemetryConfig
from holomush.telemetry.exporters import otlp, server_resource
from holomush.telemetry.recording import Histogram

Labels = Mapping[str, str]
"""From a small set in any case: each different value costs memory here and wherever the metrics are kept."""
Source = Callable[[], float | Iterable[tuple[Labels, float]]]
"""One number, or several that their labels tell apart. What it leaves out is not shown."""
HistogramSource = Callable[[], Iterable[tuple[Labels, Histogram]]]

_SCOPE = "holomush"
_as_text: Callable[[CollectorRegistry, str], bytes] = generate_latest  # which says nothing of its types


@attrs.frozen
class _Distribution:
    """A histogram as it is shown."""

    name: str
    unit: str
    description: str
    source: HistogramSource

    def read(self, now: int) -> sdk.Metric:
        points = [_point(labels, histogram, now) for labels, histogram in self.source()]
        return sdk.Metric(
            name=self.name,
            description=self.description,
            unit=self.unit,
            data=sdk.Histogram(data_points=points, aggregation_temporality=sdk.AggregationTemporality.CUMULATIVE),
        )


class _Distributions:
    """All histograms. OpenTelemetry has no instrument that is asked for one, so they are put beside what the instruments say."""

    def __init__(self) -> None:
        self._all: tuple[_Distribution, ...] = ()

    def add(self, one: _Distribution) -> None:
        self._all = (*self._all, one)

    def put_into(self, data: sdk.MetricsData) -> sdk.MetricsData:
        now = time.time_ns()
        read = [metric for metric in (one.read(now) for one in self._all) if metric.data.data_points]
        if not read:
            return data
        scope = sdk.ScopeMetrics(scope=InstrumentationScope(_SCOPE, __version__), metrics=read, schema_url="")
        return sdk.MetricsData(
            [
                sdk.ResourceMetrics(resource=one.resource, scope_metrics=[*one.scope_metrics, scope], schema_url=one.schema_url)
                for one in data.resource_metrics
            ]
        )


class _ScrapedReader(PrometheusMetricReader):
    """Read when ``exposition`` is called."""

    def __init__(self, registry: CollectorRegistry, distributions: _Distributions) -> None:
        super().__init__(scope_info_enabled=False, registry=registry)
        self._distributions = distributions

    def _receive_metrics(self, metrics_data: sdk.MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        super()._receive_metrics(self._distributions.put_into(metrics_data), timeout_millis, **kwargs)


class _PushingReader(sdk.PeriodicExportingMetricReader):
    """Read every ``OTEL_METRIC_EXPORT_INTERVAL`` milliseconds, a minute if that is not set, by a thread of its own."""

    def __init__(self, exporter: sdk.MetricExporter, distributions: _Distributions) -> None:
        self._distributions = distributions  # first: the thread starts in there
        super().__init__(exporter)

    def _receive_metrics(self, metrics_data: sdk.MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        super()._receive_metrics(self._distributions.put_into(metrics_data), timeout_millis, **kwargs)


class Metrics:
    """The metrics of one server. Use ``open_metrics``.

    Names are OpenTelemetry's: ``holomush.call.duration`` in unit ``s`` reads ``holomush_call_duration_seconds`` in OpenMetrics, and
    a counter ends in ``_total`` there. A unit in braces, such as ``{event}``, only says what is counted.
    """

    def __init__(self, meter: Meter, registry: CollectorRegistry, distributions: _Distributions) -> None:
        self._meter = meter
        self._registry = registry
        self._distributions = distributions
        self._lock = threading.Lock()

    def counter(self, name: str, unit: str, description: str, source: Source) -> None:
        """Show numbers that only grow."""
        self._meter.create_observable_counter(name, [_callback(source)], unit, description)

    def amount(self, name: str, unit: str, description: str, source: Source) -> None:
        """Show how many there are now. It makes sense to add up those of different labels, or servers."""
        self._meter.create_observable_up_down_counter(name, [_callback(source)], unit, description)

    def gauge(self, name: str, unit: str, description: str, source: Source) -> None:
        """Show values of now that nobody would add up."""
        self._meter.create_observable_gauge(name, [_callback(source)], unit, description)

    def histogram(self, name: str, unit: str, description: str, source: HistogramSource) -> None:
        """Show how values are spread."""
        self._distributions.add(_Distribution(name, unit, description, source))

    def exposition(self) -> tuple[bytes, str]:
        """Everything as of now in OpenMetrics' text format, and its content type. From any thread; takes milliseconds."""
        with self._lock:  # two at once would find each other's readings
            # All names are plain already; to escape them once more would double the time.
            return _as_text(self._registry, ALLOWUTF8), CONTENT_TYPE_LATEST


@contextmanager
def open_metrics(config: TelemetryConfig) -> Iterator[Metrics]:
    """The metrics of a server; those that are sent somewhere are sent a last time on leaving. Raises ``TelemetryError``.

    With ``console`` they are not written: spans come when something happens, metrics would come for ever.
    """
    registry = CollectorRegistry()
    distributions = _Distributions()
    readers: list[sdk.MetricReader] = [_ScrapedReader(registry, distributions)]
    if config.exporter == "otlp":
        readers.append(_PushingReader(otlp("metric_exporter", "OTLPMetricExporter"), distributions))
    provider = MeterProvider(metric_readers=readers, resource=server_resource(), shutdown_on_exit=False)
    try:
        yield Metrics(provider.get_meter(_SCOPE, __version__), registry, distributions)
    finally:
        provider.shutdown()


def _callback(source: Source) -> Callable[[CallbackOptions], list[Observation]]:
    def observe(_: CallbackOptions) -> list[Observation]:
        found = source()
        if isinstance(found, (int, float)):
            return [Observation(found)]
        return [Observation(number, dict(labels)) for labels, number in found]

    return observe


def _point(labels: Labels, histogram: Histogram, now: int) -> sdk.HistogramDataPoint:
    reading = histogram.read()
    return sdk.HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=histogram.started,
        time_unix_nano=now,
        count=reading.count,
        sum=reading.total,
        bucket_counts=reading.counts,
        explicit_bounds=reading.bounds,
        min=math.inf,  # OpenTelemetry's way to say that neither is kept
        max=-math.inf,
    )

"""Spans, and where they go. Without an exporter the tracer is a no-op that costs about a microsecond a span."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import NoOpTracer, Tracer

from holomush import __version__
from holomush.config import TelemetryConfig
from holomush.telemetry.exporters import TelemetryError, otlp, server_resource

__all__ = ["TelemetryError", "open_tracer"]


@contextmanager
def open_tracer(config: TelemetryConfig) -> Iterator[Tracer]:
    """A tracer for the whole server; what it has gathered is sent off on leaving. Raises ``TelemetryError``."""
    if config.exporter == "none":
        yield NoOpTracer()
        return
    provider = TracerProvider(resource=server_resource())
    if config.exporter == "console":
        # Not standard output: that is for the one ready line.
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    else:
        provider.add_span_processor(BatchSpanProcessor(otlp("trace_exporter", "OTLPSpanExporter")))
    try:
        yield provider.get_tracer("holomush", __version__)
    finally:
        provider.shutdown()

"""OpenTelemetry: where spans go, and logging to standard error.

Without an exporter the tracer is a no-op that costs about a microsecond a span.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import NoOpTracer, Tracer

from holomush import __version__
from holomush.config import TelemetryConfig
from holomush.errors import HolomushError


class TelemetryError(HolomushError):
    """The chosen exporter is not installed."""


@contextmanager
def open_tracer(config: TelemetryConfig) -> Iterator[Tracer]:
    """A tracer for the whole server; what it has gathered is sent off on leaving. Raises ``TelemetryError``."""
    if config.exporter == "none":
        yield NoOpTracer()
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "holomush", "service.version": __version__}))
    if config.exporter == "console":
        # Not standard output: that is for the one ready line.
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    else:
        try:
            module = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        except ImportError as exc:
            raise TelemetryError("telemetry.exporter: otlp needs more packages: pip install 'holomush[otlp]'") from exc
        # Its endpoint and headers come from OpenTelemetry's own OTEL_* environment variables.
        provider.add_span_processor(BatchSpanProcessor(module.OTLPSpanExporter()))
    try:
        yield provider.get_tracer("holomush", __version__)
    finally:
        provider.shutdown()


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the log to standard error, one line a record and then any traceback."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

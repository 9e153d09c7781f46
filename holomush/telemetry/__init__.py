"""What the server tells of itself: spans and metrics by OpenTelemetry, and the log."""

from holomush.telemetry.logs import log_to_stderr
from holomush.telemetry.tracing import TelemetryError, open_tracer

__all__ = ["TelemetryError", "log_to_stderr", "open_tracer"]

"""What spans and metrics have in common: who they are about, and the packages that send them off."""

from __future__ import annotations

import platform
from importlib import import_module
from typing import Any

from opentelemetry.sdk.resources import Resource

from holomush import __version__
from holomush.errors import HolomushError


class TelemetryError(HolomushError):
    """The chosen exporter is not installed."""


def server_resource() -> Resource:
    """This server, as OpenTelemetry names it. What ``OTEL_RESOURCE_ATTRIBUTES`` says is in it, too."""
    return Resource.create(
        {
            "service.name": "holomush",
            "service.version": __version__,
            "process.runtime.name": platform.python_implementation().lower(),
            "process.runtime.version": platform.python_version(),
        }
    )


def otlp(module: str, name: str) -> Any:
    """A new exporter, by its module and class. Its endpoint and headers come from OpenTelemetry's own ``OTEL_*`` variables.

    Raises ``TelemetryError``.
    """
    try:
        found = import_module(f"opentelemetry.exporter.otlp.proto.http.{module}")
    except ImportError as exc:
        raise TelemetryError("telemetry.exporter: otlp needs more packages: pip install 'holomush[otlp]'") from exc
    return getattr(found, name)()

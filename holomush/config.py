"""What an operator can set: the defaults, a YAML file, and errors that name the key.

Reads no environment and opens no file but the one it is given. Command-line options are laid over the result by ``cli``.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from holomush.structuring import read_yaml, structure


@attrs.frozen(kw_only=True)
class TelnetConfig:
    """The telnet listener. ``port`` 0 takes a free one. ``line_limit`` and ``outbox_limit`` are in bytes."""

    host: str = "127.0.0.1"
    port: int = 4201
    line_limit: int = 8192
    outbox_limit: int = 1_048_576


@attrs.frozen(kw_only=True)
class SessionsConfig:
    """How people come in and leave. Times are in seconds."""

    guests: int = 20
    """How many guests may be connected at once; 0 lets none in."""
    first_command: str = "look"
    """Typed for a character on connecting, so that a new arrival sees the place. Empty for none."""
    replay_limit: int = 50
    login_timeout: float = 300.0
    shutdown_grace: float = 5.0


@attrs.frozen(kw_only=True)
class PluginsConfig:
    """Limits of every plugin. A manifest can only lower them. ``memory_mb`` is of one instance, in MiB."""

    folders: tuple[Path, ...] = ()
    timeout: float = 5.0
    memory_mb: int = 64
    message_limit: int = 262_144
    """Bytes of one input, one output, and one argument or result of a host function."""
    events_per_call: int = 64
    host_calls_per_call: int = 256
    instances: int = 4
    """How many instances of one plugin may run at once. A second is made only when the first is busy for long."""


@attrs.frozen(kw_only=True)
class TelemetryConfig:
    """Where OpenTelemetry spans go: ``none``, ``console`` (standard error) or ``otlp`` (needs ``holomush[otlp]``)."""

    exporter: str = attrs.field(default="none", validator=attrs.validators.in_(("none", "console", "otlp")))


@attrs.frozen(kw_only=True)
class Config:
    """Everything. ``data`` is the folder of the database and of an own ``world.yaml``."""

    data: Path = Path("data")
    telnet: TelnetConfig = TelnetConfig()
    sessions: SessionsConfig = SessionsConfig()
    plugins: PluginsConfig = PluginsConfig()
    telemetry: TelemetryConfig = TelemetryConfig()


def load_config(path: Path) -> Config:
    """The configuration in a YAML file. Raises ``StructureError``, also for a file that cannot be read."""
    return structure(read_yaml(path) or {}, Config, str(path))

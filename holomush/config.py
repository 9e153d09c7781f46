"""What an operator can set: the defaults, a YAML file, and errors that name the key.

Reads no environment and opens no file but the one it is given. Command-line options are laid over the result by ``cli``.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import attrs

from holomush.structuring import read_yaml, shown, structure


def _above_zero(_: object, __: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise ValueError(f"must be above 0, not {value}")


def _at_least(least: int) -> Any:
    def check(_: object, __: attrs.Attribute[Any], value: float) -> None:
        if value < least:
            raise ValueError(f"must be {least} or more, not {value}")

    return check


def _port(_: object, __: attrs.Attribute[Any], value: int) -> None:
    if not 0 <= value <= 65_535:
        raise ValueError(f"must be 0 to 65535, not {value}")


def _networks(_: object, __: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"must be addresses or networks such as 192.0.2.0/24, not {shown(text)}") from None


def _exporter(_: object, __: attrs.Attribute[Any], value: str) -> None:
    if value not in ("none", "console", "otlp"):
        raise ValueError(f"must be none, console or otlp, not {shown(value)}")


@attrs.frozen(kw_only=True)
class Rate:
    """How often something may happen: ``per_second`` in the long run, ``burst`` at once."""

    per_second: float = attrs.field(validator=_above_zero)
    burst: int = attrs.field(validator=_above_zero)


@attrs.frozen(kw_only=True)
class GameConfig:
    """What the game is called, and what lists of games (MSSP) are told besides: ``mssp: {CONTACT: me@example.org}``."""

    name: str = "HoloMUSH"
    mssp: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class CertificateConfig:
    """Files with a certificate and its key, for TLS. Both, or none. They are read again when they change."""

    certificate: Path | None = None
    key: Path | None = None

    def __attrs_post_init__(self) -> None:
        if (self.key is None) != (self.certificate is None):
            raise ValueError("certificate and key go together: give both, or none")


@attrs.frozen(kw_only=True)
class TlsConfig(CertificateConfig):
    """The listener for telnet over TLS; there is one if a certificate is given."""

    host: str = "127.0.0.1"
    port: int = attrs.field(default=4202, validator=_port)


@attrs.frozen(kw_only=True)
class TelnetConfig:
    """The telnet listener. ``port`` 0 takes a free one. ``line_limit`` and ``outbox_limit`` are in bytes, of any connection."""

    host: str = "127.0.0.1"
    port: int = attrs.field(default=4201, validator=_port)
    line_limit: int = attrs.field(default=8192, validator=_above_zero)
    outbox_limit: int = attrs.field(default=1_048_576, validator=_above_zero)
    keepalive: float = attrs.field(default=60.0, validator=_at_least(0))
    """Seconds without a word to a client after which it is sent one that it does not show; 0 for never."""
    compression: bool = True
    tls: TlsConfig = TlsConfig()


@attrs.frozen(kw_only=True)
class WebConfig(CertificateConfig):
    """The port of the web page and the websocket; with a certificate it speaks TLS. Addresses may be networks."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = attrs.field(default=4280, validator=_port)
    origins: tuple[str, ...] = ()
    """Other sites whose pages may open the websocket, such as https://play.example.org; * for all."""
    message_limit: int = attrs.field(default=16_384, validator=_above_zero)
    """Bytes of one message from a client."""
    who: bool = False
    """Whether /who.json tells everybody who is playing."""
    metrics: tuple[str, ...] = attrs.field(default=("127.0.0.0/8", "::1"), validator=_networks)
    """Addresses that may read /metrics."""


@attrs.frozen(kw_only=True)
class LimitsConfig:
    """How many may come, and how fast they may type. Loopback addresses are not counted, unless they are ``proxies``."""

    connections: int = attrs.field(default=5_000, validator=_above_zero)
    per_address: int = attrs.field(default=20, validator=_above_zero)
    arrivals: Rate = Rate(per_second=1.0, burst=30)
    """New connections of one address."""
    commands: Rate = Rate(per_second=10.0, burst=100)
    """Lines of one connection. Whoever types faster waits."""
    input: Rate = Rate(per_second=16_384, burst=65_536)
    """Bytes of one connection, whatever they mean. A message over a websocket counts as 256 more."""
    proxies: tuple[str, ...] = attrs.field(default=(), validator=_networks)
    """Addresses that speak for others: by the PROXY protocol, or X-Forwarded-For on the web."""


@attrs.frozen(kw_only=True)
class SessionsConfig:
    """How people come in and leave. Times are in seconds."""

    guests: int = attrs.field(default=20, validator=_at_least(0))
    """How many guests may be connected at once; 0 lets none in."""
    characters: int = attrs.field(default=5, validator=_at_least(1))
    """How many characters one player may have."""
    first_command: str = "look"
    """Typed for a character on connecting, so that a new arrival sees the place. Empty for none."""
    replay_limit: int = attrs.field(default=50, validator=_at_least(0))
    login_timeout: float = attrs.field(default=300.0, validator=_above_zero)
    idle_timeout: float = attrs.field(default=0.0, validator=_at_least(0))
    """After so long without a line typed somebody is hung up on, with a notice a minute before; 0 for never."""
    resume_grace: float = attrs.field(default=600.0, validator=_at_least(0))
    """For so long somebody who lost the connection can come back without a password."""
    shutdown_grace: float = attrs.field(default=5.0, validator=_at_least(0))


@attrs.frozen(kw_only=True)
class HttpConfig:
    """What plugins may ask of web servers, each plugin for itself."""

    timeout: float = attrs.field(default=10.0, validator=_above_zero)
    """Seconds of one request, redirects and all."""
    response_limit: int = attrs.field(default=1_048_576, validator=_above_zero)
    """Bytes of one response's body."""
    per_minute: int = attrs.field(default=30, validator=_above_zero)
    local_hosts: tuple[str, ...] = ()
    """``host:port`` of servers that may be reached without TLS and at private or loopback addresses. For tests."""

    @property
    def rate(self) -> Rate:
        """``per_minute`` as a rate."""
        return Rate(per_second=self.per_minute / 60, burst=self.per_minute)


@attrs.frozen(kw_only=True)
class KvConfig:
    """How much one plugin may keep in its key-value store. Sizes are in bytes; keys count to ``total_limit``."""

    value_limit: int = attrs.field(default=65_536, validator=_above_zero)
    keys: int = attrs.field(default=1_000, validator=_above_zero)
    total_limit: int = attrs.field(default=4_194_304, validator=_above_zero)


@attrs.frozen(kw_only=True)
class TablesConfig:
    """How much one plugin may keep in each of its tables. ``row_limit`` is in bytes of JSON."""

    rows: int = attrs.field(default=100_000, validator=_above_zero)
    row_limit: int = attrs.field(default=16_384, validator=_above_zero)


@attrs.frozen(kw_only=True)
class PausesConfig:
    """A plugin that fails ``failures`` times in a row pauses ``shortest`` seconds, then twice as long, up to ``longest``."""

    failures: int = attrs.field(default=3, validator=_above_zero)
    shortest: float = attrs.field(default=10.0, validator=_above_zero)
    longest: float = attrs.field(default=600.0, validator=_above_zero)


@attrs.frozen(kw_only=True)
class PluginsConfig:
    """Limits of every plugin. A manifest can only lower them. ``memory_mb`` is of one instance, in MiB."""

    folders: tuple[Path, ...] = ()
    timeout: float = attrs.field(default=5.0, validator=_above_zero)
    memory_mb: int = attrs.field(default=64, validator=_at_least(16))
    message_limit: int = attrs.field(default=262_144, validator=_above_zero)
    """Bytes of one input, one output, and one argument of a host function."""
    events_per_call: int = attrs.field(default=64, validator=_at_least(0))
    host_calls_per_call: int = attrs.field(default=256, validator=_at_least(0))
    instances: int = attrs.field(default=4, validator=_above_zero)
    """How many instances of one plugin may run at once. A second is made only when the first is busy for long."""
    grants: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """What the operator lets plugins do, by name; those not named get what they ask for, some only after an approval."""
    command_events: Rate = Rate(per_second=2_500.0, burst=5_000)
    """Events that one plugin emits for commands."""
    answer_events: Rate = Rate(per_second=100.0, burst=500)
    """Events that one plugin emits in answer to events."""
    creations: Rate = Rate(per_second=10.0, burst=1_000)
    """Locations, exits, objects and characters that one plugin makes."""
    log_lines: Rate = Rate(per_second=20.0, burst=1_000)
    http: HttpConfig = HttpConfig()
    kv: KvConfig = KvConfig()
    tables: TablesConfig = TablesConfig()
    pauses: PausesConfig = PausesConfig()


@attrs.frozen(kw_only=True)
class TelemetryConfig:
    """Where OpenTelemetry spans go: ``none``, ``console`` (standard error) or ``otlp`` (needs ``holomush[otlp]``)."""

    exporter: str = attrs.field(default="none", validator=_exporter)


@attrs.frozen(kw_only=True)
class Config:
    """Everything. ``data`` is the folder of the database and of an own ``world.yaml``."""

    data: Path = Path("data")
    game: GameConfig = GameConfig()
    telnet: TelnetConfig = TelnetConfig()
    web: WebConfig = WebConfig()
    limits: LimitsConfig = LimitsConfig()
    sessions: SessionsConfig = SessionsConfig()
    plugins: PluginsConfig = PluginsConfig()
    telemetry: TelemetryConfig = TelemetryConfig()


def load_config(path: Path) -> Config:
    """The configuration in a YAML file. Raises ``StructureError``, also for a file that cannot be read."""
    return structure(read_yaml(path) or {}, Config, str(path))

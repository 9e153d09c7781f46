"""The command line: ``python -m holomush [serve] ...``. Turns options into a configuration and errors into one line each."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import attrs
import click
import trio

from holomush import __version__, bundled
from holomush.auth.passwords import PasswordHashes
from holomush.author_commands import AUTHOR_COMMANDS
from holomush.config import Config, TelnetConfig, TlsConfig
from holomush.errors import HolomushError
from holomush.net.listeners import open_listeners
from holomush.net.web.pages import Pages
from holomush.options import errors_as_lines, plugin_folders, read_config, where_options
from holomush.plugin_commands import plugin_commands
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.server import Parts, Running, serve
from holomush.sessions.entrance import ADMIN_NAME
from holomush.telemetry import log_to_stderr, open_tracer
from holomush.telemetry.metrics import open_metrics
from holomush.world_commands import world_commands


class _ServeByDefault(click.Group):
    """A group whose command ``serve`` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ServeByDefault)
@click.version_option(__version__, prog_name="HoloMUSH")
def main() -> None:
    """HoloMUSH, a MUSH server in which every command is a sandboxed plugin. Without a command: serve."""


OFF = ("off", 0)
"""What ``_HostPort`` makes of ``off``."""


class _HostPort(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``; an IPv6 host may be in brackets. Port 0 takes a free one. With ``off`` the word is taken, too."""

    name = "HOST:PORT"

    def __init__(self, *, off: bool = False) -> None:
        self._off = off

    def convert(self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        if self._off and value == "off":
            return OFF
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:4201", param, ctx)
        return host.strip("[]"), int(port)


main.add_command(plugin_commands)
main.add_command(world_commands)
for author_command in AUTHOR_COMMANDS:
    plugin_commands.add_command(author_command)


@main.command("serve")
@where_options
@click.option("--telnet", type=_HostPort(), help="Where to listen; port 0 takes a free one.  [default: 127.0.0.1:4201]")
@click.option("--telnet-tls", type=_HostPort(), help="Telnet over TLS; needs a certificate.  [default: 127.0.0.1:4202]")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file with the certificate for --telnet-tls.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file with its key.")
@click.option("--web", type=_HostPort(off=True), help="Page and websocket, or off.  [default: 127.0.0.1:4280]")
@click.pass_obj
def serve_command(
    started: float | None,
    config_file: Path | None,
    data: Path | None,
    plugin_dirs: tuple[Path, ...],
    telnet: tuple[str, int] | None,
    telnet_tls: tuple[str, int] | None,
    certificate: Path | None,
    key: Path | None,
    web: tuple[str, int] | None,
) -> None:
    """Run the server until SIGINT or SIGTERM."""
    log_to_stderr()
    with errors_as_lines():
        config = read_config(config_file, data, plugin_dirs)
        config = attrs.evolve(config, telnet=_telnet_config(config, telnet, telnet_tls, certificate, key))
        if web is not None:
            config = attrs.evolve(config, web=attrs.evolve(config.web, host=web[0], port=web[1], enabled=web != OFF))
        _make_folder(config.data)
        use_compile_cache(default_folders(os.environ, config.data))
        with open_tracer(config.telemetry) as tracer, open_metrics(config.telemetry) as metrics:
            parts = Parts(
                runtime=SourceRuntime(bundled.RUNTIMES),
                plugin_folders=plugin_folders(config),
                starter_world=_starter_world(config),
                passwords=PasswordHashes(),
                tracer=tracer,
                metrics=metrics,
                pages=Pages.load(bundled.SITE),
            )
            trio.run(partial(_serve, config, parts, started or time.monotonic()))


def _telnet_config(
    config: Config,
    telnet: tuple[str, int] | None,
    telnet_tls: tuple[str, int] | None,
    certificate: Path | None,
    key: Path | None,
) -> TelnetConfig:
    """The telnet listeners; options win over the file. Raises ``HolomushError``."""
    tls = config.telnet.tls
    host, port = telnet_tls or (tls.host, tls.port)
    certificate, key = certificate or tls.certificate, key or tls.key
    if (certificate is None) != (key is None):
        raise HolomushError("telnet over TLS needs both a certificate and its key: give --certificate and --key")
    if telnet_tls is not None and certificate is None:
        raise HolomushError("--telnet-tls needs --certificate and --key")
    changed = attrs.evolve(config.telnet, tls=TlsConfig(host=host, port=port, certificate=certificate, key=key))
    return changed if telnet is None else attrs.evolve(changed, host=telnet[0], port=telnet[1])


async def _serve(config: Config, parts: Parts, started: float) -> None:
    shutdown = trio.Event()
    listeners = await open_listeners(config)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as serving:
                running = await serving.start(serve, config, parts, listeners, shutdown)
                # What exists by now mostly stays: full collections need not walk through it, which takes tens of milliseconds.
                gc.collect()
                gc.freeze()
                outer.start_soon(_stop_on_signal, signals, shutdown, serving.cancel_scope)
                _tell_ready(running, config, listeners.ports, time.monotonic() - started)
            outer.cancel_scope.cancel()  # the server has ended: no more signals to wait for


def _tell_ready(running: Running, config: Config, ports: Mapping[str, int], seconds: float) -> None:
    """The one line on standard output. The first admin's password goes beside it, to standard error."""
    if running.admin_password is not None:
        click.echo(f"The first admin is {ADMIN_NAME}, password {running.admin_password} (shown this once).", err=True)
    hosts = {"telnet": config.telnet.host, "tls": config.telnet.tls.host, "web": config.web.host}
    named = {"tls": "telnet-tls"}
    open_at = [f"{named.get(kind, kind)} {_shown(hosts[kind])}:{port}" for kind, port in ports.items()]
    count = len(running.host.plugins)
    click.echo(f"HoloMUSH ready: {', '.join(open_at)}, {count} plugin{'' if count == 1 else 's'}, {seconds:.1f} s")
    sys.stdout.flush()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _stop_on_signal(signals: AsyncIterator[int], shutdown: trio.Event, scope: trio.CancelScope) -> None:
    async for _ in signals:
        if shutdown.is_set():
            scope.cancel()  # asked twice: without the grace, but what was accepted is still written
        shutdown.set()


def _starter_world(config: Config) -> Path:
    own = config.data / "world.yaml"
    return own if own.is_file() else bundled.STARTER_WORLD


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise HolomushError(f"data: {data}: the folder cannot be made: {exc.strerror}") from exc

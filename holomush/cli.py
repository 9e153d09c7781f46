"""The command line: ``python -m holomush [serve] ...``. Turns options into a configuration and errors into one line each."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import attrs
import click
import trio

from holomush import __version__, bundled
from holomush.auth.passwords import PasswordHashes
from holomush.author_commands import AUTHOR_COMMANDS
from holomush.config import Config
from holomush.errors import HolomushError
from holomush.options import errors_as_lines, plugin_folders, read_config, where_options
from holomush.plugin_commands import plugin_commands
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.server import Parts, Running, serve
from holomush.sessions.entrance import ADMIN_NAME
from holomush.telemetry import log_to_stderr, open_tracer
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


class _HostPort(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``; an IPv6 host may be in brackets. Port 0 takes a free one."""

    name = "HOST:PORT"

    def convert(self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
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
@click.pass_obj
def serve_command(
    started: float | None,
    config_file: Path | None,
    data: Path | None,
    plugin_dirs: tuple[Path, ...],
    telnet: tuple[str, int] | None,
) -> None:
    """Run the server until SIGINT or SIGTERM."""
    log_to_stderr()
    with errors_as_lines():
        config = read_config(config_file, data, plugin_dirs)
        if telnet is not None:
            config = attrs.evolve(config, telnet=attrs.evolve(config.telnet, host=telnet[0], port=telnet[1]))
        _make_folder(config.data)
        use_compile_cache(default_folders(os.environ, config.data))
        with open_tracer(config.telemetry) as tracer:
            parts = Parts(
                runtime=SourceRuntime(bundled.RUNTIMES),
                plugin_folders=plugin_folders(config),
                starter_world=_starter_world(config),
                passwords=PasswordHashes(),
                tracer=tracer,
            )
            trio.run(partial(_serve, config, parts, started or time.monotonic()))


async def _serve(config: Config, parts: Parts, started: float) -> None:
    shutdown = trio.Event()
    host, port = config.telnet.host, config.telnet.port
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise HolomushError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as serving:
                running = await serving.start(serve, config, parts, listeners, shutdown)
                # What exists by now mostly stays: full collections need not walk through it, which takes tens of milliseconds.
                gc.collect()
                gc.freeze()
                outer.start_soon(_stop_on_signal, signals, shutdown, serving.cancel_scope)
                _tell_ready(running, host, listeners[0].socket.getsockname()[1], time.monotonic() - started)
            outer.cancel_scope.cancel()  # the server has ended: no more signals to wait for


def _tell_ready(running: Running, host: str, port: int, seconds: float) -> None:
    """The one line on standard output. The first admin's password goes beside it, to standard error."""
    if running.admin_password is not None:
        click.echo(f"The first admin is {ADMIN_NAME}, password {running.admin_password} (shown this once).", err=True)
    shown = f"[{host}]" if ":" in host else host
    count = len(running.host.plugins)
    click.echo(f"HoloMUSH ready: telnet {shown}:{port}, {count} plugin{'' if count == 1 else 's'}, {seconds:.1f} s")
    sys.stdout.flush()


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

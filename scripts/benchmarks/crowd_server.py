"""The server of the crowd: a process of its own that plays to the end and then says whether memory and disk agree.

``python -m benchmarks.crowd_server DATA`` prints its port, runs until SIGTERM, and prints what is wrong as JSON, a list of lines.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path

import trio
from support.crowd.evidence import unsound

from holomush import bundled
from holomush.auth.passwords import PasswordHashes
from holomush.config import Config, LimitsConfig, Rate, SessionsConfig, TelnetConfig, WebConfig
from holomush.net.listeners import open_listeners
from holomush.net.web.pages import Pages
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.server import Parts, serve
from holomush.telemetry import log_to_stderr, open_tracer
from holomush.telemetry.metrics import open_metrics
from holomush.world.state import World

REPLAY_LIMIT = 10_000
"""Missed lines that are shown on coming back: so many that nothing is left out, or it would look like a loss."""

FAST_TYPISTS = Rate(per_second=100_000, burst=100_000)
"""Newcomers set themselves up in one go, as no person types."""


async def _run(data: Path) -> list[str]:
    config = Config(
        data=data,
        sessions=SessionsConfig(replay_limit=REPLAY_LIMIT),
        telnet=TelnetConfig(port=0),
        limits=LimitsConfig(commands=FAST_TYPISTS),
        web=WebConfig(enabled=False),
    )
    shutdown = trio.Event()
    listeners = await open_listeners(config)
    with open_tracer(config.telemetry) as tracer, open_metrics(config.telemetry) as metrics:
        parts = Parts(
            runtime=SourceRuntime(bundled.RUNTIMES),
            plugin_folders=[bundled.PLUGINS],
            starter_world=data / "world.yaml",
            passwords=PasswordHashes(),
            tracer=tracer,
            metrics=metrics,
            pages=Pages.load(bundled.SITE),
        )
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                running = await nursery.start(serve, config, parts, listeners, shutdown)
                gc.collect()
                gc.freeze()  # as holomush/cli.py does
                print(listeners.ports["telnet"], flush=True)
                await anext(signals)
                shutdown.set()
    world: World = running.game.world
    return await unsound(data, world)


def main() -> None:
    """Run with the arguments of this process."""
    data = Path(sys.argv[1])
    log_to_stderr()
    use_compile_cache(default_folders(os.environ, data))
    print(json.dumps(trio.run(_run, data)), flush=True)


if __name__ == "__main__":
    main()

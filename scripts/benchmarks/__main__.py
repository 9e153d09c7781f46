"""``scripts/bench [guests] [storage] [talk] [languages] [crowd] [idle] [fuzz]``: all of them without a name.

Options: ``--players N --seconds S`` of crowd and idle, ``--idle N`` of idle, ``--bytes N --messages N --rounds N`` of fuzz.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from support.crowd.habits import SHARES

from benchmarks import crowd, fuzz, guests, idle, languages, storage, talk
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache

BENCHMARKS: Mapping[str, Callable[[Path], None]] = {
    "guests": guests.run,
    "storage": storage.run,
    "talk": talk.run,
    "languages": languages.run,
    "crowd": crowd.run,
    "idle": idle.run,
    "fuzz": fuzz.run,
}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> None:
    """Run the benchmarks named on the command line, in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=f"any of {', '.join(BENCHMARKS)}; all if none is named")
    parser.add_argument("--players", type=int, default=crowd.PLAYERS, help="of crowd and idle; 7 or more  [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=crowd.SECONDS, help="of crowd and idle  [default: %(default)s]")
    parser.add_argument("--idle", type=int, default=idle.IDLE, help="connections of idle  [default: %(default)s]")
    parser.add_argument("--bytes", type=_positive, default=fuzz.BYTES, help="of fuzz, for each round  [default: %(default)s]")
    parser.add_argument("--messages", type=_positive, default=fuzz.MESSAGES, help="of fuzz, the same  [default: %(default)s]")
    parser.add_argument("--rounds", type=_positive, default=fuzz.ROUNDS, help="of fuzz  [default: %(default)s]")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if options.idle < 2:
        parser.error("--idle: 2 or more")
    if options.players < len(SHARES):
        parser.error(f"--players: {len(SHARES)} or more, one for each habit")
    benchmarks: Mapping[str, Callable[[Path], None]] = {
        **BENCHMARKS,
        "crowd": partial(crowd.run, players=options.players, seconds=options.seconds),
        "idle": partial(idle.run, idle=options.idle, players=options.players, seconds=options.seconds),
        "fuzz": partial(fuzz.run, telnet_bytes=options.bytes, messages=options.messages, rounds=options.rounds),
    }
    # Beside the sources, not in /tmp, which may be in memory and have no flushes to wait for.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path(__file__).parents[2]) as folder:
        use_compile_cache(default_folders(os.environ, Path(folder)))
        for name in options.names or benchmarks:
            benchmarks[name](Path(folder))


if __name__ == "__main__":
    main()

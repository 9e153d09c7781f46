"""``scripts/bench [guests] [storage] [talk] [languages] [crowd [--players N] [--seconds S]]``: all of them without a name."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from support.crowd.habits import SHARES

from benchmarks import crowd, guests, languages, storage, talk
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache

BENCHMARKS: Mapping[str, Callable[[Path], None]] = {
    "guests": guests.run,
    "storage": storage.run,
    "talk": talk.run,
    "languages": languages.run,
    "crowd": crowd.run,
}


def main() -> None:
    """Run the benchmarks named on the command line, in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=f"any of {', '.join(BENCHMARKS)}; all if none is named")
    parser.add_argument("--players", type=int, default=crowd.PLAYERS, help="of crowd; 7 or more  [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=crowd.SECONDS, help="of crowd  [default: %(default)s]")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if options.players < len(SHARES):
        parser.error(f"--players: {len(SHARES)} or more, one for each habit")
    benchmarks: Mapping[str, Callable[[Path], None]] = {
        **BENCHMARKS,
        "crowd": partial(crowd.run, players=options.players, seconds=options.seconds),
    }
    # Beside the sources, not in /tmp, which may be in memory and have no flushes to wait for.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path(__file__).parents[2]) as folder:
        use_compile_cache(default_folders(os.environ, Path(folder)))
        for name in options.names or benchmarks:
            benchmarks[name](Path(folder))


if __name__ == "__main__":
    main()

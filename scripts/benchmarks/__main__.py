"""``scripts/bench [guests] [storage] [talk] [languages]``: all of them without a name."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import guests, languages, storage, talk
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache

BENCHMARKS = {"guests": guests.run, "storage": storage.run, "talk": talk.run, "languages": languages.run}


def main() -> None:
    """Run the benchmarks named on the command line, in a folder that is removed afterwards."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.exit(f"bench: there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    # Beside the sources, not in /tmp, which may be in memory and have no flushes to wait for.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path(__file__).parents[2]) as folder:
        use_compile_cache(default_folders(os.environ, Path(folder)))
        for name in names:
            BENCHMARKS[name](Path(folder))


if __name__ == "__main__":
    main()

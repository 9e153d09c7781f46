"""Builds the shared runtimes: `scripts/build-runtimes [python] [javascript]`, both if none is named."""

from __future__ import annotations

import sys

import javascript.build
import python.build
from building import BuildError, make, say

RUNTIMES = {runtime.name: runtime for runtime in (python.build.RUNTIME, javascript.build.RUNTIME)}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in RUNTIMES]
    if unknown:
        say(f"there is no runtime {unknown[0]!r}, only: {', '.join(RUNTIMES)}")
        return 2
    try:
        for name in names or RUNTIMES:
            make(RUNTIMES[name])
    except BuildError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

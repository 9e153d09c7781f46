"""What the operating system says of this process. Where it says nothing (there is no ``/proc``), there are no readings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_SELF = Path("/proc/self")


def resident_bytes(folder: Path = _SELF) -> Iterator[tuple[Mapping[str, str], float]]:
    """Memory in RAM, in bytes."""
    try:
        pages = int((folder / "statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return
    yield {}, pages * os.sysconf("SC_PAGE_SIZE")


def open_descriptors(folder: Path = _SELF) -> Iterator[tuple[Mapping[str, str], float]]:
    """How many files and sockets are open."""
    try:
        names = os.listdir(folder / "fd")
    except OSError:
        return
    # The listing itself has one open.
    yield {}, len(names) - 1


def uptime() -> Callable[[], float]:
    """A clock that begins now, in seconds."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun

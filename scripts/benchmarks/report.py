"""Figures as lines of text."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path


def heading(text: str) -> None:
    """A line above some figures."""
    print(f"\n{text}", flush=True)


def line(what: str, figures: str) -> None:
    """One figure."""
    print(f"  {what:<58} {figures}", flush=True)


def spread(what: str, seconds: Sequence[float], unit: str = "us") -> None:
    """Median and 99th percentile of times."""
    scale = {"us": 1e6, "ms": 1e3}[unit]
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    line(what, f"median {statistics.median(ordered) * scale:9.1f} {unit}   p99 {p99 * scale:9.1f} {unit}")


def flush_time(folder: Path, rounds: int = 200) -> float:
    """Median seconds that the disk under ``folder`` takes to flush one small append: the floor of any durable write."""
    path = folder / "flush-probe"
    times = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(rounds):
            os.write(descriptor, b"x" * 4096)
            begun = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - begun)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(times)


def proportional_memory(pid: int | str = "self") -> float:
    """MiB of memory of a process, each shared page counted once over all its mappings."""
    for text in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if text.startswith("Pss:"):
            return int(text.split()[1]) / 1024
    raise RuntimeError("no Pss line in smaps_rollup")


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""Figures as lines of text."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def heading(text: str) -> None:
    """A line above some figures."""
    print(f"\n{text}", flush=True)


def line(what: str, figures: str) -> None:
    """One figure."""
    print(f"  {what:<58} {figures}", flush=True)


def table(columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Figures side by side: each row is what it tells, and a cell for each column."""
    for what, cells in (("", columns), *rows):
        print(f"  {what:<41}" + "".join(f"{cell:>17}" for cell in cells), flush=True)


def spread(what: str, seconds: Sequence[float], unit: str = "us") -> None:
    """Median and 99th percentile of times."""
    scale = {"us": 1e6, "ms": 1e3}[unit]
    line(what, f"median {statistics.median(seconds) * scale:9.1f} {unit}   p99 {percentile(seconds, 99) * scale:9.1f} {unit}")


def percentile(figures: Sequence[float], percent: int) -> float:
    """The figure below which ``percent`` of them are."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


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
    return _memory("Pss", pid)


def resident_memory(pid: int | str = "self") -> float:
    """MiB of memory of a process, shared pages and all."""
    return _memory("Rss", pid)


def _memory(kind: str, pid: int | str) -> float:
    for text in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if text.startswith(f"{kind}:"):
            return int(text.split()[1]) / 1024
    raise RuntimeError(f"no {kind} line in smaps_rollup")


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

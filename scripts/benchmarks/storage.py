"""Durable events per second."""

from __future__ import annotations

import time
from pathlib import Path

import trio

from benchmarks import report
from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store

SECONDS = 2.0


def run(folder: Path) -> None:
    """Print the figures, for a database in ``folder``."""
    report.heading("Durable events, each producer waiting for its own (synchronous=FULL)")
    report.line("one flush of this disk", f"median {report.flush_time(folder) * 1e3:.2f} ms")
    trio.run(_measure, folder)


async def _measure(folder: Path) -> None:
    async with open_store(folder / "events.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        sequence = 0
        for producers in (1, 20, 50, 500):
            times: list[float] = []
            begun = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for _ in range(producers):
                    nursery.start_soon(_produce, store, begun + SECONDS, times, iter(range(sequence + 1, 10**12)))
                    sequence += 10**6
            elapsed = time.perf_counter() - begun
            report.spread(f"{producers} producers: {len(times) / elapsed:9.0f} events/s", times, "ms")


async def _produce(store: Store, until: float, times: list[float], sequences: object) -> None:
    for sequence in sequences:  # type: ignore[attr-defined]
        begun = time.perf_counter()
        if begun >= until:
            return
        statement = records.insert_event(
            sequence=sequence,
            event_id="01K00000000000000000000000",
            stream="location:01K00000000000000000000001",
            event_type="say",
            timestamp=0,
            actor_kind="character",
            actor_id="01K00000000000000000000002",
            actor_name="Bob",
            payload={"message": "hello there"},
        )
        await store.write([statement])
        times.append(time.perf_counter() - begun)

"""The store: order, atomicity, cancellation, reads beside writes, opening and closing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from holomush.database.store import Statement, StorageBusy, StorageError, Store, Ticket, open_store

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
CREATE: Statement = ("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT", ())


def add(number: int, name: str | None = "thing") -> Statement:
    return ("INSERT INTO items (id, name) VALUES (?, ?)", (number, name))


async def ids(store: Store) -> list[int]:
    return [row[0] for row in await store.fetch("SELECT id FROM items ORDER BY id")]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "world.db") as opened:
        await opened.write([CREATE])
        yield opened


async def test_write_then_read(store: Store) -> None:
    await store.write([add(1), add(2, "lamp")])
    assert await store.fetch("SELECT * FROM items WHERE id = ?", (2,)) == [(2, "lamp")]


async def test_callbacks_run_in_order_of_submission_and_before_waiters(store: Store) -> None:
    submitted: list[int] = []
    durable: list[int] = []

    async def produce(first: int) -> None:
        for number in range(first, first + 5):
            statements = [] if number % 7 == 0 else [add(number)]

            def on_durable(number: int = number) -> None:
                durable.append(number)

            submitted.append(number)
            await store.write(statements, on_durable)
            assert number in durable

    async with trio.open_nursery() as nursery:
        for producer in range(200):
            nursery.start_soon(produce, 10 * producer)
    assert durable == submitted
    assert len(durable) == 1000
    assert await ids(store) == sorted(number for number in durable if number % 7)


async def test_a_callback_finds_its_row_on_disk(store: Store) -> None:
    counts: list[int] = []

    def look() -> None:
        other = sqlite3.connect(store.path)
        counts.append(other.execute("SELECT count(*) FROM items").fetchone()[0])
        other.close()

    await store.write([add(1)], look)
    assert counts == [1]


async def test_on_batch_runs_once_after_the_callbacks(store: Store) -> None:
    calls: list[str] = []
    store.on_batch = lambda: calls.append("batch")
    tickets = [store.submit([add(number)], lambda: calls.append("unit")) for number in range(3)]
    for ticket in tickets:
        await ticket.durable()
    assert calls == ["unit", "unit", "unit", "batch"]


async def test_a_unit_is_written_though_its_waiter_was_cancelled(store: Store) -> None:
    done: list[str] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.write([add(1)], lambda: done.append("one"))
    assert scope.cancelled_caught
    await store.write([])
    assert done == ["one"]
    assert await ids(store) == [1]


async def test_a_unit_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(StorageError, match="UNIQUE"):
        await store.write([add(1), ("UPDATE items SET name = 'x'", ()), add(1)])
    assert await ids(store) == []
    assert store.failure is None


@pytest.mark.parametrize("bad", [None, "\ud800"])  # a constraint broken, a string that is not UTF-8
async def test_a_bad_unit_fails_alone_and_order_is_kept(store: Store, bad: str | None) -> None:
    order: list[int] = []
    tickets: list[Ticket] = []
    for number in range(50):
        name = bad if number in {0, 17, 18, 49} else "good"
        tickets.append(store.submit([add(number, name)], lambda number=number: order.append(number)))  # type: ignore[misc]
    failed = []
    for number, ticket in enumerate(tickets):
        try:
            await ticket.durable()
        except StorageError:
            failed.append(number)
    assert failed == [0, 17, 18, 49]
    assert order == [number for number in range(50) if number not in failed]
    assert await ids(store) == order
    await store.write([add(100)])


async def test_a_number_too_large_is_the_fault_of_its_unit(store: Store) -> None:
    with pytest.raises(StorageError, match="too large"):
        await store.write([add(2**70)])
    await store.write([add(1)])


async def test_mixed_statements_keep_their_order_across_units(store: Store) -> None:
    tickets = [
        store.submit([add(1, "a"), add(2, "b")]),
        store.submit([("UPDATE items SET name = name || ?", ("!",))]),
        store.submit([add(3, "c"), ("DELETE FROM items WHERE id = ?", (1,))]),
        store.submit([add(1, "again")]),
    ]
    for ticket in tickets:
        await ticket.durable()
    assert await store.fetch("SELECT id, name FROM items ORDER BY id") == [(1, "again"), (2, "b!"), (3, "c")]


async def test_a_barrier_is_done_at_once_when_idle_and_else_waits_its_turn(store: Store) -> None:
    order: list[str] = []
    assert store.submit([], lambda: order.append("idle")).done.is_set()
    assert order == ["idle"]
    first = store.submit([add(1)], lambda: order.append("write"))
    barrier = store.submit([], lambda: order.append("barrier"))
    assert order == ["idle"]
    await barrier.durable()
    assert first.done.is_set()
    assert order == ["idle", "write", "barrier"]


async def test_a_barrier_from_within_a_callback_follows_the_batch(store: Store) -> None:
    order: list[str] = []

    def outer() -> None:
        store.submit([], lambda: order.append("inner"))
        order.append("outer")

    store.submit([], outer)
    await store.write([add(1)], lambda: order.append("write"))
    assert order == ["outer", "inner", "write"]


async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db", queue=3) as store:
        await store.write([CREATE])
        await wait_all_tasks_blocked()
        tickets = [store.submit([add(number)]) for number in range(4)]  # the writer takes one, three wait
        with pytest.raises(StorageBusy):
            store.submit([add(4)])
        for ticket in tickets:
            await ticket.durable()
        await store.write([add(4)])


@pytest.mark.parametrize("timeout", [0, 0.001, 0.05])
async def test_a_slow_read_is_interrupted_and_its_connection_usable_at_once(tmp_path: Path, timeout: float) -> None:
    async with open_store(tmp_path / "world.db", readers=1) as store:
        for _ in range(3):
            with trio.move_on_after(timeout) as scope:
                await store.fetch(ENDLESS)
            assert scope.cancelled_caught
            assert await store.fetch("SELECT 1") == [(1,)]


async def test_writes_go_on_beside_a_slow_read(store: Store) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.fetch, ENDLESS)
        nursery.start_soon(store.fetch, ENDLESS)
        await wait_all_tasks_blocked()
        await store.write([add(1)])
        nursery.cancel_scope.cancel()
    assert await ids(store) == [1]


@pytest.mark.parametrize("sql", ["SELECT nothing FROM nowhere", "DELETE FROM items", "SELECT (", "BEGIN; SELECT 1"])
async def test_a_bad_read_says_so_and_hurts_nobody(store: Store, sql: str) -> None:
    with pytest.raises(StorageError, match="refused a statement"):
        await store.fetch(sql)
    assert store.failure is None
    await store.write([add(1)])
    assert await ids(store) == [1]


async def test_closing_flushes_what_was_accepted(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    threads = threading.active_count()
    done: list[int] = []
    async with open_store(path, batch=7) as store:
        await store.write([CREATE])
        for number in range(100):
            store.submit([add(number)], lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == list(range(100))
    with pytest.raises(StorageError, match="closed"):
        store.submit([add(1)])
    with pytest.raises(StorageError, match="closed"):
        store.submit([])
    with pytest.raises(StorageError, match="closed"):
        await store.fetch("SELECT 1")
    assert not path.with_name("world.db-wal").exists()
    while threading.active_count() > threads:  # aiosqlite's last thread is on its way out
        await trio.lowlevel.checkpoint()
    other = sqlite3.connect(path)
    assert other.execute("SELECT count(*) FROM items").fetchone() == (100,)
    other.close()


async def test_closing_under_cancellation_flushes_too(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with open_store(tmp_path / "world.db") as store:
            await store.write([CREATE])
            for number in range(100):
                store.submit([add(number)])
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    async with open_store(tmp_path / "world.db") as store:
        assert await ids(store) == list(range(100))


async def test_a_callback_that_raises_ends_the_store_loudly(tmp_path: Path) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    async def serve() -> None:
        async with open_store(tmp_path / "world.db") as store:
            await store.write([CREATE], bug)
            await trio.sleep_forever()

    with pytest.raises(ZeroDivisionError):
        await serve()
    async with open_store(tmp_path / "world.db") as store:
        assert await ids(store) == []


async def test_what_the_block_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    """A start that fails ends in its own one line, not in a group of one."""

    async def serve() -> None:
        async with open_store(tmp_path / "world.db"):
            raise LookupError("no start location") from KeyError("start")

    with pytest.raises(LookupError, match="no start location") as caught:
        await serve()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_backup_while_writing_is_whole(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"an older copy")
    tickets = [store.submit([add(number), add(number + 1000)]) for number in range(500)]
    await store.backup(copy)
    for ticket in tickets:
        await ticket.durable()
    async with open_store(copy) as other:
        found = await ids(other)
        assert await other.fetch("PRAGMA integrity_check") == [("ok",)]
    assert [number for number in found if number >= 1000] == [number + 1000 for number in found if number < 1000]
    assert not (tmp_path / "copy.db.part").exists()


def _readable_by_others(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.stat().st_mode & 0o077}


async def test_others_may_not_read_the_files(store: Store, tmp_path: Path) -> None:
    await store.backup(tmp_path / "copy.db")
    assert _readable_by_others(tmp_path) <= {"world.db.lock"}


async def test_backup_into_a_missing_folder_is_one_clear_line(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot back up the database to .*copy\.db: ") as caught:
        await store.backup(tmp_path / "missing" / "copy.db")
    assert "\n" not in str(caught.value)
    await store.write([add(1)])


CHILD = """
import sys, trio
from holomush.database.store import open_store
async def main():
    async with open_store(sys.argv[1]) as store:
        await store.write([("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT)", ())])
        first = (await store.fetch("SELECT coalesce(max(id), 0) + 1 FROM items"))[0][0]
        async def produce(start):
            for number in range(start, 10**9, 20):
                await store.write([("INSERT INTO items VALUES (?, ?)", (number, "x" * 200))])
                print(number, flush=True)
        async with trio.open_nursery() as nursery:
            for start in range(first, first + 20):
                nursery.start_soon(produce, start)
trio.run(main)
"""


def _run_and_kill(path: Path, lines: int) -> set[int]:
    """Let a child write until it has acknowledged ``lines`` rows, and kill it; all that it acknowledged."""
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = {int(child.stdout.readline()) for _ in range(lines)}
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split("\n")[:-1]  # what follows the last newline is cut
    assert child.returncode == -signal.SIGKILL
    return acknowledged.union(map(int, rest))


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    acknowledged: set[int] = set()
    for lines in (300, 400, 500):
        acknowledged |= _run_and_kill(path, lines)
        async with open_store(path) as store:
            assert acknowledged <= set(await ids(store))
            assert await store.fetch("PRAGMA integrity_check") == [("ok",)]
    assert len(acknowledged) >= 1200

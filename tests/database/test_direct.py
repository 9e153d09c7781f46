"""Read-only connections for threads that cannot await: what they see, what they refuse, and how a query is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from holomush.database.connection import StorageError
from holomush.database.direct import DirectReader, QueryStoppedError, open_direct_reader
from holomush.database.store import Store, open_store

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
PATIENCE = 10
"""Seconds for what should take milliseconds."""


def never() -> bool:
    return False


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Store, DirectReader]]:
    """A database with a table of numbers."""
    async with open_store(folder / "test.db") as store:
        await store.write([("CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT", ())])
        with open_direct_reader(store.path) as reader:
            yield store, reader


async def test_it_reads_what_is_on_disk_and_always_the_latest(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, reader):
        for number in range(3):
            assert reader.fetch("SELECT count(*) FROM numbers", (), never) == [(number,)]
            await store.write([("INSERT INTO numbers VALUES (?)", (number,))])
        assert reader.fetch("SELECT n FROM numbers WHERE n >= ? ORDER BY n DESC", (1,), never) == [(2,), (1,)]


@pytest.mark.parametrize(
    "sql", ["INSERT INTO numbers VALUES (7)", "DELETE FROM numbers", "DROP TABLE numbers", "CREATE TABLE x (y)"]
)
async def test_it_cannot_write(tmp_path: Path, sql: str) -> None:
    async with opened(tmp_path) as (store, reader):
        await store.write([("INSERT INTO numbers VALUES (1)", ())])
        with pytest.raises(StorageError):
            reader.fetch(sql, (), never)
        assert await store.fetch("SELECT n FROM numbers") == [(1,)]
        assert reader.fetch("SELECT n FROM numbers", (), never) == [(1,)]


async def test_bad_sql_is_an_error_in_one_line_and_the_connection_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, reader):
        with pytest.raises(StorageError, match=r"^the database refused a statement: no such table: nowhere$") as caught:
            reader.fetch("SELECT * FROM nowhere", (), never)
        assert not isinstance(caught.value, QueryStoppedError)
        assert reader.fetch("SELECT 1", (), never) == [(1,)]


async def test_a_long_query_ends_as_soon_as_it_should(tmp_path: Path) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 50

    async with opened(tmp_path) as (_, reader):
        started = time.monotonic()
        with pytest.raises(QueryStoppedError, match="the query was stopped"):
            reader.fetch(ENDLESS, (), stop)
        assert time.monotonic() - started < PATIENCE
        assert asked == 51
        assert reader.fetch("SELECT 1", (), never) == [(1,)]  # the next query is not asked by the last one's question
        assert asked == 51


async def test_it_is_asked_often_enough_to_stop_within_milliseconds(tmp_path: Path) -> None:
    started = threading.Event()
    asked_to_stop = threading.Event()

    def stop() -> bool:
        started.set()
        return asked_to_stop.is_set()

    async def run(reader: DirectReader) -> None:
        with pytest.raises(QueryStoppedError):
            await trio.to_thread.run_sync(reader.fetch, ENDLESS, (), stop)

    async with opened(tmp_path) as (_, reader):
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, reader)
                await trio.to_thread.run_sync(partial(started.wait, PATIENCE))
                asked_to_stop.set()


async def test_threads_read_at_the_same_time(tmp_path: Path) -> None:
    together = threading.Barrier(5)

    def stop(seen: list[bool]) -> bool:
        if not seen:
            together.wait(PATIENCE)  # all of them are in the middle of a query now
            seen.append(True)
        return False

    found = []

    async def read(reader: DirectReader, number: int) -> None:
        sql = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT max(i) + {number} FROM n"
        found.extend(await trio.to_thread.run_sync(reader.fetch, sql, (), partial(stop, [])))

    async with opened(tmp_path) as (_, reader):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(read, reader, number)
        assert sorted(found) == [(20000 + number,) for number in range(5)]
        assert len(reader._idle) == 5
        assert reader.fetch("SELECT 1", (), never) == [(1,)]
        assert len(reader._idle) == 5  # one of those, not a sixth


async def test_once_closed_it_reads_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, reader):
        reader.fetch("SELECT 1", (), never)
        reader.close()
        reader.close()
        with pytest.raises(StorageError, match="the database is closed"):
            reader.fetch("SELECT 1", (), never)


async def test_what_is_lent_while_it_closes_is_closed_when_it_comes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, reader):
        closed = False

        def close() -> bool:
            nonlocal closed
            if not closed:
                closed = True
                reader.close()
            return False

        sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT max(i) FROM n"
        assert reader.fetch(sql, (), close) == [(20000,)]
        assert closed
        assert reader._idle == []


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with (
        open_direct_reader(tmp_path / "no folder" / "test.db") as reader,
        pytest.raises(StorageError, match="the database cannot be used: the database file cannot be opened"),
    ):
        reader.fetch("SELECT 1", (), never)

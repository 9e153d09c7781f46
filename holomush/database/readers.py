"""Owns the connections that read: who has one, how a query is stopped, and the copy of the whole file."""

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiosqlite
import trio

from holomush.database.connection import SqlValue, StorageError, explain, make_private, primary_code, trouble
from holomush.database.loop import AsyncioLoop


class Readers:
    """A few connections, each lent to one task at a time, so that an interrupt can only hit the query of the task."""

    def __init__(self, loop: AsyncioLoop, connections: Sequence[aiosqlite.Connection]) -> None:
        self._loop = loop
        self._size = len(connections)
        self._give_back, self._idle = trio.open_memory_channel[aiosqlite.Connection](self._size)
        for connection in connections:
            self._give_back.send_nowait(connection)

    @asynccontextmanager
    async def _borrow(self) -> AsyncGenerator[aiosqlite.Connection, None]:
        try:
            connection = await self._idle.receive()
        except trio.ClosedResourceError:
            raise StorageError("the database is closed") from None
        try:
            yield connection
        finally:
            self._give_back.send_nowait(connection)

    async def fetch(self, sql: str, params: Sequence[SqlValue]) -> list[tuple[Any, ...]]:
        """See ``Store.fetch``."""
        async with self._borrow() as connection:
            try:
                rows = await self._loop.run(connection.execute_fetchall(sql, params), interrupt=connection.interrupt)
            except sqlite3.Error as error:
                if primary_code(error) == sqlite3.SQLITE_READONLY:
                    raise StorageError("the database refused a statement: a read tried to write") from error
                raise explain(error) from error
        return cast("list[tuple[Any, ...]]", rows)  # sqlite3's fetchall, which aiosqlite declares as any iterable

    async def backup(self, target: Path) -> None:
        """See ``Store.backup``."""
        part = target.with_name(target.name + ".part")
        async with self._borrow() as connection:
            try:
                part.unlink(missing_ok=True)  # what a crash may have left
                make_private(part)
                await self._loop.run(_copy(connection, part))
                part.replace(target)
            except (OSError, sqlite3.Error) as error:
                part.unlink(missing_ok=True)
                raise StorageError(f"cannot back up the database to {target}: {trouble(error) or error}") from error

    async def stop(self) -> None:
        """Wait for the reads under way, and refuse the next ones. Deaf to cancellation."""
        with trio.CancelScope(shield=True):
            for _ in range(self._size):
                await self._idle.receive()
        self._idle.close()


async def _copy(source: aiosqlite.Connection, path: Path) -> None:
    async with aiosqlite.connect(path) as target:
        # In one step: a copy in several starts again whenever the writer commits, and might never end.
        await source.backup(target)

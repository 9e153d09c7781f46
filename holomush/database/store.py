"""Owns the one SQLite file while the server runs: what is written, in which order, what is on disk, and who is told.

One writer task takes everything that waits and makes it durable in one transaction (group commit); a few connections
read. What the rows mean is not known here. ``connection`` owns the SQLite side, ``loop`` the thread.
"""

import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import aiosqlite
import trio
from attrs import define, field

from holomush.database.connection import (
    OLDEST_SQLITE,
    TRANSACTION,
    FileLock,
    SqlValue,
    Statement,
    StorageBusy,
    StorageError,
    StorageUnavailable,
    connect,
    explain,
    make_private,
    trouble,
)
from holomush.database.loop import AsyncioLoop
from holomush.database.readers import Readers

__all__ = [
    "SqlValue",
    "Statement",
    "StorageBusy",
    "StorageError",
    "StorageUnavailable",
    "Store",
    "Ticket",
    "open_store",
]

# A probe must need new pages, or it would succeed on a full disk: 64 KiB, given back at once for later writes to use.
_PROBE_TABLE: Statement = ("CREATE TABLE IF NOT EXISTS store_probe (id INTEGER PRIMARY KEY, filler BLOB) STRICT", ())
_PROBE_FILL: Statement = ("INSERT OR REPLACE INTO store_probe VALUES (1, zeroblob(65536))", ())
_PROBE_CLEAR: Statement = ("DELETE FROM store_probe", ())


def _nothing() -> None:
    pass


def _uncounted(units: int, seconds: float) -> None:
    pass


@define(eq=False)
class Ticket:
    """One submitted unit. ``error`` says why it was not written; it is final once ``done`` is set."""

    statements: Sequence[Statement]
    on_durable: Callable[[], None]
    binding: bool = False
    error: StorageError | None = None
    submitted_at: float = field(factory=time.perf_counter)
    done: trio.Event = field(factory=trio.Event)

    async def durable(self) -> None:
        """Return when the unit is on disk; raise ``StorageError`` if it never will be.

        Cancelling this wait undoes nothing. After a ``StorageUnavailable`` the unit may still turn up when the file is
        next opened, if the disk failed while it confirmed the write.
        """
        await self.done.wait()
        if self.error is not None:
            raise self.error


class Store:
    """The open database. Made by ``open_store``; every method is for the Trio thread that opened it.

    ``failure`` is None while the disk works; after trouble with it every ``submit`` raises that error until ``recover``
    succeeds. ``on_batch`` is called on the Trio thread after the ``on_durable`` callbacks of each batch, and after
    it ``on_commit``: the number of units of a group commit, and the seconds from the submission of the first to the disk.
    Neither may raise.
    """

    def __init__(
        self,
        path: Path,
        loop: AsyncioLoop,
        writer: aiosqlite.Connection,
        readers: Readers,
        *,
        batch: int,
        queue: int,
        on_batch: Callable[[], None],
    ) -> None:
        self.path = path
        self.failure: StorageUnavailable | None = None
        self.on_batch = on_batch
        self.on_commit: Callable[[int, float], None] = _uncounted
        self.migration_safe = False  # set by ``migrations``: the file was new or has been copied since it was opened
        self._loop = loop
        self._writer = writer
        self._batch = batch
        self._closed = False
        self._unfinished = 0  # units submitted whose waiters have not been woken
        self._arrivals, self._waiting = trio.open_memory_channel[Ticket](queue)
        self._readers = readers
        self._recovering = trio.Lock()

    def submit(
        self, statements: Sequence[Statement], on_durable: Callable[[], None] | None = None, *, binding: bool = False
    ) -> Ticket:
        """Queue ``statements`` as one atomic unit, to become durable after everything submitted before.

        ``on_durable`` is called on the Trio thread when the unit is on disk: in the order of submission, before any
        waiter wakes, never if the unit fails. It must not raise. A unit without statements is a barrier; with nothing
        before it, it is done on return. ``binding`` is for a caller that acts on it at once: if SQLite refuses the unit,
        the store fails as it does when the disk does, so that nothing is built upon it. Raises ``StorageBusy`` if the
        queue is full, ``StorageUnavailable`` while the store fails, ``StorageError`` after the close.
        """
        if self.failure is not None:
            # A new error each time: tracebacks would pile up on a shared one.
            raise StorageUnavailable(str(self.failure)) from self.failure
        ticket = Ticket(statements, on_durable or _nothing, binding)
        if self._closed:
            raise StorageError("the database is closed")
        if not statements and not self._unfinished:
            self._unfinished += 1  # a barrier submitted by the callback must wait its turn
            self._publish([ticket])
            return ticket
        try:
            self._arrivals.send_nowait(ticket)
        except trio.WouldBlock:
            raise StorageBusy("the database has too many writes waiting; try again") from None
        self._unfinished += 1
        return ticket

    @property
    def unfinished(self) -> int:
        """Units submitted that are neither durable nor given up. Safe to read from any thread."""
        return self._unfinished

    async def write(self, statements: Sequence[Statement], on_durable: Callable[[], None] | None = None) -> None:
        """``submit`` and wait until it is durable. Cancelled: the unit is written all the same. Raises as both do."""
        await self.submit(statements, on_durable).durable()

    async def fetch(self, sql: str, params: Sequence[SqlValue] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, run beside the writer on a connection that cannot write.

        Cancelling stops the query at once. Raises ``StorageError`` for bad SQL and ``StorageUnavailable`` if the file
        cannot be read; a read never sets ``failure``.
        """
        return await self._readers.fetch(sql, params)

    async def backup(self, path: str | PathLike[str]) -> None:
        """Write a consistent copy of the database to ``path``, replacing what is there, while reads and writes go on.

        The copy appears under its name only when it is whole. Cancelling waits for the copy. Raises ``StorageError``.
        """
        await self._readers.backup(Path(path))

    @trio.lowlevel.enable_ki_protection
    async def _run_writer(self) -> None:
        """Make durable what is submitted, until ``_stop_accepting`` and nothing waits. Deaf to cancellation."""
        try:
            with trio.CancelScope(shield=True):
                async for first in self._waiting:
                    tickets = [first]
                    while len(tickets) < self._batch:
                        try:
                            tickets.append(self._waiting.receive_nowait())
                        except (trio.WouldBlock, trio.EndOfChannel):
                            break
                    await self._flush(tickets)
        finally:
            self._stop_accepting()
            self._fail_waiting(StorageUnavailable("the database writer has stopped"))

    def _stop_accepting(self) -> None:
        self._closed = True
        self._arrivals.close()

    async def _flush(self, tickets: Sequence[Ticket]) -> None:
        if self.failure is not None:
            self._fail(tickets, self.failure)
            return
        statements = list(chain.from_iterable(ticket.statements for ticket in tickets))
        try:
            if statements:
                await self._transact(statements)
        except StorageUnavailable as failure:
            self.failure = failure
            self._fail(tickets, failure)
            self._fail_waiting(failure)
        except StorageError as error:
            if len(tickets) == 1:
                self._fail(tickets, error)
                if tickets[0].binding:
                    self.failure = StorageUnavailable(f"a change of the world was refused: {error}")
                    self._fail_waiting(self.failure)
            else:  # a bad unit among them: find it by halves
                half = len(tickets) // 2
                await self._flush(tickets[:half])
                await self._flush(tickets[half:])
        else:
            seconds = time.perf_counter() - tickets[0].submitted_at
            self._publish(tickets)
            if statements:
                self.on_commit(len(tickets), seconds)

    async def _transact(self, statements: Sequence[Statement]) -> None:
        try:
            await self._loop.run(self._writer.executemany(TRANSACTION, statements))
        except Exception as error:
            # sqlite3 raises half a dozen kinds for values it cannot store (OverflowError, UnicodeEncodeError, ...).
            raise explain(error) from error

    def _publish(self, tickets: Sequence[Ticket]) -> None:
        try:
            for ticket in tickets:
                ticket.on_durable()
            self.on_batch()
        finally:
            self._finish(tickets)

    def _finish(self, tickets: Sequence[Ticket]) -> None:
        self._unfinished -= len(tickets)
        for ticket in tickets:
            ticket.done.set()

    def _fail(self, tickets: Sequence[Ticket], error: StorageError) -> None:
        for ticket in tickets:
            ticket.error = type(error)(str(error))
            ticket.error.__cause__ = error.__cause__
        self._finish(tickets)

    def _fail_waiting(self, failure: StorageUnavailable) -> None:
        while True:
            try:
                self._fail([self._waiting.receive_nowait()], failure)
            except (trio.WouldBlock, trio.EndOfChannel):
                return

    async def recover(self) -> bool:
        """Try whether the disk works again; True, and ``failure`` gone, if it does.

        Cheap enough to call every second while ``failure`` is set.
        """
        async with self._recovering:
            if self.failure is None:
                return True
            try:
                await self._transact([_PROBE_FILL])
                await self._transact([_PROBE_CLEAR])
            except StorageUnavailable as failure:
                self.failure = failure
                return False
            self.failure = None
            return True

    async def limit_pages(self, pages: int) -> None:
        """Let the file grow to ``pages`` pages of 4 KiB (but never cut it); a write that needs more finds the disk full."""
        await self._loop.run(self._writer.execute_fetchall(f"PRAGMA max_page_count = {pages:d}"))


def _usable(path: Path) -> Path:
    """``path``, absolute, if a database can be there at all."""
    path = path.resolve()  # one file has one lock, whatever link leads to it
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: HoloMUSH needs 3.38 or newer")
    if not path.parent.is_dir():
        raise StorageError(f"cannot open the database {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise StorageError(f"cannot open the database {path}: it is a folder, not a file")
    return path


@asynccontextmanager
async def open_store(
    path: str | PathLike[str],
    *,
    readers: int = 2,
    batch: int = 512,
    synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL",
    queue: int = 8192,
    max_pages: int | None = None,
    on_batch: Callable[[], None] | None = None,
) -> AsyncGenerator[Store, None]:
    """Open (or make) the database file ``path`` and keep it to this process until the block ends.

    At the end everything accepted is written before the file is closed. ``readers`` queries run at a time, ``batch``
    units share a transaction, ``queue`` units may wait, ``max_pages`` is the most the file may grow to, in pages of
    4 KiB. With ``synchronous`` other than FULL a power cut may lose what was reported durable. Raises ``StorageError``
    with one line that names the path.
    """
    file = _usable(Path(path))
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(FileLock(file))
            make_private(file)
            loop = stack.enter_context(AsyncioLoop())
            writer = await loop.run(connect(file, writer=True, synchronous=synchronous))
            stack.push_async_callback(_close, loop, writer, writer=True)
            if max_pages is not None:
                await loop.run(writer.execute_fetchall(f"PRAGMA max_page_count = {max_pages:d}"))
            await loop.run(writer.executemany(TRANSACTION, [_PROBE_TABLE, _PROBE_CLEAR]))
            idle = []
            for _ in range(readers):
                reader = await loop.run(connect(file, writer=False, synchronous=synchronous))
                stack.push_async_callback(_close, loop, reader)
                idle.append(reader)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"cannot open the database {file}: {trouble(error) or error}") from error
        pool = Readers(loop, idle)
        stack.push_async_callback(pool.stop)
        store = Store(file, loop, writer, pool, batch=batch, queue=queue, on_batch=on_batch or _nothing)
        failure: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store._run_writer)
                try:
                    yield store
                finally:
                    store._stop_accepting()
        except BaseExceptionGroup as group:  # that there is a nursery in here is nothing the caller need know
            if len(group.exceptions) > 1:
                raise
            failure = group.exceptions[0]
        if failure is not None:
            try:
                raise failure
            finally:
                del failure


async def _close(loop: AsyncioLoop, connection: aiosqlite.Connection, *, writer: bool = False) -> None:
    with trio.CancelScope(shield=True):
        if writer:  # the last to close: empty the write-ahead log into the file
            with suppress(sqlite3.Error):  # a failing disk: the log stays, and the next open reads it
                await loop.run(connection.execute_fetchall("PRAGMA optimize"))
                await loop.run(connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
        with suppress(sqlite3.Error):
            await loop.run(connection.close())

"""Owns what one connection to the database file is: the lock on the file, its settings, its transactions, its errors
in plain words.

SQLite's two kinds of trouble are told apart here. ``StorageUnavailable`` is the disk's fault and concerns every write;
``StorageError`` is the fault of one statement or of the operator's settings.
"""

import sqlite3
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

import aiosqlite

from holomush.errors import HolomushError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SqlValue: TypeAlias = str | int | float | bytes | None
Statement: TypeAlias = tuple[str, Sequence[SqlValue]]

OLDEST_SQLITE = (3, 38, 0)  # STRICT tables need 3.37, json_each without a build option 3.38
BUSY_TIMEOUT = 5000  # milliseconds to wait for another program, such as the sqlite3 shell, that holds the file
TRANSACTION = "a whole transaction"  # no SQL: the marker that WriterConnection.executemany looks for


class StorageError(HolomushError):
    """The database cannot do what was asked: a broken constraint, a bad statement, a file that cannot be opened."""


class StorageUnavailable(StorageError):
    """The disk fails. Nothing can be written until ``Store.recover`` returns True."""


class StorageBusy(StorageError):
    """More writes wait than the store accepts. Nothing was written; try again later."""


_DISK_TROUBLE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an I/O error",
    sqlite3.SQLITE_READONLY: "the database file or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database",
    sqlite3.SQLITE_BUSY: "another program holds the database file locked",
    sqlite3.SQLITE_LOCKED: "another program holds the database file locked",
    sqlite3.SQLITE_PROTOCOL: "another program holds the database file locked",
    sqlite3.SQLITE_PERM: "the database file may not be accessed",
    sqlite3.SQLITE_NOMEM: "SQLite ran out of memory",
}


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code of ``error`` (``sqlite3.SQLITE_FULL``, ...), or None if SQLite did not raise it."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def trouble(error: Exception) -> str | None:
    """What is wrong with the disk or the file, in a few words, or None if ``error`` says nothing is."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, MemoryError):
        return _DISK_TROUBLE[sqlite3.SQLITE_NOMEM]
    return _DISK_TROUBLE.get(primary_code(error) or 0)


def explain(error: Exception) -> StorageError:
    """``error``, raised by sqlite3, as ``StorageUnavailable`` for trouble with the disk, else as ``StorageError``."""
    words = trouble(error)
    if words is not None:
        return StorageUnavailable(f"the database cannot be used: {words}")
    return StorageError(f"the database refused a statement: {' '.join(str(error).split())}")


class WriterConnection(sqlite3.Connection):
    """The connection that writes. ``executemany(TRANSACTION, statements)`` runs a whole transaction.

    aiosqlite passes one call at a time to its thread, and the way there and back costs as much as several inserts.
    So a transaction is one call. A single statement is a transaction by itself; neighbours with the same SQL share
    one ``executemany``.
    """

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        if sql is not TRANSACTION:
            return super().executemany(sql, parameters)
        statements: Sequence[Statement] = list(parameters)
        if self.in_transaction:
            self.rollback()  # left over from a rollback that failed along with the disk
        if len(statements) == 1:
            return self.execute(*statements[0])
        cursor = self.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            for text, group in groupby(statements, itemgetter(0)):
                rows = [values for _, values in group]
                if len(rows) == 1:
                    cursor.execute(text, rows[0])
                else:
                    cursor.executemany(text, rows)
            cursor.execute("COMMIT")
        except BaseException:
            if self.in_transaction:  # SQLite has rolled back by itself when, for one, the disk is full
                self.rollback()
            raise
        return cursor


def make_private(path: Path) -> None:
    """Make the file, unless it is there, for its owner's eyes only: it will hold password hashes and private talk."""
    if not path.exists():
        path.touch(mode=0o600)


async def connect(path: Path, *, writer: bool, synchronous: str) -> aiosqlite.Connection:
    """Open ``path``. A reader's connection is ``query_only``. Raises sqlite3.Error, and leaves nothing open then."""
    factory = WriterConnection if writer else sqlite3.Connection
    connection = await aiosqlite.connect(path, isolation_level=None, factory=factory, cached_statements=256)
    try:
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT}",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "foreign_keys = ON",
            "journal_size_limit = 67108864",  # a burst must not leave a huge -wal file behind
            f"query_only = {'OFF' if writer else 'ON'}",
        ):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        await connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")  # reads the file, so damage shows now
    except BaseException:
        await connection.close()
        raise
    return connection


class FileLock:
    """An exclusive lock on ``<path>.lock``, so that no second server opens the database. The system drops it when
    the process dies.

    The file stays: to remove it would let a third process lock a file of the same name while a second still waits on
    the old one.
    """

    def __init__(self, path: Path) -> None:
        self._database = path
        self._path = path.with_name(path.name + ".lock")
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        self._file = self._path.open("ab")
        try:
            if sys.platform == "win32":
                self._file.seek(0)
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise StorageError(f"cannot open the database {self._database}: another server is using it") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

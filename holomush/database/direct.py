"""Owns read-only connections for threads that cannot await: those in which guests run.

A query there is bounded by its caller, who is asked again and again whether to go on. Everybody else reads through ``Store.fetch``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holomush.database.connection import BUSY_TIMEOUT, SqlValue, StorageError, explain

_ASK_EVERY = 1000
"""Instructions of SQLite's machine between two questions: some ten microseconds."""


class QueryStoppedError(StorageError):
    """The caller wanted no more of the query."""


class DirectReader:
    """Connections to one file, made when needed, lent to one thread at a time. Use ``open_direct_reader``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def fetch(self, sql: str, params: Sequence[SqlValue], stop: Callable[[], bool]) -> list[tuple[Any, ...]]:
        """All rows of a query over what is on disk. From any thread.

        ``stop`` is called every few microseconds; once it is true, ``QueryStoppedError`` is raised. Else ``StorageError``.
        """
        connection = self._borrow()
        try:
            connection.set_progress_handler(stop, _ASK_EVERY)
            rows = connection.execute(sql, params).fetchall()
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise QueryStoppedError("the query was stopped") from exc
            raise explain(exc) from exc
        finally:
            connection.set_progress_handler(None, 0)
            self._give_back(connection)
        return rows

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StorageError("the database is closed")
            if self._idle:
                return self._idle.pop()
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            # Not mode=ro: a log that a crash left behind could not be read then.
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as exc:
            raise explain(exc) from exc
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


@contextmanager
def open_direct_reader(path: Path) -> Iterator[DirectReader]:
    """A reader of the database ``path``, to be used only while the store that owns the file is open."""
    reader = DirectReader(path)
    try:
        yield reader
    finally:
        reader.close()

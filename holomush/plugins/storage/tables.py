"""Rows that plugins keep in tables of their own: the changes of one call, and what is on its way to the disk.

The rows are in SQLite, not in memory. A guest reads them on a connection of its thread; what was accepted but is not on disk yet,
and what its own call has staged, is laid over what is read. So it sees what it would see if everything had been written.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from ulid import ULID

from holomush.config import TablesConfig
from holomush.database.direct import DirectReader
from holomush.database.store import Statement, Store
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.schema.declared import Table
from holomush.plugins.schema.sql import Key, Query, Row, TableSql, changed_row, complete_row, key_of, row_key
from holomush.world.model import Character, Exit, GameObject, Location
from holomush.world.transaction import NotFoundError, Transaction

Stop: TypeAlias = Callable[[], bool]

_REFERRED = {"characters": Character, "locations": Location, "objects": GameObject, "exits": Exit}


@attrs.frozen(eq=False)
class _Version:
    """A row as a commit has left it; None: deleted. Compared by identity: the next commit makes another one."""

    row: Row | None
    existed: bool
    """Whether there was a row with that key before the call."""


Changes: TypeAlias = Mapping[str, Mapping[Key, _Version]]


class TableStore:
    """The tables of one plugin. Only the Trio side changes it; any thread reads."""

    def __init__(self, plugin: str, tables: Sequence[Table], reader: DirectReader, config: TablesConfig) -> None:
        self.plugin = plugin
        self.tables: Mapping[str, TableSql] = {table.name: TableSql(plugin, table) for table in tables}
        self.config = config
        self.reader = reader
        self.is_open = False
        self.commits = 0
        """How often rows have changed."""
        self.counts: dict[str, int] = {}
        """Rows of each table, more or less: what the database deletes by itself is still counted."""
        self._on_the_way: dict[str, dict[Key, _Version]] = defaultdict(dict)

    async def open(self, store: Store) -> None:
        """The tables are in the database: begin with what is there. Raises ``StorageError``."""
        self._on_the_way.clear()
        self.commits += 1
        for name, sql in self.tables.items():
            ((count,),) = await store.fetch(*sql.count())
            self.counts[name] = count
        self.is_open = True

    def on_the_way(self, table: str) -> dict[Key, Row | None]:
        """Rows that were accepted and may not be on disk yet. To be taken before the disk is read."""
        return {key: version.row for key, version in self._on_the_way[table].copy().items()}

    def apply(self, changes: Changes, growth: Mapping[str, int]) -> None:
        """Changes have been accepted."""
        self.commits += 1
        for table, versions in changes.items():
            self._on_the_way[table].update(versions)
        for table, more in growth.items():
            self.counts[table] += more

    def settle(self, changes: Changes) -> None:
        """Changes are on disk."""
        for table, versions in changes.items():
            waiting = self._on_the_way[table]
            for key, version in versions.items():
                if waiting.get(key) is version:
                    del waiting[key]


class TableChanges:
    """One call's view of its plugin's tables. What goes in and out raises ``HostCallError`` and ``StorageError``.

    ``stop`` ends a query early when true, with ``QueryStoppedError``.
    """

    def __init__(self, store: TableStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction
        self._staged: dict[str, dict[Key, _Version]] = defaultdict(dict)
        self._growth: dict[str, int] = defaultdict(int)
        self._commits: int | None = None
        self._counted: dict[str, int] = {}
        """What was counted of a table when this call first added to it."""
        self._corrections: dict[str, int] = {}
        """How many rows more than that there really were; fewer than none, because the database deletes some by itself."""

    @property
    def has_effects(self) -> bool:
        """Whether something is to be written."""
        return bool(self._staged)

    def insert(self, name: str, row: object, stop: Stop) -> Row:
        """Stage a new row; returns it whole. A single ULID key that is missing is made up."""
        sql = self._open(name)
        complete: Row = _checked(complete_row, sql.table, row, _new_id)
        key = row_key(sql.table, complete)
        made_up = isinstance(row, dict) and any(column.name not in row for column in sql.table.key)
        if not made_up and self._find(sql, key, stop) is not None:
            raise HostCallError("conflict", f"{name} has a row with the key {_shown(key)} already")
        self._check_room(sql, stop)
        self._stage(sql, key, complete, existed=False)
        self._growth[name] += 1
        return complete

    def get(self, name: str, key: object, stop: Stop) -> Row | None:
        """The row with that key, or None."""
        sql = self._open(name)
        return self._find(sql, _checked(key_of, sql.table, key), stop)

    def select(self, name: str, query: object, stop: Stop) -> list[Row]:
        """The rows that ``query`` (a JSON object) asks for."""
        sql = self._open(name)
        parsed = _checked(Query.parse, sql.table, query)
        # In this order: what reaches the disk meanwhile is in both, and the same in both.
        overlay = self._overlay(name)
        found = (self._without_lost_refs(sql.table, sql.read_row(row)) for row in self._fetch(sql.select(parsed, overlay), stop))
        return [row for row in found if row is not None]

    def update(self, name: str, key: object, changes: object, stop: Stop) -> Row:
        """Stage new values for some columns of a row; returns it whole."""
        sql = self._open(name)
        parsed: Key = _checked(key_of, sql.table, key)
        before = self._find(sql, parsed, stop)
        if before is None:
            raise HostCallError("not_found", f"{name} has no row with the key {_shown(parsed)}")
        after: Row = _checked(changed_row, sql.table, before, changes)
        self._stage(sql, parsed, after, existed=True)
        return after

    def delete(self, name: str, key: object, stop: Stop) -> bool:
        """Stage the end of a row. False if there is none."""
        sql = self._open(name)
        parsed: Key = _checked(key_of, sql.table, key)
        if self._find(sql, parsed, stop) is None:
            return False
        self._put(name, parsed, None, existed=True)
        self._growth[name] -= 1
        return True

    def is_current(self) -> bool:
        """Whether no row of the plugin has changed since the first was read, and those that are added still find room."""
        return self._commits in (None, self._store.commits) and all(map(self._has_room, self._counted))

    def _has_room(self, name: str) -> bool:
        counts, most = self._store.counts[name], self._store.config.rows
        return counts == self._counted[name] or counts + self._corrections.get(name, 0) + self._growth[name] <= most

    def statements(self) -> list[Statement]:
        """What writes the staged rows. From now on they are as the database will leave them."""
        statements: list[Statement] = []
        for name, versions in self._staged.items():
            sql = self._store.tables[name]
            for key, version in versions.items():
                row = None if version.row is None else self._without_lost_refs(sql.table, version.row)
                if row is not version.row:
                    versions[key] = _Version(row, version.existed)
                if row is None:
                    statements.append(sql.delete(key))
                else:
                    statements.append(sql.replace(row) if version.existed else sql.insert(row))
        return statements

    def apply(self) -> None:
        """The statements have been accepted."""
        if self._staged:
            growth = {name: more + self._corrections.get(name, 0) for name, more in self._growth.items()}
            self._store.apply(self._staged, growth)

    def settle(self) -> None:
        """The statements are on disk."""
        self._store.settle(self._staged)

    def _open(self, name: str) -> TableSql:
        sql = self._store.tables.get(name)
        if sql is None:
            declared = ", ".join(self._store.tables) or "none"
            raise HostCallError("not_found", f"the plugin declares no table {name[:48]!r} in its schema; it has {declared}")
        if not self._store.is_open:
            raise HostCallError("unavailable", "tables cannot be used while the plugin is being loaded")
        return sql

    def _find(self, sql: TableSql, key: Key, stop: Stop) -> Row | None:
        overlay = self._overlay(sql.table.name)
        if key in overlay:
            row = overlay[key]
        else:
            rows = self._fetch(sql.get(key), stop)
            row = sql.read_row(rows[0]) if rows else None
        return None if row is None else self._without_lost_refs(sql.table, row)

    def _overlay(self, name: str) -> dict[Key, Row | None]:
        if self._commits is None:
            self._commits = self._store.commits  # before anything is read
        overlay = self._store.on_the_way(name)
        if name in self._staged:
            overlay |= {key: version.row for key, version in self._staged[name].items()}
        return overlay

    def _fetch(self, statement: Statement, stop: Stop) -> list[tuple[Any, ...]]:
        return self._store.reader.fetch(*statement, stop)

    def _check_room(self, sql: TableSql, stop: Stop) -> None:
        name, most = sql.table.name, self._store.config.rows
        counted = self._counted.setdefault(name, self._store.counts[name])
        if counted + self._corrections.get(name, 0) + self._growth[name] < most:
            return
        # Taken before the disk is read: what gets there meanwhile is counted twice rather than not at all.
        on_the_way = sum(1 for row in self._store.on_the_way(name).values() if row is not None)
        ((count,),) = self._fetch(sql.count(), stop)
        if count + on_the_way + self._growth[name] >= most:
            raise HostCallError("too_large", f"a table may have {most} rows, and {name} has them")
        self._corrections[name] = count + on_the_way - counted

    def _stage(self, sql: TableSql, key: Key, row: Row, *, existed: bool) -> None:
        if len(json.dumps(row, ensure_ascii=False).encode()) > self._store.config.row_limit:
            raise HostCallError("too_large", f"a row may have {self._store.config.row_limit} bytes")
        name = sql.table.name
        for column in sql.table.columns:
            if column.ref is not None and row[column.name] is not None:
                try:
                    self._transaction.expect(row[column.name], _REFERRED[column.ref])
                except NotFoundError as exc:
                    raise HostCallError("not_found", f"{name}.{column.name}: {exc}") from exc
        self._put(name, key, row, existed=existed)

    def _without_lost_refs(self, table: Table, row: Row) -> Row | None:
        """The row as the database leaves it when what it refers to is destroyed; None: gone with it. It may yet be about to."""
        for column in table.columns:
            if column.ref is not None and row[column.name] is not None and not self._transaction.exists(row[column.name]):
                if column.filled:
                    return None
                row = {**row, column.name: None}
        return row

    def _put(self, name: str, key: Key, row: Row | None, *, existed: bool) -> None:
        staged = self._staged[name]
        # Of several changes in one call the first knows what was there before it.
        staged[key] = _Version(row, staged[key].existed if key in staged else existed)


def _checked(parse: Callable[..., Any], *arguments: object) -> Any:
    try:
        return parse(*arguments)
    except ValueError as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc


def _new_id() -> str:
    return str(ULID())


def _shown(key: Key) -> str:
    return json.dumps(key[0] if len(key) == 1 else list(key))[:80]

"""Small tables of which all is in memory: read without waiting from any thread, written together with everything else of a call.

A value is frozen and is replaced, never changed, so "is it still what I saw?" is an ``is`` comparison. ``Changes`` is one
transaction's view of a register; which rows stand for a value is for whoever makes the register to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from holomush.database import records
from holomush.database.connection import SqlValue, Statement
from holomush.database.store import Store

K = TypeVar("K", bound="str | tuple[str, ...]")
V = TypeVar("V")


class Register(Generic[K, V]):
    """The rows of ``table``, as values by their keys. ``watchers`` are told of each change, on the Trio thread."""

    def __init__(
        self, table: str, key: Callable[[V], K], row: Callable[[V], Mapping[str, SqlValue]], value: Callable[..., V]
    ) -> None:
        """``row`` gives all columns of a value's row; ``value`` is called with them in the order of the table."""
        self.table = table
        self._key = key
        self._row = row
        self._value = value
        self._values: dict[K, V] = {}
        self.watchers: list[Callable[[V | None, V | None], None]] = []

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, the same instance until it is replaced; None without one."""
        return self._values.get(key)

    def values(self) -> tuple[V, ...]:
        """Every value. Safe to call from any thread."""
        return tuple(self._values.values())

    def key(self, value: V) -> K:
        """What the value is found by."""
        return self._key(value)

    async def load(self, store: Store) -> None:
        """Hold what the database holds: at start, and when the disk is found to be behind the memory. Raises ``StorageError``."""
        table = records.TABLES[self.table]
        columns, key = ", ".join(table.columns), ", ".join(table.key)
        rows = await store.fetch(f"SELECT {columns} FROM {self.table} ORDER BY {key}")  # noqa: S608 - names of our own
        self.replace(self._value(*row) for row in rows)

    def replace(self, values: Iterable[V]) -> None:
        """Hold ``values`` instead of what was there."""
        after: dict[K, V] = {self._key(value): value for value in values}
        gone: dict[K, V | None] = dict.fromkeys(key for key in self._values if key not in after)
        self.apply({**gone, **{key: value for key, value in after.items() if self._values.get(key) != value}})

    def apply(self, changes: Mapping[K, V | None]) -> None:
        """Make each key's value the given one; None removes it."""
        for key, after in changes.items():
            before = self._values.pop(key, None) if after is None else self._values.get(key)
            if after is not None:
                self._values[key] = after
            if before is not after:
                self.noted(before, after)
                for watcher in self.watchers:
                    watcher(before, after)

    def noted(self, before: V | None, after: V | None) -> None:
        """For registers that keep an index: a value has come, gone or been replaced."""

    def statements(self, changes: Mapping[K, V | None]) -> list[Statement]:
        """What writes the changes."""
        return [
            records.delete(self.table, key) if value is None else records.upsert(self.table, self._row(value))
            for key, value in changes.items()
        ]


class Changes(Generic[K, V]):
    """One transaction's view of a register: its own changes first; what it has read is remembered."""

    def __init__(self, register: Register[K, V]) -> None:
        self._register = register
        self._read: dict[K, V | None] = {}
        self._staged: dict[K, V | None] = {}

    @property
    def has_effects(self) -> bool:
        """Whether something is to be written."""
        return bool(self._staged)

    def get(self, key: K) -> V | None:
        """The value as this transaction sees it."""
        if key in self._staged:
            return self._staged[key]
        if key not in self._read:
            self._read[key] = self._register.get(key)
        return self._read[key]

    @property
    def staged(self) -> Mapping[K, V | None]:
        """What this transaction wants to change, by key; None is the end of a value."""
        return self._staged

    def count(self) -> int:
        """How many values there will be. No read, as with ``values``."""
        grown = sum((value is not None) - (self._register.get(key) is not None) for key, value in self._staged.items())
        return len(self._register) + grown

    def values(self) -> list[V]:
        """Every value as this transaction sees it. No read: they may change until the commit."""
        values = {self._register.key(value): value for value in self._register.values()}
        for key, value in self._staged.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        return list(values.values())

    def put(self, value: V) -> None:
        """Stage a value."""
        self._staged[self._register.key(value)] = value

    def remove(self, key: K) -> bool:
        """Stage the end of a value. False if there is none."""
        if self.get(key) is None:
            return False
        self._staged[key] = None
        return True

    def is_current(self) -> bool:
        """Whether all that was read is still so."""
        return all(self._register.get(key) is seen for key, seen in self._read.items())

    def statements(self) -> list[Statement]:
        """What writes the staged changes."""
        return self._register.statements(self._staged)

    def apply(self) -> None:
        """Make the staged changes true in memory. On the Trio thread."""
        self._register.apply(self._staged)


class RegisterChanges:
    """One transaction's views of any registers, each made when it is first asked for: most calls need none."""

    def __init__(self) -> None:
        self._changes: dict[int, Changes[Any, Any]] = {}

    def of(self, register: Register[K, V]) -> Changes[K, V]:
        """The view of one register."""
        changes = self._changes.get(id(register))
        if changes is None:
            changes = self._changes[id(register)] = Changes(register)
        return changes

    @property
    def has_effects(self) -> bool:
        """Whether something is to be written."""
        return any(changes.has_effects for changes in self._changes.values())

    def is_current(self) -> bool:
        """Whether all that was read is still so."""
        return all(changes.is_current() for changes in self._changes.values())

    def statements(self) -> Sequence[Statement]:
        """What writes the staged changes."""
        return [statement for changes in self._changes.values() for statement in changes.statements()]

    def apply(self) -> None:
        """Make the staged changes true in memory. On the Trio thread."""
        for changes in self._changes.values():
            changes.apply()

"""What plugins keep under keys: all of it in memory, the changes of one call, and the rows that save them.

A plugin sees only its own keys. Values are bytes; how they cross to a guest is for the host functions. The limits are small enough
that memory holds everything, so a read costs nothing and needs no connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holomush.config import KvConfig
from holomush.database import records
from holomush.database.store import Statement
from holomush.plugins.functions.refusal import HostCallError

KEY_LIMIT = 256
"""Bytes of one key."""


class KvStore:
    """The keys of one plugin, as committed. Values are replaced, never changed, so any thread may read."""

    def __init__(self, plugin: str, config: KvConfig, values: Iterable[tuple[str, bytes]] = ()) -> None:
        self.plugin = plugin
        self.config = config
        self.key_changes = 0
        """How often a key has come or gone."""
        self.replace(values)

    def replace(self, values: Iterable[tuple[str, bytes]]) -> None:
        """Hold ``values`` instead of what was there."""
        self._values = dict(values)
        self.size = sum(map(_size, self._values, self._values.values()))
        self.key_changes += 1

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> bytes | None:
        """The value, the same object until it is set again; None without one."""
        return self._values.get(key)

    def all_keys(self) -> tuple[str, ...]:
        """Every key."""
        return tuple(self._values)

    def apply(self, changes: Mapping[str, bytes | None]) -> None:
        """Set each key to its value; None deletes it."""
        for key, after in changes.items():
            before = self._values.pop(key, None) if after is None else self._values.get(key)
            if after is not None:
                self._values[key] = after
                self.size += _size(key, after)
            if before is not None:
                self.size -= _size(key, before)
            if (before is None) is not (after is None):
                self.key_changes += 1


class KvChanges:
    """One call's view of its plugin's keys. Its own changes come first; what it has read is remembered."""

    def __init__(self, store: KvStore) -> None:
        self._store = store
        self._read: dict[str, bytes | None] = {}
        self._key_changes: int | None = None
        self._staged: dict[str, bytes | None] = {}

    @property
    def has_effects(self) -> bool:
        """Whether something is to be written."""
        return bool(self._staged)

    def get(self, key: str) -> bytes | None:
        """The value as this call sees it."""
        if key in self._staged:
            return self._staged[key]
        if key not in self._read:
            self._read[key] = self._store.get(key)
        return self._read[key]

    def set(self, key: str, value: bytes) -> None:
        """Stage a value. Raises ``HostCallError`` for a bad key and when the plugin keeps as much as it may."""
        config = self._store.config
        length = len(key.encode())
        if not 1 <= length <= KEY_LIMIT:
            raise HostCallError("invalid_argument", f"a key must have 1 to {KEY_LIMIT} bytes, not {length}")
        if len(value) > config.value_limit:
            raise HostCallError("too_large", f"a value may have {config.value_limit} bytes, not {len(value)}")
        before = self._staged.get(key, self)
        self._staged[key] = value
        problem = self._over_limit()
        if problem is not None:
            if isinstance(before, KvChanges):
                del self._staged[key]
            else:
                self._staged[key] = before
            raise HostCallError("too_large", problem)

    def delete(self, key: str) -> bool:
        """Stage the end of a key. False if there is none."""
        if self.get(key) is None:
            return False
        self._staged[key] = None
        return True

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        if self._key_changes is None:
            self._key_changes = self._store.key_changes
        there = {key for key in self._store.all_keys() if key.startswith(prefix)}
        for key, value in self._staged.items():
            if key.startswith(prefix):
                (there.discard if value is None else there.add)(key)
        return sorted(there)

    def is_current(self) -> bool:
        """Whether all that was read is still so, and what is staged still fits."""
        return (
            all(self._store.get(key) is seen for key, seen in self._read.items())
            and self._key_changes in (None, self._store.key_changes)
            and self._over_limit() is None
        )

    def statements(self) -> list[Statement]:
        """What writes the staged changes."""
        plugin = self._store.plugin
        return [
            records.delete("kv", (plugin, key))
            if value is None
            else records.upsert("kv", {"plugin": plugin, "key": key, "value": value})
            for key, value in self._staged.items()
        ]

    def apply(self) -> None:
        """Make the staged changes true in memory."""
        self._store.apply(self._staged)

    def _over_limit(self) -> str | None:
        config = self._store.config
        count, size = len(self._store), self._store.size
        for key, after in self._staged.items():
            before = self._store.get(key)
            count += (after is not None) - (before is not None)
            size += (0 if after is None else _size(key, after)) - (0 if before is None else _size(key, before))
        if count > config.keys and count > len(self._store):
            return f"a plugin may have {config.keys} keys"
        if size > config.total_limit and size > self._store.size:
            return f"a plugin may keep {config.total_limit} bytes under its keys"
        return None


def _size(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value)

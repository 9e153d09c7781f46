"""What a plugin keeps, for a test to lay out and to look at: its keys as a mapping, its tables as lists of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from holomush.plugins.attempt import Attempt
from holomush.plugins.schema.sql import MAX_LIMIT, Row
from holomush.testing.backstage import Backstage
from holomush.testing.failures import HarnessError
from holomush.testing.stage import Stage

T = TypeVar("T")


class _Kept:
    """Reads and changes what the plugin keeps."""

    def __init__(self, backstage: Backstage[Stage]) -> None:
        self._backstage = backstage

    def look(self, work: Callable[[Attempt], T]) -> T:
        """What ``work`` reads."""
        result: T = self._backstage.call(self._backstage.opened.look, work)
        return result

    def change(self, work: Callable[[Attempt], T]) -> T:
        """Commit what ``work`` stages."""
        result: T = self._backstage.call(self._backstage.opened.change, work)
        return result


class Keys(MutableMapping[str, "str | bytes"]):
    """The plugin's keys. A value is text, or bytes if it is not UTF-8. The server's limits hold."""

    def __init__(self, backstage: Backstage[Stage]) -> None:
        self._kept = _Kept(backstage)

    def __getitem__(self, key: str) -> str | bytes:
        value = self._kept.look(lambda attempt: attempt.kv.get(key))
        if value is None:
            raise KeyError(key)
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value

    def __setitem__(self, key: str, value: str | bytes) -> None:
        data = value if isinstance(value, bytes) else value.encode()
        self._kept.change(lambda attempt: attempt.kv.set(key, data))

    def __delitem__(self, key: str) -> None:
        if not self._kept.change(lambda attempt: attempt.kv.delete(key)):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept.look(lambda attempt: attempt.kv.keys("")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class TableView:
    """The rows of one table, in the order of their keys."""

    def __init__(self, backstage: Backstage[Stage], name: str) -> None:
        self._kept = _Kept(backstage)
        self._name = name

    @property
    def rows(self) -> list[Row]:
        """All rows."""

        def select(attempt: Attempt) -> list[Row]:
            rows: list[Row] = []
            while True:
                page = attempt.tables.select(self._name, {"limit": MAX_LIMIT, "offset": len(rows)}, _never)
                rows += page
                if len(page) < MAX_LIMIT:
                    return rows

        return self._kept.look(select)

    def insert(self, **row: Any) -> Row:
        """Add a row; gives it whole."""
        return self._kept.change(lambda attempt: attempt.tables.insert(self._name, row, _never))

    def get(self, key: Any) -> Row | None:
        """The row with that key, or None."""
        return self._kept.look(lambda attempt: attempt.tables.get(self._name, key, _never))

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Tables(Mapping[str, TableView]):
    """The plugin's tables by name."""

    def __init__(self, backstage: Backstage[Stage]) -> None:
        self._backstage = backstage

    def __getitem__(self, name: str) -> TableView:
        if name not in self._names:
            raise HarnessError(f"the plugin declares no table {name}; it has {', '.join(self._names) or 'none'}")
        return TableView(self._backstage, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        stage = self._backstage.opened
        return tuple(stage.storage[stage.plugin].tables.tables)


def _never() -> bool:
    return False

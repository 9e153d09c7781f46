"""What a plugin adds to the data, as ``schema`` in its manifest: typed attributes of entities, and tables of its own.

Owns the declarations; which values each type takes is in ``values``. The statements are made in ``sql``, the way from one schema to
the next in ``changes``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import attrs

from holomush.plugins.schema.values import TYPES, check_value
from holomush.structuring import one_of

ENTITY_TABLES: Mapping[str, str] = MappingProxyType(
    {"character": "characters", "location": "locations", "object": "objects", "exit": "exits"}
)
"""The kinds of entities that can have attributes, and the core's table of each, which a ``ref`` names."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
MAX_TABLES = 32
MAX_COLUMNS = 64
MAX_ATTRIBUTES = 64
"""Of one kind of entity."""

_FORMAT = 1
_KEY_TYPES = ("ulid", "string", "integer")
_MAX_ID = 64


def check_name(_: object, __: object, value: str) -> None:
    """For attrs: a name of a table, a column or an attribute."""
    if not NAME.fullmatch(value):
        raise ValueError(f"must be lower-case letters, digits and _, a letter first, at most 48, not {value[:80]!r}")


def _distinct(most: int) -> Any:
    """For attrs: at most so many things, each with a name of its own."""

    def check(_: object, __: object, value: tuple[Attribute | Column | Table, ...]) -> None:
        names = [item.name for item in value]
        if len(names) > most:
            raise ValueError(f"must be at most {most}, not {len(names)}")
        if len(set(names)) < len(names):
            raise ValueError(f"must have names of their own: there are two {max(names, key=names.count)}")

    return check


def _default_of(type_: str, value: Any) -> Any:
    try:
        return None if value is None else check_value(type_, value)
    except ValueError as exc:
        raise ValueError(f"default: {exc}, because the type is {type_}") from exc


@attrs.frozen(kw_only=True)
class Attribute:
    """A value that every entity of a kind has. An entity to which nothing was assigned has ``default``."""

    name: str = attrs.field(validator=check_name)
    type: str = attrs.field(validator=one_of(*TYPES))
    default: Any = None
    description: str = ""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "default", _default_of(self.type, self.default))


@attrs.frozen(kw_only=True)
class Column:
    """A column of a plugin's table. ``ref`` names the core's table whose ids it holds: their entity deleted, it is null,
    or the row is gone if the column is ``required`` or ``primary``.
    """

    name: str = attrs.field(validator=check_name)
    type: str = attrs.field(validator=one_of(*TYPES))
    primary: bool = False
    ref: str | None = attrs.field(default=None, validator=one_of(*ENTITY_TABLES.values()))
    required: bool = False
    default: Any = None

    def __attrs_post_init__(self) -> None:
        if self.primary and self.type not in _KEY_TYPES:
            raise ValueError(f"type: must be one of {' '.join(_KEY_TYPES)} for a primary column, not {self.type}")
        if self.ref and self.type != "ulid":
            raise ValueError(f"type: must be ulid, because ref is {self.ref}, not {self.type}")
        if (self.primary or self.ref) and self.default is not None:
            raise ValueError(f"default: must be left out for a column with {'primary' if self.primary else 'ref'}")
        object.__setattr__(self, "default", _default_of(self.type, self.default))

    @property
    def filled(self) -> bool:
        """Whether it is never null."""
        return self.primary or self.required

    def check(self, value: Any) -> Any:
        """``value`` as it is stored for the guest. Raises ``ValueError`` with one line that names the column."""
        if value is None and not self.filled:
            return None
        try:
            if self.ref is None:
                return check_value(self.type, value)
            if not 0 < len(check_value("string", value)) <= _MAX_ID:  # which ids there are is known to the world alone
                raise ValueError(f"must be an id, 1 to {_MAX_ID} characters")
        except ValueError as exc:
            raise ValueError(f"{self.name}: {exc}") from exc
        return value


@attrs.frozen(kw_only=True)
class Table:
    """A table of a plugin. Its primary columns, in their order, are the key of a row."""

    name: str = attrs.field(validator=check_name)
    columns: tuple[Column, ...] = attrs.field(validator=_distinct(MAX_COLUMNS))

    def __attrs_post_init__(self) -> None:
        if not self.key:
            raise ValueError("columns: must have one with primary: true, or several, which are the key together")

    @property
    def key(self) -> tuple[Column, ...]:
        """The primary columns."""
        return tuple(column for column in self.columns if column.primary)

    def column(self, name: object) -> Column:
        """The column called ``name``. Raises ``ValueError`` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise ValueError(f"{str(name)[:80]!r} is no column of {self.name}; its columns are {known}")


@attrs.frozen(kw_only=True)
class Attributes:
    """The attributes a plugin adds, by kind of entity."""

    character: tuple[Attribute, ...] = attrs.field(default=(), validator=_distinct(MAX_ATTRIBUTES))
    location: tuple[Attribute, ...] = attrs.field(default=(), validator=_distinct(MAX_ATTRIBUTES))
    object: tuple[Attribute, ...] = attrs.field(default=(), validator=_distinct(MAX_ATTRIBUTES))
    exit: tuple[Attribute, ...] = attrs.field(default=(), validator=_distinct(MAX_ATTRIBUTES))

    def by_kind(self) -> dict[str, tuple[Attribute, ...]]:
        """All of them: {kind of entity: its attributes}."""
        return {"character": self.character, "location": self.location, "object": self.object, "exit": self.exit}


@attrs.frozen(kw_only=True)
class Schema:
    """All that a plugin adds to the data."""

    attributes: Attributes = Attributes()
    tables: tuple[Table, ...] = attrs.field(default=(), validator=_distinct(MAX_TABLES))

    def to_json(self) -> dict[str, Any]:
        """The schema as plain JSON, to be recorded in the database."""
        lists = attrs.asdict(self, value_serializer=lambda _, __, value: list(value) if isinstance(value, tuple) else value)
        return {"format": _FORMAT, **lists}

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Self:
        """What ``to_json`` made. Raises ``ValueError`` if a newer HoloMUSH recorded it."""
        if recorded["format"] != _FORMAT:
            raise ValueError(f"the recorded schema has the format {recorded['format']}, which only a newer HoloMUSH knows")
        kinds = {kind: tuple(Attribute(**item) for item in items) for kind, items in recorded["attributes"].items()}
        tables = [Table(name=t["name"], columns=tuple(Column(**column) for column in t["columns"])) for t in recorded["tables"]]
        return cls(attributes=Attributes(**kinds), tables=tuple(tables))

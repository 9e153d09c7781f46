"""The steps of a migration, as a manifest has them, and what each does to the schema that the database has of the plugin.

Owns which steps there are and which conversions lose nothing. Nothing is compared or built here: that is ``schema_changes``.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import attrs

from holomush.plugins.schema.declared import ENTITY_TABLES, Attribute, Column, Schema, Table, check_name
from holomush.plugins.schema.sql import Statement, quote
from holomush.plugins.schema.values import TYPES, SqlValue
from holomush.structuring import one_of

# What loses nothing, as SQL for a column and for the JSON of an attribute. Not among them: integer to number, exact only up
# to 2**53; number to string, since SQLite writes 15 digits of 17; what may not fit, such as string to integer.
_CONVERSIONS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("boolean", "integer"): ("{}", "CASE {} WHEN 'true' THEN '1' ELSE '0' END"),
        ("boolean", "number"): ("CAST({} AS REAL)", "CASE {} WHEN 'true' THEN '1.0' ELSE '0.0' END"),
        ("boolean", "string"): ("CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", "json_quote({})"),
        ("boolean", "json"): ("CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", "{}"),
        ("integer", "string"): ("CAST({} AS TEXT)", "json_quote({})"),
        ("integer", "timestamptz"): ("{}", "{}"),
        ("integer", "json"): ("CAST({} AS TEXT)", "{}"),
        ("timestamptz", "integer"): ("{}", "{}"),
        ("timestamptz", "string"): ("CAST({} AS TEXT)", "json_quote({})"),
        ("ulid", "string"): ("{}", "{}"),
        ("json", "string"): ("{}", "json_quote({})"),
    }
)


def convertible(old: str, new: str) -> bool:
    """Whether a value of the type ``old`` can become ``new`` without a loss."""
    return (old, new) in _CONVERSIONS


def _conversion(old: str, new: str) -> tuple[str, str]:
    if (old, new) not in _CONVERSIONS:
        lossless = [end for start, end in _CONVERSIONS if start == old]
        raise ValueError(f"to: must be {' or '.join(lossless) or 'nothing'}, not {new}: from {old}, all else may lose something")
    return _CONVERSIONS[old, new]


# ---- the schema on its way -------------------------------------------------------------------------------------------


@attrs.define
class DraftTable:
    """A table on its way. ``values`` has the SQL of each column's value, over the table ``recorded`` in the database."""

    recorded: Table
    columns: dict[str, Column]
    values: dict[str, str]

    def take(self, name: str) -> tuple[Column, str]:
        """Take the column ``name`` out, with its value."""
        if name not in self.columns:
            raise ValueError(f"column: must be one of {', '.join(self.columns)}, not {name}")
        return self.columns.pop(name), self.values.pop(name)

    def put(self, column: Column, value: str) -> None:
        """Add ``column``, with this value."""
        if column.name in self.columns:
            raise ValueError(f"to: must be a name that is free; there is a column {column.name}")
        self.columns[column.name], self.values[column.name] = column, value


@attrs.define
class Draft:
    """What the steps have made of the recorded schema so far. A step that does not fit raises ``ValueError``."""

    plugin: str
    tables: dict[str, DraftTable]
    attributes: dict[str, dict[str, Attribute]]
    statements: list[Statement] = attrs.field(factory=list)  # those on attributes; tables are built when all is known

    @classmethod
    def start(cls, plugin: str, recorded: Schema) -> Draft:
        """The recorded schema, before any step."""
        tables = {
            table.name: DraftTable(table, {c.name: c for c in table.columns}, {c.name: quote(c.name) for c in table.columns})
            for table in recorded.tables
        }
        kinds = {kind: {attribute.name: attribute for attribute in all_} for kind, all_ in recorded.attributes.by_kind().items()}
        return cls(plugin, tables, kinds)

    def table(self, name: str) -> DraftTable:
        """The table that is called ``name`` by now."""
        if name not in self.tables:
            raise ValueError(f"table: must be one of {', '.join(self.tables) or '(there are none)'}, not {name}")
        return self.tables[name]

    def attribute(self, of: str, name: str) -> Attribute:
        """The attribute of ``of`` that is called ``name`` by now."""
        if name not in self.attributes[of]:
            raise ValueError(f"attribute: must be one of {', '.join(self.attributes[of]) or '(there are none)'}, not {name}")
        return self.attributes[of][name]

    def change_values(self, action: str, values: Sequence[SqlValue], of: str, name: str) -> None:
        """Do ``action``, UPDATE or DELETE, to what was assigned to an attribute of one kind of entity."""
        where = f"plugin = ? AND name = ? AND entity_id IN (SELECT id FROM {ENTITY_TABLES[of]})"  # noqa: S608
        self.statements.append((f"{action} WHERE {where}", (*values, self.plugin, name)))


# ---- steps, as the manifest has them; ``apply`` returns what is done, in a few words ---------------------------------


@attrs.frozen(kw_only=True)
class RenameTable:
    """The table ``table`` is now called ``to``."""

    table: str = attrs.field(validator=check_name)
    to: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        table = draft.table(self.table)
        if self.to in draft.tables:
            raise ValueError(f"to: must be a name that is free; there is a table {self.to}")
        del draft.tables[self.table]
        draft.tables[self.to] = table
        return f"renames the table {self.table} to {self.to}"


@attrs.frozen(kw_only=True)
class DropTable:
    """The table ``table`` is gone, and its rows."""

    table: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        draft.table(self.table)
        del draft.tables[self.table]
        return f"drops the table {self.table}"


@attrs.frozen(kw_only=True)
class RenameColumn:
    """The column ``column`` of ``table`` is now called ``to``."""

    table: str = attrs.field(validator=check_name)
    column: str = attrs.field(validator=check_name)
    to: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        table = draft.table(self.table)
        column, value = table.take(self.column)
        table.put(attrs.evolve(column, name=self.to), value)
        return f"renames the column {self.table}.{self.column} to {self.to}"


@attrs.frozen(kw_only=True)
class DropColumn:
    """The column ``column`` of ``table`` is gone, and its values."""

    table: str = attrs.field(validator=check_name)
    column: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        column, _ = draft.table(self.table).take(self.column)
        if column.primary:
            raise ValueError(f"column: must not be primary, as {self.column} is: rows would lose their key; say drop_table")
        return f"drops the column {self.table}.{self.column}"


@attrs.frozen(kw_only=True)
class ConvertColumn:
    """The column ``column`` of ``table`` now has the type ``to``; a ref is gone."""

    table: str = attrs.field(validator=check_name)
    column: str = attrs.field(validator=check_name)
    to: str = attrs.field(validator=one_of(*TYPES))

    def apply(self, draft: Draft) -> str:
        table = draft.table(self.table)
        column, value = table.take(self.column)
        convert, _ = _conversion(column.type, self.to)
        table.put(attrs.evolve(column, type=self.to, ref=None, default=None), convert.format(value))
        return f"converts the column {self.table}.{self.column} from {column.type} to {self.to}"


@attrs.frozen(kw_only=True)
class RenameAttribute:
    """The attribute ``attribute`` of the kind ``of`` is now called ``to``."""

    of: str = attrs.field(validator=one_of(*ENTITY_TABLES))
    attribute: str = attrs.field(validator=check_name)
    to: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        attribute = draft.attribute(self.of, self.attribute)
        if self.to in draft.attributes[self.of]:
            raise ValueError(f"to: must be a name that is free; {self.of} has an attribute {self.to}")
        del draft.attributes[self.of][self.attribute]
        draft.attributes[self.of][self.to] = attrs.evolve(attribute, name=self.to)
        draft.change_values("UPDATE attributes SET name = ?", (self.to,), self.of, self.attribute)
        return f"renames the attribute {self.of}.{self.attribute} to {self.to}"


@attrs.frozen(kw_only=True)
class DropAttribute:
    """The attribute ``attribute`` of the kind ``of`` is gone, and what was assigned to it."""

    of: str = attrs.field(validator=one_of(*ENTITY_TABLES))
    attribute: str = attrs.field(validator=check_name)

    def apply(self, draft: Draft) -> str:
        draft.attribute(self.of, self.attribute)
        del draft.attributes[self.of][self.attribute]
        draft.change_values("DELETE FROM attributes", (), self.of, self.attribute)
        return f"drops the attribute {self.of}.{self.attribute}"


@attrs.frozen(kw_only=True)
class ConvertAttribute:
    """The attribute ``attribute`` of the kind ``of`` now has the type ``to``."""

    of: str = attrs.field(validator=one_of(*ENTITY_TABLES))
    attribute: str = attrs.field(validator=check_name)
    to: str = attrs.field(validator=one_of(*TYPES))

    def apply(self, draft: Draft) -> str:
        attribute = draft.attribute(self.of, self.attribute)
        _, convert = _conversion(attribute.type, self.to)
        draft.attributes[self.of][self.attribute] = attrs.evolve(attribute, type=self.to, default=None)
        action = f"UPDATE attributes SET value = {convert.format('value')}"  # noqa: S608
        draft.change_values(action, (), self.of, self.attribute)
        return f"converts the attribute {self.of}.{self.attribute} from {attribute.type} to {self.to}"

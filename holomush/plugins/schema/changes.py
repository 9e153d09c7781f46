"""From the schema that the database has of a plugin to the one in its manifest, without losing what is stored.

Owns ``migrations`` of the manifest and the rule: what only adds is done unasked, everything else must be said in a step of
a migration (``migration_steps``), or the plugin is refused. Pure: a plan is statements for somebody else to run in one
transaction, with foreign keys on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import attrs

from holomush.errors import HolomushError
from holomush.plugins.schema.declared import Attribute, Column, Schema, Table
from holomush.plugins.schema.sql import Statement, TableSql, column_sql, names_sql, quote, table_name
from holomush.plugins.schema.steps import (
    ConvertAttribute,
    ConvertColumn,
    Draft,
    DraftTable,
    DropAttribute,
    DropColumn,
    DropTable,
    RenameAttribute,
    RenameColumn,
    RenameTable,
    convertible,
)
from holomush.plugins.schema.values import SqlValue, to_sql

_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")


class SchemaChangeError(HolomushError):
    """The database cannot come to the manifest's schema. ``problems`` has a line for each reason, and so has ``str()``."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def _check_version(_: object, __: object, value: str) -> None:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"must be three numbers such as 1.0.0, not {value[:80]!r}")


@attrs.frozen(kw_only=True)
class Step:
    """One of ``steps``: a mapping with exactly one of these keys."""

    rename_table: RenameTable | None = None
    drop_table: DropTable | None = None
    rename_column: RenameColumn | None = None
    drop_column: DropColumn | None = None
    convert_column: ConvertColumn | None = None
    rename_attribute: RenameAttribute | None = None
    drop_attribute: DropAttribute | None = None
    convert_attribute: ConvertAttribute | None = None

    def __attrs_post_init__(self) -> None:
        if len(self._said()) != 1:
            known = ", ".join(attribute.name for attribute in attrs.fields(Step))
            raise ValueError(f"must have exactly one key, one of {known}")

    def _said(self) -> dict[str, Any]:
        return attrs.asdict(self, recurse=False, filter=lambda _, value: value is not None)

    def apply(self, draft: Draft) -> str:
        """Change ``draft``; returns what was done, for the log. Raises ``ValueError`` if the step does not fit."""
        ((key, change),) = self._said().items()
        try:
            done: str = change.apply(draft)
        except ValueError as exc:
            raise ValueError(f"{key}.{exc}") from exc
        return done


@attrs.frozen(kw_only=True)
class Migration:
    """One of ``migrations``: what to do with the data of versions below ``version``."""

    version: str = attrs.field(validator=_check_version)
    steps: tuple[Step, ...] = ()


@attrs.frozen
class Recorded:
    """What the database has of a plugin: the version that last was there, and its schema."""

    version: str
    schema: Schema


@attrs.frozen
class Plan:
    """Statements for one transaction, and what they do, a line each for the operator. Both empty: nothing is to be done.

    The caller records version and schema in the same transaction, also when there is nothing to do.
    """

    statements: tuple[Statement, ...] = ()
    summary: tuple[str, ...] = ()


def plan(recorded: Recorded | None, plugin: str, version: str, schema: Schema, migrations: tuple[Migration, ...]) -> Plan:
    """How the database comes from what is ``recorded`` to the ``schema`` of this ``version``.

    Steps of migrations above the recorded version are applied first, in the order of the versions; what still differs then
    must be additions. Raises ``SchemaChangeError``.
    """
    _check_order(recorded, plugin, version, migrations)
    draft = Draft.start(plugin, recorded.schema if recorded else Schema())
    summary = _apply(draft, migrations, recorded.version) if recorded else []
    place = "migrations"
    if recorded and recorded.version == version:
        place = f"migrations, in a version above {version}"
    comparison = _Comparison(place)
    comparison.compare(draft, schema)
    if comparison.problems:
        raise SchemaChangeError(comparison.problems)
    built = _build(draft, recorded.schema if recorded else Schema(), schema)
    return Plan((*draft.statements, *built), (*summary, *comparison.summary))


def removal_statements(plugin: str, schema: Schema) -> tuple[Statement, ...]:
    """Statements that drop all tables of ``plugin``, whose recorded schema is ``schema``, and forget its attributes."""
    return (
        *(_drop(table_name(plugin, table.name)) for table in schema.tables),
        ("DELETE FROM attributes WHERE plugin = ?", (plugin,)),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _check_order(recorded: Recorded | None, plugin: str, version: str, migrations: tuple[Migration, ...]) -> None:
    if recorded and _numbers(version) < _numbers(recorded.version):
        older = f"{plugin} {version} is older than the {recorded.version} whose tables are in the database"
        raise SchemaChangeError([f"{older}; install that version"])
    late = [
        f"migrations[{index}].version: must be at most {version}, the plugin's own, not {migration.version}"
        for index, migration in enumerate(migrations)
        if _numbers(migration.version) > _numbers(version)
    ]
    if late:
        raise SchemaChangeError(late)


def _apply(draft: Draft, migrations: tuple[Migration, ...], after: str) -> list[str]:
    """Apply the steps of the migrations above the version ``after``; returns what was done."""
    done = []
    for index, migration in sorted(enumerate(migrations), key=lambda pair: _numbers(pair[1].version)):
        if _numbers(migration.version) <= _numbers(after):
            continue
        for number, step in enumerate(migration.steps):
            try:
                done.append(step.apply(draft))
            except ValueError as exc:
                raise SchemaChangeError([f"migrations[{index}].steps[{number}].{exc}"]) from exc
    return done


# ---- what differs ----------------------------------------------------------------------------------------------------


@attrs.define
class _Comparison:
    """What differs between a draft and the manifest: additions go to ``summary``, everything else is one of ``problems``."""

    place: str
    problems: list[str] = attrs.field(factory=list)
    summary: list[str] = attrs.field(factory=list)

    def compare(self, draft: Draft, schema: Schema) -> None:
        wanted = {table.name: table for table in schema.tables}
        for name in draft.tables:
            if name not in wanted:
                self._refuse(f"table {name} is gone: its rows would be lost", "drop_table or rename_table")
        for name, table in wanted.items():
            if name not in draft.tables:
                self.summary.append(f"creates the table {name}")
            else:
                self._compare_columns(draft.tables[name], table)
        for kind, attributes in schema.attributes.by_kind().items():
            self._compare_attributes(kind, draft.attributes[kind], {attribute.name: attribute for attribute in attributes})

    def _compare_columns(self, old: DraftTable, table: Table) -> None:
        wanted = {column.name: column for column in table.columns}
        place = f"table {table.name}: the column"
        for name, column in old.columns.items():
            if name not in wanted:
                self._refuse(f"{place} {name} ({column.type}) is gone: rows would lose it", "drop_column or rename_column")
        for name, column in wanted.items():
            if name in old.columns:
                self._compare_column(f"{table.name}.{name}", f"{place} {name}", old.columns[name], column)
            elif column.primary:
                self._refuse(f"{place} {name} is new and primary: the rows there have no such key; make a new table")
            elif column.required and column.default is None:
                self._refuse(f"{place} {name} is new and required: the rows there need a value; give it a default")
            else:
                self.summary.append(f"adds the column {table.name}.{name}")

    def _compare_column(self, name: str, place: str, old: Column, new: Column) -> None:
        if old.type != new.type:
            self._refuse_type(f"{place} was {old.type} and is {new.type}", old.type, new.type, "column")
        elif old.ref != new.ref:
            self._refuse(f"{place} had {_ref(old)} and has {_ref(new)}: ids may not be there; add a column of another name")
        if old.primary != new.primary:
            change = "was primary and is not" if old.primary else "is primary now"
            self._refuse(f"{place} {change}: rows would have another key; make a new table")
        elif new.filled and not old.filled:
            self._refuse(f"{place} is required now: rows there may have none; leave out required")
        elif old.filled and not new.filled:
            self.summary.append(f"lets the column {name} be null")
        if _default(old) != _default(new):
            self.summary.append(f"changes the default of the column {name}")

    def _compare_attributes(self, kind: str, old: dict[str, Attribute], wanted: dict[str, Attribute]) -> None:
        for name, attribute in old.items():
            if name not in wanted:
                what = f"attribute {kind}.{name} ({attribute.type}) is gone: what was assigned to it would be lost"
                self._refuse(what, "drop_attribute or rename_attribute")
        for name, attribute in wanted.items():
            if name not in old:
                self.summary.append(f"adds the attribute {kind}.{name}")
            elif old[name].type != attribute.type:
                what = f"attribute {kind}.{name} was {old[name].type} and is {attribute.type}"
                self._refuse_type(what, old[name].type, attribute.type, "attribute")
            elif _default(old[name]) != _default(attribute):
                self.summary.append(f"changes the default of the attribute {kind}.{name}")

    def _refuse_type(self, what: str, old: str, new: str, thing: str) -> None:
        if convertible(old, new):
            self._refuse(what, f"convert_{thing}")
        else:
            self._refuse(f"{what}, which may lose something", f"drop_{thing}")

    def _refuse(self, what: str, say: str = "") -> None:
        self.problems.append(f"{what}; say {say} in {self.place}" if say else what)


def _ref(column: Column) -> str:
    return f"ref: {column.ref}" if column.ref else "no ref"


def _default(thing: Attribute | Column) -> SqlValue:
    # As SQLite has it, because Python finds 1, 1.0 and True equal.
    return to_sql(thing.type, thing.default)


# ---- what is done to tables ------------------------------------------------------------------------------------------


def _build(draft: Draft, recorded: Schema, schema: Schema) -> list[Statement]:
    """The statements for tables. All old tables are read before the first goes, so that names may change places."""
    plugin = draft.plugin
    first: list[Statement] = []
    last: list[Statement] = []
    drop = {table.name for table in recorded.tables} - {table.recorded.name for table in draft.tables.values()}
    for table in schema.tables:
        sql = TableSql(plugin, table)
        old = draft.tables.get(table.name)
        if old is None:
            last += [sql.create(), *sql.create_indexes(table.columns)]
        elif _only_grows(old, table):
            added = [column for column in table.columns if column.name not in old.columns]
            last += [*map(sql.add_column, added), *sql.create_indexes(added)]
        else:
            drop.add(old.recorded.name)
            built = f"{sql.name}..new"  # an index has one dot in its name, and nothing else has any
            first += [sql.create(built), _copy(old, table, table_name(plugin, old.recorded.name), built)]
            last += [(f"ALTER TABLE {quote(built)} RENAME TO {quote(sql.name)}", ()), *sql.create_indexes(table.columns)]
    return [*first, *(_drop(table_name(plugin, name)) for name in sorted(drop)), *last]


def _only_grows(old: DraftTable, table: Table) -> bool:
    """Whether ALTER TABLE ADD COLUMN does it: every recorded column is as it was, and SQLite can write the new defaults."""
    now = {column.name: column for column in table.columns}
    kept = all(
        column.name in now
        and column_sql(now[column.name]) == column_sql(column)
        and old.values.get(column.name) == quote(column.name)
        for column in old.recorded.columns
    )
    # In SQL text, unlike in a parameter, SQLite does not read every float exactly.
    exact = all(column.type != "number" or column.default is None for column in table.columns if column.name not in old.columns)
    return kept and exact and old.recorded.name == table.name


def _copy(old: DraftTable, table: Table, source: str, target: str) -> Statement:
    parameters = [_default(column) for column in table.columns if column.name not in old.columns]
    values = ", ".join(old.values.get(column.name, "?") for column in table.columns)
    return f"INSERT INTO {quote(target)} ({names_sql(table.columns)}) SELECT {values} FROM {quote(source)}", parameters  # noqa: S608


def _drop(name: str) -> Statement:
    return f"DROP TABLE {quote(name)}", ()

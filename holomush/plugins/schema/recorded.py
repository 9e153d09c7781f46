"""The schemas of plugins as the database has them: read, brought up to date with the manifests, and taken away."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from holomush.database import records
from holomush.database.migrations import Migration, migrate
from holomush.database.store import Statement, StorageError, Store
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.schema.changes import Recorded, SchemaChangeError, plan, removal_statements
from holomush.plugins.schema.declared import Schema

_SELECT = "SELECT plugin, version, schema FROM plugin_schemas"

_log = logging.getLogger(__name__)


async def recorded_schemas(store: Store) -> dict[str, Recorded]:
    """What is recorded, by plugin. One that only a newer HoloMUSH can read is not in it. Raises ``StorageError``."""
    return dict(_readable(await store.fetch(_SELECT)))


def peek_at_schemas(path: Path) -> Mapping[str, Recorded]:
    """As ``recorded_schemas``, of a database that a server may be using. Raises ``StorageError``."""
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_SELECT).fetchall()
    except sqlite3.OperationalError as exc:
        if "no such table" in str(exc):  # it has not been started since plugins could have tables
            return {}
        raise StorageError(f"cannot read the database {path}: {exc}") from exc
    except sqlite3.Error as exc:
        raise StorageError(f"cannot read the database {path}: {exc}") from exc
    return dict(_readable(rows))


def _readable(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, Recorded]]:
    for plugin, version, text in rows:
        with suppress(ValueError):
            yield plugin, Recorded(version, Schema.from_json(json.loads(text)))


async def _recorded_of(store: Store, plugin: str) -> Recorded | None:
    rows = await store.fetch(f"{_SELECT} WHERE plugin = ?", (plugin,))
    recorded = dict(_readable(rows)).get(plugin)
    if rows and recorded is None:
        raise StorageError(f"what {plugin} {rows[0][1]} keeps was recorded by a newer HoloMUSH; install that version")
    return recorded


def check_schema(manifest: Manifest, recorded: Recorded | None) -> tuple[str, ...]:
    """What would change in the database, a line each. Raises ``SchemaChangeError`` if that would lose something."""
    return plan(recorded, manifest.name, manifest.version, manifest.schema, manifest.migrations).summary


async def bring_up_to_date(store: Store, manifest: Manifest) -> None:
    """Make the database hold what the manifest declares, in one transaction, after a backup.

    Raises ``SchemaChangeError`` if that would lose something and ``StorageError`` if it fails; the database is then as it was.
    """
    recorded = await _recorded_of(store, manifest.name)
    changes = plan(recorded, manifest.name, manifest.version, manifest.schema, manifest.migrations)
    if recorded is None and manifest.schema == Schema():
        return
    row = {"plugin": manifest.name, "version": manifest.version, "schema": json.dumps(manifest.schema.to_json())}
    record = records.upsert("plugin_schemas", row)
    if changes.statements:
        ((done,),) = await store.fetch("SELECT count(*) FROM migrations WHERE owner = ?", (manifest.name,))
        name = f"{done + 1:04}-{manifest.version}"
        await migrate(store, [Migration(manifest.name, name, (*changes.statements, record))])
        for line in changes.summary:
            _log.info("plugin %s: the database %s", manifest.name, line)
    elif recorded != Recorded(manifest.version, manifest.schema):
        await store.write([record])


async def remove_data(store: Store, plugin: str) -> Path | None:
    """Drop everything that a plugin keeps: tables, attributes, keys. Returns where the copy of the database is that was made
    before, None if there was nothing to drop. Raises ``StorageError``.
    """
    recorded = await _recorded_of(store, plugin)
    found = recorded is not None
    for table in ("attributes", "kv"):
        found = found or bool(await store.fetch(f"SELECT 1 FROM {table} WHERE plugin = ? LIMIT 1", (plugin,)))  # noqa: S608
    if not found:
        return None
    backup = store.path.with_name(f"{store.path.name}.before-removing-{plugin}.bak")
    await store.backup(backup)
    statements: list[Statement] = list(removal_statements(plugin, recorded.schema)) if recorded is not None else []
    await store.write(
        [
            *statements,
            ("DELETE FROM attributes WHERE plugin = ?", (plugin,)),
            ("DELETE FROM kv WHERE plugin = ?", (plugin,)),
            ("DELETE FROM plugin_schemas WHERE plugin = ?", (plugin,)),
            ("DELETE FROM migrations WHERE owner = ?", (plugin,)),
        ]
    )
    return backup


__all__ = ["SchemaChangeError", "bring_up_to_date", "check_schema", "peek_at_schemas", "recorded_schemas", "remove_data"]

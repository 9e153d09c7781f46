"""Owns the ledger of migrations: which changes of the schema a file has been through, and how it gets the rest.

The migrations themselves are the business of their owners: ``schema`` for the core, each plugin for its tables.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import field, frozen
from attrs.validators import matches_re

from holomush.clock import now
from holomush.database.connection import Statement, StorageError
from holomush.database.store import Store

CORE = "core"

_LEDGER: Statement = (
    "CREATE TABLE IF NOT EXISTS migrations ("
    "owner TEXT NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (owner, name)"
    ") STRICT, WITHOUT ROWID",
    (),
)
_RECORD = "INSERT INTO migrations (owner, name, applied_at) VALUES (?, ?, ?)"


@frozen
class Migration:
    """One change of the schema. ``name`` is unique for its owner and goes into file names: ``0001-core-tables``."""

    owner: str
    name: str = field(validator=matches_re(r"[A-Za-z0-9][A-Za-z0-9._-]*"))
    statements: Sequence[Statement]

    @property
    def label(self) -> str:
        """The name, after the owner's for those that are not the core's."""
        return self.name if self.owner == CORE else f"{self.owner}-{self.name}"


class MigrationError(StorageError):
    """The database file cannot be brought to the schema this version needs. It is as it was before the migration."""


async def migrate(store: Store, migrations: Iterable[Migration]) -> list[Migration]:
    """Apply the missing ``migrations`` in the order given, each in one transaction with its ledger row; return those.

    A file that had migrations before this run is first copied to ``<database>.before-<label>.bak``, once while the store
    is open. Raises ``MigrationError`` if a migration fails, or, when ``migrations`` has the core's, if the file went
    through core migrations that are not among them: a newer HoloMUSH made it.
    """
    wanted = list(migrations)
    await store.write([_LEDGER])
    applied = {(owner, name) for owner, name in await store.fetch("SELECT owner, name FROM migrations")}
    _refuse_newer(store.path, wanted, applied)
    missing = [migration for migration in wanted if (migration.owner, migration.name) not in applied]
    if missing and not store.migration_safe:
        if applied:
            await store.backup(store.path.with_name(f"{store.path.name}.before-{missing[0].label}.bak"))
        store.migration_safe = True
    for migration in missing:
        record = (_RECORD, (migration.owner, migration.name, now()))
        try:
            await store.write([*migration.statements, record])
        except StorageError as error:
            raise MigrationError(
                f"cannot apply the migration {migration.owner}/{migration.name} to {store.path}: {error}"
            ) from error
    return missing


def _refuse_newer(path: Path, wanted: Sequence[Migration], applied: set[tuple[str, str]]) -> None:
    known = {migration.name for migration in wanted if migration.owner == CORE}
    newer = sorted(name for owner, name in applied if owner == CORE and name not in known)
    if known and newer:
        raise MigrationError(f"the database {path} was made by a newer HoloMUSH (it has {', '.join(newer)}); install that version")

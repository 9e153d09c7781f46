"""``python -m holomush world ...``: writes the world to a file and reads one, while the server is stopped."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import trio

from holomush.clock import now
from holomush.config import Config
from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.errors import HolomushError
from holomush.options import errors_as_lines, read_config
from holomush.plugins.functions.worlds import attribute_check
from holomush.plugins.schema.recorded import recorded_schemas
from holomush.startup import DATABASE, START_SETTING
from holomush.world.exporting import Export, export_entities
from holomush.world.importing import Import, stage_world
from holomush.world.model import Kind
from holomush.world.plainyaml import FILE_LIMIT
from holomush.world.rows import load_entities, save_statements
from holomush.world.starter import make_starter_world
from holomush.world.state import World
from holomush.world.transaction import Transaction
from holomush.world.worldfile import WorldFile, parse_world, read_file, write_file, write_world

_STREAM = Path("-")

_FILE = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
_CONFIG = click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML file with settings.")
_DATA = click.option(
    "--data", "--data-dir", "data", type=click.Path(path_type=Path), help="Folder of the database.  [default: data]"
)


@click.group("world")
def world_commands() -> None:
    """Write the world to a file, or read one, while the server is stopped."""


@world_commands.command("export")
@_FILE
@_CONFIG
@_DATA
def export_command(file: Path, config_file: Path | None, data: Path | None) -> None:
    """Write places, exits, things and the game's own characters to FILE; - is standard output."""
    with errors_as_lines():
        config = read_config(config_file, data, ())
        database = config.data / DATABASE
        if not database.is_file():
            raise HolomushError(f"{database}: there is no such database")
        export = trio.run(_export, database)
        text = write_world(export.file)
        if file == _STREAM:
            click.echo(text.encode(), nl=False)
        else:
            write_file(file, text)
        counts = export.counts()
        click.echo(f"Exported {_listed({kind: counts[f'{kind}s'] for kind in Kind})}.", err=file == _STREAM)
        if export.left_out:
            things = "1 object" if export.left_out == 1 else f"{export.left_out:,} objects"
            click.echo(f"Left out: {things} that players' characters carry.", err=file == _STREAM)


@world_commands.command("import")
@_FILE
@_CONFIG
@_DATA
def import_command(file: Path, config_file: Path | None, data: Path | None) -> None:
    """Make the world hold what is in FILE; - is standard input.

    What has an id that is there is updated, the rest is created, nothing is deleted. In a new data folder FILE takes the place of
    the starter world.
    """
    with errors_as_lines():
        config = read_config(config_file, data, ())
        source = "standard input" if file == _STREAM else str(file)
        content = sys.stdin.buffer.read(FILE_LIMIT + 1) if file == _STREAM else read_file(file)
        world_file = parse_world(content, source)
        if not (config.data / DATABASE).exists():
            make_starter_world(world_file, source)  # before anything is made for it
        _make_folder(config)
        imported = trio.run(_import, config.data / DATABASE, world_file, source)
        made = f"{imported.created:,} created, {imported.updated:,} updated"
        click.echo(f"Imported {_listed(imported.counts)}: {made}.")
        for warning in imported.warnings:
            click.echo(f"note: {warning}")


async def _export(database: Path) -> Export:
    async with open_store(database) as store:
        await migrate(store, CORE_MIGRATIONS)
        return export_entities(await load_entities(store), await _start(store))


async def _import(database: Path, file: WorldFile, source: str) -> Import:
    async with open_store(database) as store:
        await migrate(store, CORE_MIGRATIONS)
        setting = []
        if await _start(store) is None:
            starter = make_starter_world(file, source)
            setting = [records.insert("settings", {"key": START_SETTING, "value": starter.start})]
        world = World(await load_entities(store))
        transaction = Transaction(world)
        check = attribute_check({plugin: recorded.schema for plugin, recorded in (await recorded_schemas(store)).items()})
        imported = stage_world(file, transaction, source, now=now(), check_attribute=check)
        await store.write([*save_statements(world, transaction.changes), *setting])
        return imported


async def _start(store: Store) -> str | None:
    rows = await store.fetch("SELECT value FROM settings WHERE key = ?", (START_SETTING,))
    return str(rows[0][0]) if rows else None


def _make_folder(config: Config) -> None:
    try:
        config.data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise HolomushError(f"data: {config.data}: the folder cannot be made: {exc.strerror}") from exc


def _listed(counts: Mapping[Kind, int]) -> str:
    *first, last = (f"{counts.get(kind, 0):,} {kind}{'' if counts.get(kind, 0) == 1 else 's'}" for kind in Kind)
    return f"{', '.join(first)} and {last}"

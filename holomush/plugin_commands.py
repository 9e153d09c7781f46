"""``python -m holomush plugin ...``: what an operator does about plugins without starting the server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio
from opentelemetry.trace import NoOpTracer

from holomush import bundled
from holomush.commands.router import Router
from holomush.config import Config
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.dispatch.switchboard import make_router
from holomush.errors import HolomushError
from holomush.options import errors_as_lines, plugin_folders, read_config, unlogged, where_options
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.host import open_host
from holomush.plugins.roster.approvals import Approval, approve, forget, read_approvals
from holomush.plugins.roster.capabilities import NOTHING, CapabilitySet
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.roster import Entry, Roster, State, draw_up, load
from holomush.plugins.roster.source import find_plugins
from holomush.plugins.schema.changes import Recorded
from holomush.plugins.schema.recorded import check_schema, peek_at_schemas, remove_data
from holomush.plugins.storage.storage import open_storage
from holomush.plugins.surroundings import Surroundings
from holomush.startup import DATABASE
from holomush.world.state import World


@click.group("plugin")
def plugin_commands() -> None:
    """List, check, approve and remove plugins."""


@plugin_commands.command("list")
@where_options
def list_command(config_file: Path | None, data: Path | None, plugin_dirs: tuple[Path, ...]) -> None:
    """Show every plugin in load order, whether it would be loaded, and why not."""
    with errors_as_lines():
        config = read_config(config_file, data, plugin_dirs)
        with unlogged():  # of what a plugin's code raised, the reason is enough here; check shows it all
            roster = _try(config, _draw_up(config, find_plugins(plugin_folders(config)), read_approvals(config.data)))
        for number, entry in enumerate(roster.entries, 1):
            place = f"{number}. " if entry.state is State.READY else ""
            click.echo(f"{place}{_title(entry)}: {entry.state}")
            for line in (*entry.reasons, *entry.notes):
                click.echo(f"  {line}")


@plugin_commands.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@where_options
def check_command(folder: Path, config_file: Path | None, data: Path | None, plugin_dirs: tuple[Path, ...]) -> None:
    """Say whether the plugin in FOLDER would be loaded, what it asks for, and every problem found."""
    with errors_as_lines():
        config = read_config(config_file, data, plugin_dirs)
        if not folder.is_dir():
            raise HolomushError(f"{folder}: there is no such folder")
        checked = folder.resolve()
        # As if it were dropped in: it stands in for a folder of the same name, and comes before others of its own name.
        folders = [checked, *(other for other in find_plugins(plugin_folders(config)) if other.name != checked.name)]
        approvals = read_approvals(config.data)
        roster = _draw_up(config, folders, approvals)
        entry = _in(checked, roster)
        waits = entry.grant.waiting if entry.grant is not None and entry.state is State.WAITING else NOTHING
        if waits.held and entry.source is not None:  # whether it is good enough to be approved is what the operator asks
            roster = _draw_up(config, folders, {**approvals, entry.name: Approval.of(entry.source.manifest)})
        roster = _try(config, roster)
        entry = _in(checked, roster)
        for line in _findings(entry, roster, waits, peek_at_schemas(config.data / DATABASE).get(entry.name)):
            click.echo(line)
    if entry.state is State.REFUSED:
        sys.exit(1)


@plugin_commands.command("approve")
@click.argument("name")
@where_options
def approve_command(name: str, config_file: Path | None, data: Path | None, plugin_dirs: tuple[Path, ...]) -> None:
    """Let the plugin NAME do what it asks for."""
    with errors_as_lines():
        config = read_config(config_file, data, plugin_dirs)
        manifest = _find(_draw_up(config, find_plugins(plugin_folders(config)), read_approvals(config.data)), name)
        if not manifest.capability_set.reaching.held:
            raise HolomushError(f"{name} asks for nothing that needs an approval")
        if name in config.plugins.grants:
            raise HolomushError(f"what {name} may do is in the configuration: plugins.grants.{name}")
        config.data.mkdir(parents=True, exist_ok=True)
        approve(config.data, manifest)
        click.echo(f"Approved of {name} {manifest.version}, from the next start of the server on:")
        for capability in manifest.capabilities:
            click.echo(f"  {capability}")


@plugin_commands.command("remove")
@click.argument("name")
@click.option("--data", "with_data", is_flag=True, help="Drop its tables, attributes and keys, too, after a backup.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML file with settings.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the database.  [default: data]")
def remove_command(name: str, config_file: Path | None, data_dir: Path | None, *, with_data: bool) -> None:
    """Forget the approval of the plugin NAME, and with --data everything that it keeps. Its folder is yours to delete."""
    with errors_as_lines():
        config = read_config(config_file, data_dir, ())
        if with_data:
            if not (config.data / DATABASE).is_file():
                raise HolomushError(f"{config.data / DATABASE}: there is no such database")
            backup = trio.run(_remove_data, config.data / DATABASE, name)
            if backup is None:
                click.echo(f"{name} keeps nothing in the database.")
            else:
                click.echo(f"Everything that {name} kept is gone from the database. A copy from before: {backup}")
        forgotten = forget(config.data, name)
        click.echo(f"The approval of {name} is forgotten." if forgotten else f"{name} had no approval.")


async def _remove_data(database: Path, name: str) -> Path | None:
    async with open_store(database) as store:
        await migrate(store, CORE_MIGRATIONS)
        return await remove_data(store, name)


def _draw_up(config: Config, folders: Iterable[Path], approvals: Mapping[str, Approval]) -> Roster:
    return draw_up(folders, is_bundled=bundled.is_bundled, grants=config.plugins.grants, approvals=approvals)


def _try(config: Config, roster: Roster) -> Roster:
    """Load everything as the server would, on a scratch database that is thrown away."""
    use_compile_cache(default_folders(os.environ, config.data))
    recorded = peek_at_schemas(config.data / DATABASE)
    with TemporaryDirectory(prefix="holomush-") as scratch:
        return trio.run(_load, config, roster, recorded, Path(scratch) / "scratch.db")


async def _load(config: Config, roster: Roster, recorded: Mapping[str, Recorded], scratch: Path) -> Roster:
    runtime = SourceRuntime(bundled.RUNTIMES)
    async with open_store(scratch, synchronous="OFF") as store:
        await migrate(store, CORE_MIGRATIONS)
        with open_storage(store, config.plugins) as storage:
            async with open_host(runtime, World(), storage, config.plugins, NoOpTracer(), Surroundings()) as host:
                return await load(roster, host, storage, store, recorded)


def _in(folder: Path, roster: Roster) -> Entry:
    return next(entry for entry in roster.entries if entry.folder == folder)


def _find(roster: Roster, name: str) -> Manifest:
    for entry in roster.entries:
        if entry.name == name:
            if entry.source is None:
                raise HolomushError(f"{name} cannot be read: {entry.reasons[0]}")
            return entry.source.manifest
    names = ", ".join(dict.fromkeys(sorted(entry.name for entry in roster.entries)))
    raise HolomushError(f"there is no plugin {name}; there are {names}; --plugin-dir says where further ones are")


def _title(entry: Entry) -> str:
    return entry.name if entry.source is None else f"{entry.name} {entry.source.manifest.version}"


def _findings(entry: Entry, roster: Roster, waits: CapabilitySet, recorded: Recorded | None) -> Iterable[str]:
    yield f"{_title(entry)} in {entry.folder}"
    if entry.source is not None:
        yield from _offers(entry.source.manifest, waits)
    if entry.source is None or entry.state is State.REFUSED:
        yield from (f"problem: {reason}" for reason in entry.reasons)
        yield "It would not be loaded."
    else:
        yield from (f"the database: {line}" for line in check_schema(entry.source.manifest, recorded))
        yield from (f"note: {note}" for note in (*_quarrels(roster, entry.name), *entry.notes))
        place = f"It would be loaded, as number {roster.ready.index(entry) + 1} of {len(roster.ready)}"
        yield f"{place}, once you approve of it: python -m holomush plugin approve {entry.name}" if waits.held else f"{place}."


def _offers(manifest: Manifest, waits: CapabilitySet) -> Iterable[str]:
    for capability in manifest.capability_set.held:
        yield f"asks for {capability.text}{', which waits for your approval' if capability in waits.held else ''}"
    if not manifest.capabilities:
        yield "asks for nothing"
    for command in manifest.commands:
        yield f"command {command.name}: {command.usage or command.pattern}"
    for subscription in manifest.subscribes:
        yield f"hears {subscription.type} on {subscription.stream}"


def _quarrels(roster: Roster, name: str) -> list[str]:
    router: Router = make_router(roster.manifests)
    return [warning for warning in router.warnings if name in warning]

"""What is done once, before the doors open: the database brought up to date, the world read, the plugins loaded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import trio

from holomush.commands.router import Router
from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store
from holomush.errors import HolomushError
from holomush.events.render import Templates
from holomush.plugins.host import PluginHost, PluginLoadError
from holomush.plugins.manifest import Manifest
from holomush.plugins.source import PluginSource, find_plugins, read_plugin
from holomush.sessions.session import TEMPLATES
from holomush.structuring import StructureError
from holomush.world.rows import insert_statements, load_entities
from holomush.world.starter import read_starter_world
from holomush.world.state import World

START_SETTING = "start_location"
"""The row of ``settings`` with the id of the location where new characters begin."""

_log = logging.getLogger(__name__)


async def prepare_world(store: Store, world: World, starter_world: Path) -> str:
    """Bring the database to today's schema, fill an empty one, and load it. Returns the id of the start location."""
    await migrate(store, CORE_MIGRATIONS)
    rows = await store.fetch("SELECT value FROM settings WHERE key = ?", (START_SETTING,))
    if not rows:
        starter = read_starter_world(starter_world)
        setting = records.insert("settings", {"key": START_SETTING, "value": starter.start})
        await store.write([*insert_statements(starter.entities), setting])
        rows = [(starter.start,)]
    world.replace(await load_entities(store))
    return str(rows[0][0])


async def load_plugins(host: PluginHost, folders: Sequence[Path]) -> list[Manifest]:
    """Load every plugin that can be; say which cannot and why. Two at a time: compiled code runs beside Python."""
    sources: dict[str, PluginSource] = {}
    for folder in find_plugins(list(folders)):
        try:
            source = read_plugin(folder)
        except StructureError as exc:
            _leave_out(folder, exc)
        else:
            # Settled here, where the order of the folders is known: loading has none.
            first = sources.setdefault(source.manifest.name, source)
            if first is not source:
                _leave_out(folder, HolomushError(f"{first.folder} has the name {source.manifest.name} already"))
    gate = trio.CapacityLimiter(2)

    async def load(source: PluginSource) -> None:
        async with gate:
            try:
                await host.load_plugin(source)
            except PluginLoadError as exc:
                _leave_out(source.folder, exc)

    async with trio.open_nursery() as nursery:
        for source in sources.values():
            nursery.start_soon(load, source)
    return [plugin.manifest for plugin in host.plugins]


def _leave_out(folder: Path, reason: HolomushError) -> None:
    for line in str(reason).splitlines():
        _log.error("plugin %s is left out: %s", folder.name, line)


def collect_templates(manifests: Sequence[Manifest]) -> dict[str, Templates]:
    """How events read, by type: the first plugin in load order that says so, and before all the sessions' own."""
    templates = dict(TEMPLATES)
    for manifest in manifests:
        for event_type, rendering in manifest.renders.items():
            if event_type in templates:
                _log.warning("plugin %s: renders: %s has its texts from elsewhere already", manifest.name, event_type)
            else:
                templates[event_type] = rendering.templates()
    return templates


def make_router(manifests: Sequence[Manifest]) -> Router:
    """The commands of all plugins, in load order; what they quarrel about goes to the log."""
    router = Router(spec for manifest in manifests for spec in manifest.command_specs())
    for warning in router.warnings:
        _log.warning("%s", warning)
    return router

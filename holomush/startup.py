"""What is done once, before the doors open: the database brought up to date, the world read, the plugins loaded."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs
import trio

from holomush.auth.passwords import PasswordHashes
from holomush.bundled import is_bundled
from holomush.config import Config, HttpConfig
from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store
from holomush.dispatch.switchboard import Switchboard
from holomush.events.render import Renderer, Templates
from holomush.plugins.functions.addresses import Resolver
from holomush.plugins.functions.http import fetch, trusted_authorities
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.handbook import Handbook
from holomush.plugins.host import PluginHost
from holomush.plugins.roster.approvals import read_approvals
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.roster import Roster, draw_up, load
from holomush.plugins.roster.source import find_plugins
from holomush.plugins.schema.recorded import recorded_schemas
from holomush.plugins.storage.storage import Storage
from holomush.plugins.surroundings import Fetch, Surroundings
from holomush.sessions.announcement import TEMPLATES
from holomush.sessions.oversight import Oversight
from holomush.world.rows import insert_statements, load_entities
from holomush.world.starter import read_starter_world
from holomush.world.state import World

START_SETTING = "start_location"
"""The row of ``settings`` with the id of the location where new characters begin."""

DATABASE = "holomush.db"
"""The file in the data folder."""


T = TypeVar("T")


@attrs.frozen
class Keeping:
    """What the server keeps and plugins may use: where new characters begin, and how passwords become hashes."""

    start: Callable[[], str]
    passwords: PasswordHashes


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


async def load_plugins(config: Config, folders: Sequence[Path], host: PluginHost, storage: Storage, store: Store) -> Roster:
    """Load every plugin that can be; the log says which cannot and why, and what plugins do not agree about.

    Raises ``StructureError`` for an approvals file that cannot be read, and ``StorageError``.
    """
    grants = config.plugins.grants
    roster = draw_up(find_plugins(list(folders)), is_bundled=is_bundled, grants=grants, approvals=read_approvals(config.data))
    roster = await load(roster, host, storage, store, await recorded_schemas(store))
    roster.report()
    for name in sorted(grants.keys() - {entry.name for entry in roster.entries}):
        _log.warning("plugins.grants.%s: there is no such plugin", name)
    return roster


def make_fetch(config: HttpConfig) -> Fetch:
    """How plugins reach web servers."""
    tls = trusted_authorities()

    async def fetch_one(method: Literal["GET", "POST"], url: str, body: str, require: Callable[[str], None]) -> dict[str, Any]:
        # A resolver belongs to one event loop, and each request has its own.
        return await fetch(config, method, url, body, require, resolve=Resolver(), tls=tls)

    return fetch_one


def _waiting(work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """What ``work`` gives under Trio, for a guest's worker thread. Raises ``HostCallError`` if the call is not wanted any more."""
    try:
        return trio.from_thread.run(work, *arguments)
    except (trio.Cancelled, trio.RunFinishedError) as exc:
        raise HostCallError("unavailable", "the call is being stopped") from exc


def make_surroundings(
    config: Config, oversight: Oversight, switchboard: Switchboard, handbook: Handbook, keeping: Keeping, shutdown: trio.Event
) -> Surroundings:
    """What plugins see of the server, and may ask of it."""

    def shut_down(reason: str) -> None:
        if reason:
            oversight.tell_everybody(f"The server is shutting down: {reason}")
        shutdown.set()

    return Surroundings(
        fetch=make_fetch(config.plugins.http),
        is_connected=oversight.is_connected,
        access=oversight.access,
        handbook=handbook,
        sessions=oversight.sessions,
        connected=oversight.connected,
        boot=oversight.boot,
        start=keeping.start,
        characters_each=config.sessions.characters,
        hash_password=lambda password: _waiting(keeping.passwords.hash, password),
        verify_password=lambda stored, password: _waiting(keeping.passwords.verify, stored, password),
        played_by=oversight.played_by,
        switch=oversight.switch,
        sequence=oversight.sequence,
        plugins=switchboard.plugins,
        worlds=config.data / "worlds",
        stats=oversight.stats,
        shut_down=shut_down,
        tell_admins=oversight.tell_admins,
    )


def _collect_templates(manifests: Sequence[Manifest]) -> dict[str, Templates]:
    """How events read, by type: the first plugin in load order that says so, and before all the sessions' own."""
    templates = dict(TEMPLATES)
    for manifest in manifests:
        for event_type, rendering in manifest.renders.items():
            if event_type in templates:
                _log.warning("plugin %s: renders: %s has its texts from elsewhere already", manifest.name, event_type)
            else:
                templates[event_type] = rendering.templates()
    return templates


def make_renderer(manifests: Sequence[Manifest]) -> Renderer:
    """How events read, and under which names programs get them."""
    packages = {
        event_type: rendering.gmcp
        for manifest in reversed(manifests)  # the first in load order wins here, too
        for event_type, rendering in manifest.renders.items()
        if rendering.gmcp is not None
    }
    return Renderer(_collect_templates(manifests), packages)

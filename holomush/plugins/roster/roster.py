"""Which plugins there are, which are loaded and in which order, and why the others are not.

``draw_up`` decides by reading alone; ``load`` then makes them ready to be called. A plugin that is bad, or waits for the operator,
takes only those with it that depend on it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import attrs
import trio

from holomush.database.store import StorageError, Store
from holomush.errors import HolomushError
from holomush.plugins.host import PluginHost
from holomush.plugins.loaded import PluginLoadError
from holomush.plugins.roster.approvals import Approval, Grant, decide
from holomush.plugins.roster.capabilities import CapabilityError
from holomush.plugins.roster.loadorder import resolve
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource, read_plugin
from holomush.plugins.schema.changes import Recorded, SchemaChangeError
from holomush.plugins.schema.declared import Schema
from holomush.plugins.schema.recorded import bring_up_to_date, check_schema
from holomush.plugins.storage.storage import Storage
from holomush.structuring import StructureError

AT_ONCE = 2
"""Plugins that are loaded at the same time: compiled code runs beside Python."""

_log = logging.getLogger(__name__)


class State(StrEnum):
    """How a plugin is."""

    READY = "ready"
    WAITING = "waiting"
    REFUSED = "refused"


@attrs.frozen(kw_only=True)
class Entry:
    """One plugin. ``name`` is the folder's while the manifest cannot be read; ``reasons`` say why it is not ready."""

    name: str
    folder: Path
    state: State
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the operator may want to know of one that is ready."""
    source: PluginSource | None = None
    grant: Grant | None = None

    def refused(self, *reasons: str) -> Entry:
        """The same plugin, not to be loaded."""
        return attrs.evolve(self, state=State.REFUSED, reasons=reasons)


@attrs.frozen
class Roster:
    """Every plugin that was found: those to be loaded in load order, then the others by name, of one name the first found first."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Roster:
        """A roster of entries of which the ready ones come in load order."""
        ready = (entry for entry in entries if entry.state is State.READY)
        others = sorted((entry for entry in entries if entry.state is not State.READY), key=lambda entry: entry.name)
        return cls((*ready, *others))

    @property
    def ready(self) -> tuple[Entry, ...]:
        """Those to be loaded, or that were."""
        return tuple(entry for entry in self.entries if entry.state is State.READY)

    @property
    def sources(self) -> list[PluginSource]:
        """What was read of the ready ones."""
        return [entry.source for entry in self.ready if entry.source is not None]

    @property
    def manifests(self) -> list[Manifest]:
        """The manifests of the ready ones."""
        return [source.manifest for source in self.sources]

    def report(self) -> None:
        """Tell the log of everything that an operator should know."""
        for entry in self.entries:
            match entry.state:
                case State.READY:
                    for note in entry.notes:
                        _log.warning("plugin %s: %s", entry.name, note)
                case State.WAITING:
                    _log.warning("plugin %s waits for approval: %s", entry.name, "; ".join(entry.reasons))
                case State.REFUSED:
                    for reason in entry.reasons:
                        _log.error("plugin %s is left out: %s", entry.name, reason)


def draw_up(
    folders: Iterable[Path],
    *,
    is_bundled: Callable[[Path], bool],
    grants: Mapping[str, tuple[str, ...]],
    approvals: Mapping[str, Approval],
) -> Roster:
    """What the plugin ``folders`` hold, and which of it is to be loaded, in which order.

    Of one name the first counts, and a bundled one before all others: a stranger must not put it out by taking its name.
    """
    found: dict[str, Entry] = {}
    doubles: list[Entry] = []
    for folder in sorted(folders, key=is_bundled, reverse=True):
        entry = _read(folder, bundled=is_bundled(folder), grants=grants, approvals=approvals)
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            doubles.append(entry.refused(f"{first.folder} has the name {entry.name} already"))
    candidates = [e.source.manifest.candidate() for e in found.values() if e.source is not None and e.state is State.READY]
    unavailable = {
        entry.name: "waits for approval" if entry.state is State.WAITING else "is refused"
        for entry in found.values()
        if entry.state is not State.READY
    }
    order = resolve(candidates, unavailable)
    ready = [found.pop(name) for name in order.order]
    others = [entry.refused(*order.refused[name]) if name in order.refused else entry for name, entry in found.items()]
    return Roster.of([*ready, *others, *doubles])


def _read(folder: Path, *, bundled: bool, grants: Mapping[str, tuple[str, ...]], approvals: Mapping[str, Approval]) -> Entry:
    entry = Entry(name=folder.name, folder=folder, state=State.READY)
    try:
        source = read_plugin(folder)
    except StructureError as exc:
        return entry.refused(*exc.problems)
    manifest = source.manifest
    entry = attrs.evolve(entry, name=manifest.name, source=source)
    try:
        grant = decide(manifest, bundled=bundled, grants=grants, approvals=approvals)
    except CapabilityError as exc:
        return entry.refused(str(exc))
    entry = attrs.evolve(entry, grant=grant)
    if grant.waiting.held:
        how = f"it asks for {grant.waiting}; look at it, then: python -m holomush plugin approve {manifest.name}"
        return attrs.evolve(entry, state=State.WAITING, reasons=(how,))
    if manifest.schema != Schema() and not grant.granted.allows("db:migrate"):
        return entry.refused(f"its schema needs db:migrate, which plugins.grants.{manifest.name} does not grant")
    if grant.withheld.held:
        entry = attrs.evolve(entry, notes=(f"it asks for {grant.withheld}, which plugins.grants.{manifest.name} does not grant",))
    return entry


async def load(roster: Roster, host: PluginHost, storage: Storage, store: Store, recorded: Mapping[str, Recorded]) -> Roster:
    """Load what is ready, with its data. Returns the roster as it is then: some may have turned out bad.

    ``recorded`` are the schemas that the manifests must be able to follow; in a trial, those of another database.
    """
    loader = _Loader(host, storage, store, recorded)
    async with trio.open_nursery() as nursery:
        for entry in roster.ready:
            nursery.start_soon(loader.load, entry, loader.expect(entry.name))
    after = [loader.outcomes.get(entry.name, entry) if entry.state is State.READY else entry for entry in roster.entries]
    host.put_in_order([entry.name for entry in after])
    return Roster.of(after)


class _Loader:
    """Loads several plugins at once, each after those it depends on."""

    def __init__(self, host: PluginHost, storage: Storage, store: Store, recorded: Mapping[str, Recorded]) -> None:
        self._host = host
        self._storage = storage
        self._store = store
        self._recorded = recorded
        self._gate = trio.CapacityLimiter(AT_ONCE)
        self._schemas = trio.Lock()
        self._done: dict[str, trio.Event] = {}
        self.outcomes: dict[str, Entry] = {}

    def expect(self, name: str) -> trio.Event:
        """``name`` is going to be loaded; the event is set when that is over."""
        self._done[name] = trio.Event()
        return self._done[name]

    async def load(self, entry: Entry, done: trio.Event) -> None:
        """Load one and note how it went."""
        try:
            self.outcomes[entry.name] = await self._outcome(entry)
        finally:
            done.set()

    async def _outcome(self, entry: Entry) -> Entry:
        if entry.source is None or entry.grant is None:
            return entry
        manifest = entry.source.manifest
        for requirement in manifest.candidate().depends:
            # The roster has an order, so nobody waits for each other.
            await self._done[requirement.name].wait()
            if self.outcomes[requirement.name].state is not State.READY:
                return entry.refused(f"needs {requirement}, which could not be loaded")
        async with self._gate:
            try:
                check_schema(manifest, self._recorded.get(manifest.name))
                await self._storage.open(manifest.name, manifest.schema, self._store)
                await self._host.load_plugin(entry.source, entry.grant)
            except (PluginLoadError, SchemaChangeError, StorageError) as exc:
                self._storage.close(manifest.name)
                return entry.refused(*_lines(exc, manifest.name))
            try:
                async with self._schemas:
                    await bring_up_to_date(self._store, manifest)
                await self._storage.open_tables(manifest.name, self._store)
            except (SchemaChangeError, StorageError) as exc:
                self._host.unload_plugin(manifest.name)
                self._storage.close(manifest.name)
                return entry.refused(*_lines(exc, manifest.name))
        return entry


def _lines(error: HolomushError, name: str) -> list[str]:
    return [line.removeprefix(f"{name}: ") for line in str(error).splitlines()]

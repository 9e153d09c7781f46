"""What each plugin keeps in the database: its keys, its tables, and the attributes it may note on entities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from holomush.config import PluginsConfig
from holomush.database.direct import DirectReader, open_direct_reader
from holomush.database.store import Store
from holomush.plugins.schema.declared import Attribute, Schema
from holomush.plugins.storage.kv import KvStore
from holomush.plugins.storage.registers import Registers
from holomush.plugins.storage.tables import TableStore
from holomush.world.model import Kind


@attrs.define(eq=False)
class PluginStorage:
    """What one plugin keeps, in memory as far as it is there."""

    kv: KvStore
    tables: TableStore
    schema: Schema
    registers: Registers = attrs.Factory(Registers)
    """Those of the server."""
    reader: DirectReader | None = None
    """For what is on disk and not in memory, such as the event log."""

    def attribute(self, kind: Kind, name: str) -> Attribute | None:
        """What the plugin declares of the attribute ``name`` of such entities."""
        return next((attribute for attribute in self.schema.attributes.by_kind()[kind.value] if attribute.name == name), None)


class Storage:
    """What all plugins of a server keep. Use ``open_storage``."""

    def __init__(self, reader: DirectReader, config: PluginsConfig, registers: Registers) -> None:
        self.registers = registers
        self._reader = reader
        self._kv = config.kv
        self._tables = config.tables
        self._plugins: dict[str, PluginStorage] = {}

    def __getitem__(self, plugin: str) -> PluginStorage:
        return self._plugins[plugin]

    def __iter__(self) -> Iterator[PluginStorage]:
        return iter(self._plugins.values())

    async def open(self, plugin: str, schema: Schema, store: Store) -> None:
        """Read what ``plugin`` has under its keys. Its tables are not there before ``open_tables``. Raises ``StorageError``."""
        self._plugins[plugin] = PluginStorage(
            KvStore(plugin, self._kv, await _keys(store, plugin)),
            TableStore(plugin, schema.tables, self._reader, self._tables),
            schema,
            self.registers,
            self._reader,
        )

    async def open_tables(self, plugin: str, store: Store) -> None:
        """The plugin's tables are in the database as its manifest has them. Raises ``StorageError``."""
        await self._plugins[plugin].tables.open(store)

    def close(self, plugin: str) -> None:
        """Forget a plugin that could not be loaded."""
        self._plugins.pop(plugin, None)

    async def reload(self, store: Store) -> None:
        """Memory may be ahead of the disk by what could not be written: read everything anew. Raises ``StorageError``."""
        await self.registers.load(store)
        for plugin, storage in self._plugins.items():
            storage.kv.replace(await _keys(store, plugin))
            if storage.tables.is_open:
                await storage.tables.open(store)


async def _keys(store: Store, plugin: str) -> list[tuple[str, bytes]]:
    return [(key, value) for key, value in await store.fetch("SELECT key, value FROM kv WHERE plugin = ?", (plugin,))]


@contextmanager
def open_storage(store: Store, config: PluginsConfig, registers: Registers | None = None) -> Iterator[Storage]:
    """The storage of plugins in the file of ``store``, empty until plugins are opened; ``registers`` are loaded already."""
    with open_direct_reader(store.path) as reader:
        yield Storage(reader, config, registers or Registers())

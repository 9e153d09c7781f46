"""Which of the loaded plugins are on: the commands that lines reach, who gets events, and what admins are told of each plugin.

A plugin that is off stays loaded, so that it can be on again at once. The setting is in the registers; here is what follows.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from holomush.commands.router import Router
from holomush.plugins.handbook import Handbook
from holomush.plugins.host import PluginHost
from holomush.plugins.loaded import LoadedPlugin
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.storage.registers import OFF, Registers, Setting

_log = logging.getLogger(__name__)


class Switchboard:
    """Of one server. Empty until it is opened."""

    def __init__(self, registers: Registers, handbook: Handbook) -> None:
        self._registers = registers
        self._handbook = handbook
        self._sources: Sequence[PluginSource] = ()
        self._host: PluginHost | None = None
        self.router = Router(())
        """The commands of the plugins that are on."""
        registers.settings.watchers.append(self._changed)

    def open(self, host: PluginHost, sources: Sequence[PluginSource]) -> None:
        """From now on it is about these plugins, in load order. What they quarrel about goes to the log."""
        self._host = host
        self._sources = sources
        self._connect()
        for warning in self.router.warnings:
            _log.warning("%s", warning)

    def is_on(self, plugin: str) -> bool:
        """Whether a plugin's commands can be used and events reach it."""
        return not self._registers.is_off(plugin)

    def plugins(self) -> list[Mapping[str, Any]]:
        """What is told of each loaded plugin. Safe to call from any thread."""
        if self._host is None:
            return []
        loaded = self._host.plugins
        return [self._shown(plugin, loaded, self._host.pause_left(plugin.name)) for plugin in loaded]

    def _shown(self, plugin: LoadedPlugin, loaded: Sequence[LoadedPlugin], pause: float) -> Mapping[str, Any]:
        figures = plugin.figures
        return {
            "name": plugin.name,
            "version": plugin.manifest.version,
            "description": plugin.manifest.description,
            "language": plugin.language,
            "enabled": self.is_on(plugin.name),
            "paused_seconds": math.ceil(pause),
            "calls": figures.calls,
            "failures": figures.failures,
            "p50_ms": figures.milliseconds(0.5),
            "p95_ms": figures.milliseconds(0.95),
            "memory_bytes": plugin.instances * plugin.memory_each,
            "instances": plugin.instances,
            "needed_by": [other.name for other in loaded if plugin.name in _needed(other.manifest)],
        }

    def _changed(self, before: Setting | None, after: Setting | None) -> None:
        setting = after or before
        if self._host is not None and setting is not None and setting.key.startswith(OFF):
            _log.warning("plugin %s is switched %s", setting.key.removeprefix(OFF), "on" if after is None else "off")
            self._connect()

    def _connect(self) -> None:
        on = [source for source in self._sources if self.is_on(source.manifest.name)]
        self.router = make_router([source.manifest for source in on])
        self._handbook.write(self.router, on)


def make_router(manifests: Sequence[Manifest]) -> Router:
    """The commands of all plugins."""
    # A plugin that depends on another loads after it, and may yet have the higher priority for a command of both.
    by_priority = sorted(manifests, key=lambda manifest: manifest.priority)
    return Router(spec for manifest in by_priority for spec in manifest.command_specs())


def _needed(manifest: Manifest) -> set[str]:
    return {requirement.name for requirement in manifest.candidate().depends}

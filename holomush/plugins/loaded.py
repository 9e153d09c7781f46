"""A plugin that can be called: what belongs to it while it is loaded, and why it may not be called right now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs

from holomush.errors import HolomushError
from holomush.plugins.calls import Rates
from holomush.plugins.figures import Figures
from holomush.plugins.functions.views import ShownAttribute, Viewer
from holomush.plugins.guests.guest import GuestError, Program
from holomush.plugins.guests.pool import GuestPool
from holomush.plugins.limits import Limits
from holomush.plugins.pauses import Health, in_words
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.slowness import Slowness
from holomush.world.model import Kind


class PluginLoadError(HolomushError):
    """A plugin cannot be loaded. The text begins with its name."""


class PluginPausedError(GuestError):
    """The plugin is switched off for a while; ``seconds`` are left, rounded up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        super().__init__(f"it is switched off for {in_words(self.seconds)}, because it kept failing")


@attrs.define(eq=False, kw_only=True)
class LoadedPlugin:
    """A plugin that can be called."""

    manifest: Manifest
    modules: Mapping[str, str]
    main: str
    """The file that the plugin begins with."""
    language: str
    """Of its source; ``wasm`` for a module, which does not tell."""
    program: Program
    """What its instances are made from."""
    asked: CapabilitySet
    granted: CapabilitySet
    limits: Limits
    rates: Rates
    health: Health
    viewer: Viewer
    pool: GuestPool
    """The one instance for the quick lane."""
    patient_pool: GuestPool
    """Instances for worker threads, made when the quick lane was not enough."""
    figures: Figures = attrs.Factory(Figures)
    functions: frozenset[str] = frozenset()
    timeouts: int = 0
    slowness: Slowness = attrs.Factory(Slowness)
    alone_again: float = 0.0
    """Trio's time from which on a call may have the quick lane for longer."""
    memory_each: int = 0
    """Bytes that the plugin's own memory in one instance had when it was looked at last."""

    @property
    def instances(self) -> int:
        """How many there are, busy or not."""
        return self.pool.size + self.patient_pool.size

    @property
    def name(self) -> str:
        """The name in its manifest."""
        return self.manifest.name


def shown_attributes(manifests: Sequence[Manifest]) -> Mapping[Kind, tuple[ShownAttribute, ...]]:
    """What the plugin of the first manifest sees of attributes: its own by their names, those of the others by ``plugin.name``."""
    shown: dict[Kind, tuple[ShownAttribute, ...]] = {}
    for owner in manifests:
        prefix = "" if owner is manifests[0] else f"{owner.name}."
        for kind, declared in owner.schema.attributes.by_kind().items():
            added = tuple(ShownAttribute(f"{prefix}{one.name}", owner.name, one.name, one.default) for one in declared)
            if added:
                shown[Kind(kind)] = (*shown.get(Kind(kind), ()), *added)
    return shown

"""``plugin.yaml``: what a plugin says of itself, read strictly.

Reading only: whether its handlers exist is known when the guest is loaded, whether it may have what it asks is for the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from holomush.commands.access import Access
from holomush.commands.pattern import compile_pattern
from holomush.commands.spec import CommandSpec, CommandSpecError
from holomush.errors import HolomushError
from holomush.events.event import EVENT_TYPE
from holomush.events.render import Template, Templates
from holomush.events.streams import StreamPattern
from holomush.plugins.capabilities import CapabilitySet
from holomush.structuring import StructureError, read_yaml, structure

FILE_NAME = "plugin.yaml"
LEAST_MEMORY = 16
"""MiB that a plugin needs to be loaded at all."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUBSCRIBED_TYPE = re.compile(rf"{EVENT_TYPE.pattern}|\*")
_ACCESSES = tuple(access.name.lower() for access in Access)

T = TypeVar("T")


def _matches(pattern: re.Pattern[str], what: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if not pattern.fullmatch(value) or len(value) > 64:
            raise ValueError(f"{attribute.name}: must be {what}, not {value[:80]!r}")

    return check


def _parses(parse: Callable[[T], object], *, optional: bool = False) -> Any:
    """A value that ``parse`` takes without a ``HolomushError``."""

    def check(_: object, attribute: attrs.Attribute[Any], value: T) -> None:
        if optional and value is None:
            return
        try:
            parse(value)
        except HolomushError as exc:
            raise ValueError(f"{attribute.name}: {exc}") from exc

    return check


def _one_of(*allowed: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
        if value is not None and value not in allowed:
            raise ValueError(f"{attribute.name}: must be one of {' '.join(allowed)}, not {value!r}")

    return check


def _positive(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"{attribute.name}: must be above 0, not {value}")


def _enough_memory(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    # The Python in an instance takes 12 MiB before the plugin's first line.
    if value is not None and value < LEAST_MEMORY:
        raise ValueError(f"{attribute.name}: must be {LEAST_MEMORY} or more, not {value}")


@attrs.frozen(kw_only=True)
class Command:
    """One entry of ``commands``. ``handler`` is the plugin's function; ``fallback`` ones get what no command matches."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    pattern: str = attrs.field(validator=_parses(compile_pattern))
    handler: str = attrs.field(validator=_matches(_FUNCTION, "a function name"))
    description: str = ""
    usage: str = ""
    aliases: tuple[str, ...] = ()
    prefix: str | None = attrs.field(default=None, validator=_one_of(*"\"':;!.,/\\=-~"))
    access: str = attrs.field(default="guest", validator=_one_of(*_ACCESSES))
    fallback: bool = False


@attrs.frozen(kw_only=True)
class Subscription:
    """One entry of ``subscribes``: events of ``type`` (``*`` for all) on streams that match ``stream``."""

    type: str = attrs.field(validator=_matches(_SUBSCRIBED_TYPE, "an event type such as say, or * for all"))
    stream: str = attrs.field(default="*", validator=_parses(StreamPattern.parse))

    def stream_pattern(self) -> StreamPattern:
        """``stream``, parsed."""
        return StreamPattern.parse(self.stream)


@attrs.frozen(kw_only=True)
class Rendering:
    """One entry of ``renders``: what the actor, the target and everybody else read of an event of this type."""

    actor: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))
    target: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))
    others: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))

    def templates(self) -> Templates:
        """The three, parsed."""
        return Templates.parse(actor=self.actor, target=self.target, others=self.others)


@attrs.frozen(kw_only=True)
class ManifestLimits:
    """What a plugin makes do with; never more than the server gives."""

    timeout_ms: int | None = attrs.field(default=None, validator=_positive)
    memory_mb: int | None = attrs.field(default=None, validator=_enough_memory)


@attrs.frozen(kw_only=True)
class Manifest:
    """A whole ``plugin.yaml``. ``priority``: lower loads first and wins a command that two plugins want."""

    name: str = attrs.field(validator=_matches(_NAME, "lower-case words joined by hyphens"))
    version: str = attrs.field(validator=_matches(_VERSION, "three numbers such as 1.0.0"))
    description: str = ""
    priority: int = 100
    capabilities: tuple[str, ...] = attrs.field(default=(), validator=_parses(CapabilitySet.parse))
    commands: tuple[Command, ...] = ()
    subscribes: tuple[Subscription, ...] = ()
    renders: dict[str, Rendering] = attrs.field(factory=dict)
    limits: ManifestLimits = ManifestLimits()
    config: dict[str, str] = attrs.field(factory=dict)

    @renders.validator
    def _check_types(self, _: object, value: dict[str, Rendering]) -> None:
        for event_type in value:
            if not EVENT_TYPE.fullmatch(event_type):
                raise ValueError(f"renders: {event_type!r} is not an event type: lower-case letters first")

    def command_specs(self) -> tuple[CommandSpec, ...]:
        """The commands as the router takes them."""
        return tuple(map(self.command_spec, self.commands))

    def handlers(self) -> tuple[tuple[str, str], ...]:
        """Every function the plugin must have: (path of the key that names it, function name)."""
        named = [(f"commands[{i}].handler", command.handler) for i, command in enumerate(self.commands)]
        return (*named, ("subscribes", "handle_event")) if self.subscribes else tuple(named)

    def command_spec(self, command: Command) -> CommandSpec:
        """One of the commands as the router takes it. Raises ``CommandSpecError`` if no line could reach it."""
        pattern = compile_pattern(command.pattern)
        return CommandSpec(
            plugin=self.name,
            name=command.name,
            pattern=pattern,
            handler=command.handler,
            aliases=command.aliases,
            prefix=command.prefix,
            access=Access.parse(command.access),
            usage=command.usage or pattern.usage,
            description=command.description,
            fallback=command.fallback,
            priority=self.priority,
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the plugin in ``folder``. Raises ``StructureError`` with every problem found."""
    path = folder / FILE_NAME
    manifest = structure(read_yaml(path), Manifest, str(path))
    for index, command in enumerate(manifest.commands):
        try:
            manifest.command_spec(command)
        except CommandSpecError as exc:
            raise StructureError([f"{path}: commands[{index}].{exc}"]) from exc
    if len({command.name for command in manifest.commands}) < len(manifest.commands):
        raise StructureError([f"{path}: commands: two of them have the same name"])
    return manifest

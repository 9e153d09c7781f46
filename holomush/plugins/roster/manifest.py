"""``plugin.yaml``: what a plugin says of itself, read strictly.

Reading only: whether its handlers exist is known when the guest is loaded, whether it may have what it asks is for the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
from cattrs.errors import IterableValidationError, IterableValidationNote

from holomush.commands.access import Access
from holomush.commands.pattern import compile_pattern
from holomush.commands.spec import CommandSpec, CommandSpecError
from holomush.errors import HolomushError
from holomush.events.event import EVENT_TYPE
from holomush.events.render import Template, Templates
from holomush.events.streams import StreamPattern
from holomush.plugins.roster.capabilities import Capability, CapabilitySet
from holomush.plugins.roster.loadorder import Candidate
from holomush.plugins.roster.requirements import LONGEST_NAME, PLUGIN_NAME, Requirement
from holomush.plugins.schema.changes import Migration
from holomush.plugins.schema.declared import Schema
from holomush.structuring import StructureError, one_of, read_yaml, shown, structure

FILE_NAME = "plugin.yaml"
LEAST_MEMORY = 16
"""MiB that a plugin needs to be loaded at all."""

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUBSCRIBED_TYPE = re.compile(rf"{EVENT_TYPE.pattern}|\*")
_PACKAGE = re.compile(r"[A-Z][A-Za-z0-9_]*(\.[A-Z][A-Za-z0-9_]*)+")
_ACCESSES = tuple(access.name.lower() for access in Access)

T = TypeVar("T")


def _check_length(value: str) -> None:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"must have {LONGEST_NAME} characters or less, not {len(value)}: {shown(value)}")


def _matches(pattern: re.Pattern[str], what: str) -> Any:
    def check(_: object, __: object, value: str) -> None:
        if not pattern.fullmatch(value):
            raise ValueError(f"must be {what}, not {shown(value)}")
        _check_length(value)

    return check


def _parses(parse: Callable[[T], object], *, optional: bool = False) -> Any:
    """A value that ``parse`` takes without a ``HolomushError``."""

    def check(_: object, __: object, value: T) -> None:
        if not (optional and value is None):
            parse(value)

    return check


def _each(check_one: Callable[[Any], object]) -> Any:
    """A sequence of values that ``check_one`` takes, one by one."""

    def check(_: object, __: object, value: Iterable[Any]) -> None:
        slips = []
        for index, one in enumerate(value):
            try:
                check_one(one)
            except (ValueError, HolomushError) as exc:
                # As cattrs itself does it, so that each is told with its place in the list.
                exc.add_note(IterableValidationNote("", index, type(one)))
                slips.append(exc)
        if slips:
            raise IterableValidationError("", slips, tuple)

    return check


def _at_least(least: int) -> Any:
    def check(_: object, __: object, value: int | None) -> None:
        if value is not None and value < least:
            raise ValueError(f"must be {least} or more, not {value}")

    return check


def _filled(_: object, __: object, value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


def _plugin_name(value: str) -> None:
    if not PLUGIN_NAME.fullmatch(value):
        raise ValueError(f"must be a plugin's name, lower-case words joined by hyphens, not {shown(value)}")
    _check_length(value)


@attrs.frozen(kw_only=True)
class Command:
    """One entry of ``commands``. ``handler`` is the plugin's function; ``fallback`` ones get what no command matches."""

    name: str = attrs.field(validator=_filled)
    pattern: str = attrs.field(validator=_parses(compile_pattern))
    handler: str = attrs.field(validator=_matches(_FUNCTION, "a function name"))
    description: str = ""
    usage: str = ""
    aliases: tuple[str, ...] = ()
    prefix: str | None = attrs.field(default=None, validator=one_of(*"\"':;!.,/\\=-~&"))
    access: str = attrs.field(default="guest", validator=one_of(*_ACCESSES))
    fallback: bool = False


@attrs.frozen(kw_only=True)
class Subscription:
    """One entry of ``subscribes``: events of ``type`` (``*`` for all) on streams that match ``stream``.

    An ``exclusive`` one keeps them from the plugins that come later in the load order.
    """

    type: str = attrs.field(validator=_matches(_SUBSCRIBED_TYPE, "an event type such as say, or * for all"))
    stream: str = attrs.field(default="*", validator=_parses(StreamPattern.parse))
    exclusive: bool = False

    def stream_pattern(self) -> StreamPattern:
        """``stream``, parsed."""
        return StreamPattern.parse(self.stream)


@attrs.frozen(kw_only=True)
class Rendering:
    """One entry of ``renders``: what the actor, the target and everybody else read of an event of this type.

    ``gmcp`` is the package under which their programs get its payload, such as ``Char.Vitals``.
    """

    actor: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))
    target: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))
    others: str | None = attrs.field(default=None, validator=_parses(Template.parse, optional=True))
    gmcp: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(_matches(_PACKAGE, "a package such as Char.Vitals"))
    )

    def templates(self) -> Templates:
        """The three, parsed."""
        return Templates.parse(actor=self.actor, target=self.target, others=self.others)


@attrs.frozen(kw_only=True)
class ManifestLimits:
    """What a plugin makes do with; never more than the server gives."""

    timeout_ms: int | None = attrs.field(default=None, validator=_at_least(1))
    # The Python in an instance takes 12 MiB before the plugin's first line.
    memory_mb: int | None = attrs.field(default=None, validator=_at_least(LEAST_MEMORY))


def _event_types(_: object, __: object, value: dict[str, Rendering]) -> None:
    for event_type in value:
        if not EVENT_TYPE.fullmatch(event_type):
            raise ValueError(f"{shown(event_type)} is not an event type: small letters first, such as say")


@attrs.frozen(kw_only=True)
class Manifest:
    """A whole ``plugin.yaml``. ``priority``: lower loads first and wins a command that two plugins want."""

    name: str = attrs.field(validator=_matches(PLUGIN_NAME, "lower-case words joined by hyphens"))
    version: str = attrs.field(validator=_matches(_VERSION, "three numbers such as 1.0.0"))
    description: str = ""
    priority: int = 100
    capabilities: tuple[str, ...] = attrs.field(default=(), validator=_each(Capability.parse))
    depends: tuple[str, ...] = attrs.field(default=(), validator=_each(Requirement.parse))
    conflicts: tuple[str, ...] = attrs.field(default=(), validator=_each(Requirement.parse))
    before: tuple[str, ...] = attrs.field(default=(), validator=_each(_plugin_name))
    after: tuple[str, ...] = attrs.field(default=(), validator=_each(_plugin_name))
    commands: tuple[Command, ...] = ()
    subscribes: tuple[Subscription, ...] = ()
    renders: dict[str, Rendering] = attrs.field(factory=dict, validator=_event_types)
    schema: Schema = attrs.field(factory=Schema)
    migrations: tuple[Migration, ...] = ()
    limits: ManifestLimits = ManifestLimits()
    config: dict[str, str] = attrs.field(factory=dict)

    @property
    def capability_set(self) -> CapabilitySet:
        """``capabilities``, parsed."""
        return CapabilitySet.parse(self.capabilities)

    def candidate(self) -> Candidate:
        """What the load order needs to know."""
        return Candidate(
            name=self.name,
            version=self.version,
            priority=self.priority,
            depends=tuple(map(Requirement.parse, self.depends)),
            conflicts=tuple(map(Requirement.parse, self.conflicts)),
            before=self.before,
            after=self.after,
        )

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
    problems = [f"{path}: {problem}" for problem in _contradictions(manifest)]
    if problems:
        raise StructureError(problems)
    return manifest


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """What is wrong between keys that are right by themselves."""
    seen: set[str] = set()
    for index, command in enumerate(manifest.commands):
        try:
            manifest.command_spec(command)
        except CommandSpecError as exc:
            yield f"commands[{index}].{exc}"
        if command.name in seen:
            yield f"commands[{index}].name: {shown(command.name)} is the name of an earlier command"
        seen.add(command.name)
    candidate = manifest.candidate()
    needed = {requirement.name for requirement in candidate.depends}
    for key, names in (
        ("depends", needed),
        ("conflicts", {requirement.name for requirement in candidate.conflicts}),
        ("before", {*manifest.before}),
        ("after", {*manifest.after}),
    ):
        if manifest.name in names:
            yield f"{key}: names the plugin itself"
    for name in sorted(needed & {requirement.name for requirement in candidate.conflicts}):
        yield f"conflicts: {name} is in depends, too"
    for name in sorted({*manifest.before} & (needed | {*manifest.after}) - {manifest.name}):
        yield f"before: {name} is in depends or after, too"
    if manifest.schema != Schema() and not manifest.capability_set.allows("db:migrate"):
        yield "schema: needs the capability db:migrate: add it to capabilities"

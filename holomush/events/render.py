"""From an event to the text that one viewer sees. Owns templates and their rules; knows no sessions and no terminals.

A plugin's manifest gives for each event type up to three templates: for the actor, for the target, for all others.
Values come from players and plugins, so they lose their control characters here, and no text is longer than
``TEXT_LIMIT``. Templates and values may hold markup, and what comes out is markup: see ``holomush.text.markup``. A value
ends what it begins, and can neither end nor complete a tag of the template.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from holomush.errors import HolomushError
from holomush.events.event import JSON, ActorKind, Event
from holomush.text.markup import close, cut, settle

TEXT_LIMIT: Final = 16 * 1024
"""Bytes of UTF-8 in one rendered event, markup included; what is more is cut off between characters and tags."""

_PIECES: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# C0, DEL and C1 controls but newline, Unicode's own line ends, and halves of surrogate pairs.
_UNSAFE: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TemplateError(HolomushError):
    """A template that cannot be parsed. ``str()`` says what is wrong and what would be right."""


class Role(StrEnum):
    """How a viewer stands to an event."""

    ACTOR = "actor"
    TARGET = "target"
    OTHERS = "others"


@attrs.frozen
class Template:
    """Text with ``{key}`` placeholders, split once. Make one with ``Template.parse``."""

    text: str
    # The text before the first placeholder, then each placeholder's key with the text after it.
    _start: str = attrs.field(repr=False)
    _rest: tuple[tuple[str, str], ...] = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Template":
        """``{key}`` takes a value from the payload, ``{actor}`` the actor's name; ``{{`` and ``}}`` are braces.

        Tags of markup are kept. Raises TemplateError.
        """
        if _UNSAFE.search(text):
            raise TemplateError(f"template {text!a}: has control characters; only newlines are allowed")
        literals, keys = [""], []
        for piece in _PIECES.findall(text):
            if piece in ("{{", "}}"):
                literals[-1] += piece[0]
            elif piece in ("{", "}"):
                raise TemplateError(f'template "{text}": a lone "{piece}"; for the brace itself write "{piece * 2}"')
            elif piece.startswith("{"):
                key = piece[1:-1]
                if not _KEY.fullmatch(key):
                    raise TemplateError(f'template "{text}": "{piece}" is no placeholder; write {{key}}, a payload key')
                keys.append(key)
                literals.append("")
            else:
                literals[-1] += piece
        # No value may make a tag of a bracket that stands before it. Nothing comes after the last.
        literals[:-1] = map(settle, literals[:-1])
        return cls(text, literals[0], tuple(zip(keys, literals[1:], strict=True)))

    def render(self, event: Event) -> str:
        """The text for an event; a key that is missing or null gives nothing. Never raises."""
        parts = [self._start]
        for key, literal in self._rest:
            # The actor is never taken from the payload: a plugin could put words into another's mouth.
            parts.append(close(_shown(event.actor_name if key == "actor" else event.payload.get(key))))
            parts.append(literal)
        return cut("".join(parts), TEXT_LIMIT)


@attrs.frozen
class Templates:
    """An event type's templates. None falls back to ``others``; with an empty template this viewer sees nothing."""

    actor: Template | None = None
    target: Template | None = None
    others: Template | None = None

    @classmethod
    def parse(cls, *, actor: str | None = None, target: str | None = None, others: str | None = None) -> "Templates":
        """From the texts of a manifest. Raises TemplateError, with the role that is wrong."""
        parsed: list[Template | None] = []
        for role, text in (("actor", actor), ("target", target), ("others", others)):
            try:
                parsed.append(None if text is None else Template.parse(text))
            except TemplateError as error:
                raise TemplateError(f"{role}: {error}") from None
        return cls(*parsed)

    def for_role(self, role: Role) -> Template | None:
        """The template that this viewer's text is made with."""
        own = self.actor if role is Role.ACTOR else self.target if role is Role.TARGET else None
        return self.others if own is None else own


class Renderer:
    """The templates of all event types, immutable once made."""

    def __init__(self, templates: Mapping[str, Templates], packages: Mapping[str, str] = MappingProxyType({})) -> None:
        """Both by event type; ``packages`` are the names under which programs of players get the payload."""
        self._packages = dict(packages)
        self._by_type = {event_type: {role: given.for_role(role) for role in Role} for event_type, given in templates.items()}

    def package(self, event_type: str) -> str | None:
        """The name under which programs of players get the payload of such events; None if they do not."""
        return self._packages.get(event_type)

    def text(self, event: Event, role: Role) -> str | None:
        """What a viewer in this role sees, lines parted by newlines; None if nothing. Never raises.

        An event whose type has no templates shows its payload's ``text``, if that is a string.
        """
        by_role = self._by_type.get(event.type)
        if by_role is None:
            text = event.payload.get("text")
            return (cut(_shown(text), TEXT_LIMIT) or None) if isinstance(text, str) else None
        template = by_role[role]
        return None if template is None else template.render(event) or None


def viewer_role(event: Event, character_id: str) -> Role:
    """How a character stands to an event: did it, was the one it was sent to or done to (``target_id``), or neither."""
    if event.actor_id == character_id and event.actor_kind is ActorKind.CHARACTER:
        return Role.ACTOR
    # Compared in place: this runs for every listener of every event.
    if event.payload.get("target_id") == character_id or event.stream == f"character:{character_id}":
        return Role.TARGET
    return Role.OTHERS


def _shown(value: JSON) -> str:
    if isinstance(value, str):
        if value.isprintable() and len(value) <= TEXT_LIMIT:
            return value
        # Cut first: cleaning makes nothing longer, and a payload may be far longer than what is shown.
        return _UNSAFE.sub("", cut(value, TEXT_LIMIT).replace("\t", " "))
    if value is None:
        return ""
    return _UNSAFE.sub("", cut(json.dumps(value, ensure_ascii=False, default=str), TEXT_LIMIT))

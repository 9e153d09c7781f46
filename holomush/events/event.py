"""Events: what happened, as data. Owns their shape and the check of what plugins emit; sends and stores nothing."""

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import attrs

from holomush.errors import HolomushError
from holomush.events.streams import InvalidStream, parse_stream

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

PAYLOAD_DEPTH: Final = 32
"""Lists and objects within each other in a payload, the payload itself counted."""

EVENT_TYPE: Final = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
"""What the whole of an event's type looks like."""
_KEYS: Final = ("stream", "type", "payload")


class InvalidEvent(HolomushError):
    """An event from a plugin that is not what the ABI says: ``<path of the key>: <what would be right>``."""


class ActorKind(StrEnum):
    """Whose doing an event is."""

    CHARACTER = "character"
    SYSTEM = "system"
    PLUGIN = "plugin"


@attrs.frozen
class Event:
    """Something that happened, complete and final. Its values are never changed, so threads may share it."""

    id: str
    """ULID."""
    stream: str
    type: str
    timestamp: int
    """Unix time in milliseconds."""
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    payload: Mapping[str, JSON]
    depth: int = 0
    """How many events led to this one, each causing the next; 0 for what a player or the server did."""
    sequence: int = 0
    """Position in the event log; 0 before it is stored."""

    @classmethod
    def stored(cls, *, actor_kind: str, **fields: Any) -> "Event":
        """The event of a row of the log, given by the names of its columns."""
        return cls(actor_kind=ActorKind(actor_kind), **fields)

    def to_wire(self) -> dict[str, Any]:
        """The event as plugins and web clients get it, ready for ``json.dumps``: the ABI's keys and ``actor_name``."""
        return {
            "id": self.id,
            "stream": self.stream,
            "type": self.type,
            "timestamp": self.timestamp,
            "actor_kind": self.actor_kind.value,
            "actor_id": self.actor_id,
            "actor_name": self.actor_name,
            "payload": self.payload,
        }


@attrs.frozen
class EmittedEvent:
    """What a plugin says of an event; the host adds id, time and actor."""

    stream: str
    type: str
    payload: Mapping[str, JSON]

    @classmethod
    def parse(cls, obj: object, path: str = "") -> "EmittedEvent":
        """Check an object as ``json.loads`` gives it; ``path`` is where it stood, such as ``events[2]``.

        Raises InvalidEvent. It also refuses what JSON cannot carry to others: NaN, infinities, halves of characters.
        """
        if not isinstance(obj, dict):
            raise InvalidEvent(f"{path or 'event'}: must be an object with stream, type and payload, not {_kind(obj)}")
        dot = f"{path}." if path else ""
        for key in obj:
            if key not in _KEYS:
                raise InvalidEvent(f"{dot}{_shown(key)}: unknown key; an event has stream, type and payload")
        for key in _KEYS:
            if key not in obj:
                raise InvalidEvent(f"{dot}{key}: is missing; an event has stream, type and payload")
        stream, event_type, payload = (obj[key] for key in _KEYS)
        if not isinstance(stream, str):
            raise InvalidEvent(f"{dot}stream: must be text such as location:<id>, not {_kind(stream)}")
        try:
            parse_stream(stream)
        except InvalidStream as error:
            raise InvalidEvent(f"{dot}stream: {error}") from None
        if not isinstance(event_type, str) or not EVENT_TYPE.fullmatch(event_type):
            raise InvalidEvent(
                f"{dot}type: must be 1 to 64 characters, a small letter and then small letters, digits, _ . : and -"
                ", such as say or combat.hit"
            )
        if not isinstance(payload, dict):
            raise InvalidEvent(f"{dot}payload: must be an object, not {_kind(payload)}")
        _check(payload, f"{dot}payload", 1)
        return cls(stream, event_type, payload)


def _check(value: object, path: str, depth: int) -> None:
    """Raise InvalidEvent for anything below ``value`` that is not JSON."""
    if isinstance(value, str):
        if not value.isascii() and not _encodes(value):
            raise InvalidEvent(f"{path}: has half of a surrogate pair; cut text between characters")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidEvent(f"{path}: must be a finite number; JSON has no {value}")
    elif isinstance(value, dict | list):
        if depth > PAYLOAD_DEPTH:
            raise InvalidEvent(f"{path[:200]}: lies more than {PAYLOAD_DEPTH} objects and lists deep; make it flatter")
        if isinstance(value, list):
            for index, item in enumerate(value):
                _check(item, f"{path}[{index}]", depth + 1)
            return
        for key, item in value.items():
            if not isinstance(key, str) or not _encodes(key):
                raise InvalidEvent(f"{path}: has the key {_shown(key)}; keys must be text")
            _check(item, f"{path}.{_shown(key)}", depth + 1)
    elif value is not None and not isinstance(value, int):
        raise InvalidEvent(f"{path}: must be JSON, not {_kind(value)}")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(key: object) -> str:
    """A key for a message: short, and without anything that could garble a log line."""
    text = str(key)[:60]
    return text if text.isprintable() else ascii(text)


def _kind(value: object) -> str:
    """What JSON calls a value."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "an object"),
        (type(None), "null"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)

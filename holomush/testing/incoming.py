"""Events as a test writes them, made whole: what is left out is Alice's doing on the square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ulid import ULID

from holomush.events.event import ActorKind, EmittedEvent, Event, InvalidEvent
from holomush.events.streams import location_stream
from holomush.testing.failures import HarnessError
from holomush.testing.stage import ALICE_ID, SQUARE_ID
from holomush.world.model import Character
from holomush.world.state import World

_KEYS = ("id", "stream", "type", "timestamp", "actor_kind", "actor_id", "actor_name", "payload")


def complete_event(given: Mapping[str, Any], world: World, plugin: str, now: int) -> Event:
    """The event that ``given`` stands for, ``now`` being its time. Raises ``HarnessError`` for one that the server cannot have."""
    for key in given:
        if key not in _KEYS:
            raise HarnessError(f"{key!r} is no key of an event; there are {', '.join(_KEYS)}")
    kind = given.get("actor_kind", ActorKind.CHARACTER.value)
    if kind not in tuple(ActorKind):
        raise HarnessError(f"actor_kind: must be {', '.join(ActorKind)}, not {kind!r}")
    stream = given.get("stream", location_stream(SQUARE_ID))
    try:
        shape = EmittedEvent.parse({"stream": stream, "type": given.get("type"), "payload": given.get("payload", {})})
    except InvalidEvent as exc:
        raise HarnessError(str(exc)) from exc
    actor_id, actor_name = _actor(given, ActorKind(kind), world, plugin)
    return Event(
        id=str(given.get("id", ULID())),
        stream=shape.stream,
        type=shape.type,
        timestamp=int(given.get("timestamp", now)),
        actor_kind=ActorKind(kind),
        actor_id=actor_id,
        actor_name=actor_name,
        payload=shape.payload,
    )


def _actor(given: Mapping[str, Any], kind: ActorKind, world: World, plugin: str) -> tuple[str, str]:
    """The actor's id and name: as given, as they are in the world, or by default."""
    default = {ActorKind.CHARACTER: (ALICE_ID, "Alice"), ActorKind.PLUGIN: (plugin, plugin), ActorKind.SYSTEM: ("", "system")}[kind]
    actor_id = str(given.get("actor_id", default[0]))
    known = world.get(actor_id)
    name = known.name if isinstance(known, Character) else default[1] if actor_id == default[0] else ""
    return actor_id, str(given.get("actor_name", name))

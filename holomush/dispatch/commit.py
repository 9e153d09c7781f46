"""Makes a transaction true: checks it against the world, applies it, writes it, and publishes it once it is on disk.

Everything here runs on the Trio thread without a pause in between, so commits have one order: that of the world's changes, of
the rows on disk, and of what listeners hear.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import attrs
from ulid import ULID

from holomush.clock import now
from holomush.database import records
from holomush.database.register import RegisterChanges
from holomush.database.store import Statement, Store, Ticket
from holomush.errors import HolomushError
from holomush.events.bus import Bus
from holomush.events.event import ActorKind, EmittedEvent, Event
from holomush.events.streams import StreamKind, parse_stream
from holomush.plugins.storage.registers import Registers
from holomush.world.model import Character, Entity
from holomush.world.rows import delete_statements, save_statements
from holomush.world.state import World
from holomush.world.transaction import Transaction

_log = logging.getLogger(__name__)

EventHook = Callable[[Event], None]


class ConflictError(HolomushError):
    """Something that the transaction saw has changed since. Run it again from the start."""


@attrs.frozen
class Actor:
    """In whose name events are emitted. ``id`` is a character's id or a plugin's name; empty for the system."""

    kind: ActorKind
    id: str
    name: str


SYSTEM = Actor(ActorKind.SYSTEM, "", "system")


def _nothing() -> None:
    pass


class Committer:
    """The only writer of the world and of the event log. ``on_event`` is told every event after the people have been."""

    def __init__(self, world: World, store: Store, bus: Bus, registers: Registers | None = None) -> None:
        self._world = world
        self._registers = registers or Registers()
        self._store = store
        self._bus = bus
        self.sequence = bus.sequence
        """The number of the last event committed; ``bus.sequence`` follows it once it is on disk."""
        self.on_event: EventHook | None = None

    def commit(
        self,
        transaction: Transaction,
        actor: Actor,
        *,
        depth: int = 0,
        output: Callable[[], None] = _nothing,
        extra: Sequence[Statement] = (),
        registers: RegisterChanges | None = None,
    ) -> Ticket:
        """Commit, or raise and have done nothing.

        ``output`` is called when all is on disk, just before the events go out; ``extra`` statements are written in the same
        SQLite transaction, and so are the changes of ``registers``, which hold from now on. A transaction without effects waits
        for those before it, because it may have seen what they did.
        Await the ticket's ``durable()``. Raises ``ConflictError`` and ``StorageError``.
        """
        kept = registers or RegisterChanges()
        if not (transaction.has_effects or extra or kept.has_effects):
            return self._store.submit((), output)
        if not transaction.is_current():
            raise ConflictError("somebody else changed the same thing at the same moment")
        events = [self._event(emitted, actor, depth, n) for n, emitted in enumerate(transaction.events, 1)]
        changes = transaction.changes
        gone = [e for key, after in changes.items() if after is None and isinstance(e := self._world.get(key), Character)]
        if gone:
            self._registers.leave_behind(gone, self._world, changes, kept)
        statements = [
            *save_statements(self._world, changes),
            *self._seen_statements(changes),
            *extra,
            *kept.statements(),
            *delete_statements(self._world, changes),
            *map(_insert_event, events),
        ]
        audiences: list[tuple[str, ...] | None] = []
        publish = partial(self._publish, output, events, audiences)
        ticket = self._store.submit(statements, publish, binding=bool(changes or extra or kept.has_effects))
        # Accepted: from here on nothing can fail but the disk itself, and then the world is read anew from it.
        self.sequence += len(events)
        listeners = self._registers.listeners
        # Whoever begins or ends to listen in the call hears what it says, too.
        heard_before = {e.stream: listeners.of_stream(e.stream) for e in events} if kept.has_effects else {}
        self._world.apply(transaction.changes)
        kept.apply()
        # Who hears an event is settled now: a listener who walks in while the disk is busy was not there.
        audiences += [self._audience(event.stream, heard_before.get(event.stream, ())) for event in events]
        return ticket

    def _seen_statements(self, changes: Mapping[str, Entity | None]) -> list[Statement]:
        """Whoever is new has missed nothing. Call before the changes are applied."""
        new = [key for key, after in changes.items() if isinstance(after, Character) and self._world.get(key) is None]
        return [records.update("characters", key, {"seen_sequence": self.sequence}) for key in new]

    def _event(self, emitted: EmittedEvent, actor: Actor, depth: int, offset: int) -> Event:
        return Event(
            id=str(ULID()),
            stream=emitted.stream,
            type=emitted.type,
            timestamp=now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            payload=emitted.payload,
            depth=depth,
            sequence=self.sequence + offset,
        )

    def _audience(self, stream: str, heard_before: Sequence[str]) -> tuple[str, ...] | None:
        target = parse_stream(stream)
        match target.kind:
            case StreamKind.GLOBAL:
                return None
            case StreamKind.LOCATION:
                return self._world.contents(target.name).characters
            case StreamKind.CHARACTER:
                return (target.name,)
            case StreamKind.CHANNEL:
                return tuple(dict.fromkeys((*heard_before, *self._registers.listeners.of_stream(stream))))
            case StreamKind.PLUGIN:
                return ()

    def _publish(self, output: Callable[[], None], events: Sequence[Event], audiences: Sequence[tuple[str, ...] | None]) -> None:
        output()
        for event, audience in zip(events, audiences, strict=True):
            self._bus.publish(event, audience)
        if self.on_event is not None:
            for event in events:
                self.on_event(event)


def _insert_event(event: Event) -> Statement:
    return records.insert_event(
        sequence=event.sequence,
        event_id=event.id,
        stream=event.stream,
        event_type=event.type,
        timestamp=event.timestamp,
        actor_kind=event.actor_kind.value,
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        payload=event.payload,
    )

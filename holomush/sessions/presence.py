"""Characters that somebody plays right now: their connections, what they are told, and up to where they have seen.

Several connections may share a character; all see the same. How far a character has seen is kept in the database: exactly when its
last connection goes, and every second besides, so that little is told twice after a crash and nothing is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import attrs
import trio

from holomush.auth.accounts import Accounts, Player
from holomush.commands.access import Access
from holomush.database import records
from holomush.database.store import StorageError, Store
from holomush.events.bus import Bus, Publication
from holomush.events.render import Role
from holomush.sessions.client import Client, Farewell, Notice, Seen
from holomush.world.model import Character, Entity
from holomush.world.state import World

SAVE_INTERVAL = 1.0
"""Seconds between saves of how far everybody has seen."""


@attrs.frozen
class Told:
    """What a connection was told: everything after event number ``began`` up to ``arrived``, which is 0 if it is not known."""

    began: int
    arrived: int

    def last(self, claimed: int | None) -> int:
        """The number of the last event that somebody has seen who ``claimed`` one, or none.

        What the client says is truer than what the network took. It is not told of what was before it came.
        """
        return max(self.began, self.arrived if claimed is None else claimed)


class Seat(Protocol):
    """One connection's way through the game, as far as others ask something of it."""

    @property
    def character_id(self) -> str | None:
        """The character that it plays."""

    def change_to(self, character_id: str) -> None:
        """Go on as another character, once what it does now is done."""

    def end(self, farewell: Farewell, text: str) -> None:
        """Hang up once everything has been sent. Whoever is booted does not come back to any connection of the character."""

    @property
    def is_final(self) -> bool:
        """Whether nobody comes back to it: it does not play any more, or is being thrown out."""

    def give_way(self) -> Told:
        """Let go of the character, for the player has come back over another connection, and hang up.

        Gives what it was told. Not for one that ``is_final``.
        """


class Presence:
    """One character in play. The bus tells it what the character perceives."""

    def __init__(self, character_id: str, seen: int, bus: Bus) -> None:
        self._bus = bus
        self.character_id = character_id
        self.connected_at = time.time()
        self.last_input = self.connected_at
        self.clients: list[Client] = []
        self._joined: dict[Client, int] = {}
        self.access = Access.PLAYER
        self.is_announced = False
        """Whether those around have been told that the character has come."""
        self._seen = seen
        self._held: dict[Client, list[Seen]] = {}
        """What happens, for those that are still to be told what happened before."""

    @property
    def seen(self) -> int:
        """The sequence number up to which some connection has been sent everything that the character perceived."""
        return max([self._seen, *map(self.seen_by, self.clients)])

    @property
    def is_catching_up(self) -> bool:
        """Whether some connection is still to be told what was missed."""
        return bool(self._held)

    def seen_by(self, client: Client) -> int:
        """The sequence number up to which one connection has been sent everything; 0 if that is not known."""
        if client in self._held:
            return 0
        # Not just the last event shown: what happened elsewhere before the character walked there was not missed either.
        if client.caught_up:
            return self._bus.sequence
        # A client that came from another character was sent what that one perceived.
        mark = client.arrived_mark
        return mark if mark > self._joined.get(client, 0) else 0

    def deliver(self, publication: Publication, role: Role) -> None:
        """Send an event to every connection; kept back for those that are catching up."""
        for client in self.clients:
            if self._held and client in self._held:
                self._held[client].append((publication, role))
            else:
                client.deliver(publication, role)

    def tell(self, text: str) -> None:
        """Send text of its own to every connection."""
        notice = Notice(text)
        for client in self.clients:
            client.tell(notice)

    def show(self, text: str) -> None:
        """Send the answer to a command to every connection; in pages to those that want it so."""
        notice = Notice(text)
        for client in self.clients:
            client.show(notice)

    def join(self, client: Client, *, fresh: bool, catching_up: bool) -> None:
        """A connection sees from now on what the character perceives; ``fresh`` if it has seen nothing yet as another one.

        If it is ``catching_up``, what happens is kept back for it until ``release``.
        """
        self.clients.append(client)
        if catching_up:
            self._held[client] = []
        if not fresh:
            self._joined[client] = self._bus.sequence

    def release(self, client: Client) -> None:
        """What happened before has been told: send what was kept back, and go on as usual. Nothing happens if it has gone."""
        for publication, role in self._held.pop(client, ()):
            client.deliver(publication, role)

    def forget(self, client: Client, *, gone: bool) -> None:
        """A connection is ``gone``, or goes on as another character: then it still gets what it has not been sent yet."""
        is_behind = gone or client in self._held
        self._seen = max(self._seen, self.seen_by(client) if is_behind else self._bus.sequence)
        self.clients.remove(client)
        self._joined.pop(client, None)
        self._held.pop(client, None)


class Presences:
    """Everybody in play."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._present: dict[str, Presence] = {}
        self._saved: dict[str, int] = {}
        self._arrivals: dict[str, int] = {}
        self.seats: dict[str, Seat] = {}
        """The connections in play, by the ids of their sessions."""
        self.commands = 0
        """Lines typed in play since the start."""

    def follow(self, accounts: Accounts, world: World) -> None:
        """From now on what players may do, and have chosen, holds at once for those of their characters that are in play.

        And it is known when a character has come to where it is.
        """

        def moved(before: Entity | None, after: Entity | None) -> None:
            if isinstance(before, Character) and isinstance(after, Character) and before.location_id != after.location_id:
                self._arrivals[after.id] = self._bus.sequence

        def changed(_: Player | None, player: Player | None) -> None:
            if player is None:
                return
            for presence in self:
                character = world.get(presence.character_id)
                if isinstance(character, Character) and character.player_id == player.id:
                    presence.access = player.access
                    for client in presence.clients:
                        client.prefer(player.preferences)

        accounts.watchers.append(changed)
        world.watchers.append(moved)

    def arrival(self, character_id: str) -> int:
        """The number of the last event before a character came to where it is; 0 if that was before the server started."""
        return self._arrivals.get(character_id, 0)

    def saved(self, character_id: str) -> int:
        """The number of the last event that a character who is not in play has seen."""
        # One that has never been here has missed nothing.
        return self._saved.get(character_id, self._bus.sequence)

    def clients(self, character_id: str) -> Sequence[Client]:
        """The connections of one character."""
        presence = self._present.get(character_id)
        return () if presence is None else presence.clients

    async def load(self) -> None:
        """Read how far every character has seen."""
        rows = await self._store.fetch("SELECT id, seen_sequence FROM characters")
        self._saved = dict(rows)

    def __iter__(self) -> Iterator[Presence]:
        return iter(tuple(self._present.values()))

    def is_connected(self, character_id: str) -> bool:
        """Whether somebody plays this character. Safe to call from any thread."""
        return character_id in self._present

    def get(self, character_id: str) -> Presence | None:
        """The character's presence, if it has one."""
        return self._present.get(character_id)

    def enter(self, character_id: str) -> Presence:
        """A presence for a character that has none, from now on listening."""
        presence = Presence(character_id, self.saved(character_id), self._bus)
        self._present[character_id] = presence
        self._bus.listen(character_id, presence)
        return presence

    def leave(self, presence: Presence) -> None:
        """The last connection is gone."""
        self._bus.stop_listening(presence.character_id)
        self._save([presence])
        del self._present[presence.character_id]

    def forget(self, character_id: str) -> None:
        """The character has been destroyed."""
        self._saved.pop(character_id, None)
        self._arrivals.pop(character_id, None)

    async def keep_saving(self) -> None:
        """Save how far everybody has seen, every second in which that changed, until cancelled."""
        while True:
            await trio.sleep(SAVE_INTERVAL)
            self._save(self)

    def _save(self, presences: Iterable[Presence]) -> None:
        # Asked once: the operating system is asked for each connection, and what is noted must be what is written.
        seen = {p.character_id: p.seen for p in presences if p.access is not Access.GUEST}
        changed = {character_id: sequence for character_id, sequence in seen.items() if self._saved.get(character_id) != sequence}
        if not changed:
            return
        statements = [records.update("characters", character_id, {"seen_sequence": now}) for character_id, now in changed.items()]
        try:
            self._store.submit(statements)
        except StorageError:
            return  # it is tried again with the next change; until then a replay may tell something twice
        self._saved |= changed

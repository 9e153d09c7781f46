"""Characters that somebody plays right now: their connections, what they are told, and up to where they have seen.

Several connections may share a character; all see the same. How far a character has seen is kept in the database: exactly when its
last connection goes, and every second besides, so that little is told twice after a crash and nothing is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import trio

from holomush.auth.accounts import Accounts, Player
from holomush.commands.access import Access
from holomush.database import records
from holomush.database.store import StorageError, Store
from holomush.events.bus import Bus, Encoder, Publication
from holomush.events.render import Role
from holomush.sessions.pager import Pager
from holomush.text.display import Display
from holomush.world.model import Character
from holomush.world.state import World

SAVE_INTERVAL = 1.0
"""Seconds between saves of how far everybody has seen."""


class Client(Protocol):
    """One connection, as sessions see it."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    @property
    def display(self) -> Display:
        """How text is shown there. It may change at any time."""

    @property
    def encode(self) -> Encoder:
        """Text to bytes for this display; the same object for all clients that are shown the same bytes."""

    @property
    def pager(self) -> Pager:
        """What it is still to be shown of a long text."""

    @property
    def caught_up(self) -> bool:
        """Whether everything has left for the client that was sent to it."""

    @property
    def sent_mark(self) -> int:
        """The highest ``mark`` that has left for the client."""

    def send(self, data: bytes, mark: int = 0) -> None:
        """Encoded bytes, soon. Never waits."""

    def prefer(self, preferences: Mapping[str, Any]) -> None:
        """Show text as the player wants it, from now on."""

    def hide_input(self) -> None:
        """Ask the client not to show what is typed."""

    def show_input(self) -> None:
        """Ask the client to show again what is typed."""

    def close(self) -> None:
        """Send what is to be sent and hang up."""


class Seat(Protocol):
    """One connection's way through the game, as far as others ask something of it."""

    @property
    def character_id(self) -> str | None:
        """The character that it plays."""

    def change_to(self, character_id: str) -> None:
        """Go on as another character, once what it does now is done."""


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
        self._seen = seen
        self._held: list[tuple[Publication, Role]] | None = None

    @property
    def seen(self) -> int:
        """The sequence number up to which some connection has been sent everything that the character perceived."""
        return max([self._seen, *map(self._seen_by, self.clients)])

    def _seen_by(self, client: Client) -> int:
        # Not just the last event shown: what happened elsewhere before the character walked there was not missed either.
        if client.caught_up and self._held is None:
            return self._bus.sequence
        # A client that came from another character was sent what that one perceived.
        return client.sent_mark if client.sent_mark > self._joined.get(client, 0) else 0

    def deliver(self, publication: Publication, role: Role) -> None:
        """Send an event to every connection; kept back while a replay is under way."""
        if self._held is not None:
            self._held.append((publication, role))
            return
        sequence = publication.event.sequence
        for client in self.clients:
            line = publication.encoded(role, client.encode)
            if line is not None:
                client.send(line, sequence)

    def tell(self, text: str, mark: int = 0) -> None:
        """Send text of its own to every connection. ``mark`` is the sequence number up to which it tells what happened."""
        encoded: dict[Encoder, bytes] = {}
        for client in self.clients:
            if client.encode not in encoded:
                encoded[client.encode] = client.encode(f"{text}\n")
            client.send(encoded[client.encode], mark)

    def show(self, text: str) -> None:
        """Send the answer to a command to every connection; in pages to those that want it so."""
        encoded: dict[Encoder, bytes] = {}
        for client in self.clients:
            if client.display.page_length:
                client.pager.show(text)
                continue
            if client.encode not in encoded:
                encoded[client.encode] = client.encode(f"{text}\n")
            client.send(encoded[client.encode])

    def hold(self) -> None:
        """Keep back what happens from now on."""
        self._held = []

    def release(self) -> None:
        """What happened before has been told: send what was kept back, and go on as usual."""
        held, self._held = self._held or [], None
        for publication, role in held:
            self.deliver(publication, role)

    def join(self, client: Client, *, fresh: bool) -> None:
        """A connection sees from now on what the character perceives; ``fresh`` if it has seen nothing yet as another one."""
        self.clients.append(client)
        if not fresh:
            self._joined[client] = self._bus.sequence

    def forget(self, client: Client, *, gone: bool) -> None:
        """A connection is ``gone``, or goes on as another character: then it still gets what it has not been sent yet."""
        self._seen = max(self._seen, self._seen_by(client) if gone or self._held is not None else self._bus.sequence)
        self.clients.remove(client)
        self._joined.pop(client, None)


class Presences:
    """Everybody in play."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._present: dict[str, Presence] = {}
        self._saved: dict[str, int] = {}
        self.seats: dict[str, Seat] = {}
        """The connections in play, by the ids of their sessions."""
        self.commands = 0
        """Lines typed in play since the start."""

    def follow(self, accounts: Accounts, world: World) -> None:
        """From now on what players may do, and have chosen, holds at once for those of their characters that are in play."""

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
        """A presence for a character that has none, from now on listening and holding back."""
        # One that has never been here has missed nothing.
        presence = Presence(character_id, self._saved.get(character_id, self._bus.sequence), self._bus)
        presence.hold()
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

    async def keep_saving(self) -> None:
        """Save how far everybody has seen, every second in which that changed, until cancelled."""
        while True:
            await trio.sleep(SAVE_INTERVAL)
            self._save(self)

    def _save(self, presences: Iterable[Presence]) -> None:
        changed = [p for p in presences if p.access is not Access.GUEST and self._saved.get(p.character_id) != p.seen]
        if not changed:
            return
        statements = [records.update("characters", p.character_id, {"seen_sequence": p.seen}) for p in changed]
        try:
            self._store.submit(statements)
        except StorageError:
            return  # it is tried again with the next change; until then a replay may tell something twice
        self._saved |= {p.character_id: p.seen for p in changed}

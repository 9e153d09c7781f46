"""One connection's way through the game: how it plays a character, goes on as another, and leaves.

Every line that is typed comes here. What is typed before somebody plays is for ``arrival``, which says who comes in.
"""

from __future__ import annotations

import logging
import time

import trio
from ulid import ULID

from holomush.clock import now
from holomush.commands.access import Access
from holomush.database.store import StorageError
from holomush.dispatch.lines import Asker
from holomush.sessions import connect_screen
from holomush.sessions.announcement import CONNECT, DISCONNECT, announce, touch
from holomush.sessions.arrival import Arrival, Entry
from holomush.sessions.client import Client, Farewell, Notice, Playing
from holomush.sessions.entrance import Admission
from holomush.sessions.game import Game
from holomush.sessions.presence import Presence, Told
from holomush.sessions.who import who_list
from holomush.world.model import Character

_log = logging.getLogger(__name__)


class Session:
    """Made for each connection. ``line`` for each line received; ``hung_up`` once, at the end."""

    def __init__(self, game: Game, client: Client) -> None:
        self._game = game
        self._client = client
        self._admission: Admission | None = None
        self._presence: Presence | None = None
        self._next: str | None = None
        self._connected_at = 0
        self._began = 0  # the number of the last event that the connection is not told
        self.idle_since = trio.current_time()
        """When something was typed last, on Trio's clock."""
        self.id = str(ULID())
        self._arrival = Arrival(game, client, self.id)

    @property
    def playing(self) -> bool:
        """Whether a character is being played."""
        return self._presence is not None

    @property
    def character_id(self) -> str | None:
        """The character that is being played."""
        return None if self._presence is None else self._presence.character_id

    def change_to(self, character_id: str) -> None:
        """Go on as another character of the same player, once what is typed now is done."""
        self._next = character_id

    def has_ended(self) -> bool:
        """Whether the connection is being hung up on, so that no more lines are wanted."""
        return self._client.farewell is not None

    def greet(self) -> None:
        """Show the connect screen."""
        self._client.greet(connect_screen.BANNER)

    def tell(self, text: str) -> None:
        """Send text to this connection only."""
        self._client.tell(Notice(text))

    async def line(self, text: str) -> None:
        """Do what a line says. Returns when it is done and its effects are on disk."""
        self.idle_since = trio.current_time()
        self._game.resumption.heard_from(self.id)
        word = text.strip().upper()
        pager = self._client.pager
        if pager.is_waiting and not self._arrival.awaits_password:
            if word in ("", "MORE"):
                pager.turn()
                return
            pager.forget()
        if self._arrival.awaits_password:
            await self._come_in(await self._arrival.password(text))
        elif word == "QUIT":
            self.end(Farewell.QUIT, "Goodbye.")
        elif self._presence is not None:
            await self._play_line(text, word, self._presence)
        elif word == "WHO":
            self._who()
        elif text.strip():
            await self.request(connect_screen.read_request(text))

    async def _play_line(self, text: str, word: str, presence: Presence) -> None:
        presence.last_input = time.time()
        # The core's own words stand back where a plugin has a command of that name that can be done.
        if word in ("WHO", "RESUME") and not self._game.lines.knows(text, presence.access):
            if word == "WHO":
                self._who()
            else:
                self._arrival.tell_token(presence.character_id)
            return
        self._game.presences.commands += 1
        await self._game.lines.run(text, self._asker(presence))
        if self._next is not None and not self.has_ended():
            await self._switch(self._next)

    def _who(self) -> None:
        plain = self._client.display.screen_reader
        self.tell(who_list(self._game.presences, self._game.world, time.time(), plain=plain))

    def _asker(self, presence: Presence) -> Asker:
        display = self._client.display
        return Asker(
            character_id=presence.character_id,
            access=presence.access,
            session={
                "id": self.id,
                "connected_at": self._connected_at,
                "access": presence.access.name.lower(),
                "width": display.width,
                "screen_reader": display.screen_reader,
            },
            tell=presence.show,
        )

    def end(self, farewell: Farewell, text: str) -> None:
        """Hang up once everything has been sent. Whoever is booted does not come back to any connection of the character."""
        if farewell is Farewell.BOOTED and self._presence is not None:
            self._game.resumption.revoke_character(self._presence.character_id)
        self._client.close(farewell, text)

    @property
    def is_final(self) -> bool:
        """Whether nobody comes back to this: it does not play any more, or is being thrown out."""
        farewell = self._client.farewell
        return self._presence is None or (farewell is not None and farewell.is_final)

    def give_way(self) -> Told:
        """Let go of the character, for the player has come back over another connection, and hang up.

        Gives what it was told. Not for one that ``is_final``.
        """
        told = self._told()
        if self._presence is not None:
            self._let_go(self._presence, gone=True)
        self._client.close(Farewell.ELSEWHERE, "You have come back over another connection.")
        return told

    def _told(self) -> Told:
        return Told(self._began, 0 if self._presence is None else self._presence.seen_by(self._client))

    async def hung_up(self) -> None:
        """The connection is gone. The character stays where it is; a guest who does not come back goes."""
        if self.is_final:
            self._game.resumption.revoke(self.id)
        elif self._client.farewell is not Farewell.SHUTDOWN:  # else the next server gives them their time
            self._game.resumption.lost(self.id, self._told())
        await self._part(gone=True)

    def _let_go(self, presence: Presence, *, gone: bool) -> None:
        self._presence = None
        del self._game.presences.seats[self.id]
        presence.forget(self._client, gone=gone)

    async def _switch(self, character_id: str) -> None:
        """Let go of one character and go on as another."""
        self._next = None
        character = self._game.world.get(character_id)
        admission = self._game.entrance.admit(character) if isinstance(character, Character) else None
        if admission is None or self._admission is None or admission.player.id != self._admission.player.id:
            self.tell("That character is not there any more.")
            return
        await self._part(gone=False)
        # Read anew: while their going was written they may have been demoted, banned, or chosen something else.
        today = self._game.entrance.admit(admission.character)
        if today is None or today.player.ban is not None:
            self._game.resumption.revoke(self.id)  # whoever logs in here next may be somebody else
            self.tell("That character is not there any more.")
            return
        await self._play(today)

    async def _part(self, *, gone: bool) -> None:
        """Let go of the character that is being played."""
        presence, admission = self._presence, self._admission
        if presence is None or admission is None:
            return
        self._let_go(presence, gone=gone)
        self._admission = None
        if presence.clients:
            return
        character_id = presence.character_id
        # Asked now: they may come back, and be lost again, while their going is written.
        may_come_back = gone and self._game.resumption.has_token(self.id)
        self._game.presences.leave(presence)
        touch(self._game, character_id)
        if presence.is_announced:
            await announce(self._game, DISCONNECT, character_id)
        if admission.player.access is Access.GUEST and not may_come_back:
            await self._game.dismiss_guest(character_id)

    async def request(self, request: connect_screen.Request) -> None:
        """Do what was asked for on the connect screen."""
        self.idle_since = trio.current_time()
        if self._presence is not None:
            if not isinstance(request, connect_screen.Resume):
                self._game.resumption.heard_from(self.id)
            self.tell("You are in the game already.")
            return
        await self._come_in(await self._arrival.request(request))

    def show_sight(self) -> None:
        """Show the surroundings to a client that wants them only now."""
        if self._presence is not None:
            self._game.sights.show(self._presence.character_id, self._client)

    async def _come_in(self, entry: Entry | None) -> None:
        if entry is not None:
            await self._play(entry.admission, since=entry.since)

    async def _play(self, admission: Admission, since: int | None = None) -> None:
        """Join the character's presence, or make one, catch up on what was missed, and show where it is.

        ``since`` is the number of the last event that somebody has seen who comes back to a lost connection.
        """
        game, client = self._game, self._client
        character = admission.character
        if game.world.get(character.id) is None:  # destroyed while the login was being written
            self.tell("That player has no character to play.")
            return
        presence = game.presences.get(character.id)
        first = presence is None
        if presence is None:
            presence = game.presences.enter(character.id)
            presence.access = admission.player.access
        client.prefer(admission.player.preferences)
        # Who joins somebody that is still to be told what was missed must not be told less.
        catching_up = first or since is not None or presence.is_catching_up
        was_seen = presence.seen if since is None else since
        upto = game.bus.sequence
        self._began = was_seen if catching_up else upto
        presence.join(client, fresh=not self._connected_at, catching_up=catching_up)
        self._admission = admission
        self._presence = presence
        game.presences.seats[self.id] = self
        self._connected_at = now()
        # From here to the reading of what was missed nothing is waited for: it is told who is played before anything else.
        token = self._arrival.token_for(character.id, resumed=since is not None)
        client.begin(
            Playing(
                character=character,
                access=presence.access,
                commands=game.lines.commands(presence.access),
                resumed=since is not None,
                token=token,
                grace=game.resumption.grace,
            )
        )
        if catching_up:
            await self._replay(presence, was_seen, upto)
        if not presence.is_announced:
            # By whoever is first to have caught up: the connection that came first may be gone already.
            presence.is_announced = True
            touch(game, character.id)
            await announce(game, CONNECT, character.id)
        game.sights.show(character.id, client)
        if game.config.first_command and since is None:
            await game.lines.run(game.config.first_command, self._asker(presence))

    async def _replay(self, presence: Presence, was_seen: int, upto: int) -> None:
        """Show what was missed of what happened before they joined, then what has happened since."""
        try:
            self._client.replay(await self._game.replays.since(presence.character_id, was_seen, upto))
        except StorageError as exc:
            _log.error("what %s missed could not be read: %s", presence.character_id, exc)
        # Not if it was cancelled: hung up meanwhile, nothing has been seen, and it is all shown the next time.
        presence.release(self._client)

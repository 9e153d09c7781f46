"""One connection's way through the game: the connect screen, then a character, until it hangs up."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import attrs
from ulid import ULID

from holomush.clock import now
from holomush.commands.access import Access
from holomush.config import SessionsConfig
from holomush.database.eventlog import missed
from holomush.database.store import StorageError, Store
from holomush.dispatch.commit import Actor, Committer
from holomush.dispatch.lines import Asker, Lines
from holomush.errors import HolomushError
from holomush.events.bus import Bus
from holomush.events.event import ActorKind, EmittedEvent, Event
from holomush.events.render import Templates, viewer_role
from holomush.events.streams import GLOBAL_STREAM, StreamKind, character_stream, location_stream
from holomush.sessions import connect_screen
from holomush.sessions.entrance import Admission, Entrance
from holomush.sessions.presence import Client, Presence, Presences
from holomush.sessions.who import who_list
from holomush.world.model import Character
from holomush.world.state import World
from holomush.world.transaction import Transaction

TEMPLATES = {
    "connect": Templates.parse(actor="", others="{actor} has connected."),
    "disconnect": Templates.parse(actor="", others="{actor} has disconnected."),
}
"""How the events that sessions themselves emit read."""

REPLAY_BYTES = 65_536
"""Of a longer replay the oldest lines are left out: it must fit an outbox together with what happens meanwhile."""

CHANNELS = f"{StreamKind.CHANNEL}:"
"""How the streams of channels begin."""

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Game:
    """What every session needs of the server."""

    world: World
    store: Store
    bus: Bus
    committer: Committer
    lines: Lines
    entrance: Entrance
    presences: Presences
    channels_of: Callable[[str], Sequence[str]]
    """The streams of the channels that a character hears."""
    heard_since: Callable[[str, str], int]
    """The number of the last event before a character, the second, began to hear a channel."""
    config: SessionsConfig


class Session:
    """Made for each connection. ``line`` for each line received; ``hung_up`` once, at the end."""

    def __init__(self, game: Game, client: Client) -> None:
        self._game = game
        self._client = client
        self._admission: Admission | None = None
        self._presence: Presence | None = None
        self._pending: connect_screen.Enter | None = None
        self._next: str | None = None
        self._connected_at = 0
        self.id = str(ULID())
        self._ended = False

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
        return self._ended

    def greet(self) -> None:
        """Show the connect screen."""
        self.tell(connect_screen.BANNER)

    def tell(self, text: str) -> None:
        """Send text to this connection only."""
        self._client.send(self._client.encode(f"{text}\n"))

    async def line(self, text: str) -> None:
        """Do what a line says. Returns when it is done and its effects are on disk."""
        word = text.strip().upper()
        pager = self._client.pager
        if pager.is_waiting and self._pending is None:
            if word in ("", "MORE"):
                pager.turn()
                return
            pager.forget()
        if self._pending is not None:
            await self._password(text)
        elif word == "QUIT":
            self.tell("Goodbye.")
            self.end()
        elif self._presence is not None and not (word == "WHO" and not self._game.lines.knows(text, self._presence.access)):
            self._presence.last_input = time.time()
            self._game.presences.commands += 1
            await self._game.lines.run(text, self._asker(self._presence))
            if self._next is not None:
                await self._switch(self._next)
        elif word == "WHO":
            plain = self._client.display.screen_reader
            self.tell(who_list(self._game.presences, self._game.world, time.time(), plain=plain))
        elif text.strip():
            await self._request(connect_screen.read_request(text))

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

    def end(self) -> None:
        """Hang up once everything has been sent."""
        self._ended = True
        self._client.close()

    async def hung_up(self) -> None:
        """The connection is gone. The character stays where it is; a guest goes with its last connection."""
        await self._part(gone=True)

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
            self.tell("That character is not there any more.")
            return
        await self._play(today)

    async def _part(self, *, gone: bool) -> None:
        """Let go of the character that is being played."""
        presence, admission = self._presence, self._admission
        if presence is None or admission is None:
            return
        self._presence = self._admission = None
        del self._game.presences.seats[self.id]
        presence.forget(self._client, gone=gone)
        if presence.clients:
            return
        self._game.presences.leave(presence)
        await self._announce("disconnect", admission.character.id)
        if admission.player.access is Access.GUEST:
            await self._game.entrance.dismiss_guest(admission.character.id)
            self._game.presences.forget(admission.character.id)

    async def _request(self, request: connect_screen.Request) -> None:
        match request:
            case connect_screen.ShowHelp():
                self.tell(connect_screen.HELP)
            case connect_screen.Misunderstood(answer):
                self.tell(answer)
            case connect_screen.EnterAsGuest():
                await self._enter(lambda: self._game.entrance.guest(self._client.address))
            case connect_screen.Enter(_, None, _):
                self._pending = request
                self._client.hide_input()
                self._client.send(self._client.encode("Password: "))
            case connect_screen.Enter(name, str(password), new):
                await self._enter_by_name(name, password, new=new)

    async def _password(self, password: str) -> None:
        pending, self._pending = self._pending, None
        self._client.show_input()
        # The client did not echo the line end either.
        self._client.send(self._client.encode("\n"))
        if pending is not None:
            await self._enter_by_name(pending.name, password.strip(), new=pending.new)

    async def _enter_by_name(self, name: str, password: str, *, new: bool) -> None:
        entrance = self._game.entrance
        let_in = entrance.create if new else entrance.connect
        await self._enter(lambda: let_in(name, password, self._client.address))

    async def _enter(self, let_in: Callable[[], Awaitable[Admission]]) -> None:
        try:
            admission = await let_in()
        except StorageError as exc:
            _log.error("somebody could not come in: %s", exc)
            self.tell("The server cannot read or save anything right now. Please try later.")
        except HolomushError as exc:
            self.tell(str(exc))
        else:
            await self._play(admission)

    async def _play(self, admission: Admission) -> None:
        """Join the character's presence, or make one, catch up on what was missed, and show where it is."""
        game = self._game
        character = admission.character
        if game.world.get(character.id) is None:  # destroyed while the login was being written
            self.tell("That player has no character to play.")
            return
        presence = game.presences.get(character.id)
        first = presence is None
        if presence is None:
            presence = game.presences.enter(character.id)
            presence.access = admission.player.access
        self._client.prefer(admission.player.preferences)
        presence.join(self._client, fresh=not self._connected_at)
        self._admission = admission
        self._presence = presence
        game.presences.seats[self.id] = self
        self._connected_at = now()
        if first:
            await self._replay(presence)
            await self._announce("connect", character.id)
        if game.config.first_command:
            await game.lines.run(game.config.first_command, self._asker(presence))

    async def _replay(self, presence: Presence) -> None:
        """Show what was missed, then what has happened since the reading began."""
        upto = self._game.bus.sequence
        was_read = False
        lines: list[str] = []
        try:
            lines = _last_that_fit(await self._missed_lines(presence, upto), REPLAY_BYTES)
            was_read = True
        except StorageError as exc:
            _log.error("what %s missed could not be read: %s", presence.character_id, exc)
            was_read = True
        finally:
            # Hung up meanwhile, and alone: then nothing has been seen, and it is all shown the next time.
            if was_read or len(presence.clients) > 1:
                if lines:
                    heading = "1 missed event" if len(lines) == 1 else f"{len(lines)} missed events"
                    presence.tell("\n".join([f"--- {heading} ---", *lines, "--- end of replay ---"]), upto)
                presence.release()

    async def _missed_lines(self, presence: Presence, upto: int) -> list[str]:
        game = self._game
        streams = [character_stream(presence.character_id), GLOBAL_STREAM]
        character = game.world.get(presence.character_id)
        if isinstance(character, Character):
            streams.append(location_stream(character.location_id))
        streams += game.channels_of(presence.character_id)
        _, stored = await missed(game.store, streams, presence.seen, upto, game.config.replay_limit)
        lines = []
        for row in stored:
            if row.stream.startswith(CHANNELS) and row.sequence <= game.heard_since(row.stream, presence.character_id):
                continue  # it was said before they joined the channel
            if row.type in TEMPLATES and self._is_own(row.actor_id):
                continue  # they know that they came or went as another of their characters
            event = Event(**{**attrs.asdict(row, recurse=False), "actor_kind": ActorKind(row.actor_kind)})
            text = game.bus.renderer.text(event, viewer_role(event, presence.character_id))
            if text is not None:
                lines.append(text)
        return lines

    def _is_own(self, character_id: str) -> bool:
        """Whether a character belongs to the player of this connection."""
        character = self._game.world.get(character_id)
        admission = self._admission
        return isinstance(character, Character) and admission is not None and character.player_id == admission.player.id

    async def _announce(self, event_type: str, character_id: str) -> None:
        """Tell those around, and the plugins, that a character has come or gone."""
        character = self._game.world.get(character_id)
        if not isinstance(character, Character):
            return
        transaction = Transaction(self._game.world)
        payload = {"character_id": character.id, "character_name": character.name}
        transaction.events.append(EmittedEvent(location_stream(character.location_id), event_type, payload))
        actor = Actor(ActorKind.CHARACTER, character.id, character.name)
        try:
            await self._game.committer.commit(transaction, actor).durable()
        except StorageError as exc:
            _log.error("%s of %s was not announced: %s", event_type, character.name, exc)


def _last_that_fit(lines: list[str], limit: int) -> list[str]:
    """The longest end of ``lines`` that has at most ``limit`` bytes."""
    first = len(lines)
    while first and (limit := limit - len(lines[first - 1].encode()) - 2) >= 0:
        first -= 1
    return lines[first:]

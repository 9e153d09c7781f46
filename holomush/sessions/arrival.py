"""How one connection comes into the game: what it asks for on the connect screen, its password, and a token to come back with.

Says who is let in, and as whom. What they do then is the session's business.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import attrs

from holomush.database.store import StorageError
from holomush.errors import HolomushError
from holomush.sessions import connect_screen
from holomush.sessions.client import Client, Notice
from holomush.sessions.entrance import Admission
from holomush.sessions.game import Game
from holomush.sessions.presence import Told
from holomush.world.model import Character

NOT_RESUMED = "That cannot be resumed any more. Please connect with your name and password."

_UNREACHABLE = "The server cannot read or save anything right now. Please try later."

_log = logging.getLogger(__name__)


@attrs.frozen
class Entry:
    """Somebody who comes in now.

    ``since`` is the number of the last event that they have seen if they come back to a lost connection, else None.
    """

    admission: Admission
    since: int | None = None


class Arrival:
    """Of one connection: ``request`` for what it asks for, ``password`` for the line after one that asked for it."""

    def __init__(self, game: Game, client: Client, session_id: str) -> None:
        self._game = game
        self._client = client
        self._session_id = session_id
        self._pending: connect_screen.Enter | None = None

    @property
    def awaits_password(self) -> bool:
        """Whether the next line is a password."""
        return self._pending is not None

    async def request(self, request: connect_screen.Request) -> Entry | None:
        """Do what was asked for. Who comes in by it; None if nobody does, and then the connection has been answered."""
        if self._pending is not None:
            # Asked for in a message of its own while a password was awaited: what is typed next is none any more.
            self._pending = None
            self._client.secret_given()
        match request:
            case connect_screen.ShowHelp():
                self._tell(connect_screen.HELP)
            case connect_screen.Misunderstood(answer):
                self._tell(answer)
            case connect_screen.EnterAsGuest():
                return await self._enter("guest", lambda: self._game.entrance.guest(self._client.address))
            case connect_screen.Resume(token, after):
                return self._resume(token, after)
            case connect_screen.Enter(_, None, _):
                self._pending = request
                self._client.ask_secret("Password: ")
            case connect_screen.Enter(name, str(password), new):
                return await self._enter_by_name(name, password, new=new)
        return None

    async def password(self, password: str) -> Entry | None:
        """Take the password that was asked for; the same answer as to a request."""
        pending, self._pending = self._pending, None
        self._client.secret_given()
        return None if pending is None else await self._enter_by_name(pending.name, password.strip(), new=pending.new)

    def token_for(self, character_id: str, *, resumed: bool) -> str | None:
        """The token that a client is given, if it wants one. What somebody else was told to type is for this character now."""
        resumption = self._game.resumption
        if self._client.resumes:
            return resumption.issue(self._session_id, character_id, resumed=resumed)
        resumption.follow(self._session_id, character_id)
        return None

    def tell_token(self, character_id: str) -> None:
        """Say what to type after a lost connection. Each time it is another token, and the one before is worth nothing."""
        if self._client.resumes:
            # Its own token would be worth nothing.
            self._tell("If you lose the connection, your client comes back by itself.")
            return
        token = self._game.resumption.issue(self._session_id, character_id)
        if token is None:
            self._tell("There is nothing to come back with right now: the server cannot save it.")
            return
        minutes = max(1, int(self._game.resumption.grace // 60))
        within = "a minute" if minutes == 1 else f"{minutes} minutes"
        self._tell(
            f"If you lose the connection, come back within {within} without a password: connect, and type:\n"
            f"resume {token}\nIt works once. Tell nobody."
        )

    async def _enter_by_name(self, name: str, password: str, *, new: bool) -> Entry | None:
        entrance = self._game.entrance
        let_in = entrance.create if new else entrance.connect
        return await self._enter("create" if new else "connect", lambda: let_in(name, password, self._client.address))

    async def _enter(self, request: str, let_in: Callable[[], Awaitable[Admission]]) -> Entry | None:
        try:
            admission = await let_in()
        except StorageError as exc:
            _log.error("somebody could not come in: %s", exc)
            self._game.logins.add("failed")
            self._client.refuse(request, _UNREACHABLE)
        except HolomushError as exc:
            self._game.logins.add("refused")
            self._client.refuse(request, str(exc))
        else:
            self._game.logins.add("accepted")
            return Entry(admission)
        return None

    def _resume(self, token: str, after: int | None) -> Entry | None:
        """Come back to where a lost connection was."""
        game = self._game
        lost = game.resumption.find(token)
        character = None if lost is None else game.world.get(lost.character_id)
        old = None if lost is None else game.presences.seats.get(lost.session_id)
        told = admission = None
        reason = NOT_RESUMED
        try:
            if isinstance(character, Character) and (old is None or not old.is_final):
                admission = game.entrance.readmit(character, self._client.address)
            if lost is not None and admission is not None:
                told = game.resumption.take(lost, self._session_id)
        except StorageError as exc:
            _log.error("somebody could not come back: %s", exc)
            admission, reason = None, _UNREACHABLE
        except HolomushError as exc:
            reason = str(exc)
        if admission is None:
            self._client.refuse("resume", reason)
            return None
        if old is not None:
            told = old.give_way()
        if told is None:  # the server has been started anew since
            told = Told(game.presences.saved(admission.character.id), 0)
        return Entry(admission, min(told.last(after), game.bus.sequence))

    def _tell(self, text: str) -> None:
        self._client.tell(Notice(text))

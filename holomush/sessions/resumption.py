"""Coming back without a password: gives out tokens, takes them once, and ends them in time.

Whoever comes back by a token is given the next. If the line breaks before it arrives there, they have only the old one. So that
stays good until something is heard from them on the new connection, and leads to that one, whose own token then ends.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from holomush.auth.accounts import Accounts, Player
from holomush.auth.tokens import ResumeToken, ResumeTokens, digest_of, new_token
from holomush.clock import now
from holomush.commands.access import Access
from holomush.database.register import Changes, RegisterChanges
from holomush.database.store import StorageError, Ticket
from holomush.dispatch.commit import SYSTEM, Committer
from holomush.sessions.presence import Told
from holomush.world.model import Character
from holomush.world.state import World
from holomush.world.transaction import Transaction

SWEEP_INTERVAL = 5.0
"""Seconds between looks for tokens whose time is over."""
LONG_AGO = 1
"""When a token ended that is to be swept away."""

_log = logging.getLogger(__name__)


class Resumption:
    """Of one server. ``grace`` is in seconds. ``dismiss_guest`` is called for guests who do not come back."""

    def __init__(
        self,
        *,
        tokens: ResumeTokens,
        accounts: Accounts,
        world: World,
        committer: Committer,
        grace: float,
        dismiss_guest: Callable[[str], Awaitable[None]],
    ) -> None:
        self.grace = grace
        self._tokens = tokens
        self._accounts = accounts
        self._world = world
        self._committer = committer
        self._dismiss_guest = dismiss_guest
        self._told: dict[str, Told] = {}
        """What the connections that were lost had been told, by the ids of their sessions."""
        self._used: dict[str, str] = {}
        """The digests of the tokens by which connections came that nothing has been heard from, by the ids of their sessions."""
        accounts.watchers.append(self._watch)
        tokens.watchers.append(self._forget)

    def issue(self, session_id: str, character_id: str, *, resumed: bool = False) -> str | None:
        """A new token for a connection, in place of those it had. None if it cannot be kept.

        A connection that has just ``resumed`` keeps the one by which it came, for now.
        """
        token = new_token()
        kept = self._used.get(session_id) if resumed else None

        def renew(changes: Changes[str, ResumeToken]) -> None:
            for old in self._tokens.of_session(session_id):
                if old.digest != kept:
                    changes.remove(old.digest)
            changes.put(ResumeToken(digest_of(token), session_id, character_id, 0))

        return token if self._try(renew) else None

    def follow(self, session_id: str, character_id: str) -> None:
        """A connection goes on as another character: so does who comes back to it."""
        tokens = [token for token in self._tokens.of_session(session_id) if token.character_id != character_id]
        if tokens:
            self._put([attrs.evolve(token, character_id=character_id) for token in tokens])

    def has_token(self, session_id: str) -> bool:
        """Whether a connection could be taken up again."""
        return bool(self._tokens.of_session(session_id))

    def heard_from(self, session_id: str) -> None:
        """A connection that came by a token has said something: it has got what it was sent. The token is worth nothing now."""
        used = self._used.pop(session_id, None)
        if used is not None:
            self._try(lambda changes: changes.remove(used))

    def lost(self, session_id: str, told: Told) -> None:
        """A connection is gone: its time to come back begins."""
        self._used.pop(session_id, None)
        tokens = self._tokens.of_session(session_id)
        if tokens:
            self._told[session_id] = told
            expires_at = now() + int(self.grace * 1000)
            self._put([attrs.evolve(token, expires_at=expires_at) for token in tokens])

    def revoke(self, session_id: str) -> None:
        """Nobody comes back to a connection."""
        self._used.pop(session_id, None)
        self._end(self._tokens.of_session(session_id))

    def revoke_character(self, character_id: str) -> None:
        """Nobody comes back as a character, neither to a connection that is there nor to one that was lost."""
        self._revoke_characters({character_id})

    def find(self, token: str) -> ResumeToken | None:
        """What a token is for; None if it is worth nothing."""
        found = self._tokens.get(digest_of(token))
        return None if found is None or 0 < found.expires_at <= now() else found

    def take(self, token: ResumeToken, session_id: str) -> Told | None:
        """A connection comes by a token that was found. What the one before it was told, if it was lost and that is known.

        Raises ``StorageError``, and then nothing has changed.
        """

        def move(changes: Changes[str, ResumeToken]) -> None:
            for old in self._tokens.of_session(token.session_id):
                changes.remove(old.digest)
            changes.put(attrs.evolve(token, session_id=session_id, expires_at=0))

        told = self._told.get(token.session_id)
        self._change(move)
        self._used.pop(token.session_id, None)
        self._used[session_id] = token.digest
        return told

    async def begin(self) -> None:
        """The server starts: whoever was connected when it ended has the whole grace from now on; guests have gone."""

        def renew(changes: Changes[str, ResumeToken]) -> None:
            for token in self._tokens.values():
                if self._world.get(token.character_id) is None or 0 < token.expires_at <= now():
                    changes.remove(token.digest)
                elif not token.expires_at:
                    changes.put(attrs.evolve(token, expires_at=now() + int(self.grace * 1000)))

        await self._change(renew).durable()

    async def run(self) -> None:
        """End the tokens whose time is over, until cancelled."""
        while True:
            await trio.sleep(SWEEP_INTERVAL)
            over = [token for token in self._tokens.values() if 0 < token.expires_at <= now()]
            try:
                for token in over:
                    if self._is_guest(token.character_id):
                        await self._dismiss_guest(token.character_id)
            except StorageError as exc:
                # Their tokens stay, worth nothing, and it is tried again.
                _log.error("a guest who did not come back could not be dismissed: %s", exc)
            else:
                self._end(over)

    def _is_guest(self, character_id: str) -> bool:
        character = self._world.get(character_id)
        player = self._accounts.get(character.player_id) if isinstance(character, Character) else None
        return player is not None and player.access is Access.GUEST

    def _watch(self, before: Player | None, after: Player | None) -> None:
        """Who has a new password, or is banned, or gone, does not come back by an old token."""
        if before is None or (after is not None and after.password_hash == before.password_hash and after.ban == before.ban):
            return
        self._revoke_characters({character.id for character in self._world.characters_of(before.id)})

    def _revoke_characters(self, character_ids: set[str]) -> None:
        tokens = self._tokens.of_characters(character_ids)
        self._end([token for token in tokens if not token.expires_at])
        # Those of lost connections are swept away soon, and guests with them.
        self._put([attrs.evolve(token, expires_at=LONG_AGO) for token in tokens if token.expires_at])

    def _put(self, tokens: Sequence[ResumeToken]) -> None:
        def put(changes: Changes[str, ResumeToken]) -> None:
            for token in tokens:
                changes.put(token)

        if not self._try(put):
            self._tokens.apply({token.digest: token for token in tokens})  # so it holds as long as the server runs

    def _end(self, tokens: Sequence[ResumeToken]) -> None:
        if tokens and not self._try(lambda changes: [changes.remove(token.digest) for token in tokens]):
            # The disk has it still; here and now nobody may come back by it.
            self._tokens.apply(dict.fromkeys(token.digest for token in tokens))

    def _forget(self, before: ResumeToken | None, _: ResumeToken | None) -> None:
        """What a lost connection had been told is known as long as it has a token, however that ends."""
        if before is not None and not self._tokens.of_session(before.session_id):
            self._told.pop(before.session_id, None)

    def _try(self, stage: Callable[[Changes[str, ResumeToken]], object]) -> bool:
        """Whether a change holds. It is on disk soon: should the machine fail before, somebody needs their password."""
        try:
            self._change(stage)
        except StorageError as exc:
            _log.error("a token to come back with was not changed: %s", exc)
            return False
        return True

    def _change(self, stage: Callable[[Changes[str, ResumeToken]], object]) -> Ticket:
        changes = RegisterChanges()
        stage(changes.of(self._tokens))
        return self._committer.commit(Transaction(self._world), SYSTEM, registers=changes)

"""What players come back with who have lost their connection: tokens that are good once, for a while, without a password.

Only their digests are kept. They are random enough that a plain hash cannot be turned back, and look-ups by it tell nothing.
"""

from __future__ import annotations

import hashlib
import secrets

import attrs

from holomush.database.register import Register

TOKEN_BYTES = 16


@attrs.frozen
class ResumeToken:
    """One connection's. ``expires_at`` in milliseconds since 1970; 0 as long as the connection is there."""

    digest: str
    session_id: str
    character_id: str
    expires_at: int


class ResumeTokens(Register[str, ResumeToken]):
    """Every token, by its digest. A connection has one, or two: that by which it came stays good until it has the next."""

    def __init__(self) -> None:
        super().__init__("resume_tokens", lambda token: token.digest, attrs.asdict, ResumeToken)
        self._by_session: dict[str, dict[str, ResumeToken]] = {}

    def of_session(self, session_id: str) -> list[ResumeToken]:
        """The tokens of a connection."""
        return list(self._by_session.get(session_id, {}).values())

    def of_characters(self, character_ids: set[str]) -> list[ResumeToken]:
        """The tokens with which somebody could come back as one of these."""
        return [token for token in self.values() if token.character_id in character_ids]

    def noted(self, before: ResumeToken | None, after: ResumeToken | None) -> None:
        """Connections lead to tokens."""
        if before is not None:
            mine = self._by_session[before.session_id]
            del mine[before.digest]
            if not mine:
                del self._by_session[before.session_id]
        if after is not None:
            self._by_session.setdefault(after.session_id, {})[after.digest] = after


def new_token() -> str:
    """A token that nobody guesses: 128 random bits, as 22 characters that can be typed."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

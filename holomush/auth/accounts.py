"""Players: who logs in, what they may do and what they have chosen. All of them are in memory; the characters they play belong to
the world.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from holomush.clock import now
from holomush.commands.access import Access
from holomush.database.register import Register
from holomush.database.store import SqlValue

NO_PREFERENCES: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Player:
    """An account. ``password_hash`` is None for one that nobody can log in to by password, such as a guest's.

    ``preferences`` are only those that differ from the defaults; ``ban`` is the reason why the player is not let in. Times are
    in milliseconds since 1970.
    """

    id: str
    name: str
    name_key: str
    access: Access
    password_hash: str | None = attrs.field(default=None, repr=False)
    created_at: int = attrs.field(factory=now)
    last_login_at: int | None = None
    preferences: Mapping[str, Any] = NO_PREFERENCES
    ban: str | None = None


class Accounts(Register[str, Player]):
    """Every player, by id and by name."""

    def __init__(self) -> None:
        super().__init__("players", lambda player: player.id, _row, _player)
        self._by_name: dict[str, str] = {}

    def named(self, name_key: str) -> Player | None:
        """The player of that name, as ``name_key`` folds it."""
        return self.get(self._by_name.get(name_key, ""))

    def with_access(self, access: Access) -> list[Player]:
        """Every player who has exactly this access, by name."""
        return sorted((player for player in self.values() if player.access is access), key=lambda player: player.name_key)

    def noted(self, before: Player | None, after: Player | None) -> None:
        """Names lead to players."""
        if before is not None and self._by_name.get(before.name_key) == before.id:
            del self._by_name[before.name_key]
        if after is not None:
            self._by_name[after.name_key] = after.id


def _row(player: Player) -> Mapping[str, SqlValue]:
    return {
        "id": player.id,
        "name": player.name,
        "name_key": player.name_key,
        "password_hash": player.password_hash,
        "role": player.access.name.lower(),
        "created_at": player.created_at,
        "last_login_at": player.last_login_at,
        "preferences": json.dumps(dict(player.preferences), ensure_ascii=False),
        "ban": player.ban,
    }


def _player(
    player_id: str,
    name: str,
    name_key: str,
    password_hash: str | None,
    role: str,
    created_at: int,
    last_login_at: int | None,
    preferences: str,
    ban: str | None,
) -> Player:
    return Player(
        id=player_id,
        name=name,
        name_key=name_key,
        access=Access.parse(role),
        password_hash=password_hash,
        created_at=created_at,
        last_login_at=last_login_at,
        preferences=json.loads(preferences),
        ban=ban,
    )

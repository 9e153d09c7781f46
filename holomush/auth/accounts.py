"""Players as rows of the database. A player is who logs in; the characters they play belong to the world."""

from __future__ import annotations

import time

import attrs

from holomush.commands.access import Access
from holomush.database import records
from holomush.database.store import Statement, Store


@attrs.frozen(kw_only=True)
class Player:
    """An account. ``password_hash`` is None for one that nobody can log in to by password, such as a guest's."""

    id: str
    name: str
    name_key: str
    access: Access
    password_hash: str | None = None


_COLUMNS = "id, name, name_key, role, password_hash"


async def find_player(store: Store, name_key: str) -> Player | None:
    """The player of that name, as ``name_key`` folds it."""
    rows = await store.fetch(f"SELECT {_COLUMNS} FROM players WHERE name_key = ?", (name_key,))  # noqa: S608 - constant
    return _player(*rows[0]) if rows else None


async def players_with(store: Store, access: Access) -> list[Player]:
    """Every player who has exactly this access, by name."""
    rows = await store.fetch(
        f"SELECT {_COLUMNS} FROM players WHERE role = ? ORDER BY name_key",  # noqa: S608 - constant
        (access.name.lower(),),
    )
    return [_player(*row) for row in rows]


def insert_player(player: Player) -> Statement:
    """The statement that adds a player."""
    return records.insert(
        "players",
        {
            "id": player.id,
            "name": player.name,
            "name_key": player.name_key,
            "password_hash": player.password_hash,
            "role": player.access.name.lower(),
            "created_at": _now(),
            "last_login_at": None,
        },
    )


def note_login(player: Player, new_hash: str | None) -> Statement:
    """The statement that records a login, and a hash made anew with today's cost if there is one."""
    changes: dict[str, str | int] = {"last_login_at": _now()}
    if new_hash is not None:
        changes["password_hash"] = new_hash
    return records.update("players", player.id, changes)


def delete_player(player_id: str) -> Statement:
    """The statement that removes a player, who must have no characters left."""
    return records.delete("players", player_id)


def _player(player_id: str, name: str, name_key: str, role: str, password_hash: str | None) -> Player:
    return Player(id=player_id, name=name, name_key=name_key, access=Access.parse(role), password_hash=password_hash)


def _now() -> int:
    return time.time_ns() // 1_000_000

"""Players in memory and on disk: every field there and back, and who is found by which name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from holomush.auth.accounts import Accounts, Player
from holomush.commands.access import Access
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.world.model import GAME_PLAYER_ID


def make_player(name: str, access: Access = Access.PLAYER, **fields: Any) -> Player:
    return attrs.evolve(Player(id=name.upper(), name=name, name_key=name.lower(), access=access), **fields)


def make_accounts(*players: Player) -> Accounts:
    accounts = Accounts()
    accounts.replace(players)
    return accounts


def test_players_are_found_by_id_and_by_name() -> None:
    alice = make_player("Alice")
    accounts = make_accounts(alice, make_player("Bob"))
    assert accounts.get("ALICE") is accounts.named("alice") is alice
    assert accounts.named("carol") is None
    assert accounts.named("") is None
    accounts.apply({"ALICE": None})
    assert accounts.named("alice") is None


def test_who_is_changed_is_found_by_the_same_name() -> None:
    accounts = make_accounts(make_player("Alice"))
    changed = make_player("Alice", Access.ADMIN)
    accounts.apply({"ALICE": changed})
    assert accounts.named("alice") is changed


def test_a_name_that_another_has_taken_stays_theirs() -> None:
    accounts = make_accounts(make_player("Alice"))
    second = attrs.evolve(make_player("Alice"), id="SECOND")
    accounts.apply({"SECOND": second, "ALICE": None})
    assert accounts.named("alice") is second


def test_those_with_an_access_are_exactly_those_by_name() -> None:
    accounts = make_accounts(make_player("Zoe", Access.ADMIN), make_player("Bob"), make_player("Ann", Access.ADMIN))
    assert [player.name for player in accounts.with_access(Access.ADMIN)] == ["Ann", "Zoe"]
    assert accounts.with_access(Access.BUILDER) == []


def test_nobody_sees_a_hash_by_accident() -> None:
    assert "secret" not in repr(make_player("Alice", password_hash="secret"))


@pytest.mark.parametrize(
    "player",
    [
        make_player("Alice", created_at=1),
        make_player("Bob", Access.ADMIN, password_hash="$x", last_login_at=5, preferences={"width": 40, "colour": "256"}, ban=""),
        make_player("J\u00f6rg", Access.GUEST, ban="Too loud \u2013 \U0001f600"),
    ],
)
async def test_every_field_is_kept(data: Path, player: Player) -> None:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        accounts = Accounts()
        await accounts.load(store)
        (game,) = accounts.values()  # whom a fresh database has
        assert (game.id, game.access, game.password_hash) == (GAME_PLAYER_ID, Access.PLAYER, None)
        await store.write(accounts.statements({player.id: player}))
        await accounts.load(store)
        assert accounts.get(player.id) == player
        await store.write(accounts.statements({player.id: None}))
        await accounts.load(store)
        assert accounts.values() == (game,)

"""The host functions about players: who they are, what they may do and have chosen, their characters, and who is not let in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
from ulid import ULID

from holomush.auth.accounts import Player
from holomush.auth.bans import AddressBan, BadAddress, clean_address
from holomush.auth.passwords import BadPassword, HashingFailed, check_password
from holomush.clock import now
from holomush.commands.access import Access, AccessError
from holomush.plugins.calls import Call
from holomush.plugins.functions.arguments import parse_object, text_value
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.views import View
from holomush.text.preferences import BadPreference, Preferences, check_preferences
from holomush.world.model import GAME_PLAYER_ID, Character
from holomush.world.names import BadName, check_name, clean_name, name_key

OLD_PASSWORD = "old_password"  # noqa: S105 - the name of a key
"""Beside ``password``: the change is refused unless this is the password until now."""
REASON_LIMIT = 200
"""Characters of the reason for a ban."""
ADDRESS_BANS_LIMIT = 10_000


def query_account(call: Call, character_id: str) -> View:
    """The player to whom a character belongs."""
    call.require("account:read")
    return _view(call, _player(call, character_id))


def update_account(call: Call, character_id: str, text: str) -> View:
    """Change what a player may do, their password, what they have chosen, or whether they are let in."""
    changes = parse_object(text, (*_CHANGES, OLD_PASSWORD))
    wanted = [key for key in _CHANGES if key in changes]
    if OLD_PASSWORD in changes and "password" not in changes:
        raise HostCallError("invalid_argument", f"{OLD_PASSWORD}: goes with password")
    # What it gives back is to be read, even if nothing is changed.
    for key in wanted or ("read",):
        call.require(f"account:{key}")
    player = _player(call, character_id)
    for key in wanted:
        player = _CHANGES[key](call, player, changes)
    if wanted:
        call.attempt.registers.of(call.storage.registers.accounts).put(player)
    return _view(call, player)


def add_character(call: Call, character_id: str, name: str) -> View:
    """Another character for the player to whom a character belongs."""
    call.require("account:characters")
    player = _player(call, character_id)
    if player.access is Access.GUEST:
        raise HostCallError("conflict", "guests have one character")
    name = clean_name(name)
    try:
        check_name(name)
    except BadName as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc
    most = call.surroundings.characters_each
    if len(_characters(call, player)) >= most:
        raise HostCallError("conflict", f"a player may have {most} characters")
    other = call.storage.registers.accounts.named(name_key(name))
    if other is not None and other.id != player.id:
        raise HostCallError("conflict", f"the name {name} is taken")
    transaction = call.attempt.transaction
    character = Character(
        id=str(ULID()),
        name=name,
        player_id=player.id,
        location_id=call.surroundings.start(),
        created_at=now(),
    )
    transaction.create(character)
    # So that of two at once, which both would be the last, one is run again.
    call.attempt.registers.of(call.storage.registers.accounts).put(attrs.evolve(player))
    return call.viewer.full_character(transaction, character)


def switch_character(call: Call, session_id: str, character_id: str) -> None:
    """Let a connection go on as another character of the same player, once the call is on disk."""
    call.require("session:switch")
    target = call.attempt.transaction.expect(character_id, Character)
    played = call.surroundings.played_by(session_id)
    if played is None:
        raise HostCallError("not_found", "there is no such connection")
    if played == character_id:
        raise HostCallError("conflict", f"that connection plays {target.name} already")
    if call.attempt.transaction.expect(played, Character).player_id != target.player_id:
        raise HostCallError("conflict", f"{target.name} belongs to another player")
    call.attempt.requests.append(partial(call.surroundings.switch, session_id, character_id))


def ban_address(call: Call, address: str, reason: str) -> None:
    """From now on nobody comes in from an address or network."""
    call.require("account:ban")
    bans = call.attempt.registers.of(call.storage.registers.address_bans)
    ban = AddressBan(_address(address), _reason({"reason": reason}, "reason"))
    if bans.get(ban.address) is None and bans.count() >= ADDRESS_BANS_LIMIT:
        raise HostCallError("too_large", f"there are {ADDRESS_BANS_LIMIT} banned addresses already")
    bans.put(ban)


def unban_address(call: Call, address: str) -> bool:
    """Take a ban of an address or network back. False if there is none."""
    call.require("account:ban")
    return call.attempt.registers.of(call.storage.registers.address_bans).remove(_address(address))


def list_bans(call: Call) -> View:
    """Every ban."""
    call.require("account:ban")
    changes, registers = call.attempt.registers, call.storage.registers
    return {
        "addresses": [attrs.asdict(ban) for ban in changes.of(registers.address_bans).values()],
        "accounts": [{"name": p.name, "reason": p.ban} for p in changes.of(registers.accounts).values() if p.ban is not None],
    }


def keep_an_admin_without(call: Call, character: Character) -> None:
    """Raises ``HostCallError`` if the end of a character would be that of the only admin."""
    accounts = call.attempt.registers.of(call.storage.registers.accounts)
    player = accounts.get(character.player_id)
    if player is None or player.access is not Access.ADMIN:
        return
    if all(one.id == character.id for one in _characters(call, player)):
        _keep_an_admin(call, player)
    # So that of two at once, which both would leave the other, one is run again.
    accounts.put(attrs.evolve(player))


def _player(call: Call, character_id: str) -> Player:
    character = call.attempt.transaction.expect(character_id, Character)
    player = call.attempt.registers.of(call.storage.registers.accounts).get(character.player_id)
    if player is None or player.id == GAME_PLAYER_ID:
        raise HostCallError("not_found", f"{character.name} belongs to the game and to no player")
    return player


def _characters(call: Call, player: Player) -> list[Character]:
    """The player's characters, those of this call included."""
    seen = {entity.id: entity for entity in call.attempt.transaction.world.characters_of(player.id)}
    for entity_id, entity in call.attempt.transaction.changes.items():
        if isinstance(entity, Character) and entity.player_id == player.id:
            seen[entity_id] = entity
        elif entity is None:
            seen.pop(entity_id, None)
    return list(seen.values())


def _view(call: Call, player: Player) -> View:
    return {
        "name": player.name,
        "role": player.access.name.lower(),
        "created_at": player.created_at,
        "last_login_at": player.last_login_at,
        "characters": [
            {"id": one.id, "name": one.name, "connected": call.surroundings.is_connected(one.id)}
            for one in _characters(call, player)
        ],
        "preferences": dict(player.preferences),
        "ban": player.ban,
    }


def _role(call: Call, player: Player, changes: Mapping[str, Any]) -> Player:
    try:
        access = Access.parse(text_value(changes, "role", most=20))
    except AccessError as exc:
        raise HostCallError("invalid_argument", f"role: {exc}") from exc
    if (player.access is Access.GUEST) is not (access is Access.GUEST):
        raise HostCallError("conflict", "guests stay guests, and nobody else becomes one")
    if access is not Access.ADMIN:
        _keep_an_admin(call, player)
    return attrs.evolve(player, access=access)


def _ban(call: Call, player: Player, changes: Mapping[str, Any]) -> Player:
    if changes["ban"] is None:
        return attrs.evolve(player, ban=None)
    _keep_an_admin(call, player)
    return attrs.evolve(player, ban=_reason(changes, "ban"))


def _keep_an_admin(call: Call, player: Player) -> None:
    """A game without an admin could not get one from inside."""
    accounts = call.attempt.registers.of(call.storage.registers.accounts)
    # Each is read: two admins who demote one another at the same moment are a conflict.
    ids = {other.id for other in call.storage.registers.accounts.with_access(Access.ADMIN)}
    others = [accounts.get(player_id) for player_id in (*ids, *accounts.staged)]
    if player.access is Access.ADMIN and not any(
        other is not None and other.id != player.id and other.access is Access.ADMIN and other.ban is None for other in others
    ):
        raise HostCallError("conflict", f"{player.name} is the only admin")


def _password(call: Call, player: Player, changes: Mapping[str, Any]) -> Player:
    password = text_value(changes, "password", most=1_000)
    if player.access is Access.GUEST:
        raise HostCallError("conflict", "guests have no password")
    try:
        check_password(password, player.name)
        call.must_be_patient()
        if call.waiting_left < 0:
            raise HostCallError("timeout", "one call may wait only so long for passwords")
        with call.standing_clock(), _waited(call):
            if OLD_PASSWORD in changes:
                old = text_value(changes, OLD_PASSWORD, most=1_000)
                if not call.surroundings.verify_password(player.password_hash, old):
                    raise HostCallError("invalid_argument", "That is not your password.")
            return attrs.evolve(player, password_hash=call.surroundings.hash_password(password))
    except BadPassword as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc
    except HashingFailed as exc:
        raise HostCallError("unavailable", str(exc)) from exc


@contextmanager
def _waited(call: Call) -> Iterator[None]:
    """What a call waits for hashes is taken from what it may wait in all: players who log in wait for the same threads."""
    begun = time.monotonic()
    try:
        yield
    finally:
        call.waiting_left -= time.monotonic() - begun


def _preferences(_: Call, player: Player, changes: Mapping[str, Any]) -> Player:
    wanted = changes["preferences"]
    if not isinstance(wanted, dict):
        raise HostCallError("invalid_argument", "preferences: must be an object")
    try:
        chosen = attrs.asdict(check_preferences({**player.preferences, **wanted}))
    except BadPreference as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc
    defaults = attrs.asdict(Preferences())
    return attrs.evolve(player, preferences={key: value for key, value in chosen.items() if value != defaults[key]})


_CHANGES: Mapping[str, Callable[[Call, Player, Mapping[str, Any]], Player]] = {
    "role": _role,
    "password": _password,
    "preferences": _preferences,
    "ban": _ban,
}


def _address(text: str) -> str:
    try:
        return clean_address(text)
    except BadAddress as exc:
        raise HostCallError("invalid_argument", str(exc)) from exc


def _reason(value: Mapping[str, Any], key: str) -> str:
    return text_value(value, key, most=REASON_LIMIT)

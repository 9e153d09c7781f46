"""Letting people in: who may play which character, new players, guests, and the first admin."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable

import attrs
import trio
from ulid import ULID

from holomush.auth.accounts import (
    Player,
    delete_player,
    find_player,
    insert_player,
    note_login,
    players_with,
)
from holomush.auth.passwords import PasswordHashes, check_password
from holomush.auth.throttle import Throttle, address_key
from holomush.commands.access import Access
from holomush.database import records
from holomush.database.store import StorageError, Store
from holomush.dispatch.commit import SYSTEM, Committer, ConflictError
from holomush.errors import HolomushError
from holomush.world.model import Character, GameObject, Kind, Location
from holomush.world.names import check_name, clean_name, name_key
from holomush.world.state import World
from holomush.world.transaction import Transaction, WorldError

ADMIN_NAME = "Admin"
ADMIN_PASSWORD_VARIABLE = "HOLOMUSH_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable, not a password


class EntranceError(HolomushError):
    """Somebody is not let in. The text is one plain line for them."""


@attrs.frozen
class Admission:
    """Somebody who was let in, and as whom."""

    player: Player
    character: Character


class Entrance:
    """The door. ``start`` gives the location where new characters begin."""

    def __init__(
        self,
        *,
        world: World,
        store: Store,
        committer: Committer,
        passwords: PasswordHashes,
        throttle: Throttle,
        start: Callable[[], Location],
        guest_limit: int,
    ) -> None:
        self._world = world
        self._store = store
        self._committer = committer
        self._passwords = passwords
        self._throttle = throttle
        self._start = start
        self._guest_limit = guest_limit
        self._guests: set[str] = set()

    async def connect(self, name: str, password: str, address: str) -> Admission:
        """Let a player in by name and password. Raises ``HolomushError`` with a line for them, the same for every wrong pair."""
        key = name_key(name)
        throttled = (f"name:{key}", address_key(address))
        self._throttle.check(*throttled)
        player = await find_player(self._store, key)
        right = await self._passwords.verify(player.password_hash if player is not None else None, password)
        # Again, before the answer is looked at: many guesses sent at once all passed the first check.
        self._throttle.check(*throttled)
        if not right:
            self._throttle.failed(*throttled)
            raise EntranceError("Either there is no such player, or the password is wrong.")
        self._throttle.succeeded(f"name:{key}")
        character = self._world.character_named(name)
        if player is None or character is None or character.player_id != player.id:
            raise EntranceError("That player has no character to play.")
        stale = player.password_hash is not None and self._passwords.needs_rehash(player.password_hash)
        new_hash = await self._passwords.hash(password) if stale else None
        await self._store.write([note_login(player, new_hash)])
        return Admission(player, character)

    async def create(self, name: str, password: str, _address: str) -> Admission:
        """Make a player and a character of the same name. Raises ``HolomushError`` with a line for them."""
        name = clean_name(name)
        check_name(name)
        check_password(password, name)
        if self._world.character_named(name) is not None:
            raise EntranceError("That name is taken. Please choose another.")
        return await self._admit_new(name, Access.PLAYER, await self._passwords.hash(password))

    async def guest(self) -> Admission:
        """Make a guest, who lasts as long as they stay. Raises ``EntranceError`` if there are enough."""
        number = 1
        while self._world.character_named(f"Guest{number}") is not None:
            number += 1
        if len(self._guests) >= self._guest_limit:
            raise EntranceError("There are as many guests as this game takes. Please create a character instead.")
        reserved = f"Guest{number}"
        self._guests.add(reserved)
        try:
            return await self._admit_new(reserved, Access.GUEST, None)
        except BaseException:
            self._guests.discard(reserved)
            raise

    async def dismiss_guest(self, character_id: str) -> None:
        """A guest has left: what they carry stays where they stood, and they are gone."""
        guest = self._world.get(character_id)
        if not isinstance(guest, Character):
            return
        self._guests.discard(guest.name)
        while True:
            transaction = Transaction(self._world)
            character = transaction.expect(character_id, Character)
            for object_id in transaction.contents(character_id).objects:
                thing = transaction.expect(object_id, GameObject)
                dropped = attrs.evolve(thing, holder_id=character.location_id, holder_kind=Kind.LOCATION)
                transaction.update(dropped)
            transaction.destroy(character_id)
            try:
                ticket = self._committer.commit(transaction, SYSTEM, extra=[delete_player(character.player_id)])
            except ConflictError:
                continue  # nothing was awaited since it was read, so it cannot conflict twice
            await ticket.durable()
            return

    async def dismiss_stale_guests(self) -> None:
        """Guests that a crash left behind are gone too."""
        stale = {player.id for player in await players_with(self._store, Access.GUEST)}
        for entity in self._world.entities():
            if isinstance(entity, Character) and entity.player_id in stale:
                await self.dismiss_guest(entity.id)

    async def make_first_admin(self) -> str | None:
        """If the game has no admin, make one, with the password in ``HOLOMUSH_ADMIN_PASSWORD`` or else a random one.

        Returns the random password, which is told nobody else and stored nowhere; None in all other cases.
        """
        if await players_with(self._store, Access.ADMIN):
            return None
        chosen = os.environ.get(ADMIN_PASSWORD_VARIABLE)
        if chosen is not None:
            try:
                check_password(chosen, ADMIN_NAME)
            except HolomushError as exc:
                raise EntranceError(f"{ADMIN_PASSWORD_VARIABLE}: {exc}") from exc
        password = chosen or secrets.token_urlsafe(12)
        await self._admit_new(ADMIN_NAME, Access.ADMIN, await self._passwords.hash(password))
        return None if chosen else password

    async def _admit_new(self, name: str, access: Access, password_hash: str | None) -> Admission:
        player = Player(id=str(ULID()), name=name, name_key=name_key(name), access=access, password_hash=password_hash)
        character = Character(
            id=str(ULID()),
            name=name,
            player_id=player.id,
            location_id=self._start().id,
            created_at=time.time_ns() // 1_000_000,
        )
        # Whoever is new has missed nothing.
        seen = records.update("characters", character.id, {"seen_sequence": self._committer.sequence})
        transaction = Transaction(self._world)
        try:
            transaction.create(character)
            ticket = self._committer.commit(transaction, SYSTEM, extra=[insert_player(player), seen])
            with trio.CancelScope(shield=True):  # from here on they exist, and somebody must know
                await ticket.durable()
        except WorldError as exc:
            raise EntranceError("That name is taken. Please choose another.") from exc
        except StorageError as exc:
            raise EntranceError("The server cannot save a new character right now. Please try later.") from exc
        return Admission(player, character)

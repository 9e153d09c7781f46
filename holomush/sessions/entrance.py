"""Letting people in: who may play which character, new players, guests, and the first admin."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import attrs
import trio
from ulid import ULID

from holomush.auth.accounts import Accounts, Player
from holomush.auth.bans import AddressBans
from holomush.auth.passwords import PasswordHashes, check_password
from holomush.auth.throttle import Throttle, address_key
from holomush.clock import now
from holomush.commands.access import Access
from holomush.database.register import RegisterChanges
from holomush.database.store import StorageError
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
        accounts: Accounts,
        bans: AddressBans,
        committer: Committer,
        passwords: PasswordHashes,
        throttle: Throttle,
        start: Callable[[], Location],
        guest_limit: int,
    ) -> None:
        self._world = world
        self._accounts = accounts
        self._bans = bans
        self._committer = committer
        self._passwords = passwords
        self._throttle = throttle
        self._start = start
        self._guest_limit = guest_limit
        self._guests: set[str] = set()

    async def connect(self, name: str, password: str, address: str) -> Admission:
        """Let a player in by name and password. Raises ``HolomushError`` with a line for them, the same for every wrong pair.

        The name is that of any of their characters, or the player's own, which stands for the oldest.
        """
        self._check_address(address)
        key = name_key(name)
        character = self._world.character_named(name)
        player = self._accounts.get(character.player_id) if character is not None else self._accounts.named(key)
        # By the player, not by the name: who has five characters is not guessed at five times as fast.
        throttled = (f"name:{key}" if player is None else f"player:{player.id}", address_key(address))
        self._throttle.check(*throttled)
        right = await self._passwords.verify(player.password_hash if player is not None else None, password)
        # Again, before the answer is looked at: many guesses sent at once all passed the first check.
        self._throttle.check(*throttled)
        if not right or player is None:
            self._throttle.failed(*throttled)
            raise EntranceError("Either there is no such player, or the password is wrong.")
        self._throttle.succeeded(throttled[0])
        _check_ban(player)
        stale = player.password_hash is not None and self._passwords.needs_rehash(player.password_hash)
        new_hash = await self._passwords.hash(password) if stale else None
        await self._note_login(player, new_hash)
        # What was changed while that was written holds already.
        self._check_address(address)
        today = self._accounts.get(player.id)
        if today is None:
            raise EntranceError("That player has no character to play.")
        _check_ban(today)
        mine = self._world.characters_of(player.id)
        chosen = next((one for one in mine if character is not None and one.id == character.id), next(iter(mine), None))
        if chosen is None:
            raise EntranceError("That player has no character to play.")
        return Admission(today, chosen)

    async def create(self, name: str, password: str, address: str) -> Admission:
        """Make a player and a character of the same name. Raises ``HolomushError`` with a line for them."""
        self._check_address(address)
        name = clean_name(name)
        check_name(name)
        check_password(password, name)
        self._check_free(name)
        return await self._admit_new(name, Access.PLAYER, await self._passwords.hash(password))

    async def guest(self, address: str) -> Admission:
        """Make a guest, who lasts as long as they stay. Raises ``EntranceError`` if there are enough."""
        self._check_address(address)
        number = 1
        while self._is_taken(f"Guest{number}"):
            number += 1
        if len(self._guests) >= self._guest_limit:
            raise EntranceError("There are as many guests as this game takes. Please create a character instead.")
        reserved = f"Guest{number}"
        self._guests.add(reserved)
        try:
            admission = await self._admit_new(reserved, Access.GUEST, None)
        finally:
            self._guests.discard(reserved)
        self._guests.add(admission.character.id)
        return admission

    def admit(self, character: Character) -> Admission | None:
        """Who plays a character, without asking for a password; None if it belongs to nobody."""
        player = self._accounts.get(character.player_id)
        return None if player is None else Admission(player, character)

    def readmit(self, character: Character, address: str) -> Admission | None:
        """The same for somebody who comes back from this address. Raises ``EntranceError`` if they are banned."""
        self._check_address(address)
        admission = self.admit(character)
        if admission is not None:
            _check_ban(admission.player)
        return admission

    async def dismiss_guest(self, character_id: str) -> None:
        """A guest has left: what they carry stays where they stood, and they are gone."""
        self._guests.discard(character_id)
        if self._world.get(character_id) is None:
            return
        while True:
            transaction = Transaction(self._world)
            character = transaction.expect(character_id, Character)
            for object_id in transaction.contents(character_id).objects:
                thing = transaction.expect(object_id, GameObject)
                dropped = attrs.evolve(thing, holder_id=character.location_id, holder_kind=Kind.LOCATION)
                transaction.put(dropped)  # even where there is no more room: they cannot stay because of it
            transaction.destroy(character_id)
            try:
                ticket = self._committer.commit(transaction, SYSTEM)
            except ConflictError:
                continue  # nothing was awaited since it was read, so it cannot conflict twice
            await ticket.durable()
            return

    async def dismiss_stale_guests(self) -> None:
        """Guests that a crash left behind are gone too."""
        stale = {player.id for player in self._accounts.with_access(Access.GUEST)}
        for entity in self._world.entities():
            if isinstance(entity, Character) and entity.player_id in stale:
                await self.dismiss_guest(entity.id)

    async def make_first_admin(self) -> str | None:
        """If the game has no admin, make one, with the password in ``HOLOMUSH_ADMIN_PASSWORD`` or else a random one.

        Returns the random password, which is told nobody else and stored nowhere; None in all other cases.
        """
        if self._accounts.with_access(Access.ADMIN):
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
        self._check_free(name)
        player = Player(id=str(ULID()), name=name, name_key=name_key(name), access=access, password_hash=password_hash)
        character = Character(
            id=str(ULID()), name=name, player_id=player.id, location_id=self._start().id, created_at=player.created_at
        )
        transaction = Transaction(self._world)
        changes = RegisterChanges()
        changes.of(self._accounts).put(player)
        try:
            transaction.create(character)
            ticket = self._committer.commit(transaction, SYSTEM, registers=changes)
            with trio.CancelScope(shield=True):  # from here on they exist, and somebody must know
                await ticket.durable()
        except WorldError as exc:
            raise EntranceError("That name is taken. Please choose another.") from exc
        except StorageError as exc:
            raise EntranceError("The server cannot save a new character right now. Please try later.") from exc
        return Admission(player, character)

    async def _note_login(self, player: Player, new_hash: str | None) -> None:
        # Read anew: it may have changed, or gone, while the password was checked.
        today = self._accounts.get(player.id)
        if today is None:
            return
        same = today.password_hash == player.password_hash
        changes = RegisterChanges()
        kept = new_hash if new_hash is not None and same else today.password_hash
        changes.of(self._accounts).put(attrs.evolve(today, last_login_at=now(), password_hash=kept))
        await self._committer.commit(Transaction(self._world), SYSTEM, registers=changes).durable()

    def _check_address(self, address: str) -> None:
        ban = self._bans.covering(address)
        if ban is not None:
            raise EntranceError(f"Nobody is let in from your address: {ban.reason}" if ban.reason else "You are not let in.")

    def _check_free(self, name: str) -> None:
        if self._is_taken(name):
            raise EntranceError("That name is taken. Please choose another.")
        alike = self._world.namesake(name)
        if alike is not None:
            raise EntranceError(f"That name looks too much like {alike.name}. Please choose another.")

    def _is_taken(self, name: str) -> bool:
        return self._world.character_named(name) is not None or self._accounts.named(name_key(name)) is not None


def _check_ban(player: Player) -> None:
    if player.ban is not None:
        raise EntranceError(f"You are banned: {player.ban}" if player.ban else "You are banned.")

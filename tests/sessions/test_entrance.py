"""The door, with a real disk behind it: what changes while a password is checked, guests who cannot leave, and who is admin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.game import CHEAP

from holomush.auth.accounts import Player
from holomush.auth.bans import AddressBan
from holomush.auth.passwords import HashingCost, PasswordHashes
from holomush.auth.throttle import Throttle
from holomush.commands.access import Access
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.dispatch.commit import SYSTEM, Committer
from holomush.errors import HolomushError
from holomush.events.bus import Bus
from holomush.plugins.storage.registers import Registers
from holomush.sessions.entrance import Admission, Entrance, EntranceError
from holomush.world.model import Character, GameObject, Kind, Location
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World
from holomush.world.transaction import CONTENTS_LIMIT, Transaction

PLACE = Location(id="place", name="Here")
WRONG = "Either there is no such player, or the password is wrong."
NOBODY = "That player has no character to play."


class Hashes(PasswordHashes):
    """Real hashes; ``meanwhile`` is done once while a password is checked."""

    meanwhile: Callable[[], object] | None = None

    async def verify(self, stored: str | None, password: str) -> bool:
        right = await super().verify(stored, password)
        if self.meanwhile is not None:
            done, self.meanwhile = self.meanwhile, None
            done()
        return right


@attrs.frozen(kw_only=True)
class House:
    """A world of one place, and its door."""

    world: World
    registers: Registers
    committer: Committer
    hashes: Hashes
    entrance: Entrance

    async def create(self, name: str) -> Admission:
        return await self.entrance.create(name, "password", "memory")

    async def connect(self, name: str, password: str = "password") -> Admission:
        return await self.entrance.connect(name, password, "192.0.2.7")

    async def refused(self, name: str, password: str = "password") -> str:
        with pytest.raises(HolomushError) as caught:
            await self.connect(name, password)
        return str(caught.value)

    def change(self, player_id: str, **changes: Any) -> Player:
        """As a plugin does in one go."""
        player = self.registers.accounts.get(player_id)
        assert player is not None
        self.registers.accounts.apply({player_id: attrs.evolve(player, **changes)})
        return player

    def destroy(self, character_id: str) -> None:
        transaction = Transaction(self.world)
        transaction.destroy(character_id)
        self.committer.commit(transaction, SYSTEM)


@asynccontextmanager
async def open_house(data: Path, cost: HashingCost = CHEAP, *, guests: int = 20) -> AsyncIterator[House]:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        if not await store.fetch("SELECT id FROM locations"):
            await store.write(insert_statements([PLACE]))
        world, registers = World(await load_entities(store)), Registers()
        await registers.load(store)
        committer = Committer(world, store, Bus(), registers)
        hashes = Hashes(cost)
        entrance = Entrance(
            world=world,
            accounts=registers.accounts,
            bans=registers.address_bans,
            committer=committer,
            passwords=hashes,
            throttle=Throttle(),
            start=lambda: PLACE,
            guest_limit=guests,
        )
        yield House(world=world, registers=registers, committer=committer, hashes=hashes, entrance=entrance)
        await store.submit([]).durable()


# ---- While a password is checked -------------------------------------------------------------------------------------


async def test_what_was_changed_meanwhile_holds_already(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        house.change(alice.player.id, access=Access.ADMIN)
        house.hashes.meanwhile = lambda: house.change(alice.player.id, access=Access.PLAYER, preferences={"width": 40})
        admission = await house.connect("Alice")
        assert (admission.player.access, admission.player.preferences) == (Access.PLAYER, {"width": 40})
        assert admission.player is house.registers.accounts.get(alice.player.id)
        assert admission.player.last_login_at is not None


async def test_who_is_banned_meanwhile_is_not_let_in(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        house.hashes.meanwhile = lambda: house.change(alice.player.id, ban="Too loud.")
        assert await house.refused("Alice") == "You are banned: Too loud."
        house.change(alice.player.id, ban="")
        assert await house.refused("Alice") == "You are banned."
        assert await house.refused("Alice", "wrongword") == WRONG
        house.change(alice.player.id, ban=None)
        bans = house.registers.address_bans
        house.hashes.meanwhile = lambda: bans.apply({"192.0.2.7": AddressBan("192.0.2.7", "Robots.")})
        assert await house.refused("Alice") == "Nobody is let in from your address: Robots."


async def test_who_is_destroyed_meanwhile_does_not_come_back(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        house.hashes.meanwhile = lambda: house.destroy(alice.character.id)
        assert await house.refused("Alice") == NOBODY
        assert house.registers.accounts.get(alice.player.id) is None
    async with open_house(data) as house:
        assert house.registers.accounts.named("alice") is None
        await house.create("Alice")  # the name is free


async def test_a_character_that_is_destroyed_meanwhile_is_replaced_by_another(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        transaction = Transaction(house.world)
        transaction.create(Character(id="anna", name="Anna", player_id=alice.player.id, location_id="place"))
        await house.committer.commit(transaction, SYSTEM).durable()
        house.hashes.meanwhile = lambda: house.destroy(alice.character.id)
        assert (await house.connect("Alice")).character.name == "Anna"


async def test_a_password_that_is_changed_meanwhile_stays(data: Path) -> None:
    async with open_house(data) as house:
        await house.create("Alice")
    async with open_house(data, HashingCost(time_cost=2, memory_cost=8, parallelism=1)) as house:
        alice = house.registers.accounts.named("alice")
        assert alice is not None
        new = await house.hashes.hash("another one")
        house.hashes.meanwhile = lambda: house.change(alice.id, password_hash=new)
        await house.connect("Alice")  # with the old one, which was right when it was asked
        today = house.registers.accounts.get(alice.id)
        assert today is not None
        assert today.password_hash == new
        assert await house.refused("Alice") == WRONG
        await house.connect("Alice", "another one")


async def test_an_old_hash_is_made_anew(data: Path) -> None:
    async with open_house(data) as house:
        old = (await house.create("Alice")).player.password_hash
    for _ in range(2):
        async with open_house(data, HashingCost(time_cost=2, memory_cost=8, parallelism=1)) as house:
            new = (await house.connect("Alice")).player.password_hash
            assert new is not None
            assert new != old
            assert not house.hashes.needs_rehash(new)


# ---- Guests ----------------------------------------------------------------------------------------------------------


async def test_a_guest_leaves_what_they_carry_even_where_there_is_no_more_room(data: Path) -> None:
    async with open_house(data) as house:
        guest = await house.entrance.guest("memory")
        held = GameObject(id="hat", name="hat", holder_id=guest.character.id, holder_kind=Kind.CHARACTER)
        house.world.apply({"hat": held})
        things = [GameObject(id=f"t{n}", name="thing", holder_id="place", holder_kind=Kind.LOCATION) for n in range(CONTENTS_LIMIT)]
        house.world.apply({thing.id: thing for thing in things})
        transaction = Transaction(house.world)
        with pytest.raises(HolomushError, match="no more fit"):
            transaction.update(attrs.evolve(held, holder_id="place", holder_kind=Kind.LOCATION))
        house.world.apply({thing.id: None for thing in things})
        house.world.apply({"hat": None})
        transaction = Transaction(house.world)
        transaction.create(held)
        for thing in things:
            transaction.create(thing)
        await house.committer.commit(transaction, SYSTEM).durable()
        await house.entrance.dismiss_guest(guest.character.id)
        hat = house.world.get("hat")
        assert isinstance(hat, GameObject)
        assert hat.holder_id == "place"
        assert house.registers.accounts.get(guest.player.id) is None


@pytest.mark.parametrize("how", ["destroyed", "renamed", "dismissed"])
async def test_a_guest_who_is_gone_leaves_room_for_another(data: Path, how: str) -> None:
    async with open_house(data, guests=1) as house:
        guest = await house.entrance.guest("memory")
        with pytest.raises(EntranceError, match="as many guests as this game takes"):
            await house.entrance.guest("memory")
        if how == "destroyed":
            house.destroy(guest.character.id)
        elif how == "renamed":
            house.world.apply({guest.character.id: attrs.evolve(guest.character, name="Nobody")})
        await house.entrance.dismiss_guest(guest.character.id)
        await house.entrance.dismiss_guest(guest.character.id)
        assert house.registers.accounts.with_access(Access.GUEST) == []
        assert (await house.entrance.guest("memory")).character.name == "Guest1"


async def test_guests_of_before_a_crash_are_gone_and_their_names_free(data: Path) -> None:
    async with open_house(data) as house:
        names = [(await house.entrance.guest("memory")).character.name for _ in range(3)]
        assert names == ["Guest1", "Guest2", "Guest3"]
        await house.create("Alice")
    async with open_house(data) as house:
        await house.entrance.dismiss_stale_guests()
        assert [player.name for player in house.registers.accounts.values()] == ["*game*", "Alice"]
        assert (await house.entrance.guest("memory")).character.name == "Guest1"


# ---- The first admin -------------------------------------------------------------------------------------------------


async def test_a_game_with_an_admin_of_any_name_needs_no_other(data: Path) -> None:
    async with open_house(data) as house:
        assert await house.entrance.make_first_admin() is None
        alice = await house.create("Alice")
        house.change(alice.player.id, access=Access.ADMIN)
        admin = house.registers.accounts.named("admin")
        assert admin is not None
        house.change(admin.id, access=Access.PLAYER)
        await house.entrance.make_first_admin()
        assert [player.name for player in house.registers.accounts.with_access(Access.ADMIN)] == ["Alice"]


async def test_a_character_of_nobody_is_not_admitted(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        assert house.entrance.admit(alice.character) == alice
        assert house.entrance.admit(attrs.evolve(alice.character, player_id="nobody")) is None


async def test_names_are_free_only_if_no_player_and_no_character_has_them(data: Path) -> None:
    async with open_house(data) as house:
        alice = await house.create("Alice")
        house.world.apply({alice.character.id: attrs.evolve(alice.character, name="Anna")})
        for name in ("alice", "ANNA"):
            with pytest.raises(EntranceError, match="That name is taken"):
                await house.create(name)
        assert (await house.connect("alice")).character.name == (await house.connect("anna")).character.name == "Anna"

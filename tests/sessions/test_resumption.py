"""Tokens to come back with, on a real disk and with a clock that only tests move: given out, taken once, and ended in time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.game import CHEAP
from trio.testing import MockClock, wait_all_tasks_blocked

from holomush.auth.passwords import PasswordHashes
from holomush.auth.throttle import Throttle
from holomush.auth.tokens import ResumeToken, ResumeTokens, digest_of
from holomush.database.migrations import migrate
from holomush.database.register import RegisterChanges
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import StorageError, StorageUnavailable, Store, open_store
from holomush.dispatch.commit import SYSTEM, Committer
from holomush.events.bus import Bus
from holomush.plugins.storage.registers import Registers
from holomush.sessions import resumption
from holomush.sessions.entrance import Entrance
from holomush.sessions.presence import Told
from holomush.sessions.resumption import SWEEP_INTERVAL, Resumption
from holomush.world.model import Character, Location
from holomush.world.rows import insert_statements, load_entities
from holomush.world.state import World
from holomush.world.transaction import Transaction

PLACE = Location(id="place", name="Here")
GRACE = 100.0
START = 1_800_000_000_000
TOLD = Told(3, 7)


@pytest.fixture
def clock(mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> MockClock:
    """Stands still until a test moves it, and tokens go by it."""
    monkeypatch.setattr(resumption, "now", lambda: START + int(mock_clock.current_time() * 1000))
    return mock_clock


@attrs.frozen(kw_only=True)
class House:
    """A world of one place, its door, and how one comes back."""

    clock: MockClock
    store: Store
    world: World
    registers: Registers
    committer: Committer
    entrance: Entrance
    resumption: Resumption

    @property
    def tokens(self) -> ResumeTokens:
        return self.registers.resume_tokens

    async def create(self, name: str) -> str:
        """Somebody new; the id of the character."""
        return (await self.entrance.create(name, "password", "memory")).character.id

    async def guest(self) -> str:
        """A guest's character's id."""
        return (await self.entrance.guest("memory")).character.id

    def issue(self, session_id: str, character_id: str, *, resumed: bool = False) -> str:
        """A token, which must be given."""
        token = self.resumption.issue(session_id, character_id, resumed=resumed)
        assert token is not None
        return token

    def lose(self, session_id: str, character_id: str) -> str:
        """The token of a connection that is lost at once."""
        token = self.issue(session_id, character_id)
        self.resumption.lost(session_id, TOLD)
        return token

    def found(self, token: str) -> ResumeToken:
        """What a token is for, which must be good."""
        found = self.resumption.find(token)
        assert found is not None
        return found

    def are_good(self, *tokens: str) -> list[bool]:
        return [self.resumption.find(token) is not None for token in tokens]

    def change(self, character_id: str, **changes: Any) -> None:
        """Change the player of a character, as a plugin's call does."""
        character = self.world.get(character_id)
        assert isinstance(character, Character)
        admission = self.entrance.admit(character)
        assert admission is not None
        staged = RegisterChanges()
        staged.of(self.registers.accounts).put(attrs.evolve(admission.player, **changes))
        self.committer.commit(Transaction(self.world), SYSTEM, registers=staged)

    def destroy(self, character_id: str) -> None:
        transaction = Transaction(self.world)
        transaction.destroy(character_id)
        self.committer.commit(transaction, SYSTEM)

    async def settled(self) -> None:
        """Everything that could be done now is done, and on disk."""
        for _ in range(3):
            await wait_all_tasks_blocked()
            if self.store.failure is None:
                await self.store.submit([]).durable()

    async def sweep(self, seconds: float = SWEEP_INTERVAL) -> None:
        """Let time pass, and what it brings with it happen."""
        await self.settled()
        self.clock.jump(seconds)
        await self.settled()

    async def kept(self) -> list[ResumeToken]:
        """The tokens that a server would find that starts now."""
        await self.settled()
        tokens = ResumeTokens()
        await tokens.load(self.store)
        return sorted(tokens.values(), key=lambda token: token.session_id)

    async def break_disk(self) -> None:
        """It is full from now on."""
        with pytest.raises(StorageUnavailable, match="full"):
            await self.store.write([("INSERT INTO kv VALUES ('filler', 'filler', ?)", (bytes(10_000_000),))])

    async def mend_disk(self) -> None:
        """It has room again, and the server reads what is on it."""
        assert await self.store.recover()
        self.world.replace(await load_entities(self.store))
        await self.registers.load(self.store)


@asynccontextmanager
async def open_house(data: Path, clock: MockClock) -> AsyncIterator[House]:
    async with open_store(data / "holomush.db", max_pages=1_000) as store, trio.open_nursery() as nursery:
        await migrate(store, CORE_MIGRATIONS)
        if not await store.fetch("SELECT id FROM locations"):
            await store.write(insert_statements([PLACE]))
        world, registers = World(await load_entities(store)), Registers()
        await registers.load(store)
        committer = Committer(world, store, Bus(), registers)
        entrance = Entrance(
            world=world,
            accounts=registers.accounts,
            bans=registers.address_bans,
            committer=committer,
            passwords=PasswordHashes(CHEAP),
            throttle=Throttle(),
            start=lambda: PLACE,
            guest_limit=20,
        )
        coming_back = Resumption(
            tokens=registers.resume_tokens,
            accounts=registers.accounts,
            world=world,
            committer=committer,
            grace=GRACE,
            dismiss_guest=entrance.dismiss_guest,
        )
        nursery.start_soon(coming_back.run)
        yield House(
            clock=clock,
            store=store,
            world=world,
            registers=registers,
            committer=committer,
            entrance=entrance,
            resumption=coming_back,
        )
        nursery.cancel_scope.cancel()


# ---- Given out and taken ---------------------------------------------------------------------------------------------


async def test_a_token_is_for_one_connection_and_replaced_by_the_next(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        assert not house.resumption.has_token("S1")
        first = house.issue("S1", bob)
        assert re.fullmatch("[A-Za-z0-9_-]{22}", first)
        assert house.resumption.has_token("S1")
        assert house.found(first) == ResumeToken(digest_of(first), "S1", bob, 0)
        second, other = house.issue("S1", bob), house.issue("S2", bob)
        assert house.are_good(first, second, other) == [False, True, True]
        assert await house.kept() == [house.found(second), house.found(other)]


@pytest.mark.parametrize("nonsense", ["", "x", "x" * 22, "\ud800", "\0", digest_of("x")])
async def test_nonsense_is_for_nothing(data: Path, clock: MockClock, nonsense: str) -> None:
    async with open_house(data, clock) as house:
        house.issue("S1", await house.create("Bob"))
        assert house.resumption.find(nonsense) is None


async def test_the_digest_is_no_token(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        token = house.issue("S1", await house.create("Bob"))
        assert house.resumption.find(digest_of(token)) is None


async def test_who_comes_back_takes_the_token_and_what_was_told(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        token = house.lose("S1", bob)
        assert house.found(token).expires_at == START + 100_000
        assert house.resumption.take(house.found(token), "S2") == TOLD
        assert house.found(token) == ResumeToken(digest_of(token), "S2", bob, 0)
        assert not house.resumption.has_token("S1")
        assert house.resumption.take(house.found(token), "S3") is None  # S2 was there yet


async def test_the_token_by_which_they_came_is_good_until_they_are_heard(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        old = house.lose("S1", bob)
        house.resumption.take(house.found(old), "S2")
        new = house.issue("S2", bob, resumed=True)
        house.resumption.heard_from("S1")  # not from them
        assert [house.found(token).session_id for token in (old, new)] == ["S2", "S2"]
        house.resumption.heard_from("S2")
        assert house.are_good(old, new) == [False, True]
        house.resumption.heard_from("S2")
        assert house.are_good(old, new) == [False, True]


async def test_if_they_are_lost_before_they_are_heard_both_are_good(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        old = house.lose("S1", bob)
        house.resumption.take(house.found(old), "S2")
        new = house.issue("S2", bob, resumed=True)
        house.resumption.lost("S2", Told(7, 9))
        house.resumption.heard_from("S2")  # too late: it was on its way
        assert house.are_good(old, new) == [True, True]
        assert house.resumption.take(house.found(old), "S3") == Told(7, 9)
        assert house.are_good(old, new) == [True, False]


async def test_whoever_asks_for_another_token_has_only_that(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        old = house.lose("S1", bob)
        house.resumption.take(house.found(old), "S2")
        new = house.issue("S2", bob, resumed=True)
        newest = house.issue("S2", bob)
        assert house.are_good(old, new, newest) == [False, False, True]


async def test_a_token_follows_to_another_character(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob, robin = await house.create("Bob"), await house.create("Robin")
        mine, other = house.issue("S1", bob), house.issue("S2", bob)
        house.resumption.follow("S1", robin)
        house.resumption.follow("S3", robin)  # has none
        assert [house.found(token).character_id for token in (mine, other)] == [robin, bob]
        assert [token.character_id for token in await house.kept()] == [robin, bob]


async def test_a_connection_without_a_token_is_lost_for_good(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        house.resumption.lost("S1", TOLD)
        assert not house.resumption.has_token("S1")
        token = house.issue("S1", bob)
        assert house.resumption.take(house.found(token), "S2") is None


# ---- Time ------------------------------------------------------------------------------------------------------------


async def test_the_time_begins_when_the_connection_is_lost(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        token = house.issue("S1", bob)
        clock.jump(10 * GRACE)
        house.resumption.lost("S1", TOLD)
        clock.jump(GRACE - 0.5)
        assert house.are_good(token) == [True]
        clock.jump(0.5)
        assert house.are_good(token) == [False]


async def test_what_is_over_is_swept_away(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        house.lose("S1", bob)
        await house.sweep(GRACE / 2)
        late, there = house.lose("S2", bob), house.issue("S3", bob)
        await house.sweep(GRACE / 2 + SWEEP_INTERVAL)
        assert [token.session_id for token in await house.kept()] == ["S2", "S3"]
        assert house.are_good(late, there) == [True, True]
        await house.sweep(GRACE)
        assert [token.session_id for token in await house.kept()] == ["S3"]
        assert house.world.get(bob) is not None


async def test_a_guest_who_does_not_come_back_is_dismissed(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        lost, back, there = [await house.guest() for _ in range(3)]
        house.lose("S1", lost)
        token = house.lose("S2", back)
        house.issue("S3", there)
        await house.sweep(GRACE - SWEEP_INTERVAL)
        assert house.world.get(lost) is not None
        house.resumption.take(house.found(token), "S4")
        await house.sweep(2 * SWEEP_INTERVAL)
        assert [house.world.get(guest) is not None for guest in (lost, back, there)] == [False, True, True]
        assert [token.session_id for token in await house.kept()] == ["S3", "S4"]


async def test_several_guests_are_dismissed_at_once(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        guests = [await house.guest() for _ in range(3)]
        for number, guest in enumerate(guests):
            house.lose(f"S{number}", guest)
        await house.sweep(GRACE + SWEEP_INTERVAL)
        assert [house.world.get(guest) for guest in guests] == [None, None, None]
        assert await house.kept() == []


async def test_a_lost_guest_who_is_banned_is_dismissed_soon(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        guest = await house.guest()
        token = house.lose("S1", guest)
        house.change(guest, ban="spam")
        assert house.are_good(token) == [False]
        assert house.world.get(guest) is not None
        await house.sweep()
        assert house.world.get(guest) is None
        assert await house.kept() == []


# ---- A new start -----------------------------------------------------------------------------------------------------


async def test_after_a_restart_whoever_was_there_has_the_whole_time(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        over = house.lose("S1", bob)
        clock.jump(GRACE / 2)
        lost, there = house.lose("S2", bob), house.issue("S3", bob)
    clock.jump(GRACE / 2)
    async with open_house(data, clock) as house:
        await house.resumption.begin()
        assert house.are_good(over, lost, there) == [False, True, True]
        assert [(one.session_id, one.expires_at) for one in await house.kept()] == [
            ("S2", START + 150_000),
            ("S3", START + 200_000),
        ]
        assert house.resumption.take(house.found(lost), "S4") is None  # what they had been told is not known any more


async def test_after_a_restart_nobody_comes_back_as_one_who_is_gone(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        token = house.issue("S1", "nobody")
        assert house.are_good(token) == [True]
    async with open_house(data, clock) as house:
        await house.resumption.begin()
        assert house.are_good(token) == [False]
        assert await house.kept() == []


# ---- Ended before their time -----------------------------------------------------------------------------------------


async def test_whoever_leaves_has_nothing_to_come_back_with(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        mine, other = house.issue("S1", bob), house.issue("S2", bob)
        house.resumption.revoke("S1")
        house.resumption.revoke("S3")
        assert house.are_good(mine, other) == [False, True]
        assert [token.session_id for token in await house.kept()] == ["S2"]


async def test_nobody_comes_back_as_a_character_who_was_booted(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob, alice, guest = await house.create("Bob"), await house.create("Alice"), await house.guest()
        tokens = [house.issue("S1", bob), house.lose("S2", bob), house.issue("S3", alice), house.lose("S4", guest)]
        house.resumption.revoke_character(bob)
        house.resumption.revoke_character(guest)
        assert house.are_good(*tokens) == [False, False, True, False]
        await house.sweep()
        assert [token.session_id for token in await house.kept()] == ["S3"]
        assert [house.world.get(one) is not None for one in (bob, alice, guest)] == [True, True, False]


@pytest.mark.parametrize("changes", [{"password_hash": "another"}, {"ban": "spam"}, {"ban": ""}])
async def test_a_new_password_or_a_ban_ends_all_tokens_of_the_player(data: Path, clock: MockClock, changes: dict[str, str]) -> None:
    async with open_house(data, clock) as house:
        bob, alice = await house.create("Bob"), await house.create("Alice")
        tokens = [house.issue("S1", bob), house.lose("S2", bob), house.issue("S3", alice)]
        house.change(bob, **changes)
        assert house.are_good(*tokens) == [False, False, True]
        await house.sweep()
        assert [token.session_id for token in await house.kept()] == ["S3"]


async def test_other_changes_of_a_player_end_nothing(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        tokens = [house.issue("S1", bob), house.lose("S2", bob)]
        house.change(bob, preferences={"width": 40}, last_login_at=START)
        assert house.are_good(*tokens) == [True, True]


async def test_a_character_that_is_destroyed_takes_its_tokens_along(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob, alice = await house.create("Bob"), await house.create("Alice")
        tokens = [house.issue("S1", bob), house.lose("S2", bob), house.issue("S3", alice)]
        house.destroy(bob)
        assert house.are_good(*tokens) == [False, False, True]
        assert [token.session_id for token in await house.kept()] == ["S3"]
        # What the lost connection had been told is forgotten with them.
        token = house.issue("S2", alice)
        assert house.resumption.take(house.found(token), "S4") is None


# ---- When the disk fails ---------------------------------------------------------------------------------------------


async def test_no_token_is_given_that_cannot_be_kept(data: Path, clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        token = house.issue("S1", bob)
        await house.settled()
        await house.break_disk()
        assert house.resumption.issue("S1", bob) is None
        assert house.resumption.issue("S2", bob) is None
        assert house.are_good(token) == [True]
        assert "a token to come back with was not changed: " in caplog.text


async def test_a_token_that_cannot_be_taken_stays_as_it_was(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob = await house.create("Bob")
        token = house.lose("S1", bob)
        await house.settled()
        await house.break_disk()
        before = house.found(token)
        with pytest.raises(StorageError):
            house.resumption.take(before, "S2")
        assert house.found(token) is before
        assert not house.resumption.has_token("S2")
        await house.mend_disk()
        assert house.resumption.take(house.found(token), "S2") == TOLD


async def test_what_ends_a_token_holds_though_the_disk_fails(data: Path, clock: MockClock) -> None:
    async with open_house(data, clock) as house:
        bob, robin = await house.create("Bob"), await house.create("Robin")
        token = house.issue("S1", bob)
        await house.settled()
        await house.break_disk()
        house.resumption.follow("S1", robin)
        assert house.found(token).character_id == robin
        house.resumption.lost("S1", TOLD)
        assert house.found(token).expires_at > 0
        house.resumption.heard_from("S1")
        house.resumption.revoke("S1")
        assert house.are_good(token) == [False]
        house.resumption.revoke_character(robin)


async def test_a_guest_who_cannot_be_dismissed_is_dismissed_later(
    data: Path, clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(data, clock) as house:
        guest = await house.guest()
        token = house.lose("S1", guest)
        await house.settled()
        await house.break_disk()
        await house.sweep(GRACE + SWEEP_INTERVAL)
        assert house.world.get(guest) is not None
        assert house.are_good(token) == [False]
        assert "a guest who did not come back could not be dismissed: " in caplog.text
        await house.mend_disk()
        await house.sweep()
        assert house.world.get(guest) is None
        assert await house.kept() == []

"""Timers of plugins: each rings once, when it is due, over restarts and failing disks, and only for plugins that are on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from holomush.database.eventlog import last_sequence
from holomush.database.migrations import migrate
from holomush.database.register import RegisterChanges
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import StorageUnavailable, Store, open_store
from holomush.dispatch.commit import Committer
from holomush.dispatch.timers import LONGEST_NAP, RETRY, Timers
from holomush.events.bus import Bus
from holomush.events.event import ActorKind, Event
from holomush.plugins.storage.registers import OFF, Registers, Setting, Timer
from holomush.world.state import World

EPOCH = 1_800_000_000_000
"""When the virtual clock begins, in milliseconds since 1970."""


def now() -> int:
    return EPOCH + round(trio.current_time() * 1000)


@attrs.frozen(kw_only=True)
class Tower:
    """A disk, registers, and whoever hears the bells."""

    store: Store
    registers: Registers
    committer: Committer
    bus: Bus
    events: trio.MemoryReceiveChannel[Event]
    clock: trio.testing.MockClock
    on: set[str]

    async def keep(self, *timers: Timer, stop: Sequence[tuple[str, str]] = (), settings: Sequence[Setting] = ()) -> None:
        """Commit changes of timers and settings, as a call does."""
        changes = RegisterChanges()
        for timer in timers:
            changes.of(self.registers.timers).put(timer)
        for key in stop:
            assert changes.of(self.registers.timers).remove(key)
        for setting in settings:
            changes.of(self.registers.settings).put(setting)
        ticket = self.store.submit(changes.statements())
        changes.apply()
        await ticket.durable()

    async def set(self, name: str, seconds: float, plugin: str = "tester") -> None:
        await self.keep(Timer(plugin, name, now() + round(seconds * 1000), {"n": name}))

    async def settle(self) -> None:
        """Wait until nobody has anything to do, the disk included."""
        await trio.testing.wait_all_tasks_blocked()
        if self.store.failure is None:
            await self.store.submit([]).durable()
        await trio.testing.wait_all_tasks_blocked()

    async def pass_time(self, seconds: float) -> list[str]:
        """Let time pass, and return which timers rang."""
        await self.settle()
        self.clock.jump(seconds)
        rung: list[str] = []
        for _ in range(1_000):
            await self.settle()
            while self.events.statistics().current_buffer_used:
                rung.append(str(self.events.receive_nowait().payload["name"]))
            due = [timer for timer in self.registers.timers.values() if timer.due <= now() and timer.plugin in self.on]
            if self.store.failure is not None or (not due and self.committer.sequence == self.bus.sequence):
                return rung
        raise AssertionError(f"it goes on and on; so far there rang {rung}")

    async def kept(self) -> list[str]:
        """The names of the timers on disk."""
        return [name for (name,) in await self.store.fetch("SELECT name FROM timers ORDER BY name")]


@asynccontextmanager
async def keeping_time(data: Path, clock: trio.testing.MockClock, *, max_pages: int | None = None) -> AsyncIterator[Tower]:
    """Timers at work while inside."""
    async with open_store(data / "holomush.db", max_pages=max_pages) as store:
        await migrate(store, CORE_MIGRATIONS)
        registers, world, bus = Registers(), World(), Bus()
        await registers.load(store)
        bus.sequence = await last_sequence(store)
        committer = Committer(world, store, bus, registers)
        send, receive = trio.open_memory_channel[Event](1_000)
        committer.on_event = send.send_nowait
        on = {"tester", "other"}
        is_on = lambda name: name in on and not registers.is_off(name)  # noqa: E731
        timers = Timers(registers, world, committer, is_on, now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run)
            yield Tower(store=store, registers=registers, committer=committer, bus=bus, events=receive, clock=clock, on=on)
            nursery.cancel_scope.cancel()


async def test_a_timer_rings_once_when_it_is_due(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("tick", 10)
        assert await tower.pass_time(9.9) == []
        assert await tower.kept() == ["tick"]
        await tower.settle()
        tower.clock.jump(0.1)
        event = await tower.events.receive()
        assert (event.stream, event.type, event.payload) == ("plugin:tester", "timer", {"name": "tick", "payload": {"n": "tick"}})
        assert (event.actor_kind, event.actor_id, event.actor_name, event.depth) == (ActorKind.SYSTEM, "", "system", 0)
        assert await tower.kept() == []
        assert tower.registers.timers.values() == ()
        assert await tower.pass_time(1_000) == []
        assert await tower.store.fetch("SELECT count(*) FROM events") == [(1,)]


async def test_they_ring_in_the_order_in_which_they_are_due(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        for name, seconds in (("c", 30), ("a", 10), ("b", 20), ("d", 500)):
            await tower.set(name, seconds, "other" if name == "b" else "tester")
        assert await tower.pass_time(10) == ["a"]
        assert await tower.pass_time(20) == ["b", "c"]
        assert await tower.kept() == ["d"]


async def test_a_sooner_one_is_not_kept_waiting_by_a_later_one(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("later", 50)
        await tower.settle()
        await tower.set("sooner", 1)
        assert await tower.pass_time(1) == ["sooner"]


async def test_one_that_is_set_anew_or_taken_back_does_not_ring(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("anew", 10)
        await tower.set("back", 10)
        await tower.settle()
        await tower.set("anew", 20)
        await tower.keep(stop=[("tester", "back")])
        assert await tower.pass_time(10) == []
        assert await tower.pass_time(10) == ["anew"]


async def test_one_that_is_taken_back_while_another_rings_does_not_ring(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        at = now() + 5_000
        await tower.keep(Timer("tester", "first", at, {}), Timer("tester", "second", at + 1, {}))
        taken = False

        def take(before: Timer | None, after: Timer | None) -> None:
            nonlocal taken
            if before is not None and before.name == "first" and not taken:
                taken = True
                tower.registers.timers.apply({("tester", "second"): None})

        tower.registers.timers.watchers.append(take)
        assert await tower.pass_time(6) == ["first"]


async def test_what_was_due_while_the_server_was_off_rings_at_once(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("soon", 100)
        await tower.set("late", 100_000)
    mock_clock.jump(1_000)
    async with keeping_time(data, mock_clock) as tower:
        assert await tower.pass_time(0) == ["soon"]
        assert await tower.kept() == ["late"]


async def test_timers_of_a_plugin_that_is_off_wait_until_it_is_on(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("tick", 10)
        await tower.set("tock", 10, "other")
        await tower.keep(settings=[Setting(f"{OFF}tester", "on")])
        await tower.settle()
        tower.clock.jump(10)
        assert (await tower.events.receive()).payload["name"] == "tock"
        await tower.settle()
        assert tower.events.statistics().current_buffer_used == 0
        assert await tower.kept() == ["tick"]
        tower.registers.settings.apply({f"{OFF}tester": None})
        assert (await tower.events.receive()).payload["name"] == "tick"


async def test_timers_of_a_plugin_that_is_not_loaded_wait_too(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        tower.on.remove("tester")
        await tower.set("tick", 10)
        assert await tower.pass_time(100) == []
        tower.on.add("tester")
        assert await tower.pass_time(LONGEST_NAP) == ["tick"]


async def test_many_that_are_due_at_once_all_ring(data: Path, mock_clock: trio.testing.MockClock) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.keep(*(Timer("tester", f"{n:03}", now() + 1_000 + n, {}) for n in range(200)))
        assert await tower.pass_time(2) == [f"{n:03}" for n in range(200)]
        assert await tower.kept() == []


async def test_on_a_full_disk_a_timer_waits_and_rings_once_later(
    data: Path, mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping_time(data, mock_clock) as tower:
        await tower.set("tick", 10)
        await tower.settle()
        await tower.store.limit_pages(1)
        with pytest.raises(StorageUnavailable):
            await tower.store.write([("INSERT INTO kv VALUES ('p', 'k', zeroblob(1000000))", ())])
        assert tower.store.failure is not None
        assert await tower.pass_time(10) == []
        assert "the timer tick of plugin tester waits" in caplog.text
        assert await tower.kept() == ["tick"]
        await tower.store.limit_pages(1_000_000)
        assert await tower.store.recover()
        await tower.registers.load(tower.store)
        assert await tower.pass_time(RETRY) == ["tick"]
        assert await tower.pass_time(RETRY) == []
        assert await tower.kept() == []

"""Instances of a plugin: one for quick calls, more for slow ones, never above the limit. The clock is virtual."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from holomush.plugins.guests.guest import Guest, GuestTrappedError, SourceRuntime
from holomush.plugins.guests.pool import PATIENCE, GuestPool
from holomush.plugins.roster.source import SourceLanguage


class Maker:
    """Makes real instances (they run nothing), and fails when told to."""

    def __init__(self, runtime: SourceRuntime) -> None:
        self._compiled = runtime.shared(SourceLanguage.PYTHON, 1024)
        self.made: list[Guest] = []
        self.failures = 0
        self.gate = trio.Event()
        self.gate.set()

    async def make(self) -> Guest:
        await self.gate.wait()
        await trio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            raise GuestTrappedError("it cannot be started")
        guest = Guest(self._compiled, {})
        self.made.append(guest)
        return guest


@pytest.fixture
def maker(runtime: SourceRuntime) -> Maker:
    return Maker(runtime)


@pytest.fixture
def new_pool(maker: Maker) -> Callable[[int], GuestPool]:
    return lambda limit: GuestPool(maker.make, limit)


async def test_quick_calls_share_one_instance(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(4)
    busy = 0

    async def call() -> None:
        nonlocal busy
        guest = await pool.acquire()
        busy += 1
        assert busy == 1
        await trio.lowlevel.checkpoint()
        busy -= 1
        pool.release(guest)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(call)
    assert pool.size == len(maker.made) == 1
    assert trio.current_time() == 0


async def test_a_stuck_one_gets_a_second_only_after_a_while(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(4)
    stuck = await pool.acquire()
    second = await pool.acquire()
    assert second is not stuck
    assert trio.current_time() == pytest.approx(PATIENCE)
    assert pool.size == 2
    pool.release(second)
    assert await pool.acquire() is second
    assert trio.current_time() == pytest.approx(PATIENCE)


async def test_an_instance_that_comes_back_in_time_is_used_again(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(4)
    guest = await pool.acquire()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            assert await pool.acquire() is guest
            assert trio.current_time() == pytest.approx(PATIENCE / 2)

        await trio.sleep(PATIENCE / 2)
        pool.release(guest)
    assert pool.size == 1


async def test_there_is_a_limit(maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock) -> None:
    pool = new_pool(2)
    first, second = await pool.acquire(), await pool.acquire()
    got: list[Guest] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            got.append(await pool.acquire())

        await trio.sleep(1000)
        assert got == []
        pool.release(second)
        await trio.testing.wait_all_tasks_blocked()
        assert got == [second]
    assert pool.size == 2
    assert first is not second


async def test_a_limit_of_one_means_taking_turns(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(1)
    guest = await pool.acquire()
    with trio.move_on_after(1000) as waiting:
        await pool.acquire()
    assert waiting.cancelled_caught
    pool.release(guest)
    assert await pool.acquire() is guest


async def test_discarding_wakes_one_who_waits(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(1)
    broken = await pool.acquire()
    got: list[Guest] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            got.append(await pool.acquire())

        await trio.testing.wait_all_tasks_blocked()
        pool.discard()
    assert got == maker.made[1:]
    assert got[0] is not broken
    assert pool.size == 1
    assert trio.current_time() == 0


async def test_when_all_are_discarded_everybody_still_gets_one(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(2)
    served = 0

    async def call() -> None:
        nonlocal served
        await pool.acquire()
        await trio.sleep(1)
        pool.discard()
        served += 1

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(call)
    assert served == len(maker.made) == 10
    assert pool.size == 0
    assert trio.current_time() < 10 * 1 / 2 + 10 * PATIENCE + 1


async def test_a_failure_to_make_one_is_the_callers_and_leaves_room(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(1)
    maker.failures = 2
    for _ in range(2):
        with pytest.raises(GuestTrappedError, match="it cannot be started"):
            await pool.acquire()
        assert pool.size == 0
    assert await pool.acquire() is maker.made[0]
    assert pool.size == 1


async def test_a_failure_to_make_one_wakes_the_next(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(1)
    maker.failures = 1
    maker.gate = trio.Event()
    outcomes: list[str] = []

    async def call() -> None:
        try:
            await pool.acquire()
            outcomes.append("served")
        except GuestTrappedError:
            outcomes.append("failed")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        maker.gate.set()
    assert sorted(outcomes) == ["failed", "served"]
    assert pool.size == 1


async def test_cancelling_somebody_who_waits_or_makes_leaves_no_trace(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(1)
    maker.gate = trio.Event()
    with trio.move_on_after(1) as making:
        await pool.acquire()
    assert making.cancelled_caught
    assert pool.size == 0
    maker.gate.set()
    guest = await pool.acquire()
    with trio.move_on_after(1) as waiting:
        await pool.acquire()
    assert waiting.cancelled_caught
    pool.release(guest)
    assert await pool.acquire() is guest


async def test_clearing_forgets_the_idle_and_leaves_the_busy(
    maker: Maker, new_pool: Callable[[int], GuestPool], autojump_clock: trio.testing.MockClock
) -> None:
    pool = new_pool(4)
    first, second = await pool.acquire(), await pool.acquire()
    pool.release(first)
    pool.clear()
    assert pool.size == 1
    pool.release(second)
    assert await pool.acquire() is second

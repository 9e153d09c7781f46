"""The asyncio loop in its thread: results, errors and cancellation cross it, and nothing is left behind."""

import asyncio
import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from holomush.database.loop import AsyncioLoop


async def test_results_and_errors_come_back() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def fail() -> None:
        raise LookupError("no such thing")

    with AsyncioLoop() as loop:
        assert await loop.run(double(21)) == 42
        with pytest.raises(LookupError, match="no such thing"):
            await loop.run(fail())


async def test_the_thread_ends_with_the_block() -> None:
    before = threading.active_count()
    with AsyncioLoop():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


async def test_many_tasks_share_the_loop() -> None:
    async def echo(number: int) -> int:
        await asyncio.sleep(0)
        return number

    got: list[int] = []

    async def ask(number: int) -> None:
        got.append(await loop.run(echo(number)))

    with AsyncioLoop() as loop:
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(ask, number)
    assert sorted(got) == list(range(100))


async def test_cancel_without_interrupt_waits_for_the_end() -> None:
    release = asyncio.Event()
    finished: list[str] = []

    async def work() -> str:
        await release.wait()
        finished.append("work")
        return "result"

    async def wait_for_release() -> None:
        release.set()

    with AsyncioLoop() as loop:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                with trio.CancelScope() as scope:
                    scopes.append(scope)
                    finished.append(await loop.run(work()))

            scopes: list[trio.CancelScope] = []
            nursery.start_soon(run)
            await wait_all_tasks_blocked()
            scopes[0].cancel()
            await wait_all_tasks_blocked()
            assert finished == []
            await loop.run(wait_for_release())
    assert finished == ["work", "result"]


async def test_cancel_with_interrupt_repeats_until_the_work_ends() -> None:
    tries = 0
    release = asyncio.Event()

    async def work() -> None:
        await release.wait()
        raise RuntimeError("interrupted")

    async def interrupt() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:  # the first ones come too early, as with SQLite
            release.set()

    with AsyncioLoop() as loop:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def run() -> None:
                    await loop.run(work(), interrupt=interrupt)

                nursery.start_soon(run)
                await wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
    assert tries == 3


async def test_work_that_ends_in_spite_of_the_interrupt_returns_its_result() -> None:
    release = asyncio.Event()
    got: list[str] = []

    async def work() -> str:
        await release.wait()
        return "done"

    async def interrupt() -> None:
        release.set()

    with AsyncioLoop() as loop, trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                got.append(await loop.run(work(), interrupt=interrupt))

            nursery.start_soon(run)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert got == ["done"]


async def test_cancelled_before_it_began_does_not_run() -> None:
    async def work() -> None:
        raise AssertionError("ran")

    with AsyncioLoop() as loop, trio.CancelScope() as scope:
        scope.cancel()
        await loop.run(work())
    assert scope.cancelled_caught

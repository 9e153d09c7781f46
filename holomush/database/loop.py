"""Owns the thread in which an asyncio event loop runs, and the way from Trio into it and back.

aiosqlite speaks only asyncio. ``AsyncioLoop`` keeps one asyncio loop in a thread of its own and runs coroutines on
it for Trio tasks. It knows nothing of databases: what to run, and how to interrupt it, is handed in.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import outcome
import trio

T = TypeVar("T")

# Seconds: sqlite3_interrupt() does nothing until the query has really begun, so one call may come too early.
INTERRUPT_EVERY = 0.005


class AsyncioLoop:
    """An asyncio event loop in its own thread, open between ``with`` and the end of the block.

    Leaving the block waits for the thread. Every ``run`` must have returned by then, which structured concurrency
    gives for free when the nursery is inside the block.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="holomush-asyncio", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @trio.lowlevel.enable_ki_protection
    async def run(self, work: Coroutine[Any, Any, T], *, interrupt: Callable[[], Awaitable[None]] | None = None) -> T:
        """Run ``work`` on the asyncio loop and return (or raise) what it does, once it has really finished.

        When the calling task is cancelled, ``interrupt`` is called on the asyncio loop again and again until ``work``
        ends; if it then ends with an exception, that becomes ``trio.Cancelled``. Without ``interrupt`` a cancellation
        waits for the end of ``work`` and is delivered at the caller's next checkpoint. ``interrupt`` is never called
        after ``run`` has returned, so it may stop whatever a connection does, if the caller has it to itself.
        """
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            work.close()
            raise
        task, token = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()
        raise_cancel: Callable[[], NoReturn] | None = None
        job: asyncio.Task[T]
        keep: list[asyncio.Task[None]] = []

        def wake_caller(_: object) -> None:
            token.run_sync_soon(trio.lowlevel.reschedule, task, outcome.Value(None))

        def start() -> None:
            nonlocal job
            job = self._loop.create_task(work)
            job.add_done_callback(wake_caller)

        def start_interrupting() -> None:
            if interrupt is not None and not job.done():
                # The caller wakes when the interrupter has ended, so that no interrupt can reach the connection's
                # next user.
                job.remove_done_callback(wake_caller)
                interrupter = self._loop.create_task(_interrupt_until_done(job, interrupt))
                interrupter.add_done_callback(wake_caller)
                keep.append(interrupter)  # asyncio itself holds tasks only weakly

        def abort(raise_it: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
            # Never cancel the asyncio task: that abandons the SQL, which runs on behind our back.
            nonlocal raise_cancel
            raise_cancel = raise_it
            self._loop.call_soon_threadsafe(start_interrupting)
            return trio.lowlevel.Abort.FAILED

        self._loop.call_soon_threadsafe(start)
        await trio.lowlevel.wait_task_rescheduled(abort)
        if raise_cancel is not None and interrupt is not None and job.exception() is not None:
            raise_cancel()
        return job.result()


async def _interrupt_until_done(job: "asyncio.Task[Any]", interrupt: Callable[[], Awaitable[None]]) -> None:
    try:
        while not job.done():
            await interrupt()
            await asyncio.wait({job}, timeout=INTERRUPT_EVERY)
    finally:
        await asyncio.wait({job})

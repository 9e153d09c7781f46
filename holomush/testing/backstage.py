"""Something that lives under Trio, used from code that does not: an event loop in a thread of its own, and calls into it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

import trio

from holomush.testing.failures import HarnessError

T = TypeVar("T")
R = TypeVar("R")


class Backstage(Generic[T]):
    """Keeps what ``open_`` opens open, in a thread, until ``close``. Raises what opening it raises.

    Not for code that itself runs under Trio, which would stand still meanwhile: ``HarnessError``.
    """

    def __init__(self, open_: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        if trio.lowlevel.in_trio_run():
            raise HarnessError("a harness is called from ordinary functions: make the test a def, not an async def")
        self._open = open_
        self._failure: BaseException | None = None
        self._opened: Future[tuple[T, trio.lowlevel.TrioToken, trio.Event]] = Future()
        # A daemon: the interpreter waits for other threads before it gives anybody the chance to close this one.
        self._thread = threading.Thread(target=self._run, name="plugin test harness", daemon=True)
        self._thread.start()
        self.opened, self._token, self._closing = self._opened.result()
        """What is open. Only for functions that are run by ``call``."""

    def call(self, function: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        """Run an async function over there and wait for it."""
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def close(self) -> None:
        """Close what is open and wait until it is. Once is enough."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._closing.set)
        # The garbage collector may call from anywhere, even from that very thread.
        if threading.current_thread() is not self._thread:
            self._thread.join()
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure

    def _run(self) -> None:
        try:
            trio.run(self._keep_open)
        except BaseException as exc:  # noqa: BLE001 - it is raised in the thread that opens or closes
            if self._opened.done():
                self._failure = exc
            else:
                self._opened.set_exception(exc)

    async def _keep_open(self) -> None:
        async with self._open() as opened:
            closing = trio.Event()
            self._opened.set_result((opened, trio.lowlevel.current_trio_token(), closing))
            await closing.wait()

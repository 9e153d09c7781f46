"""The network between the page and the server, as something that can break: a TCP proxy with a switch."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType

import attrs
import trio


@attrs.define(eq=False)
class _Link:
    """One connection that goes through. A dead one takes everything and passes nothing on."""

    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    dead: bool = False


class Wire:
    """Passes connections from ``port`` of 127.0.0.1 on to ``target``, another one, in a thread of its own.

    There is a ``port`` once the context has begun. ``target`` may be changed.
    """

    def __init__(self, target: int = 0) -> None:
        self.port = 0
        self.target = target
        self._links: set[_Link] = set()
        self._closed = False
        self._thread = Thread(target=trio.run, args=(self._run,), name="wire")
        self._ready = Event()
        self._token: trio.lowlevel.TrioToken
        self._scope = trio.CancelScope()

    @property
    def url(self) -> str:
        """The address of a page that is served at its other end."""
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Wire:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._do(self._scope.cancel)
        self._thread.join()

    def close(self) -> None:
        """Whoever is new is turned away. Connections that stand go on."""
        self._do(lambda: setattr(self, "_closed", True))

    def cut(self) -> None:
        """Break all connections, and turn away whoever is new."""

        def act() -> None:
            self._closed = True
            for link in self._links:
                link.scope.cancel()

        self._do(act)

    def stall(self) -> None:
        """Nothing passes through the connections that stand, and neither end is told. New ones are not touched."""

        def act() -> None:
            for link in self._links:
                link.dead = True

        self._do(act)

    def mend(self) -> None:
        """New connections pass again."""
        self._do(lambda: setattr(self, "_closed", False))

    def _do(self, act: Callable[[], None]) -> None:
        trio.from_thread.run_sync(act, trio_token=self._token)

    async def _run(self) -> None:
        with self._scope:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listener.socket.getsockname()[1]
            self._token = trio.lowlevel.current_trio_token()
            self._ready.set()
            await trio.serve_listeners(self._carry, [listener])

    async def _carry(self, near: trio.SocketStream) -> None:
        link = _Link()
        self._links.add(link)
        with link.scope:
            async with near:
                if not self._closed:
                    await self._connect(near, link)
        self._links.remove(link)

    async def _connect(self, near: trio.SocketStream, link: _Link) -> None:
        try:
            far = await trio.open_tcp_stream("127.0.0.1", self.target)
        except OSError:
            return  # nobody listens at the other end
        async with far, trio.open_nursery() as nursery:
            nursery.start_soon(_pump, near, far, link)
            nursery.start_soon(_pump, far, near, link)


async def _pump(source: trio.SocketStream, sink: trio.SocketStream, link: _Link) -> None:
    try:
        async for data in source:
            if not link.dead:
                await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it ends like any other end
    if not link.dead:
        link.scope.cancel()

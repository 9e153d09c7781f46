"""Connections of any kind, each with a session of its own in a nursery of its own, behind one firewall.

Owns what holds for all of them: the order of what is typed and how fast, patience with those who do not come in or do nothing,
keeping connections alive, and saying goodbye to everybody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import trio

from holomush.config import Config
from holomush.errors import HolomushError
from holomush.net.client import Connection, Input, SightWanted
from holomush.net.telnet.events import Line, LineTooLong
from holomush.rates import Bucket
from holomush.sessions.client import Farewell
from holomush.sessions.game import Game
from holomush.sessions.session import Session
from holomush.telemetry.recording import Visits

LINGER = 5.0
"""Seconds that a client which is being hung up on has to take what it was sent."""
LEAVE_TIMEOUT = 10.0
"""Seconds that the farewell of a lost connection may take; it waits for the disk."""
ROUND = 5.0
"""Seconds between looks at all connections: who is idle, who wants to be kept alive."""
IDLE_NOTICE = 60.0
"""Seconds before the end that somebody idle is told of it; half of the whole if that is less."""

_log = logging.getLogger(__name__)


class _Manners:
    """How one connection behaves: how fast it types, and whether it has been told."""

    def __init__(self, config: Config) -> None:
        self.bucket = Bucket(config.limits.commands, trio.current_time)
        self.told_too_fast = False
        self.told_idle = False


class Connections:
    """All connections of one server. ``serve`` each; ``look_after`` all."""

    def __init__(self, game: Game, config: Config) -> None:
        self._game = game
        self._config = config
        self._open: dict[Connection, tuple[Session, _Manners]] = {}
        self._is_closing = False
        self.visits = Visits("telnet", "tls", "websocket")
        """How many there are and have been of each kind."""
        self.slow = 0
        """How many were given up because they did not read."""

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    async def serve(self, connection: Connection) -> None:
        """Serve one connection to its end. Raises nothing but ``Cancelled``: a bug in one session is its own."""
        with self.visits.of(connection.kind):
            await self._serve(connection)

    async def _serve(self, connection: Connection) -> None:
        session, manners = Session(self._game, connection), _Manners(self._config)
        self._open[connection] = (session, manners)
        try:
            if self._is_closing:
                self._say_goodbye(session)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, connection, nursery.cancel_scope)
                await self._read(connection, session, manners)
                connection.close(Farewell.GONE)
                # The writer ends the nursery once all is sent; a client that does not take it does not keep it open.
                nursery.cancel_scope.deadline = trio.current_time() + LINGER
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError):
            pass
        except* Exception as group:  # noqa: BLE001 - the connection firewall
            _log.error("a session from %s failed and was ended", connection.address, exc_info=group)
        finally:
            del self._open[connection]
            with trio.move_on_after(LEAVE_TIMEOUT, shield=True):
                await self._leave(session)

    def say_goodbye(self) -> None:
        """The server is shutting down: tell everybody, also whoever still comes, and hang up."""
        self._is_closing = True
        for session, _ in tuple(self._open.values()):
            self._say_goodbye(session)

    async def look_after(self) -> None:
        """Keep connections alive and watch who is idle, until cancelled."""
        keepalive, idle = self._config.telnet.keepalive, self._config.sessions.idle_timeout
        while True:
            await trio.sleep(ROUND)
            for connection, (session, manners) in tuple(self._open.items()):
                if keepalive:
                    connection.keep_alive(keepalive)
                if idle and session.playing:
                    self._watch_idle(session, manners, idle)

    def _watch_idle(self, session: Session, manners: _Manners, timeout: float) -> None:
        idle = trio.current_time() - session.idle_since
        notice = min(IDLE_NOTICE, timeout / 2)
        if idle >= timeout:
            session.end(Farewell.IDLE, "You have been idle for too long. Goodbye.")
        elif idle < timeout - notice:
            manners.told_idle = False
        elif not manners.told_idle:
            manners.told_idle = True
            session.tell("You have been idle for a long time. Type something, or you will be disconnected soon.")

    async def _read(self, connection: Connection, session: Session, manners: _Manners) -> None:
        connection.start()
        session.greet()
        deadline = self._patience()
        while not session.has_ended():
            # Only waiting is cut short: somebody who is just being let in is not thrown out half-way.
            with trio.CancelScope(deadline=deadline) as patience:
                inputs = await connection.receive()
            if patience.cancelled_caught:
                session.end(Farewell.LATE, "You have not come in for a long time. Goodbye.")
                return
            if not inputs:
                return
            for one in inputs:
                await self._take(one, session, manners)
                # Thousands of lines may come at once, and many are answered without waiting for anything.
                await trio.lowlevel.checkpoint()
                if session.has_ended():
                    return
                deadline = float("inf") if session.playing else min(deadline, self._patience())
            connection.done()

    async def _take(self, one: Input, session: Session, manners: _Manners) -> None:
        if manners.told_too_fast and not manners.bucket.seconds_until(self._config.limits.commands.burst):
            # Only after a pause in which all tokens came back: a line that takes long to do lets single ones come back, too.
            manners.told_too_fast = False
        wait = manners.bucket.reserve()
        if wait:
            if not manners.told_too_fast:
                manners.told_too_fast = True
                session.tell("You are faster than the server allows. Everything you typed will be done, but it takes a while.")
            await trio.sleep(wait)
            if session.has_ended():  # hung up on meanwhile
                return
        match one:
            case Line(text):
                await session.line(text)
            case LineTooLong(limit):
                session.tell(f"That line is longer than {limit} bytes and was ignored.")
            case SightWanted():
                session.show_sight()
            case _:
                await session.request(one)

    def _patience(self) -> float:
        """When patience with somebody who plays no character is over."""
        return trio.current_time() + self._config.sessions.login_timeout

    async def _write(self, connection: Connection, scope: trio.CancelScope) -> None:
        await connection.run()
        if connection.farewell is None:
            self.slow += 1
        scope.cancel()

    def _say_goodbye(self, session: Session) -> None:
        session.end(Farewell.SHUTDOWN, "The server is shutting down. Goodbye.")

    async def _leave(self, session: Session) -> None:
        try:
            await session.hung_up()
        except HolomushError as exc:
            _log.error("a session did not end cleanly: %s", exc)
        except Exception as exc:  # noqa: BLE001 - the connection firewall
            _log.error("a session did not end cleanly", exc_info=exc)

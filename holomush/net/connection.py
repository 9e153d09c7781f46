"""One telnet connection: a reader, an outbox, a session, in one nursery, behind one firewall."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from holomush.config import TelnetConfig
from holomush.errors import HolomushError
from holomush.net.telnet import Line, LineTooLong, TelnetCodec, TerminalType, WindowSize
from holomush.sessions.outbox import Flusher, Outbox, SendNow
from holomush.sessions.pager import Pager
from holomush.sessions.session import Game, Session
from holomush.text.display import Abilities, display_for, encoder_for
from holomush.text.preferences import Preferences, check_preferences

READ_SIZE = 16_384
LINGER = 5.0
"""Seconds that a client which is being hung up on has to take what it was sent."""
LEAVE_TIMEOUT = 10.0
"""Seconds that the farewell of a lost connection may take; it waits for the disk."""

_log = logging.getLogger(__name__)


class TelnetClient:
    """A telnet connection as sessions see it (``sessions.presence.Client``)."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, flusher: Flusher, config: TelnetConfig) -> None:
        self.codec = TelnetCodec(config.line_limit)
        self.outbox = Outbox(stream, flusher, config.outbox_limit, _send_now(stream))
        self.address = _address(stream)
        self._abilities = Abilities()
        self._preferences = Preferences()
        self.display = display_for(self._abilities, self._preferences)
        """How text is shown there, as far as the client has said by now what it can do."""
        self.encode = encoder_for(self.display)
        """Text to telnet bytes; one function for all clients of one kind, so that a line for many is encoded once."""
        self.pager = Pager(self)
        self.send = self.outbox.put
        """Takes encoded text, to be sent soon, and its mark."""
        self.is_closed = False
        self._reading = trio.CancelScope()

    @property
    def caught_up(self) -> bool:
        """Whether the operating system has taken everything."""
        return self.outbox.caught_up

    @property
    def sent_mark(self) -> int:
        """The highest mark that the operating system has taken."""
        return self.outbox.sent_mark

    def prefer(self, preferences: Mapping[str, Any]) -> None:
        """Show text as the player wants it, from now on. Raises ``BadPreference``."""
        self._preferences = check_preferences(preferences)
        self._adapt()

    def learn(self, event: WindowSize | TerminalType) -> None:
        """The client has said something of itself."""
        match event:
            case WindowSize(columns, rows):
                self._abilities = attrs.evolve(self._abilities, columns=columns, rows=rows)
            case TerminalType(names, mtts):
                self._abilities = attrs.evolve(self._abilities, terminal_types=names, mtts=mtts)
        self._adapt()

    def _adapt(self) -> None:
        self.display = display_for(self._abilities, self._preferences)
        self.encode = encoder_for(self.display)

    def hide_input(self) -> None:
        """Ask the client not to echo."""
        self.codec.hide_input()
        self.send_negotiation()

    def show_input(self) -> None:
        """Ask the client to echo again."""
        self.codec.show_input()
        self.send_negotiation()

    def send_negotiation(self) -> None:
        """Send what the codec has to say, in its place among the text."""
        data = self.codec.bytes_to_send()
        if data:
            self.outbox.put(data)

    def close(self) -> None:
        """Send the rest, then hang up. What the client types from now on is nobody's business."""
        self.is_closed = True
        self._reading.cancel()
        self.outbox.close()

    async def receive(self, stream: trio.abc.ReceiveStream) -> bytes:
        """What has come; nothing at the end, and once the client is closed."""
        if self.is_closed:
            return b""
        data = b""
        with trio.CancelScope() as self._reading:
            data = bytes(await stream.receive_some(READ_SIZE))
        return b"" if self.is_closed else data


class TelnetServer:
    """Makes a session of every stream. ``handle`` is for ``trio.serve_listeners``."""

    def __init__(self, game: Game, config: TelnetConfig, closing: trio.Event) -> None:
        self._game = game
        self._config = config
        self._closing = closing
        self._flusher = Flusher()

    async def handle(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Serve one connection to its end. Raises nothing but ``Cancelled``: a bug in one session is its own."""
        client = TelnetClient(stream, self._flusher, self._config)
        session = Session(self._game, client)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, client, nursery.cancel_scope)
                nursery.start_soon(self._say_goodbye, session)
                await self._read(stream, client, session)
                client.close()
                # The writer ends the nursery once all is sent; a client that does not take it does not keep it open.
                nursery.cancel_scope.deadline = trio.current_time() + LINGER
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError):
            pass
        except* Exception as group:  # noqa: BLE001 - the connection firewall
            _log.error("a session from %s failed and was ended", client.address, exc_info=group)
        finally:
            with trio.move_on_after(LEAVE_TIMEOUT, shield=True):
                await self._leave(session)
                await trio.aclose_forcefully(stream)

    async def _read(self, stream: trio.abc.ReceiveStream, client: TelnetClient, session: Session) -> None:
        client.codec.start()
        client.send_negotiation()
        session.greet()
        with trio.CancelScope() as patience:
            patience.deadline = trio.current_time() + self._game.config.login_timeout
            while not session.has_ended():
                data = await client.receive(stream)
                if not data:
                    return
                for event in client.codec.receive(data):
                    client.send_negotiation()
                    match event:
                        case Line(text):
                            await session.line(text)
                        case LineTooLong(limit):
                            session.tell(f"That line is longer than {limit} bytes and was ignored.")
                        case WindowSize() | TerminalType():
                            client.learn(event)
                    # Thousands of lines may come at once, and many are answered without waiting for anything.
                    await trio.lowlevel.checkpoint()
                    if session.has_ended() or client.is_closed:
                        return
                    if session.playing:
                        patience.deadline = float("inf")
                client.send_negotiation()
        if patience.cancelled_caught:
            session.tell("You have not come in for a long time. Goodbye.")

    async def _write(self, client: TelnetClient, connection: trio.CancelScope) -> None:
        await client.outbox.run()
        connection.cancel()

    async def _say_goodbye(self, session: Session) -> None:
        await self._closing.wait()
        session.tell("The server is shutting down. Goodbye.")
        session.end()

    async def _leave(self, session: Session) -> None:
        try:
            await session.hung_up()
        except HolomushError as exc:
            _log.error("a session did not end cleanly: %s", exc)
        except Exception as exc:  # noqa: BLE001 - the connection firewall
            _log.error("a session did not end cleanly", exc_info=exc)


def _address(stream: trio.abc.Stream) -> str:
    if isinstance(stream, trio.SocketStream):
        try:
            return str(stream.socket.getpeername()[0])
        except OSError:
            return "gone"
    return "memory"


def _send_now(stream: trio.abc.Stream) -> SendNow | None:
    """A way around the event loop for bytes that the socket takes at once: a third of the cost of ``send_all``."""
    if os.name != "posix" or not isinstance(stream, trio.SocketStream):
        return None
    socket = stream.socket

    def send(data: bytes) -> int:
        descriptor = socket.fileno()
        if descriptor < 0:
            raise BrokenPipeError("the socket is closed")
        # Trio's sockets are non-blocking, so this cannot wait.
        return os.write(descriptor, data)

    return send

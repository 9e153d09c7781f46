"""One TCP port of the web: TLS, whom a proxy speaks for, and each request to a page, an answer, or a game over a websocket.

``WebPort.handle`` is for ``trio.serve_listeners``; nothing but ``Cancelled`` leaves it. What it needs of the configuration is
``PortConfig``; what is said over the websocket is the business of ``play``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from holomush.net.proxy import Network, ProxyHeaderError, forwarded_address, is_among, read_proxy_header
from holomush.net.streams import peer_address
from holomush.net.tls import shake_hands
from holomush.net.turnstile import Turnstile
from holomush.net.web.frames import CLOSE_TIMEOUT, GuardedStream
from holomush.net.web.http import HEAD_TIMEOUT, Answer, HttpConnection, Request, line
from holomush.net.web.pages import Pages
from holomush.net.web.upgrade import choose_subprotocol, handshake_head, refusal

SOCKET_PATH = "/ws"
ACCEPT_TIMEOUT = 10.0
"""Seconds that the answer to a websocket's handshake may take."""
FAREWELL_TIMEOUT = 1.0
"""Seconds for the close frame of a connection that is cancelled."""
REFUSAL_TIMEOUT = 3.0
"""Seconds that somebody who is one too many has to ask for anything and be told so."""

Play = Callable[[WebSocketConnection, str, str], Awaitable[None]]
"""Plays over a websocket: the connection, the subprotocol ("" for none), the address. Closes itself if not by code 1000."""
Admit = Callable[[str], AbstractContextManager[bool]]
"""Counts an address in while the context lasts. False: it is one too many."""

TOO_MANY = line(429, "There are too many connections from your address. Try again later.", Retry_After="30")
FAILED = line(500, "Something went wrong here.")

_NORMAL = 1000
_GOING_AWAY = 1001
_OWN_FAULT = 1011

_log = logging.getLogger(__name__)


class PortConfig(Protocol):
    """What the port needs of the configuration.

    ``origins``: further origins whose pages may open the socket ("https://play.example.org"), "*" for all.
    ``message_limit``: bytes of one message from a client. ``proxies``: networks of proxies whose word on addresses counts.
    """

    @property
    def origins(self) -> tuple[str, ...]: ...

    @property
    def message_limit(self) -> int: ...

    @property
    def proxies(self) -> tuple[Network, ...]: ...


class WebPort:
    """Serves connections. ``answers`` are by exact path and come before ``pages``."""

    def __init__(
        self,
        *,
        pages: Pages,
        answers: Mapping[str, Callable[[Request], Awaitable[Answer]]],
        play: Play,
        config: PortConfig,
        subprotocols: Sequence[str],
        admit: Admit,
        turnstile: Turnstile,
    ) -> None:
        self._pages = pages
        self._answers = answers
        self._play = play
        self._config = config
        self._subprotocols = tuple(subprotocols)
        self._admit = admit
        self._turnstile = turnstile

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end and close it. Raises nothing but ``Cancelled``."""
        try:
            await self._serve(stream)
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError, ConnectionClosed):
            pass  # hung up, or never spoke a language of ours
        except* ProxyHeaderError as group:
            _log.warning("a connection from the proxy %s was cut: %s", peer_address(stream), group.exceptions[0])
        except* Exception as group:  # noqa: BLE001 - the connection firewall
            _log.error("a web connection from %s failed and was ended", peer_address(stream), exc_info=group)
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        address = peer_address(stream)
        if not is_among(address, self._config.proxies):
            await self._serve_address(stream, address)
            return
        client, stream = await self._hear_proxy(stream)
        if client is not None:
            await self._serve_address(stream, client)
            return
        # Each request may be for somebody else.
        await self._answer_requests(stream, lambda request: self._forwarded(request, address), self._admit_socket)

    async def _serve_address(self, stream: trio.abc.Stream, address: str) -> None:
        with self._admit(address) as is_in, trio.move_on_after(float("inf") if is_in else REFUSAL_TIMEOUT):
            if isinstance(stream, trio.SSLStream):
                await shake_hands(stream)
            await self._answer_requests(stream, lambda _: address, lambda _: nullcontext(is_in))

    def _admit_socket(self, request: Request) -> AbstractContextManager[bool]:
        """The connection is the proxy's, and a page takes many requests: only who plays counts."""
        return self._admit(request.address) if request.path == SOCKET_PATH else nullcontext(True)

    async def _hear_proxy(self, stream: trio.abc.Stream) -> tuple[str | None, trio.abc.Stream]:
        """The client that the PROXY protocol names, if it does, and the stream behind it: before TLS, or inside."""
        client = None
        with trio.move_on_after(HEAD_TIMEOUT):
            if not isinstance(stream, trio.SSLStream):
                return await read_proxy_header(stream)
            client, stream.transport_stream = await read_proxy_header(stream.transport_stream)
            if client is not None:
                return client, stream  # the handshake comes with the rest, once the client is counted
            await shake_hands(stream)
            return await read_proxy_header(stream)
        raise trio.BrokenResourceError("nothing came")

    def _forwarded(self, request: Request, peer: str) -> str:
        return forwarded_address(request.header("x-forwarded-for"), self._config.proxies) or peer

    async def _answer_requests(
        self,
        stream: trio.abc.Stream,
        address_of: Callable[[Request], str],
        admit: Callable[[Request], AbstractContextManager[bool]],
    ) -> None:
        http = HttpConnection(stream, self._turnstile)
        while (request := await http.next_request()) is not None:
            request = attrs.evolve(request, address=address_of(request))
            with admit(request) as is_in:
                if not is_in:
                    await http.send(TOO_MANY, is_last=True)
                elif request.path != SOCKET_PATH:
                    await http.send(await self._answer(request))
                elif (answer := refusal(request, self._config.origins)) is not None:
                    await http.send(answer)
                else:
                    await self._open_socket(stream, request, http.take_over())
                    return

    async def _answer(self, request: Request) -> Answer:
        answer = self._answers.get(request.path)
        if answer is None:
            return self._pages.answer(request)
        try:
            return await answer(request)
        except Exception as exc:  # noqa: BLE001 - one answer that fails is its own
            _log.error("the answer to %s failed", request.path, exc_info=exc)
            return FAILED

    async def _open_socket(self, stream: trio.abc.Stream, request: Request, rest: bytes) -> None:
        limit = self._config.message_limit
        subprotocol = choose_subprotocol(request, self._subprotocols)
        guarded = GuardedStream(stream, handshake_head(request, subprotocol), rest, limit, self._turnstile.bucket())
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(ACCEPT_TIMEOUT) as patience:
                proposal = await wrap_server_stream(nursery, guarded, max_message_size=limit)
                connection = await proposal.accept(subprotocol=subprotocol or None)
            if patience.cancelled_caught:
                nursery.cancel_scope.cancel()
                return
            guarded.attach(connection)
            try:
                code = await self._play_to_the_end(connection, subprotocol, request.address)
            except BaseException:
                # Cancelled, and the reader with us: there is time for a close frame, and not for its answer.
                with (
                    trio.move_on_after(FAREWELL_TIMEOUT, shield=True),
                    suppress(trio.BrokenResourceError, trio.ClosedResourceError),
                ):
                    await guarded.say_close(_GOING_AWAY)
                raise
            # The reader ends by itself once the peer has answered.
            nursery.cancel_scope.deadline = trio.current_time() + CLOSE_TIMEOUT
            await connection.aclose(code)

    async def _play_to_the_end(self, connection: WebSocketConnection, subprotocol: str, address: str) -> int:
        """Play; the code to close with."""
        code = _NORMAL
        try:
            await self._play(connection, subprotocol, address)
        except* (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except* Exception as group:  # noqa: BLE001 - the connection firewall
            _log.error("a game over a websocket from %s failed and was ended", address, exc_info=group)
            code = _OWN_FAULT
        return code

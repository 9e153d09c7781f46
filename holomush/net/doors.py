"""The telnet doors: who is let in, whom a proxy speaks for, TLS, and then a connection to be served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs
import trio

from holomush.config import TelnetConfig
from holomush.net.connection import Connections
from holomush.net.limits import AddressLimits, Place, Refused
from holomush.net.outbox import Flusher
from holomush.net.proxy import Network, ProxyHeaderError, is_among, read_proxy_header
from holomush.net.streams import linger, peer_address
from holomush.net.terminal import TelnetClient
from holomush.net.tls import shake_hands
from holomush.net.turnstile import Turnstile

PROXY_TIMEOUT = 10.0
"""Seconds that a proxy has to say for whom it speaks."""
REFUSAL_TIMEOUT = 2.0

_log = logging.getLogger(__name__)


@attrs.frozen
class Doorkeeper:
    """Counts who comes, by addresses; nobody counts who comes from this very machine."""

    limits: AddressLimits
    proxies: Collection[Network]

    def admit(self, address: str) -> Place:
        """Let one in. Raises ``Refused``."""
        return Place(lambda: None) if is_here(address) else self.limits.admit(address)

    @contextmanager
    def admitted(self, address: str) -> Iterator[bool]:
        """Let one in as long as the context lasts; False if they are one too many."""
        try:
            place = self.admit(address)
        except Refused:
            yield False
            return
        with place:
            yield True


def is_here(address: str) -> bool:
    """Whether an address is this very machine's, or none."""
    return address in {"memory", "::1"} or address.startswith("127.")


class TelnetDoor:
    """Serves telnet connections, in plain or over TLS. ``handle`` is for ``trio.serve_listeners``."""

    def __init__(
        self,
        connections: Connections,
        keeper: Doorkeeper,
        config: TelnetConfig,
        status: Callable[[], Mapping[str, str | Sequence[str]]],
        turnstile: Turnstile,
    ) -> None:
        self._connections = connections
        self._keeper = keeper
        self._config = config
        self._status = status
        self._turnstile = turnstile
        self._flusher = Flusher()

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end and close it. Raises nothing but ``Cancelled``."""
        try:
            address, stream = await self._whose(stream)
            with self._keeper.admit(address):
                kind = "telnet"
                if isinstance(stream, trio.SSLStream):
                    kind = "tls"
                    await shake_hands(stream)
                client = TelnetClient(stream, self._flusher, self._config, address, kind, self._status, self._turnstile)
                await self._connections.serve(client)
                if client.farewell is not None and isinstance(stream, trio.abc.HalfCloseableStream) and address != "memory":
                    # Closed with bytes unread, the socket would be reset, and the farewell be lost.
                    await linger(stream)
        except Refused as exc:
            await _refuse(stream, str(exc))
        except (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError):
            pass
        except ProxyHeaderError as exc:
            _log.warning("a connection from the proxy %s was cut: %s", peer_address(stream), exc)
        except Exception as exc:  # noqa: BLE001 - the connection firewall
            _log.error("a telnet connection from %s failed and was ended", peer_address(stream), exc_info=exc)
        finally:
            await trio.aclose_forcefully(stream)

    async def _whose(self, stream: trio.abc.Stream) -> tuple[str, trio.abc.Stream]:
        """The address that counts, and the stream behind what a proxy has said of it."""
        address = peer_address(stream)
        if not is_among(address, self._keeper.proxies):
            return address, stream
        with trio.move_on_after(PROXY_TIMEOUT):
            if isinstance(stream, trio.SSLStream):
                client, stream.transport_stream = await read_proxy_header(stream.transport_stream)
            else:
                client, stream = await read_proxy_header(stream)
            return client or address, stream
        raise trio.BrokenResourceError("the proxy said nothing")


async def _refuse(stream: trio.abc.Stream, reason: str) -> None:
    """Say why, if there is no TLS to be shaken hands for first."""
    if isinstance(stream, trio.SSLStream):
        return
    with trio.move_on_after(REFUSAL_TIMEOUT):
        try:
            await stream.send_all(f"{reason}\r\n".encode())
            await linger(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

"""The sockets that the server listens on, as the configuration has them: telnet, telnet over TLS, the web."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from holomush.config import Config
from holomush.errors import HolomushError
from holomush.net.tls import Certificate, TlsListener

Listener = trio.abc.Listener[Any]


@attrs.frozen(kw_only=True)
class Listeners:
    """Open listeners, by what comes through them. ``ports`` are those that were taken: telnet, tls, web."""

    telnet: Sequence[Listener] = ()
    """Plain, or ``TlsListener``."""
    web: Sequence[Listener] = ()
    ports: Mapping[str, int] = attrs.field(factory=dict)


async def open_listeners(config: Config) -> Listeners:
    """Take all ports. Raises ``HolomushError``, in one line, for one that cannot be had and a certificate that cannot be used."""
    tls, web = config.telnet.tls, config.web
    telnet_certificate = _certificate(tls.certificate, tls.key)
    web_certificate = _certificate(web.certificate, web.key, alpn=["http/1.1"])
    ports: dict[str, int] = {}
    telnet = await _listen(config.telnet.host, config.telnet.port, None)
    ports["telnet"] = _port(telnet)
    if telnet_certificate is not None:
        secure = await _listen(tls.host, tls.port, telnet_certificate)
        ports["tls"] = _port(secure)
        telnet = [*telnet, *secure]
    pages: list[Listener] = []
    if web.enabled:
        pages = await _listen(web.host, web.port, web_certificate)
        ports["web"] = _port(pages)
    return Listeners(telnet=telnet, web=pages, ports=ports)


def _certificate(certificate: Path | None, key: Path | None, alpn: Sequence[str] = ()) -> Certificate | None:
    return None if certificate is None or key is None else Certificate(certificate, key, alpn)


async def _listen(host: str, port: int, certificate: Certificate | None) -> list[Listener]:
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise HolomushError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    return list(listeners) if certificate is None else [TlsListener(listener, certificate) for listener in listeners]


def _port(listeners: Sequence[Listener]) -> int:
    first = listeners[0]
    plain = first.transport_listener if isinstance(first, TlsListener) else first
    assert isinstance(plain, trio.SocketListener)  # noqa: S101 - that is what was opened
    return int(plain.socket.getsockname()[1])

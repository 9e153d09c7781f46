"""TLS in front of any listener: the certificate, read again when it changes, and handshakes that hold nobody up.

Owns the two files' reading and nothing that is said inside.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from holomush.errors import HolomushError

HANDSHAKE_TIMEOUT = 10.0
CHECK_INTERVAL = 1.0
"""Seconds between two looks at whether the files have changed."""

_log = logging.getLogger(__name__)

_Mark = tuple[tuple[int, int, int] | None, ...]


class CertificateError(HolomushError):
    """A certificate and a key that cannot be used."""


class Certificate:
    """A certificate chain and its key, both PEM files, as the context for server-side TLS.

    Reads the files at once; raises ``CertificateError`` naming the one that is missing, unreadable or does not fit.
    ``alpn`` are the protocols to offer, best first.
    """

    def __init__(self, certificate: Path, key: Path, alpn: Sequence[str] = ()) -> None:
        self._certificate = certificate
        self._key = key
        self._alpn = list(alpn)
        # Taken before reading: a change in between is then seen as one later.
        self._mark = self._stat()
        self._checked = float("-inf")
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """The context of the newest pair that was good. Looks at the files at most once in ``CHECK_INTERVAL`` seconds."""
        now = trio.current_time()
        if now - self._checked >= CHECK_INTERVAL:
            self._checked = now
            mark = self._stat()
            if mark != self._mark:
                self._mark = mark
                self._reload()
        return self._context

    def _reload(self) -> None:
        try:
            self._context = self._load()
        except CertificateError as exc:
            _log.error("the old certificate stays in use: %s", exc)
        else:
            _log.info("read the certificate %s again", self._certificate)

    def _stat(self) -> _Mark:
        return tuple(_mark(path) for path in (self._certificate, self._key))

    def _load(self) -> ssl.SSLContext:
        for path in (self._certificate, self._key):
            try:
                path.read_bytes()
            except OSError as exc:
                raise CertificateError(f"cannot read {path}: {exc.strerror or exc}") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._alpn:
            context.set_alpn_protocols(self._alpn)
        encrypted = False

        def no_password() -> str:
            # Without it OpenSSL would ask at the terminal, and the server would stand still.
            nonlocal encrypted
            encrypted = True
            return ""

        try:
            context.load_cert_chain(self._certificate, self._key, no_password)
        except (ssl.SSLError, OSError) as exc:
            raise CertificateError(self._why(exc, encrypted=encrypted)) from None
        return context

    def _why(self, error: OSError, *, encrypted: bool) -> str:
        if encrypted:
            return f"{self._key} is encrypted; give a key without a password"
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            return f"{self._key} is not the key of {self._certificate}"
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self._certificate)
        except (ssl.SSLError, OSError):
            return f"{self._certificate} is not a certificate in PEM form"
        return f"{self._key} is not a key in PEM form"


class TlsListener(trio.abc.Listener[trio.SSLStream[trio.SocketStream]]):
    """Gives out a TLS stream for each connection of ``transport_listener``. The handshake is the handler's: ``shake_hands``."""

    def __init__(self, transport_listener: trio.abc.Listener[trio.SocketStream], certificate: Certificate) -> None:
        self.transport_listener = transport_listener
        self._certificate = certificate

    async def accept(self) -> trio.SSLStream[trio.SocketStream]:
        """The next connection, before its handshake. Does not wait for a word of the client."""
        stream = await self.transport_listener.accept()
        # Browsers and proxies hang up without the farewell of TLS; every protocol here says by itself where it ends.
        return trio.SSLStream(stream, self._certificate.context(), server_side=True, https_compatible=True)

    async def aclose(self) -> None:
        """Close the inner listener."""
        await self.transport_listener.aclose()


async def shake_hands(stream: trio.SSLStream[Any], timeout: float = HANDSHAKE_TIMEOUT) -> None:
    """Shake hands within ``timeout`` seconds. Raises ``trio.BrokenResourceError``, the stream being closed then."""
    with trio.move_on_after(timeout):
        try:
            await stream.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            await trio.aclose_forcefully(stream)
            raise trio.BrokenResourceError("the TLS handshake failed") from None
        return
    await trio.aclose_forcefully(stream)
    raise trio.BrokenResourceError("the TLS handshake took too long")


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""What plugins may ask of web servers: one request and its redirects, carrying nothing that the plugin did not give.

Owns headers, redirects and the bounds of an answer. Where a request may go is ``addresses``; how often is for the caller to count.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Literal, TypeAlias

import attrs
import httpx
import trio

from holomush import __version__
from holomush.config import HttpConfig
from holomush.plugins.functions.addresses import Resolve, Target
from holomush.plugins.functions.refusal import HostCallError

REDIRECTS = 5
"""How many redirects of one request are followed."""
PIECES = 8_192
"""In how many pieces an answer may come: each costs time on the thread that everything else runs on, be it one byte long."""

Method: TypeAlias = Literal["GET", "POST"]

_TURN_INTO_GET = frozenset({301, 302, 303})
_KEEP_METHOD = frozenset({307, 308})
_CONNECTED = "connection.connect_tcp.complete"


@attrs.frozen(kw_only=True)
class _Request:
    """One hop. ``body`` is for POST only."""

    method: Method
    target: Target
    body: bytes

    def headers(self) -> dict[str, str]:
        headers = {
            "Host": self.target.domain,
            "User-Agent": f"HoloMUSH/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        if self.method == "POST":
            headers["Content-Type"] = "application/json" if _is_json(self.body) else "text/plain; charset=utf-8"
            headers["Content-Length"] = str(len(self.body))
        return headers


@attrs.frozen(kw_only=True)
class _Answer:
    """With a ``redirect``, which is a URL as the server wrote it, ``body`` has not been read."""

    status: int
    headers: httpx.Headers
    redirect: str | None
    body: bytes


class _Once(httpx.AsyncByteStream):
    """A body in one piece. No generator, which would be left to the garbage collector when a request is cancelled half sent."""

    def __init__(self, body: bytes) -> None:
        self._pieces = iter((body,))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def trusted_authorities() -> ssl.SSLContext:
    """What certificates are checked against: the list of authorities that httpx brings. It takes 20 ms: make it once."""
    return httpx.create_ssl_context(trust_env=False)


async def fetch(
    config: HttpConfig,
    method: Method,
    url: str,
    body: str,
    require: Callable[[str], None],
    *,
    resolve: Resolve,
    tls: ssl.SSLContext,
) -> dict[str, Any]:
    """Ask a web server for a plugin: ``{"status", "url", "headers": {lower-case name: value}, "body"}``, after redirects.

    The body is text, or ``{"base64": ...}`` if it is not UTF-8; headers of one name are joined by commas. ``require`` gets
    the capability for every server before its name is looked up, and raises for one that the plugin has not. Raises
    ``HostCallError``, be it for a bad URL, a server that cannot or may not be reached, time or size.
    """
    try:
        content = body.encode()
    except UnicodeEncodeError as exc:
        raise HostCallError("invalid_argument", "the body holds half a surrogate pair: it must be text") from exc
    request = _Request(method=method, target=Target.parse(url, config.local_hosts), body=content)
    try:
        with trio.fail_after(config.timeout):
            for _ in range(REDIRECTS + 1):
                answer = await _send(config, request, require, resolve, tls)
                if answer.redirect is None:
                    return _shown(request.target, answer)
                request = _redirected(request, answer.status, answer.redirect, config)
    except trio.TooSlowError as exc:
        raise _timeout(request.target, config) from exc
    raise HostCallError("unavailable", f"{request.target.domain}: more than {REDIRECTS} redirects")


async def _send(
    config: HttpConfig, request: _Request, require: Callable[[str], None], resolve: Resolve, tls: ssl.SSLContext
) -> _Answer:
    """The answer to one hop, from the first of the server's addresses at which there is somebody."""
    target = request.target
    require(f"http:{request.method.lower()}:{target.domain}")
    addresses = await target.find_addresses(resolve)
    failure: httpx.TransportError | None = None
    for address in addresses:
        try:
            return await _send_to(address, request, config, tls, patience=config.timeout / len(addresses))
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            failure = exc
        except httpx.ProtocolError as exc:
            raise HostCallError("unavailable", f"{target.domain} does not answer in proper HTTP: {str(exc)[:200]}") from exc
        except httpx.TransportError as exc:
            raise HostCallError("unavailable", f"{target.domain} broke the connection") from exc
    if isinstance(failure, httpx.ConnectTimeout):
        raise _timeout(target, config) from failure
    raise HostCallError("unavailable", f"{target.domain} cannot be reached{_certificate_problem(failure)}") from failure


async def _send_to(address: str, request: _Request, config: HttpConfig, tls: ssl.SSLContext, *, patience: float) -> _Answer:
    """One request over one connection, which is closed afterwards. ``patience``: seconds to connect in."""
    async with AsyncExitStack() as closing:

        async def keep(event: str, info: Mapping[str, Any]) -> None:
            # httpcore loses sight of a connection that is cancelled while TLS is being set up.
            if event == _CONNECTED:
                closing.push_async_callback(info["return_value"].aclose)

        # Not a client: that keeps cookies, asks the environment for proxies and adds headers. The address is in the URL, so that
        # nothing looks the name up again; what the certificate is checked against is the name.
        transport = await closing.enter_async_context(httpx.AsyncHTTPTransport(verify=tls, trust_env=False))
        response = await transport.handle_async_request(
            httpx.Request(
                request.method,
                request.target.url.copy_with(host=address),
                headers=request.headers(),
                stream=_Once(request.body if request.method == "POST" else b""),
                extensions={"sni_hostname": request.target.host, "timeout": {"connect": patience}, "trace": keep},
            )
        )
        redirects = response.status_code in _TURN_INTO_GET | _KEEP_METHOD
        redirect = response.headers.get("location") if redirects else None
        return _Answer(
            status=response.status_code,
            headers=response.headers,
            redirect=redirect,
            body=b"" if redirect is not None else await _read_body(response, config.response_limit),
        )


async def _read_body(response: httpx.Response, limit: int) -> bytes:
    """The body as it came over the line, never decompressed. Raises ``HostCallError`` for more than ``limit`` bytes."""
    too_large = HostCallError("too_large", f"an answer may have {limit} bytes and come in {PIECES} pieces, and this one is larger")
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    pieces = 0
    with trio.CancelScope() as reading:
        async for piece in response.aiter_raw():
            body += piece
            pieces += 1
            if len(body) > limit or pieces > PIECES:
                reading.cancel()
            # Others get their turn between pieces. Only httpx may see the cancellation: if this loop were left from here, its
            # generators would be unwound by the garbage collector.
            await trio.lowlevel.cancel_shielded_checkpoint()
    if len(body) > limit or pieces > PIECES:
        raise too_large
    return bytes(body)


def _redirected(request: _Request, status: int, location: str, config: HttpConfig) -> _Request:
    """The next hop. Raises ``HostCallError`` for a URL that a plugin could not have asked for itself."""
    try:
        target = Target.parse(location, config.local_hosts, base=request.target.url)
    except HostCallError as exc:
        raise HostCallError("unavailable", f"{request.target.domain} redirects to where nothing can be asked: {exc}") from exc
    if status in _KEEP_METHOD:
        return attrs.evolve(request, target=target)
    return _Request(method="GET", target=target, body=b"")


def _shown(target: Target, answer: _Answer) -> dict[str, Any]:
    try:
        body: str | dict[str, str] = answer.body.decode()
    except UnicodeDecodeError:
        body = {"base64": base64.b64encode(answer.body).decode("ascii")}
    return {"status": answer.status, "url": str(target.url), "headers": dict(answer.headers.items()), "body": body}


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _timeout(target: Target, config: HttpConfig) -> HostCallError:
    return HostCallError("timeout", f"{target.domain} has not answered in full after {config.timeout:g} s")


def _certificate_problem(failure: BaseException | None) -> str:
    """What TLS says, if it was that. The libraries in between keep it as the cause of the cause."""
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return f": its certificate is refused: {failure.verify_message}"
        failure = failure.__cause__ or failure.__context__
    return ""

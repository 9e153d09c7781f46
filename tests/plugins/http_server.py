"""A small web server on a loopback socket, for tests: answers each path as it is told, byte by byte, and notes each request."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import attrs
import trio

Script: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
"""Answers a request on its stream. When it returns, the server hangs up."""


@attrs.frozen
class Asked:
    """One request as it came in. ``head`` is the lines before the body, header names as they were written."""

    head: tuple[str, ...]
    body: bytes

    @property
    def line(self) -> str:
        """Such as ``GET /path HTTP/1.1``."""
        return self.head[0]

    @property
    def headers(self) -> dict[str, str]:
        """Values by name; a test that compares them all also sees that there are no others."""
        return dict(line.split(": ", 1) for line in self.head[1:])


@attrs.define(eq=False)
class HttpServer:
    """A running server: ``asked`` grows with each request, ``ended`` when a client has hung up before the server did."""

    port: int
    asked: list[Asked] = attrs.Factory(list)
    ended: trio.Event = attrs.Factory(trio.Event)

    @property
    def host(self) -> str:
        """As ``local_hosts`` lists it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self.host}"


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer with its length."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n\r\n" + body


def redirect(location: str, *headers: str, status: int = 302) -> bytes:
    """An answer that sends the client elsewhere."""
    return answer(b"go there", f"Location: {location}", *headers, status=f"{status} Moved")


def says(data: bytes) -> Script:
    """Sends ``data`` and hangs up."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(data)

    return script


def waits(data: bytes = b"") -> Script:
    """Sends ``data`` and then nothing, until the client hangs up."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(data)
        while await stream.receive_some():
            pass

    return script


def repeats(data: bytes, again: bytes) -> Script:
    """Sends ``data``, then ``again`` for as long as the client takes it."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(data)
        while True:
            await stream.send_all(again)

    return script


@asynccontextmanager
async def http_server(
    paths: Mapping[str, bytes | Script], *, tls: ssl.SSLContext | None = None, reads_bodies: bool = True
) -> AsyncIterator[HttpServer]:
    """A server on a free port of 127.0.0.1 for ``paths``: bytes are sent, and then it is for the client to hang up.

    With ``reads_bodies`` false, what a POST sends stays in the socket. A path that is missing gets a 404.
    """
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = HttpServer(listener.socket.getsockname()[1])

    async def serve(tcp: trio.SocketStream) -> None:
        async with tcp if tls is None else trio.SSLStream(tcp, tls, server_side=True, https_compatible=True) as stream:
            try:
                asked = await _read_request(stream, reads_body=reads_bodies)
                if asked is not None:
                    server.asked.append(asked)
                    script = paths.get(asked.line.split()[1], answer(b"", status="404 Not Found"))
                    await (waits(script) if isinstance(script, bytes) else script)(stream)
            except trio.BrokenResourceError:
                pass  # The client did not want it all.
            server.ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _read_request(stream: trio.abc.Stream, *, reads_body: bool) -> Asked | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = await stream.receive_some()
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    asked = Asked(tuple(head.decode("ascii").split("\r\n")), b"")
    length = int(asked.headers.get("Content-Length", 0)) if reads_body else 0
    while len(body) < length:
        body += await stream.receive_some()
    return attrs.evolve(asked, body=bytes(body))

"""HTTP/1.1 as far as a page to play in needs it: GET and HEAD, no bodies, everything bounded.

Owns one connection's requests and answers. What is answered is the port's.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

import attrs
import h11
import trio

from holomush.net.streams import READ_SIZE, linger
from holomush.net.turnstile import Turnstile

HEAD_LIMIT = 16_384
"""Bytes of a request's head."""
HEAD_TIMEOUT = 10.0
"""Seconds from the first byte of a head to its last."""
IDLE_TIMEOUT = 15.0
"""Seconds between two requests."""
SEND_TIMEOUT = 30.0
"""Seconds that a client has to take an answer."""
REQUESTS = 100
"""Requests over one connection."""

SAFETY: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers of every answer that does not say otherwise."""

_READ_WHOLE = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)


@attrs.frozen(kw_only=True)
class Request:
    """What a client asks for. ``headers`` have small names; of one that comes several times the values are joined by commas."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    address: str = ""
    version: str = "1.1"

    def header(self, name: str) -> str:
        """A header by its small name; empty if there is none."""
        return self.headers.get(name, "")

    def listed(self, name: str) -> list[str]:
        """A header that is a list, in parts."""
        return [part for part in (text.strip() for text in self.header(name).split(",")) if part]


@attrs.frozen
class Answer:
    """What it gets. The headers that every answer has need not be there."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


def line(status: int, text: str, **headers: str) -> Answer:
    """One line of plain text. A header's name may have ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **named}, f"{text}\n".encode())


class _RefusedError(Exception):
    """A request that gets an answer without being understood, after which nothing more is read."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class HttpConnection:
    """The requests of one connection, one after the other: ``next_request``, then one of ``send`` and ``take_over``."""

    def __init__(self, stream: trio.abc.Stream, turnstile: Turnstile) -> None:
        self._stream = stream
        self._turnstile = turnstile
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._requests = 0
        self._method = ""
        self._begun = False
        self._finished = False

    async def next_request(self) -> Request | None:
        """The next request that makes sense. None once there is none; the client has been told why, if it did anything wrong.

        Raises what the stream raises.
        """
        if self._finished:
            return None
        self._begun = bool(self._h11.trailing_data[0])
        self._method = ""
        answer = line(408, "That took too long.")
        with trio.move_on_after(IDLE_TIMEOUT if self._requests and not self._begun else HEAD_TIMEOUT) as patience:
            try:
                request = await self._read(patience)
            except _RefusedError as refused:
                answer, self._begun = refused.answer, True
            else:
                self._requests += 1
                self._finished = request is None
                return request
        if self._begun:
            await self.send(answer, is_last=True)
        return None

    async def _read(self, patience: trio.CancelScope) -> Request | None:
        try:
            event = await self._next_event(patience)
            if not isinstance(event, h11.Request):
                return None
            self._method = event.method.decode("latin-1")
            if self._method not in ("GET", "HEAD"):
                raise _RefusedError(line(405, "Only GET and HEAD are answered here.", Allow="GET, HEAD"))
            request = _request(event)
            if "transfer-encoding" in request.headers or request.header("content-length") not in ("", "0"):
                raise _RefusedError(line(413, "A request with a body is not taken here."))
            self._h11.next_event()  # the end of a body of no bytes
        except h11.RemoteProtocolError as exc:
            if exc.error_status_hint == 431:
                raise _RefusedError(line(431, f"The head of a request may have {HEAD_LIMIT} bytes.")) from None
            raise _RefusedError(line(400, "That is not a request.")) from None
        return request

    async def _next_event(self, patience: trio.CancelScope) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            data = await self._stream.receive_some(READ_SIZE)
            await self._turnstile.pass_stranger()
            self._h11.receive_data(bytes(data))
            if data and not self._begun:
                self._begun = True
                # The whole head by then, be it sent byte by byte.
                patience.deadline = trio.current_time() + HEAD_TIMEOUT
        return event

    async def send(self, answer: Answer, *, is_last: bool = False) -> None:
        """Answer the request. After the last one the connection is done: it was too many, or the client wants it so.

        Raises what the stream raises, and ``trio.BrokenResourceError`` if the client does not take the answer.
        """
        is_last = is_last or self._requests >= REQUESTS
        headers = {**SAFETY, **answer.headers, "Date": formatdate(usegmt=True)}
        if answer.status != 304:
            headers["Content-Length"] = str(len(answer.body))
        if is_last:
            headers["Connection"] = "close"
        head = h11.Response(status_code=answer.status, headers=list(headers.items()))
        data = self._h11.send(head) or b""
        if answer.status != 304 and self._method != "HEAD":
            data += self._h11.send(h11.Data(data=answer.body)) or b""
        data += self._h11.send(h11.EndOfMessage()) or b""
        with trio.move_on_after(SEND_TIMEOUT) as patience:
            await self._stream.send_all(data)
        if patience.cancelled_caught:
            raise trio.BrokenResourceError("the client does not take its answer")
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return
        self._finished = True
        if self._h11.their_state not in _READ_WHOLE or self._h11.trailing_data[0]:
            await linger(self._stream)

    def take_over(self) -> bytes:
        """The bytes behind the head, for whoever goes on in another protocol. This object is done then."""
        self._finished = True
        return self._h11.trailing_data[0]


def _request(event: h11.Request) -> Request:
    target = event.target.decode("latin-1")
    if target.startswith(("http://", "https://")):  # as asked of a proxy; the host is in its header, too
        target = "/" + "".join(target.split("/", 3)[3:])
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise _RefusedError(line(400, "That is not a request."))
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        method=event.method.decode("latin-1"),
        path=path,
        query=query,
        headers=headers,
        version=event.http_version.decode("latin-1"),
    )

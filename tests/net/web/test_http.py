"""Requests that are good, bad, slow and endless, over one connection."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair

from holomush.net.streams import LINGER
from holomush.net.web.http import HEAD_TIMEOUT, IDLE_TIMEOUT, REQUESTS, SAFETY, SEND_TIMEOUT

from .wire import HttpClient, dialled, read_all, web_port

GET = b"GET /who?x HTTP/1.1\r\nHost: mush.example\r\n\r\n"
WHO = b"memory x\n"


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert caplog.messages == []


async def exchange(data: bytes) -> bytes:
    """Everything that is said to somebody who says ``data`` and then waits."""
    async with dialled(web_port()) as stream:
        await stream.send_all(data)
        return await read_all(stream)


async def test_an_answer_has_all_that_belongs_to_it() -> None:
    async with dialled(web_port()) as stream:
        got = await HttpClient(stream).ask("/who?a=b")
    assert (got.status, got.body) == (200, b"memory a=b\n")
    headers = dict(got.headers)
    assert parsedate_to_datetime(headers.pop("date")).utcoffset() is not None
    assert headers == {
        **{name.lower(): value for name, value in SAFETY.items()},
        "content-type": "text/plain; charset=utf-8",
        "content-length": "11",
    }


async def test_one_connection_answers_one_after_the_other_and_pipelined() -> None:
    async with dialled(web_port()) as stream:
        client = HttpClient(stream)
        for name in "abc":
            assert (await client.ask(f"/who?{name}")).body == f"memory {name}\n".encode()
        await stream.send_all(GET + GET + GET[:10])
        data = b""
        while data.count(WHO) < 2:
            data += bytes(await stream.receive_some(4096))
        await stream.send_all(GET[10:])
        while data.count(WHO) < 3:
            data += bytes(await stream.receive_some(4096))


async def test_a_head_has_the_headers_and_no_body() -> None:
    async with dialled(web_port()) as stream:
        await stream.send_all(b"HEAD /who?x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = await read_all(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nContent-Length: 9\r\n" in head + b"\r\n"
    assert body == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /who?x HTTP/1.0\r\n\r\n",
        b"GET /who?x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://x/who?x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"GET /who?x HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
    ],
)
async def test_who_wants_no_more_is_hung_up_on(request_bytes: bytes, autojump_clock: MockClock) -> None:
    data = await exchange(request_bytes)
    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\n" + WHO)
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("data", "status", "line"),
    [
        (b"hello\r\n\r\n", 400, "That is not a request."),
        (b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "That is not a request."),
        (b"GET index.html HTTP/1.1\r\nHost: x\r\n\r\n", 400, "That is not a request."),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "That is not a request."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 413, "A request with a body is not taken here."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 413, "A request with a body is not taken here."),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", 405, "Only GET and HEAD are answered here."),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Only GET and HEAD are answered here."),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Only GET and HEAD are answered here."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000, 431, "The head of a request may have 16384 bytes."),
        (b"GET /" + b"x" * 40_000, 431, "The head of a request may have 16384 bytes."),
    ],
)
async def test_nonsense_gets_one_line_and_the_end(data: bytes, status: int, line: str, autojump_clock: MockClock) -> None:
    async with dialled(web_port()) as stream:
        await stream.send_all(data + b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        got = await HttpClient(stream).read()
        assert await read_all(stream) == b""
        assert trio.current_time() == 0, "the end is told before the rest is read away"
    assert (got.status, got.body) == (status, f"{line}\n".encode())
    assert got.headers["connection"] == "close"
    assert got.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


async def test_a_silent_client_is_hung_up_on(autojump_clock: MockClock) -> None:
    assert await exchange(b"") == b""
    assert trio.current_time() == HEAD_TIMEOUT


async def test_a_client_that_has_enough_is_hung_up_on(autojump_clock: MockClock) -> None:
    assert (await exchange(GET)).endswith(WHO)
    assert trio.current_time() == IDLE_TIMEOUT


@pytest.mark.parametrize("before", [b"", GET])
async def test_a_head_that_comes_drop_by_drop_takes_too_long(before: bytes, autojump_clock: MockClock) -> None:
    async with dialled(web_port()) as stream:
        client = HttpClient(stream)
        if before:
            assert (await client.ask("/who?x")).body == WHO
        start = trio.current_time()
        for byte in b"GET / HTTP/1.1":
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
            if trio.current_time() - start > HEAD_TIMEOUT:
                break
        data = await read_all(stream)
        assert data.startswith(b"HTTP/1.1 408 ")
        assert data.endswith(b"\r\n\r\nThat took too long.\n")
        assert trio.current_time() - start <= HEAD_TIMEOUT + LINGER


async def test_a_client_that_does_not_take_its_answer_is_hung_up_on(autojump_clock: MockClock) -> None:
    client, server = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send_all, GET)
        await web_port().handle(server)
    assert trio.current_time() == SEND_TIMEOUT


async def test_one_connection_asks_so_many_times_and_no_more() -> None:
    async with dialled(web_port()) as stream:
        client = HttpClient(stream)
        for number in range(1, REQUESTS + 1):
            got = await client.ask("/who")
            assert (got.headers.get("connection") == "close") == (number == REQUESTS)
        assert await stream.receive_some() == b""


async def test_half_a_request_and_the_end_is_no_request() -> None:
    async with dialled(web_port()) as stream:
        await stream.send_all(GET[:20])
        await stream.send_eof()
        assert (await HttpClient(stream).read()).status == 400


@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from([GET, GET[:30], b"\r\n", b"Host: y\r\n", b"\0"])).map(b"".join)))
@settings(max_examples=200, deadline=None)
def test_whatever_is_said_is_answered_or_ends(data: bytes) -> None:
    async def main() -> None:
        async with dialled(web_port()) as stream:
            await stream.send_all(data)
            await stream.send_eof()
            with trio.fail_after(60):
                answer = await read_all(stream)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")

    trio.run(main, clock=MockClock(autojump_threshold=0))

"""What plugins ask of web servers, against real servers on loopback sockets."""

from __future__ import annotations

import base64
import gc
import gzip
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing
import trustme
from hypothesis import given
from hypothesis import strategies as st

from holomush import __version__
from holomush.config import HttpConfig
from holomush.plugins.functions.addresses import Target
from holomush.plugins.functions.http import Method, fetch, trusted_authorities
from holomush.plugins.functions.refusal import HostCallError
from plugins.http_server import HttpServer, Script, answer, http_server, redirect, repeats, says, waits

PUBLIC = "93.184.216.34"
"""An address that tests name and never reach: ``dial`` leads somewhere else."""
LIMIT = 1000


class Names:
    """A resolver with a table, which notes what it was asked."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self._addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        self.asked.append((host, port))
        if host not in self._addresses:
            raise OSError(-2, "Name or service not known")
        return self._addresses[host]


class Granted:
    """Which capabilities there are; all of them unless some are named. Notes what it was asked."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = capabilities
        self.asked: list[str] = []

    def __call__(self, capability: str) -> None:
        self.asked.append(capability)
        if self._capabilities and capability not in self._capabilities:
            raise HostCallError("capability_denied", capability)


def config(*servers: HttpServer, timeout: float = 5.0) -> HttpConfig:
    return HttpConfig(timeout=timeout, response_limit=LIMIT, local_hosts=tuple(server.host for server in servers))


async def ask(
    settings: HttpConfig,
    url: str,
    method: Method = "GET",
    body: str = "",
    *,
    require: Callable[[str], None] | None = None,
    resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> dict[str, Any]:
    return await fetch(
        settings,
        method,
        url,
        body,
        require or Granted(),
        resolve=resolve or Names(),
        tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )


async def refused(code: str, settings: HttpConfig, url: str, method: Method = "GET", **given_: Any) -> str:
    """The message of the error with which ``url`` is refused: one line, with this code."""
    with pytest.raises(HostCallError) as caught:
        await ask(settings, url, method, **given_)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert message.isprintable()
    assert len(message) < 500
    return message


# --- Asking and answering ---


async def test_get() -> None:
    async with http_server({"/a?b=1": answer(b"caf\xc3\xa9", "X-One: 1", "X-Two: a", "x-two: b")}) as server:
        got = await ask(config(server), f"{server.url}/a?b=1#part")
        await server.ended.wait()  # the connection is not kept, though the server would
    assert got == {
        "status": 200,
        "url": f"{server.url}/a?b=1",
        "headers": {"content-length": "5", "x-one": "1", "x-two": "a, b"},
        "body": "café",
    }
    (asked,) = server.asked
    assert asked.line == "GET /a?b=1 HTTP/1.1"
    assert asked.headers == {
        "Host": server.host,
        "User-Agent": f"HoloMUSH/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"caf\u00e9": [1]}', "application/json"),
        ("12", "application/json"),
        ("a=b", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("[" * 100_000, "text/plain; charset=utf-8"),
    ],
    ids=["object", "number", "text", "empty", "deep"],
)
async def test_post(body: str, content_type: str) -> None:
    async with http_server({"/": answer(b"thanks", status="201 Created")}) as server:
        got = await ask(config(server), server.url, "POST", body)
    assert (got["status"], got["body"]) == (201, "thanks")
    (asked,) = server.asked
    assert asked.line == "POST / HTTP/1.1"
    assert asked.body == body.encode()
    assert asked.headers == {
        "Host": server.host,
        "User-Agent": f"HoloMUSH/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": content_type,
        "Content-Length": str(len(body.encode())),
    }


async def test_a_get_sends_no_body() -> None:
    async with http_server({"/": answer(b"")}) as server:
        await ask(config(server), server.url, "GET", "not for GET")
    assert server.asked[0].body == b""


async def test_half_a_surrogate_pair_cannot_be_sent() -> None:
    assert "surrogate" in await refused("invalid_argument", config(), "https://api.example.com", "POST", body="\ud800")


async def test_the_environment_is_not_asked_for_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_server({}) as proxy, http_server({"/": answer(b"direct")}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await ask(config(server), server.url))["body"] == "direct"


@pytest.mark.parametrize("status", [200, 201, 300, 301, 304, 400, 404, 418, 429, 500, 503])
async def test_every_status_is_an_answer(status: int) -> None:
    body = b"" if status == 304 else b"so it is"
    async with http_server({"/": answer(body, status=f"{status} So")}) as server:
        got = await ask(config(server), server.url)
    assert (got["status"], got["body"]) == (status, body.decode())


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (says(answer(b"")), ""),
        (says(answer(b"\xff\x00")), {"base64": "/wA="}),
        (says(answer("\ufeff\u0000".encode())), "\ufeff\u0000"),
        (says(b"HTTP/1.1 204 No Content\r\n\r\n"), ""),
        (says(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"), "until the end"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde"),
        (says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"then this")), "then this"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n"), "abc"),
        (says(b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"), "abc"),
    ],
    ids=["empty", "binary", "odd", "204", "until closed", "chunked", "1xx first", "more after it", "bare newlines"],
)
async def test_bodies(sent: Script, body: object) -> None:
    async with http_server({"/": sent}) as server:
        assert (await ask(config(server), server.url))["body"] == body


async def test_nothing_is_decompressed() -> None:
    bomb = gzip.compress(bytes(500_000))
    assert len(bomb) <= LIMIT
    async with http_server({"/": answer(bomb, "Content-Encoding: gzip")}) as server:
        got = await ask(config(server), server.url)
    assert base64.b64decode(got["body"]["base64"]) == bomb
    assert got["headers"]["content-encoding"] == "gzip"


async def test_header_values_that_are_not_ascii() -> None:
    async with http_server({"/": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \xe9\r\nY: \xc3\xa9\r\n\r\n"}) as server:
        got = await ask(config(server), server.url)
    assert set(got["headers"]) == {"content-length", "x", "y"}


# --- Bounds ---

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n"


def one_chunk(size: int) -> bytes:
    return b"%x\r\n%s\r\n" % (size, b"x" * size)


@pytest.mark.parametrize(
    "sent",
    [answer(b"x" * LIMIT), CHUNKED + one_chunk(LIMIT) + b"0\r\n\r\n", WITHOUT_LENGTH + b"x" * LIMIT],
    ids=["length", "chunked", "until closed"],
)
async def test_as_large_as_it_may_be(sent: bytes) -> None:
    async with http_server({"/": says(sent)}) as server:
        assert (await ask(config(server), server.url))["body"] == "x" * LIMIT


@pytest.mark.parametrize(
    "script",
    [
        waits(answer(b"x" * (LIMIT + 1))),
        waits(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
        waits(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        waits(CHUNKED + one_chunk(LIMIT + 1) + b"0\r\n\r\n"),
        waits(CHUNKED + one_chunk(LIMIT + 1)),
        waits(CHUNKED + one_chunk(LIMIT) + one_chunk(1)),
        waits(CHUNKED + b"ffffffff\r\n" + b"x" * 2000),
        repeats(CHUNKED, one_chunk(10)),
        repeats(WITHOUT_LENGTH, b"x" * 100_000),
    ],
    ids=["length", "said", "said hugely", "chunked", "no end", "two chunks", "half a chunk", "endless chunks", "endless"],
)
async def test_larger_than_it_may_be(script: Script) -> None:
    async with http_server({"/": script}) as server:
        message = await refused("too_large", config(server), server.url)
        await server.ended.wait()
    assert "1000 bytes" in message


async def test_too_many_pieces() -> None:
    async with http_server({"/": repeats(CHUNKED, one_chunk(1) * 1000)}) as server:
        settings = HttpConfig(response_limit=1_000_000, local_hosts=(server.host,))
        assert "8192 pieces" in await refused("too_large", settings, server.url)


def endless_header() -> Script:
    return repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10_000)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (says(b""), "does not answer in proper HTTP: Server disconnected"),
        (says(b"220 mail.example.com ESMTP\r\n\r\n"), "does not answer in proper HTTP: illegal status line"),
        (waits(bytes(range(256)) * 2000), "does not answer in proper HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Len"), "does not answer in proper HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "received 4 bytes, expected 10"),
        (says(CHUNKED + b"3\r\nab"), "incomplete chunked read"),
        (waits(CHUNKED + b"zzz\r\n"), "illegal chunk header"),
        (waits(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "conflicting Content-Length"),
        (waits(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "bad Content-Length"),
        (waits(b"HTTP/1.1 200 OK\r\nContent-Length: 1e999\r\n\r\n"), "bad Content-Length"),
        (waits(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"), "bad Content-Length"),
        (waits(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "does not answer in proper HTTP"),
        (endless_header(), "does not answer in proper HTTP"),
        (repeats(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 100), "does not answer in proper HTTP"),
    ],
    ids=[
        "hangs up",
        "mail",
        "garbage",
        "half a head",
        "half a body",
        "half a chunk",
        "bad chunk",
        "two lengths",
        "negative",
        "no number",
        "long number",
        "101",
        "huge header",
        "endless headers",
    ],
)
async def test_what_is_not_http(script: Script, complaint: str) -> None:
    async with http_server({"/": script}) as server:
        message = await refused("unavailable", config(server), server.url)
        await server.ended.wait()
    assert message.startswith(f"{server.host} ")
    assert complaint in message


def drips(data: bytes) -> Script:
    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(data)
        while True:
            await stream.send_all(b"x")
            await trio.sleep(0.01)

    return script


@pytest.mark.parametrize(
    "script",
    [
        waits(),
        waits(b"HTTP/1.1 200 OK\r\nConte"),
        waits(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        drips(b"HTTP/1.1 200 OK\r\nX: "),
        drips(WITHOUT_LENGTH),
        repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "half a head", "half a body", "dripping head", "dripping body", "endless 1xx"],
)
async def test_slower_than_it_may_be(script: Script) -> None:
    async with http_server({"/": script}) as server:
        message = await refused("timeout", config(server, timeout=0.15), server.url)
        await server.ended.wait()
    assert message == f"{server.host} has not answered in full after 0.15 s"


async def test_a_server_that_never_reads() -> None:
    async with http_server({"/": waits_unread}, reads_bodies=False) as server:
        await refused("timeout", config(server, timeout=0.15), server.url, "POST", body="x" * 20_000_000)
    gc.collect()


async def waits_unread(stream: trio.abc.Stream) -> None:
    await trio.sleep_forever()


async def test_a_server_that_answers_before_it_has_read() -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(b"too much", status="413 Content Too Large"))
        assert isinstance(stream, trio.SocketStream)
        await stream.send_eof()
        await trio.sleep_forever()

    async with http_server({"/": script}, reads_bodies=False) as server:
        await refused("timeout", config(server, timeout=0.15), server.url, "POST", body="x" * 20_000_000)


async def test_a_server_that_hangs_up_before_it_has_read() -> None:
    async with http_server({"/": says(answer(b"too much"))}, reads_bodies=False) as server:
        # Whether the answer or the reset comes first is for the operating system to say.
        with suppress(HostCallError):
            assert (await ask(config(server), server.url, "POST", "x" * 20_000_000))["body"] == "too much"
    gc.collect()  # would warn of anything left half sent


async def test_redirects_share_the_time() -> None:
    async def slow(stream: trio.abc.Stream) -> None:
        await trio.sleep(0.1)
        await stream.send_all(redirect("/"))

    async with http_server({"/": slow}) as server:
        await refused("timeout", config(server, timeout=0.25), server.url)
    assert 2 <= len(server.asked) <= 3


async def test_looking_up_takes_of_the_time() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await trio.sleep_forever()

    assert "api.example.com" in await refused("timeout", config(timeout=0.05), "api.example.com", resolve=never)


async def test_nobody_there() -> None:
    async with http_server({}) as server:
        pass
    assert await refused("unavailable", config(server), server.url) == f"{server.host} cannot be reached"


@pytest.mark.parametrize(
    "script", [waits(), waits(b"HTTP/1.1 200 OK\r\n"), drips(WITHOUT_LENGTH)], ids=["silence", "half a head", "body"]
)
async def test_a_cancelled_request_leaves_nothing(script: Script, autojump_clock: trio.testing.MockClock) -> None:
    async with http_server({"/": script}) as server:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, config(server, timeout=1e6), server.url)
                while not server.asked:
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        await server.ended.wait()
    gc.collect()


# --- Redirects ---


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("GET", 301, "GET"),
        ("GET", 302, "GET"),
        ("GET", 303, "GET"),
        ("GET", 307, "GET"),
        ("GET", 308, "GET"),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
async def test_a_redirect_is_followed_with_the_right_method(method: Method, status: int, then: str) -> None:
    granted = Granted()
    cookie = "Set-Cookie: a=b; Path=/"
    async with (
        http_server({"/x/there?q": answer(b"here")}) as other,
        http_server({"/": redirect(f"{other.url}/x/./there?q#f", cookie, status=status)}) as server,
    ):
        got = await ask(config(server, other), server.url, method, "{}", require=granted)
    assert (got["status"], got["url"], got["body"]) == (200, f"{other.url}/x/there?q", "here")
    assert granted.asked == [f"http:{method.lower()}:{server.host}", f"http:{then.lower()}:{other.host}"]
    (asked,) = other.asked
    assert asked.line == f"{then} /x/there?q HTTP/1.1"
    carried = {"Content-Type", "Content-Length"} if then == "POST" else set()
    assert set(asked.headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding"} | carried
    assert asked.headers["Host"] == other.host
    assert asked.body == (b"{}" if then == "POST" else b"")


@pytest.mark.parametrize(
    ("location", "path"), [("b", "/a/b"), ("/b", "/b"), ("../b", "/b"), ("?q", "/a/?q"), ("b%20c \u00e9", "/a/b%20c%20%C3%A9")]
)
async def test_a_relative_redirect(location: str, path: str) -> None:
    start = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    async with http_server({"/a/": start, path: answer(b"found")}) as server:
        got = await ask(config(server), f"{server.url}/a/")
    assert (got["body"], got["url"]) == ("found", server.url + path)


async def test_five_redirects_and_no_more() -> None:
    paths = {f"/{n}": redirect(f"/{n + 1}") for n in range(6)}
    async with http_server(paths | {"/6": answer(b"far")}) as server:
        assert (await ask(config(server), f"{server.url}/1"))["body"] == "far"
        server.asked.clear()
        assert await refused("unavailable", config(server), f"{server.url}/0") == f"{server.host}: more than 5 redirects"
    assert len(server.asked) == 6


async def test_a_redirect_needs_the_capability_of_its_own_method_and_server() -> None:
    async with http_server({"/": answer(b"")}) as other, http_server({"/": redirect(other.url)}) as server:
        settings = config(server, other)
        for capability in (f"http:post:{other.host}", f"http:get:{server.host}"):
            granted = Granted(f"http:post:{server.host}", capability)
            message = await refused("capability_denied", settings, server.url, "POST", require=granted)
            assert message == f"http:get:{other.host}"
    assert other.asked == []


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("http://api.example.com/", "write https://"),
        ("file:///etc/passwd", "write https:// in place of file://"),
        ("file:/etc/passwd", "write https:// in place of file://"),
        ("javascript:alert(1)", "nothing can be asked"),
        ("https://user:secret@api.example.com/", "user name or password"),
        ("https://10.0.0.1/", "not by an IP address"),
        ("//169.254.169.254/latest", "not by an IP address"),
        ("http://127.0.0.1:1/", "not by an IP address"),
        ("https://[::1]/", "not by an IP address"),
        ("https://[bad/", "server's name"),
        ("https://bad]/[", "server's name"),
        ("https://api.example.com:x/", "write a URL such as"),
        ("https://api.example.com:99999/", "a port is a number"),
        ("https://api..example.com/", "server's name"),
        ("https://api.example.com/" + "x" * 3000, "2048 characters"),
    ],
)
async def test_a_redirect_to_where_a_plugin_could_not_ask(location: str, complaint: str) -> None:
    names, granted = Names(api_example_com=[PUBLIC]), Granted()
    async with http_server({"/": redirect(location)}) as server:
        message = await refused("unavailable", config(server), server.url, resolve=names, require=granted)
    assert message.startswith(f"{server.host} redirects to where nothing can be asked: ")
    assert complaint in message
    assert names.asked == []
    assert granted.asked == [f"http:get:{server.host}"]


async def test_a_redirect_to_a_private_network() -> None:
    names = Names(inside_example_com=["192.168.1.1"])
    async with http_server({"/": redirect("https://inside.example.com/")}) as server:
        message = await refused("unavailable", config(server), server.url, resolve=names)
    assert message == "inside.example.com is not on the public internet: plugins can ask no other server"


# --- Names and addresses ---


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [],
    ],
)
async def test_a_name_of_something_not_public(addresses: list[str], dial: Dial) -> None:
    names = Names(api_example_com=addresses)
    await refused("unavailable", config(), "https://api.example.com/", resolve=names)
    assert names.asked == [("api.example.com", 443)]
    assert dial.dialled == []


async def test_a_name_that_nobody_has() -> None:
    message = await refused("unavailable", config(), "https://api.example.com/")
    assert message == "there is no server called api.example.com: Name or service not known"


async def test_without_the_capability_a_name_is_not_even_looked_up(dial: Dial) -> None:
    names, granted = Names(api_example_com=[PUBLIC]), Granted("http:post:api.example.com")
    message = await refused("capability_denied", config(), "https://API.example.com", resolve=names, require=granted)
    assert message == "http:get:api.example.com"
    assert names.asked == dial.dialled == []


async def test_a_local_name_leads_to_loopback_at_its_port_only() -> None:
    names = Names(web_test=["127.0.0.1"])
    async with http_server({"/": answer(b"home")}) as server:
        settings = HttpConfig(local_hosts=(f"Web.test:{server.port}",))
        granted = Granted()
        got = await ask(settings, f"http://web.test:{server.port}/", resolve=names, require=granted)
        assert got["body"] == "home"
        assert server.asked[0].headers["Host"] == f"web.test:{server.port}"
        assert granted.asked == [f"http:get:web.test:{server.port}"]
        denied = Granted("http:get:web.test")
        await refused("capability_denied", settings, f"http://web.test:{server.port}/", resolve=names, require=denied)
        await refused("invalid_argument", settings, f"http://web.test:{server.port + 1}/", resolve=names)
        await refused("unavailable", settings, f"https://web.test:{server.port + 1}/", resolve=names)
        await refused("invalid_argument", settings, server.url, resolve=names)
    assert len(server.asked) == 1


async def test_the_next_address_is_tried_when_nobody_is_at_the_first() -> None:
    # Who listens at 127.0.0.1 only is not at ::1 or 127.0.0.2, and the sockets say so at once.
    names = Names(web_test=["127.0.0.2", "::1", "127.0.0.1"])
    async with http_server({"/": answer(b"at the third")}) as server:
        settings = HttpConfig(local_hosts=(f"web.test:{server.port}",))
        assert (await ask(settings, f"http://web.test:{server.port}/", resolve=names))["body"] == "at the third"
    assert len(names.asked) == 1


async def test_an_address_that_says_nothing_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(web_test=["127.0.0.2", "127.0.0.1"])
    open_stream = trio.open_tcp_stream

    async def dial(host: str, port: int, **options: Any) -> trio.SocketStream:
        if host == "127.0.0.2":
            await trio.sleep_forever()
        return await open_stream(host, port, **options)

    monkeypatch.setattr(trio, "open_tcp_stream", dial)
    async with http_server({"/": answer(b"at the second")}) as server:
        settings = HttpConfig(timeout=0.4, local_hosts=(f"web.test:{server.port}",))
        assert (await ask(settings, f"http://web.test:{server.port}/", resolve=names))["body"] == "at the second"
        silent = Names(web_test=["127.0.0.2", "127.0.0.2"])
        await refused("timeout", settings, f"http://web.test:{server.port}/", resolve=silent)


# --- Any URL at all ---

URLS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                "https",
                "http",
                ":",
                "/",
                "//",
                "://",
                "@",
                "[",
                "]",
                "::1",
                "?",
                "#",
                "%",
                "\\",
                ".",
                "api.example.com",
                "xn--",
                "443",
            ]
        )
        | st.text(max_size=3),
        max_size=10,
    ).map("".join),
    st.builds("https://{}{}".format, st.text(max_size=10), st.text(max_size=10)),
)


@given(URLS)
async def test_no_url_gets_past_the_question(url: str) -> None:
    names, granted = Names(), Granted()
    with pytest.raises(HostCallError):
        await ask(config(), url, require=granted, resolve=names)
    assert len(names.asked) == len(granted.asked) <= 1
    for (host, port), capability in zip(names.asked, granted.asked, strict=True):
        assert capability == f"http:get:{host}" + (f":{port}" if port != 443 else "")
        assert host == host.lower()
        assert host.isascii()


@given(URLS)
async def test_no_redirect_gets_past_the_question(location: str) -> None:
    line = "".join(char for char in location if char.isprintable()).encode("utf-8", "ignore").strip()
    names = Names()
    sent = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % line
    async with http_server({"/": says(sent)}) as server:
        granted = Granted(f"http:get:{server.host}")
        with suppress(HostCallError):
            got = await ask(config(server), server.url, require=granted, resolve=names)
            assert Target.parse(got["url"], (server.host,)).domain == server.host
    assert names.asked == []
    assert set(granted.asked[: len(server.asked)]) == {f"http:get:{server.host}"}


# --- Encryption: the whole way of an ordinary request, but for the last step to the address ---


class Dial:
    """Connects to ``to`` whatever address is dialled, and notes which it was. Without ``to`` nobody is there."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.to: HttpServer | None = None
        self._open = trio.open_tcp_stream

    async def __call__(self, host: str, port: int, **options: Any) -> trio.SocketStream:
        self.dialled.append((host, port))
        if self.to is None:
            raise OSError("nobody there")
        return await self._open("127.0.0.1", self.to.port, **options)


@pytest.fixture
def dial(monkeypatch: pytest.MonkeyPatch) -> Dial:
    dial = Dial()
    monkeypatch.setattr(trio, "open_tcp_stream", dial)
    return dial


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who vouches for api.example.com in these tests."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example.com").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_an_encrypted_request(dial: Dial, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    seen: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: seen.append(name)
    names, granted = Names(api_example_com=[PUBLIC, "8.8.8.8"]), Granted("http:get:api.example.com")
    async with http_server({"/x": answer(b"secret")}, tls=server_tls) as dial.to:
        assert dial.to is not None
        got = await ask(config(), "api.example.com/x", resolve=names, require=granted, tls=client_tls)
        await dial.to.ended.wait()
    assert (got["body"], got["url"]) == ("secret", "https://api.example.com/x")
    assert dial.dialled == [(PUBLIC, 443)]
    assert names.asked == [("api.example.com", 443)]
    assert seen == ["api.example.com"]
    assert dial.to.asked[0].headers["Host"] == "api.example.com"


async def test_each_hop_looks_the_name_up_once_and_anew(dial: Dial, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebind(host: str, port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return answers.pop(0)

    async with http_server({"/": redirect("/again"), "/once": answer(b"once")}, tls=server_tls) as dial.to:
        message = await refused("unavailable", config(), "api.example.com/", resolve=rebind, tls=client_tls)
        assert "not on the public internet" in message
        assert dial.dialled == [(PUBLIC, 443)]
        answers = [[PUBLIC], ["127.0.0.1"]]
        got = await ask(config(), "api.example.com/once", resolve=rebind, tls=client_tls)
    assert got["body"] == "once"
    assert answers == [["127.0.0.1"]]


async def test_a_certificate_of_another_name(dial: Dial, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async with http_server({}, tls=server_tls) as dial.to:
        names = Names(www_example_com=[PUBLIC])
        message = await refused("unavailable", config(), "www.example.com", resolve=names, tls=client_tls)
    assert message.startswith("www.example.com cannot be reached: its certificate is refused: Hostname mismatch")
    assert dial.to is not None
    assert dial.to.asked == []


async def test_a_certificate_that_nobody_vouches_for(dial: Dial, server_tls: ssl.SSLContext) -> None:
    async with http_server({}, tls=server_tls) as dial.to:
        names = Names(api_example_com=[PUBLIC])
        message = await refused("unavailable", config(), "api.example.com", resolve=names, tls=trusted_authorities())
    assert message == "api.example.com cannot be reached: its certificate is refused: unable to get local issuer certificate"
    assert dial.to is not None
    assert dial.to.asked == []


async def test_a_server_that_does_not_speak_tls(client_tls: ssl.SSLContext) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer(b"speak up", status="400 Bad Request"))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        message = await refused("unavailable", HttpConfig(local_hosts=(host,)), f"https://{host}/", tls=client_tls)
        nursery.cancel_scope.cancel()
    assert message == f"{host} cannot be reached"


async def test_a_server_that_never_shakes_hands(client_tls: ssl.SSLContext) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        host = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        settings = HttpConfig(timeout=0.15, local_hosts=(host,))
        message = await refused("timeout", settings, f"https://{host}/", tls=client_tls)
    assert message == f"{host} has not answered in full after 0.15 s"
    gc.collect()


async def test_cancelled_while_shaking_hands(client_tls: ssl.SSLContext) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, trio.open_nursery() as nursery:
        host = f"127.0.0.1:{listener.socket.getsockname()[1]}"

        async def hello() -> None:
            await ask(HttpConfig(local_hosts=(host,)), f"https://{host}/", tls=client_tls)

        nursery.start_soon(hello)
        async with await listener.accept() as stream:
            assert await stream.receive_some()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                assert await stream.receive_some() == b""
    gc.collect()

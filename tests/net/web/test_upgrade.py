"""Who may open a websocket, and what it will be."""

from __future__ import annotations

import pytest
import wsproto.events
from wsproto import ConnectionType, WSConnection

from holomush.net.web.http import Request
from holomush.net.web.upgrade import choose_subprotocol, handshake_head, is_welcome, refusal

HEADERS = {
    "host": "mush.example",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def request(method: str = "GET", version: str = "1.1", **headers: str | None) -> Request:
    named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(
        method=method, version=version, path="/ws", headers={name: value for name, value in named.items() if value is not None}
    )


@pytest.mark.parametrize(
    "good", [request(), request(upgrade="WebSocket"), request(connection="UPGRADE"), request(origin="http://mush.example")]
)
def test_a_good_handshake_is_not_refused(good: Request) -> None:
    assert refusal(good, ()) is None


@pytest.mark.parametrize(
    ("bad", "status", "line"),
    [
        (request(upgrade=None), 426, b"Here one speaks over a websocket.\n"),
        (request(upgrade="h2c"), 426, b"Here one speaks over a websocket.\n"),
        (request(method="HEAD"), 426, b"Here one speaks over a websocket.\n"),
        (request(version="1.0"), 426, b"Here one speaks over a websocket.\n"),
        (request(connection="close"), 400, b"That is not the handshake of a websocket.\n"),
        (request(sec_websocket_key=None), 400, b"That is not the handshake of a websocket.\n"),
        (request(sec_websocket_key="short"), 400, b"That is not the handshake of a websocket.\n"),
        (request(sec_websocket_key="dGhlIHNhbXBsZSBub25j"), 400, b"That is not the handshake of a websocket.\n"),
        (request(sec_websocket_key="\xe9" * 24), 400, b"That is not the handshake of a websocket.\n"),
        (request(sec_websocket_version="8"), 426, b"Version 13 of the websocket protocol is spoken here.\n"),
        (request(sec_websocket_version=None), 426, b"Version 13 of the websocket protocol is spoken here.\n"),
        (request(origin="https://evil.example"), 403, b"Pages of that site may not play here.\n"),
    ],
)
def test_a_bad_one_is_refused_in_one_line(bad: Request, status: int, line: bytes) -> None:
    answer = refusal(bad, ())
    assert answer is not None
    assert (answer.status, answer.body) == (status, line)
    assert answer.headers.get("Sec-WebSocket-Version") == ("13" if b"13" in line else None)


KNOWN = ("https://play.example.org", "http://other.example:8080/", "tauri://localhost")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "mush.example"),
        ("http://mush.example", "mush.example"),
        ("https://MUSH.example", "mush.Example"),
        ("https://mush.example", "mush.example:443"),
        ("http://mush.example:80", "mush.example"),
        ("http://mush.example:4202", "mush.example:4202"),
        ("http://[::1]:4202", "[::1]:4202"),
        ("https://play.example.org", "mush.example"),
        ("https://play.example.org:443", "mush.example"),
        ("http://other.example:8080", "mush.example"),
        ("tauri://localhost", "mush.example"),
    ],
)
def test_these_pages_are_welcome(origin: str | None, host: str) -> None:
    assert is_welcome(origin, host, KNOWN)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "mush.example"),
        ("", "mush.example"),
        ("http://evil.example", "mush.example"),
        ("http://mush.example:4203", "mush.example:4202"),
        ("https://mush.example", "mush.example:80"),
        ("http://mush.example.evil.example", "mush.example"),
        ("http://mush.example, http://evil.example", "mush.example"),
        ("http://evil.example/mush.example", "mush.example"),
        ("http://evil@mush.example", "mush.example"),
        ("file://mush.example", "mush.example"),
        ("http://play.example.org", "mush.example"),
        ("http://", ""),
    ],
)
def test_these_are_not(origin: str, host: str) -> None:
    assert not is_welcome(origin, host, KNOWN)
    assert is_welcome(origin, host, ("*",))


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (None, ""),
        ("holomush", "holomush"),
        ("telnet, holomush", "telnet"),
        ("gmcp, , holomush", "holomush"),
        ("HOLOMUSH", ""),
        ("x", ""),
    ],
)
def test_the_first_known_subprotocol_is_spoken(asked: str | None, chosen: str) -> None:
    assert choose_subprotocol(request(sec_websocket_protocol=asked), ("holomush", "telnet")) == chosen


def test_only_what_counts_is_handed_on() -> None:
    asked = Request(method="GET", path="/ws", query="a=b", headers={**HEADERS, "cookie": "x", "sec-websocket-extensions": ";;;"})
    assert handshake_head(asked, "telnet") == (
        b"GET /ws?a=b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: telnet\r\n\r\n"
    )


@pytest.mark.parametrize("host", ["\xb8.example", "x" * 64, "a..b", "xn--\xff", ""])
def test_a_host_that_is_no_name_is_nothing_to_the_library(host: str) -> None:
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(handshake_head(request(host=host), ""))
    [asked] = server.events()
    assert isinstance(asked, wsproto.events.Request)

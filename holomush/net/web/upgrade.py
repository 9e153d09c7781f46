"""Whether a request may become a websocket: its head, who sent the browser here, and the subprotocol.

Pure. Source: RFC 6455, sections 4.1, 4.2 and 10.2.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection

from holomush.net.web.http import Answer, Request, line

_ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def refusal(request: Request, origins: Collection[str]) -> Answer | None:
    """Why a request may not become a websocket; None if it may."""
    if request.method != "GET" or request.version != "1.1" or "websocket" not in _small(request.listed("upgrade")):
        return line(426, "Here one speaks over a websocket.", Upgrade="websocket", Connection="Upgrade")
    if "upgrade" not in _small(request.listed("connection")) or not _is_key(request.header("sec-websocket-key")):
        return line(400, "That is not the handshake of a websocket.")
    if request.header("sec-websocket-version") != "13":
        return line(
            426,
            "Version 13 of the websocket protocol is spoken here.",
            Upgrade="websocket",
            Connection="Upgrade",
            Sec_WebSocket_Version="13",
        )
    if not is_welcome(request.headers.get("origin"), request.header("host"), origins):
        return line(403, "Pages of that site may not play here.")
    return None


def is_welcome(origin: str | None, host: str, origins: Collection[str]) -> bool:
    """Whether a page from ``origin`` may open the socket of ``host``. What sends no origin is no browser and may.

    ``origins`` are further ones as browsers write them ("https://play.example.org"); "*" is all.
    """
    if origin is None or "*" in origins:
        return True
    origin = _plain(origin)
    if origin in {_plain(known) for known in origins}:
        return True
    found = _ORIGIN.fullmatch(origin)
    return found is not None and found[2] == host.strip().lower().removesuffix(_DEFAULT_PORTS[found[1]])


def choose_subprotocol(request: Request, known: Collection[str]) -> str:
    """The first subprotocol that the client asks for and we know; empty if there is none."""
    return next((name for name in request.listed("sec-websocket-protocol") if name in known), "")


def handshake_head(request: Request, subprotocol: str) -> bytes:
    """The head of the handshake with what counts in it, for a library to answer.

    Extensions are left out: none is spoken. So are all headers that nobody needs. The host is a fixed one: nobody looks at it
    any more, and the library fails at one that is no name.
    """
    target = f"{request.path}?{request.query}" if request.query else request.path
    headers = [
        f"GET {target} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {request.header('sec-websocket-key')}",
    ]
    if subprotocol:
        headers.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*headers, "", ""]).encode("latin-1")


def _plain(origin: str) -> str:
    """An origin in small letters and without the port that goes without saying."""
    origin = origin.strip().lower().removesuffix("/")
    found = _ORIGIN.fullmatch(origin)
    return origin.removesuffix(_DEFAULT_PORTS[found[1]]) if found else origin


def _small(words: list[str]) -> list[str]:
    return [word.lower() for word in words]


def _is_key(text: str) -> bool:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(key) == 16

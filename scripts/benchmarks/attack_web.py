"""What the attacker sends to the port of the web: messages that make no sense, broken frames, broken requests. Pure."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence

import attrs

from benchmarks.attack_telnet import mutated, unicode_text

MESSAGES = 200
"""Of one connection that goes on after a message that makes no sense."""
BEFORE = 10
"""The most messages before one that ends the connection."""
MESSAGE_LIMIT = 16_384
"""Bytes that the server takes in one message."""
FRAGMENTS = 1_024

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_SUBPROTOCOLS = ("", "", "", "holomush", "json.mudstandards.org", "gmcp.mudstandards.org", "terminal.mudstandards.org")
_GOOD: Sequence[Mapping[str, object]] = (
    {"type": "line", "text": "look"},
    {"type": "connect", "name": "Anna", "password": "correct horse"},
    {"type": "create", "name": "Nobody", "password": "x"},
    {"type": "resume", "token": "AAAAAAAAAAAAAAAAAAAAAA", "after": 12},
    {"type": "window", "columns": 80, "rows": 24, "screen_reader": False},
    {"type": "ping", "id": 7},
)
_CLOSE_FRAME = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


@attrs.frozen(kw_only=True)
class Attempt:
    """What one connection does (``attack.Assault``). ``weight`` is in messages."""

    name: str
    pieces: Sequence[bytes]
    weight: int
    manner: str = "read"


def frame(source: random.Random, opcode: int, payload: bytes, *, first: int = 0x80, masked: bool = True, length: int = -1) -> bytes:
    """One frame. ``first`` has the bits beside the opcode; ``length`` is told instead of the right one."""
    told = len(payload) if length < 0 else length
    mask_bit = 0x80 if masked else 0
    if told < 126:
        header = bytes((first | opcode, mask_bit | told))
    elif told < 65_536:
        header = bytes((first | opcode, mask_bit | 126)) + told.to_bytes(2)
    else:
        header = bytes((first | opcode, mask_bit | 127)) + told.to_bytes(8)
    if not masked:
        return header + payload
    mask = source.randbytes(4)
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return header + mask + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def _handshake(subprotocol: str) -> bytes:
    key = base64.b64encode(bytes(16)).decode()
    asked = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    return (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{asked}\r\n"
    ).encode()


def _length(source: random.Random, most: int) -> int:
    """Each order of magnitude as often as another: long messages are taken at a pace, and very many are to be read."""
    return int(most ** source.random())


def _wrong_value(source: random.Random, depth: int = 0) -> object:
    kinds: Sequence[Callable[[], object]] = (
        lambda: None,
        lambda: True,
        lambda: source.choice((-1, 2**53, 10**400, 1.5, -0.0, 1e308)),
        lambda: "x" * _length(source, 9_000),
        lambda: unicode_text(source, 20),
        lambda: [_wrong_value(source, depth + 1) for _ in range(source.randrange(4))] if depth < 4 else [],
        lambda: {unicode_text(source, 3): _wrong_value(source, depth + 1)} if depth < 4 else {},
    )
    return source.choice(kinds)()


def _wrong_types(source: random.Random) -> bytes:
    """Right JSON, wrong all the same."""
    said = dict(source.choice(_GOOD))
    for key in source.sample(list(said), source.randint(1, len(said))):
        if source.random() < 0.2:
            del said[key]
        else:
            said[key] = _wrong_value(source)
    return json.dumps(said, ensure_ascii=source.random() < 0.5).encode("utf-8", "replace")


def _bad_json(source: random.Random) -> bytes:
    """Text that is not JSON, or hardly."""
    good = json.dumps(source.choice(_GOOD))
    return source.choice(
        (
            mutated(source, good.encode()).decode("utf-8", "replace"),
            good[: source.randrange(len(good))],
            good * 2,
            "[" * _length(source, 16_000),
            '{"a":' * _length(source, 3_000),
            '{"type":"ping","id":' + "9" * (17 + _length(source, 6_000)) + "}",
            '{"type":"ping","id":NaN}',
            '{"type":"line","text":"\\ud800"}',
            '{"type":"line","type":"guest","type":7}',
            unicode_text(source, 50),
            "",
            "\x00",
        )
    ).encode("utf-8", "replace")


def _senseless(source: random.Random) -> bytes:
    """A frame whose message makes no sense; the connection goes on."""
    payload = source.choice((_wrong_types, _bad_json))(source)[:MESSAGE_LIMIT]
    # Not cut in the middle of a character: that would be another fault.
    payload = payload.decode("utf-8", "ignore").encode()
    match source.randrange(8):
        case 0:
            return frame(source, _BINARY, source.randbytes(source.randrange(300)))
        case 1:
            cut = source.randrange(len(payload) + 1)
            ping = frame(source, _PING, source.randbytes(source.randrange(126)))
            return frame(source, _TEXT, payload[:cut], first=0) + ping + frame(source, _CONTINUATION, payload[cut:])
        case 2:
            return frame(source, _PONG, source.randbytes(source.randrange(126)))
        case _:
            return frame(source, _TEXT, payload)


def _senseless_messages(source: random.Random) -> Attempt:
    subprotocol = source.choice(_SUBPROTOCOLS[:4])
    frames = [_senseless(source) for _ in range(MESSAGES)]
    if source.random() < 0.1:
        frames[0] = frame(source, _TEXT, b'{"type":"guest"}')
    pieces = [_handshake(subprotocol), b"".join(frames), _CLOSE_FRAME]
    return Attempt(name="messages that make no sense", pieces=pieces, weight=MESSAGES)


def _senseless_packages(source: random.Random) -> Attempt:
    """The same for the subprotocols of mudstandards.org, whose text frames are packages and whose binary ones are typed."""
    packages = (
        'Core.Hello {"client":',
        'Core.Supports.Set ["Char 1", 7, null]',
        "Core.Ping",
        '{"proto":"GMCP","id":7,"data":{}}',
        '{"proto":"GMCP","id":"Core.Supports.Add","data":"[[[["}',
        " ",
        "x" * 5_000,
    )
    frames = [
        frame(source, _TEXT, mutated(source, source.choice(packages).encode()).decode("utf-8", "replace").encode())
        for _ in range(MESSAGES // 2)
    ]
    pieces = [_handshake(source.choice(_SUBPROTOCOLS[4:])), b"".join(frames), _CLOSE_FRAME]
    return Attempt(name="packages that make no sense", pieces=pieces, weight=len(frames))


def _fatal(source: random.Random) -> bytes:
    """Frames that no connection survives, or that the library minds."""
    text = b'{"type":"ping","id":1}'
    kinds: Sequence[Callable[[], bytes]] = (
        lambda: frame(source, _TEXT, text, masked=False),
        lambda: frame(source, _TEXT, text, first=0x80 | source.choice((0x40, 0x20, 0x10, 0x70))),
        lambda: frame(source, source.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), text),
        lambda: frame(source, _TEXT, source.choice((b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xe2\x82"))),
        lambda: frame(source, _TEXT, b"\xe2\x82", first=0) + frame(source, _CONTINUATION, b"\x28"),
        lambda: frame(source, _PING, text, first=0),
        lambda: frame(source, source.choice((_PING, _PONG, _CLOSE)), b"x" * 126),
        lambda: frame(source, _CONTINUATION, text),
        lambda: frame(source, _TEXT, b"{", first=0) + frame(source, _TEXT, text),
        lambda: frame(source, _TEXT, text, length=2**63),
        lambda: frame(source, _TEXT, text, length=2**64 - 1),
        lambda: frame(source, _TEXT, b"x" * 20_000),
        lambda: frame(source, _TEXT, b"x" * MESSAGE_LIMIT, first=0) + frame(source, _CONTINUATION, b"x"),
        lambda: frame(source, _TEXT, b"", first=0) + frame(source, _CONTINUATION, b"", first=0) * (FRAGMENTS + 1),
        lambda: frame(source, _CLOSE, source.choice((b"\x03", b"\x00\x00", b"\x03\xed", b"\xff\xff", b"\x03\xe8\xff\xfe", b""))),
        lambda: mutated(source, frame(source, _TEXT, text)) + source.randbytes(40),
        lambda: source.randbytes(200),
    )
    return source.choice(kinds)()


def _broken_frames(source: random.Random) -> Attempt:
    count = source.randrange(BEFORE)
    frames = [*(_senseless(source) for _ in range(count)), _fatal(source)]
    pieces = [_handshake(source.choice(_SUBPROTOCOLS[:4])), b"".join(frames)]
    return Attempt(name="broken frames, and messages before them", pieces=pieces, weight=count + 1)


def _cut_frames(source: random.Random) -> Attempt:
    """Half a frame, and gone."""
    whole = frame(source, _TEXT, b"x" * source.choice((5, 200, 16_000)))
    pieces = [_handshake(""), whole[: source.randrange(1, len(whole))]]
    return Attempt(name="frames cut short", pieces=pieces, weight=1, manner=source.choice(("read", "break")))


def _requests(source: random.Random) -> Attempt:
    good = _handshake(source.choice(_SUBPROTOCOLS))
    garbage: Sequence[Callable[[], bytes]] = (
        lambda: good[: source.randrange(len(good))],
        lambda: mutated(source, mutated(source, good)),
        lambda: source.randbytes(2_000),
        lambda: b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * source.choice((10, 5_000)) + b"\r\n",
        lambda: b"GET /" + b"a" * source.choice((2_000, 100_000)) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: (
            b"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n"
        ),
        lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 50_000,
        lambda: b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        lambda: b"GET /%00%ff?" + source.randbytes(20).hex().encode() + b" HTTP/1.0\r\n\r\n",
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda: good.replace(b"localhost", b"localhost\r\nOrigin: https://evil.example"),
        lambda: good.replace(b"13", source.choice((b"8", b"99", b"", b"x"))),
    )
    return Attempt(
        name="requests that make no sense",
        pieces=[source.choice(garbage)()],
        weight=1,
        manner=source.choice(("read", "read", "break")),
    )


def _deaf(source: random.Random) -> Attempt:
    """Wants thousands of answers and reads none."""
    asked = source.choice(
        (frame(source, _TEXT, b"{}"), frame(source, _PING, b"x" * 125), frame(source, _TEXT, b'{"type":"ping","id":1}'))
    )
    return Attempt(name="connections that never read", pieces=[_handshake(""), asked * 20_000], weight=20_000, manner="deaf")


# How many of a thousand connections.
_SHARES: Mapping[Callable[[random.Random], Attempt], int] = {
    _senseless_messages: 200,
    _senseless_packages: 60,
    _broken_frames: 480,
    _cut_frames: 80,
    _requests: 170,
    _deaf: 10,
}


def next_assault(source: random.Random) -> Attempt:
    """What the next connection does."""
    [make] = source.choices(list(_SHARES), list(_SHARES.values()))
    return make(source)

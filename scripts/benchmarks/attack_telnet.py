"""What the attacker sends over telnet: noise, and what real clients say, with bytes flipped, cut and repeated. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

import attrs

SIZE = 12_288
"""Bytes of most connections: so few that the lines in random bytes are not more than a connection may type at once."""
LINES = 90
"""The same, of connections that send lines."""

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
_NEGOTIATED = b"\x01\x03\x06\x18\x19\x1f\x24\x27\x2a\x46\x55\x56\x57\xc9\xff"


def _sub(option: int, payload: bytes) -> bytes:
    return IAC + SB + bytes((option,)) + payload + IAC + SE


def _gmcp(text: str) -> bytes:
    return _sub(0xC9, text.encode())


_ENVIRONMENT = b"".join(
    b"\x03" + name + b"\x01" + value
    for name, value in (
        (b"CLIENT_NAME", b"MUDLET"),
        (b"CLIENT_VERSION", b"4.17.2"),
        (b"CHARSET", b"UTF-8"),
        (b"MTTS", b"2349"),
        (b"TERMINAL_TYPE", b"ANSI-TRUECOLOR"),
    )
)
SAID: Sequence[bytes] = (
    b"\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x27\xff\xfd\x2a\xff\xfd\x19\xff\xfd\x46\xff\xfd\xc9\xff\xfd\x56",
    b"\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x27\xff\xfd\x2a\xff\xfd\x19\xff\xfe\xc9",
    b"\xff\xfc\x18\xff\xfc\x1f\xff\xfc\x27\xff\xfe\x2a\xff\xfe\x19\xff\xfe\x46\xff\xfe\xc9\xff\xfe\x56",
    _sub(0x1F, b"\x00\x78\x00\x28"),
    _sub(0x1F, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
    _sub(0x18, b"\x00MUDLET"),
    _sub(0x18, b"\x00ANSI-TRUECOLOR"),
    _sub(0x18, b"\x00MTTS 2349"),
    _sub(0x27, b"\x00" + _ENVIRONMENT),
    _sub(0x27, b"\x00\x00CHARSET\x01UTF-8\x00CLIENT_NAME\x01TinTin++\x00MTTS\x01783"),
    _sub(0x2A, b"\x02UTF-8"),
    _sub(0x2A, b"\x01;UTF-8;ISO-8859-1;US-ASCII"),
    _sub(0x2A, b"\x03"),
    _sub(0x2A, b"\x02ISO-8859-1"),
    _gmcp('Core.Hello { "client": "Mudlet", "version": "4.17.2"}'),
    _gmcp('Core.Supports.Set [ "Char 1", "Char.Skills 1", "Char.Items 1", "Room 1", "Comm.Channel 1", "IRE.Rift 1"]'),
    _gmcp('Core.Supports.Add [ "Room.Info 1" ]'),
    _gmcp('Core.Supports.Remove [ "Char" ]'),
    _gmcp("Core.Ping 120"),
    _gmcp("Core.Ping " + "[" * 4_000),
    IAC + b"\xf6",
    IAC + b"\xf1",
    IAC + b"\xf4" + IAC + b"\xfd\x06",
    b"look\r\n",
    b"who\r\n",
    b"help\r\n",
)
TYPED: Sequence[str] = (
    "look",
    "say good evening",
    ':waves to everybody, with "quotes" and {braces} and [brackets]',
    '"hello',
    "look me",
    "who",
    "help say",
    "page anna=good evening",
    "whisper berta=good evening",
    "north",
    "south",
    "score",
    "preferences",
    "more",
)


@attrs.frozen(kw_only=True)
class Attempt:
    """What one connection does (``attack.Assault``)."""

    name: str
    pieces: Sequence[bytes]
    manner: str = "read"

    @property
    def weight(self) -> int:
        """Bytes."""
        return sum(map(len, self.pieces))


def mutated(source: random.Random, data: bytes) -> bytes:
    """The bytes with something wrong."""
    changed = bytearray(data)
    for _ in range(source.randint(0, 4)):
        if not changed:
            break
        start = source.randrange(len(changed))
        end = min(len(changed), start + source.randint(1, 12))
        match source.randrange(5):
            case 0:
                changed[start] ^= 1 << source.randrange(8)
            case 1:
                changed[start] = source.choice(b"\x00\x01\x02\x03\x0a\x0d\xf0\xfa\xfb\xfc\xfd\xfe\xff")
            case 2:
                del changed[start:end]
            case 3:
                changed[start:start] = changed[start:end] * source.randint(1, 6)
            case _:
                changed[start:start] = source.randbytes(source.randint(1, 6))
    return bytes(changed)


def unicode_text(source: random.Random, length: int) -> str:
    """Characters of all planes, also such that cannot be encoded, controls, and marks that combine."""
    ranges = ((0, 0x20), (0x20, 0x7F), (0x80, 0x250), (0x300, 0x370), (0x2000, 0x2070), (0xD800, 0xE000), (0x1F300, 0x110000))
    return "".join(chr(source.randrange(*source.choice(ranges))) for _ in range(length))


def _noise(source: random.Random) -> Attempt:
    return Attempt(name="random bytes", pieces=[source.randbytes(SIZE)])


def _filled(source: random.Random, size: int, make: Callable[[], bytes]) -> bytes:
    made: list[bytes] = []
    length = 0
    while length < size:
        made.append(make())
        length += len(made[-1])
    source.shuffle(made)
    return b"".join(made)


def _negotiation(source: random.Random) -> Attempt:
    """Everything that clients say, mutated, with compression now on, now off. Few of it are lines."""
    data = _filled(source, SIZE, lambda: mutated(source, source.choice(SAID)))
    return Attempt(name="mutated negotiation", pieces=[data])


def _dribble(source: random.Random) -> Attempt:
    """The same in small pieces, each in a segment of its own if the system feels like it."""
    data = b"".join(mutated(source, said) for said in source.sample(SAID, 20))
    cuts = sorted({0, len(data), *(source.randrange(len(data) + 1) for _ in range(60))})
    return Attempt(name="mutated negotiation in pieces", pieces=[data[start:end] for start, end in itertools.pairwise(cuts)])


def _endless(source: random.Random) -> Attempt:
    """A subnegotiation that never ends, or only at the very end."""
    option = source.choice(_NEGOTIATED)
    filling = source.choice((b"g", b"\x00\x01A", b"[", b'{"a":', IAC + IAC, source.randbytes(64).replace(IAC, b"")))
    data = IAC + SB + bytes((option,)) + (filling * (SIZE * 4))[: SIZE * 4] + source.choice((b"", IAC + SE, IAC))
    return Attempt(name="endless subnegotiations", pieces=[data])


def _flood(source: random.Random) -> Attempt:
    """Commands, and nothing else."""
    unit = source.choice(
        (
            IAC,
            IAC + b"\xf6",
            IAC + b"\xf1",
            IAC + b"\xf9",
            IAC + b"\xfd\x56" + IAC + b"\xfe\x56",
            IAC + b"\xfd\xc9" + IAC + b"\xfe\xc9",
            IAC + b"\xfb\x18" + IAC + b"\xfc\x18",
            IAC + b"\xfd\x01" + IAC + b"\xfe\x01",
            IAC + b"\xfd\x06",
            IAC + b"\xfd\x46" + IAC + b"\xfe\x46",
            IAC + b"\xfd" + bytes((source.randrange(256),)),
            IAC + SB,
            IAC + SE,
            _sub(0x2A, b"\x01;UTF-8"),
            _sub(0x1F, b"\x00\x50\x00\x18") + _sub(0x1F, b"\x00\x51\x00\x19"),
            IAC + b"\xfd\xc9" + _gmcp("Core.Ping"),
            IAC + b"\xfd\xc9" + _gmcp('Core.Supports.Add ["Char 1"]') + _gmcp('Core.Supports.Remove ["Char"]'),
        )
    )
    return Attempt(name="floods of commands", pieces=[(unit * (2 * SIZE))[: 2 * SIZE]])


def _line_ends(source: random.Random) -> Attempt:
    """Lines without anything, and one without an end."""
    empty = source.choice((b"\r\n", b"\n", b"\r\0", b" \r\n", b"\x08\n")) * LINES
    return Attempt(name="lines of nothing, and without end", pieces=[empty, source.choice((b"x", b"\xc3", b"\x08")) * (SIZE * 4)])


def _unicode_lines(source: random.Random) -> Attempt:
    lines = [unicode_text(source, source.randint(1, 40)).encode("utf-8", "surrogatepass") for _ in range(LINES)]
    escaped = [line.replace(b"\r", b"").replace(b"\n", b"") for line in lines]
    return Attempt(name="lines of random unicode", pieces=[b"\r\n".join([*escaped, b""])])


def _guest(source: random.Random) -> Attempt:
    """Comes in, and types what players type, mutated."""
    lines = [
        mutated(source, source.choice((source.choice(TYPED), f"say {unicode_text(source, 30)}")).encode("utf-8", "surrogatepass"))
        for _ in range(LINES // 3)
    ]
    return Attempt(name="guests' mutated lines", pieces=[b"\xff\xfd\xc9connect guest\r\n", b"\r\n".join([*lines, b"quit\r\n"])])


def _deaf(source: random.Random) -> Attempt:
    """Asks for much and reads nothing."""
    return Attempt(
        name="connections that never read",
        pieces=[
            source.choice(
                (b"help\r\n" * LINES, b"\xff\xfd\xc9" + _gmcp("Core.Ping") * 20_000, b"connect guest\r\n" + b"help say\r\n" * LINES)
            )
        ],
        manner="deaf",
    )


def _gone(source: random.Random) -> Attempt:
    """Comes, and is gone: at once, or in the middle of something."""
    data = source.choice(
        (b"", b"connect guest\r\nsay I am", SAID[0], IAC + SB, source.randbytes(2_000), b"connect guest\r\n" + b"look\r\n" * 50)
    )
    return Attempt(name="connections that break", pieces=[data] if data else [], manner="break")


def _silent(_: random.Random) -> Attempt:
    """Opens, closes its half, and reads what comes."""
    return Attempt(name="half-closed connections", pieces=[])


# How many of a hundred connections.
_SHARES: Mapping[Callable[[random.Random], Attempt], int] = {
    _noise: 42,
    _negotiation: 16,
    _dribble: 4,
    _endless: 5,
    _flood: 7,
    _line_ends: 3,
    _unicode_lines: 5,
    _guest: 5,
    _deaf: 2,
    _gone: 8,
    _silent: 3,
}


def next_assault(source: random.Random) -> Attempt:
    """What the next connection does."""
    [make] = source.choices(list(_SHARES), list(_SHARES.values()))
    return make(source)

"""That neither chunking nor a hostile client changes what the codec does, what it keeps and how much it answers."""

import gc
import sys
import tracemalloc
from enum import Enum
from itertools import pairwise
from types import FunctionType, ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holomush.net.telnet.codec import SUBNEGOTIATION_LIMIT, TelnetCodec
from holomush.net.telnet.events import Compression, Gmcp, Line, MsspRequested, TelnetEvent
from holomush.net.telnet.gmcp import GMCP_LIMIT

from .wire import (
    AYT,
    CHARSET,
    DO,
    DONT,
    EVERYTHING_ON,
    GMCP,
    IAC,
    KNOWN_OPTIONS,
    NEW_ENVIRON,
    PIECES,
    SB,
    SE,
    STREAMS,
    TIMING_MARK,
    TTYPE,
    VERBS,
    WILL,
    WONT,
    environ,
    gmcp,
    is_type,
    opened,
    sub,
)

ANSWERS_LIMIT = 8192
LINE_LIMIT = 100


def started(*, hide: bool = True) -> TelnetCodec:
    codec = TelnetCodec(12, compression=True)
    codec.start()
    if hide:
        codec.hide_input()
    return codec


class TestChunks:
    @given(STREAMS, st.booleans(), st.data())
    def test_cuts_change_nothing(self, stream: bytes, agrees: bool, data: st.DataObject) -> None:  # noqa: FBT001 - drawn
        stream = EVERYTHING_ON + stream if agrees else stream
        whole, cut = started(), started()
        marks = data.draw(st.lists(st.integers(0, len(stream)), max_size=20).map(sorted))
        drain = data.draw(st.booleans())
        events: list[TelnetEvent] = []
        sent = b""
        for start, stop in pairwise([0, *marks, len(stream)]):
            events += cut.receive(stream[start:stop])
            if drain:
                sent += cut.bytes_to_send()
        assert events == whole.receive(stream)
        assert sent + cut.bytes_to_send() == whole.bytes_to_send()
        assert (cut.is_telnet, cut.prompt_end()) == (whole.is_telnet, whole.prompt_end())

    @given(STREAMS)
    def test_byte_by_byte_is_the_same_too(self, stream: bytes) -> None:
        whole, cut = started(), started()
        stream = EVERYTHING_ON + stream
        events = [event for byte in stream for event in cut.receive(bytes((byte,)))]
        assert events == whole.receive(stream)
        assert cut.bytes_to_send() == whole.bytes_to_send()

    @given(STREAMS)
    def test_there_are_no_more_events_than_bytes_and_one(self, stream: bytes) -> None:
        codec = TelnetCodec(1)
        codec.receive(EVERYTHING_ON)
        for start in range(0, len(stream), 7):
            chunk = stream[start : start + 7]
            assert len(codec.receive(chunk)) <= len(chunk) + 1


class TestAnswers:
    """All that is sent in the life of a connection but for what we ask for ourselves."""

    @given(st.lists(st.tuples(VERBS, st.binary(min_size=1, max_size=1)), min_size=1))
    def test_to_requests(self, requests: list[tuple[bytes, bytes]]) -> None:
        codec = opened(compression=True)
        codec.receive(b"".join(IAC + verb + option for verb, option in requests) * 200)
        assert len(codec.bytes_to_send()) < ANSWERS_LIMIT

    @given(st.lists(PIECES, min_size=1, max_size=10).map(b"".join))
    def test_to_anything(self, stream: bytes) -> None:
        codec = opened(compression=True)
        sent = 0
        for _ in range(100):
            codec.receive(stream)
            sent += len(codec.bytes_to_send())
        assert sent < ANSWERS_LIMIT

    @given(st.lists(st.tuples(VERBS, KNOWN_OPTIONS), min_size=1, max_size=6))
    def test_events_of_options_that_flap(self, requests: list[tuple[bytes, bytes]]) -> None:
        events = opened(compression=True).receive(b"".join(IAC + verb + option for verb, option in requests) * 200)
        assert events.count(MsspRequested()) <= 2
        assert events.count(Compression(on=True)) <= 3
        assert len(events) < 40

    def test_at_the_worst(self) -> None:
        codec = opened(compression=True)
        every = b"".join(IAC + verb + bytes((option,)) for option in range(256) for verb in (DO, DONT, WILL, WONT))
        flaps = b"".join(
            [
                IAC + WILL + TTYPE + b"".join(is_type(b"%d" % number) for number in range(5)) + IAC + WONT + TTYPE,
                IAC + WILL + NEW_ENVIRON + environ((b"A", b"x")) + IAC + WONT + NEW_ENVIRON,
                IAC + DO + CHARSET + IAC + DONT + CHARSET,
                IAC + WILL + CHARSET + sub(CHARSET, b"\x01 ISO_8859-1:1987") + sub(CHARSET, b"\x04") + IAC + WONT + CHARSET,
                IAC + DO + GMCP + gmcp("Core.Ping") + IAC + DONT + GMCP,
                IAC + DO + TIMING_MARK + IAC + AYT,
            ]
        )
        codec.receive((flaps + every) * 200)
        sent = codec.bytes_to_send()
        assert 2500 < len(sent) < ANSWERS_LIMIT // 2
        codec.receive((flaps + every) * 200)
        assert codec.bytes_to_send() == b""


def size_of(root: object) -> int:
    """Bytes of an object and of all that only it holds."""
    shared = (type, ModuleType, FunctionType, Enum)
    seen: set[int] = set()
    waiting, size = [root], 0
    while waiting:
        found = waiting.pop()
        if id(found) not in seen and not isinstance(found, shared):
            seen.add(id(found))
            size += sys.getsizeof(found)
            waiting += gc.get_referents(found)
    return size


# Both tables of policies are counted with a codec, and up to 512 sides of options that somebody asked for.
KEPT = 110_000
VARIABLES = 32 * (2 * 80 + 4 * (64 + 256))
"""Characters of four bytes, and what Python has around a text."""


class TestMemory:
    def test_a_fresh_codec_is_small(self) -> None:
        assert size_of(opened(compression=True)) < 16_000

    @given(STREAMS)
    @example(b"x" * LINE_LIMIT + IAC + SB + GMCP + b"x" * 2 * GMCP_LIMIT)
    @example(b"".join(IAC + verb + bytes((option,)) for option in range(256) for verb in (DO, WILL)))
    @example(b"".join(environ((f"{n:03}".encode() + "\U0001f600".encode() * 61, "\U0001f600".encode() * 100)) for n in range(99)))
    def test_what_it_keeps_is_bounded(self, stream: bytes) -> None:
        codec = TelnetCodec(LINE_LIMIT, compression=True)
        codec.receive(EVERYTHING_ON + stream)
        codec.bytes_to_send()
        # Bytearrays grow by an eighth more than they need.
        assert size_of(codec) < KEPT + VARIABLES + (LINE_LIMIT + GMCP_LIMIT) * 9 // 8

    @pytest.mark.parametrize(
        "flood",
        [
            IAC + SB + GMCP + b"x" * 60_000,
            IAC + SB + NEW_ENVIRON + b"\0\0" * 30_000,
            b"x" * 60_000,
            b"\x08" * 60_000,
            (IAC + IAC) * 3_000,
            (IAC + SB) * 3_000,
            (IAC + WILL + TTYPE + IAC + WONT + TTYPE) * 3_000,
            (IAC + DO + GMCP + IAC + DONT + GMCP) * 3_000,
            (IAC + WILL) * 3_000,
            (IAC + b"\xf7") * 3_000,
        ],
        ids=[
            "endless subnegotiation",
            "endless variables",
            "endless line",
            "backspaces",
            "doubled 255",
            "subnegotiations in each other",
            "flapping",
            "flapping of ours",
            "half options",
            "erase character",
        ],
    )
    def test_a_flood_grows_nothing(self, flood: bytes) -> None:
        codec = opened()
        codec.receive(EVERYTHING_ON + flood)
        codec.bytes_to_send()
        tracemalloc.start()
        try:
            for _ in range(50):
                assert len(codec.receive(flood)) <= 1
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert grown < 20_000


class TestHonestClientsBesides:
    """Whatever nonsense comes, a line after it is understood."""

    @given(STREAMS)
    def test_after_anything_that_ends(self, stream: bytes) -> None:
        codec = opened(compression=True)
        codec.receive(EVERYTHING_ON + stream)
        codec.receive(IAC + SE + IAC + SE + b"\r\n")  # the first may be the option of a half subnegotiation, or end one
        assert codec.receive(b"look\r\n")[-1:] == [Line("look")]

    def test_255_in_text(self) -> None:
        codec = opened()
        assert codec.receive(b"a\xff\xffb\xffAc\n\xff\n\xff\xff\xff\xf1\n") == [Line("a\u00ffbc"), Line("\u00ff")]
        assert codec.bytes_to_send() == b""

    def test_overlong_ones_are_parted_from_what_follows(self) -> None:
        codec = opened()
        codec.receive(EVERYTHING_ON)
        data = sub(NEW_ENVIRON, b"x" * (SUBNEGOTIATION_LIMIT + 1)) + sub(GMCP, b"x" * (GMCP_LIMIT + 1)) + gmcp("x 1") + b"look\n"
        assert codec.receive(data) == [Gmcp("x", 1), Line("look")]

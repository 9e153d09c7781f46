"""Negotiation with WILL, WONT, DO and DONT, and what begins with it: windows, compression, status."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holomush.net.telnet.codec import SUBNEGOTIATION_LIMIT, TelnetCodec
from holomush.net.telnet.events import Compression, Line, MsspRequested, WindowSize
from holomush.net.telnet.subnegotiations import COMPRESSION_STARTS, subnegotiation

from .wire import (
    AYT,
    CHARSET,
    COMPRESS1,
    COMPRESS2,
    COMPRESS3,
    DO,
    DONT,
    ECHO,
    EOR,
    GMCP,
    IAC,
    IP,
    MSSP,
    NAWS,
    NAWS_80_24,
    NEW_ENVIRON,
    OFFERS,
    OLD_ENVIRON,
    SB,
    SE,
    SGA,
    TIMING_MARK,
    TTYPE,
    WILL,
    WONT,
    agreed,
    opened,
    sub,
)


class TestOpening:
    def test_all_offers_at_once(self) -> None:
        codec = TelnetCodec(compression=True)
        codec.start()
        codec.start()
        assert codec.bytes_to_send() == OFFERS
        assert codec.bytes_to_send() == b""

    def test_compression_is_offered_only_where_it_is_wanted(self) -> None:
        codec = TelnetCodec()
        codec.start()
        assert codec.bytes_to_send() == OFFERS.removesuffix(IAC + WILL + COMPRESS2)
        assert codec.receive(IAC + DO + COMPRESS2) == []
        assert codec.bytes_to_send() == IAC + WONT + COMPRESS2

    def test_a_client_that_refuses_all_of_it_just_plays(self) -> None:
        codec = opened(compression=True)
        refusals = OFFERS.translate(bytes.maketrans(DO + WILL, WONT + DONT))
        assert codec.receive(refusals + b"look\n") == [Line("look")]
        assert codec.bytes_to_send() == b""


class TestRequests:
    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            (DO + TTYPE, WONT + TTYPE),
            (WILL + ECHO, DONT + ECHO),
            (DO + ECHO, WONT + ECHO),
            (DO + NAWS, WONT + NAWS),
            (DO + NEW_ENVIRON, WONT + NEW_ENVIRON),
            (WILL + OLD_ENVIRON, DONT + OLD_ENVIRON),
            (WILL + EOR, DONT + EOR),
            (WILL + MSSP, DONT + MSSP),
            (DO + COMPRESS1, WONT + COMPRESS1),
            (DO + COMPRESS2, WONT + COMPRESS2),
            (WILL + COMPRESS2, DONT + COMPRESS2),
            (WILL + COMPRESS3, DONT + COMPRESS3),
            (DO + COMPRESS3, WONT + COMPRESS3),
            (DO + SGA, WILL + SGA),
            (WILL + SGA, DO + SGA),
            (DO + EOR, WILL + EOR),
            (DO + MSSP, WILL + MSSP),
            (WILL + NAWS, DO + NAWS),
            (WILL + CHARSET, DO + CHARSET),
            (DO + GMCP, WILL + GMCP),
            (WILL + GMCP, DO + GMCP),
        ],
    )
    def test_they_are_answered_once(self, asked: bytes, answer: bytes) -> None:
        codec = TelnetCodec()
        codec.receive((IAC + asked) * 1000)
        assert codec.bytes_to_send() == IAC + answer

    @pytest.mark.parametrize("asked", [DONT + TTYPE, WONT + TTYPE, DONT + ECHO, WONT + NAWS, DONT + GMCP, DONT + COMPRESS2])
    def test_what_is_off_already_needs_no_answer(self, asked: bytes) -> None:
        codec = TelnetCodec()
        codec.receive(IAC + asked)
        assert codec.bytes_to_send() == b""

    def test_an_agreed_option_can_be_ended(self) -> None:
        codec = TelnetCodec()
        codec.receive(IAC + DO + SGA + IAC + DONT + SGA)
        assert codec.bytes_to_send() == IAC + WILL + SGA + IAC + WONT + SGA

    def test_every_timing_mark_is_answered_or_ctrl_c_would_silence_the_client(self) -> None:
        codec = TelnetCodec()
        for _ in range(10):
            codec.receive(IAC + IP + IAC + DO + TIMING_MARK)
            assert codec.bytes_to_send() == IAC + WONT + TIMING_MARK

    def test_are_you_there(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(b"lo" + IAC + AYT + b"ok\n") == [Line("look")]
        assert codec.bytes_to_send() == b"[Yes]\r\n"


class TestWindowSize:
    def test_asked_for(self) -> None:
        codec = opened()
        assert codec.receive(IAC + WILL + NAWS + NAWS_80_24 + b"hi\n") == [WindowSize(80, 24), Line("hi")]
        assert codec.bytes_to_send() == b""

    def test_a_client_may_offer_it_first(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + WILL + NAWS + NAWS_80_24) == [WindowSize(80, 24)]
        assert codec.bytes_to_send() == IAC + DO + NAWS

    def test_with_a_doubled_255_inside(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + WILL + NAWS + sub(NAWS, b"\x00" + IAC + IAC + b"\x00\x18")) == [WindowSize(255, 24)]

    @pytest.mark.parametrize("payload", [b"", b"\x00\x50\x00", b"\x00\x50\x00\x18\x00"])
    def test_of_the_wrong_length_it_is_ignored(self, payload: bytes) -> None:
        assert TelnetCodec().receive(IAC + WILL + NAWS + sub(NAWS, payload)) == []

    def test_not_agreed_on_it_is_ignored(self) -> None:
        assert TelnetCodec().receive(NAWS_80_24) == []


class TestSubnegotiation:
    def test_240_inside_is_data(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(sub(GMCP, "Core.Hello {\U0001f600}".encode() + SE) + b"look\n") == [Line("look")]

    def test_an_overlong_one_is_thrown_away_to_its_end(self) -> None:
        codec = agreed(IAC + WILL + NAWS)
        data = sub(NAWS, b"\x00\x50\x00\x18" * SUBNEGOTIATION_LIMIT)
        assert codec.receive(data + NAWS_80_24 + b"look\n") == [WindowSize(80, 24), Line("look")]

    def test_one_that_lost_its_end_does_not_mute_the_client(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + SB + TTYPE + b"lost" + IAC + DO + SGA + b"look\n") == [Line("look")]
        assert codec.bytes_to_send() == IAC + WILL + SGA

    def test_one_inside_of_another_ends_the_first(self) -> None:
        codec = agreed(IAC + WILL + NAWS)
        assert codec.receive(IAC + SB + TTYPE + b"\x00lost" + NAWS_80_24 + b"look\n") == [WindowSize(80, 24), Line("look")]

    @given(st.binary(min_size=4, max_size=4))
    @example(b"\xff\xff\x00\xf0")
    def test_what_is_built_is_read(self, payload: bytes) -> None:
        built = subnegotiation(NAWS[0], payload)
        assert built == sub(NAWS, payload.replace(IAC, IAC + IAC))
        expected = WindowSize(int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big"))
        assert agreed(IAC + WILL + NAWS).receive(built) == [expected]

    def test_a_lone_end_is_ignored(self) -> None:
        assert TelnetCodec().receive(b"lo" + IAC + SE + b"ok\n") == [Line("look")]


class TestCompression:
    def test_what_begins_it(self) -> None:
        assert sub(COMPRESS2, b"") == COMPRESSION_STARTS

    def test_agreed_ended_and_begun_again(self) -> None:
        codec = opened(compression=True)
        assert codec.receive(IAC + DO + COMPRESS2) == [Compression(on=True)]
        assert codec.bytes_to_send() == b""
        assert codec.receive(IAC + DONT + COMPRESS2) == [Compression(on=False)]
        assert codec.bytes_to_send() == IAC + WONT + COMPRESS2
        assert codec.receive(IAC + DO + COMPRESS2) == [Compression(on=True)]
        assert codec.bytes_to_send() == IAC + WILL + COMPRESS2

    def test_it_is_started_at_most_three_times(self) -> None:
        codec = opened(compression=True)
        events = codec.receive((IAC + DO + COMPRESS2 + IAC + DONT + COMPRESS2) * 100)
        assert events == [Compression(on=True), Compression(on=False)] * 3

    def test_a_client_may_ask_first(self) -> None:
        codec = TelnetCodec(compression=True)
        assert codec.receive(IAC + DO + COMPRESS2) == [Compression(on=True)]
        codec.start()
        assert codec.bytes_to_send() == IAC + WILL + COMPRESS2 + OFFERS.removesuffix(IAC + WILL + COMPRESS2)


class TestStatusRequests:
    def test_a_crawler_that_answers_the_offer(self) -> None:
        assert opened().receive(IAC + DO + MSSP) == [MsspRequested()]

    def test_a_crawler_that_asks_first(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + DO + MSSP) == [MsspRequested()]
        assert codec.bytes_to_send() == IAC + WILL + MSSP

    def test_it_is_told_at_most_twice(self) -> None:
        assert opened().receive((IAC + DO + MSSP + IAC + DONT + MSSP) * 100) == [MsspRequested()] * 2

"""The telnet codec: lines, negotiation, and that neither chunking nor a hostile client changes what it does."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet import (
    SUBNEGOTIATION_LIMIT,
    Line,
    LineTooLong,
    TelnetCodec,
    TelnetEvent,
    TerminalType,
    WindowSize,
)
from holomush.text.encoding import encode_text

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
ECHO, SGA, TIMING_MARK, TTYPE, NAWS, GMCP = b"\x01", b"\x03", b"\x06", b"\x18", b"\x1f", b"\xc9"
SEND_TTYPE = IAC + SB + TTYPE + b"\x01" + IAC + SE
NAWS_80_24 = IAC + SB + NAWS + b"\x00\x50\x00\x18" + IAC + SE


def is_type(name: bytes) -> bytes:
    return IAC + SB + TTYPE + b"\x00" + name + IAC + SE


def lines(data: bytes, limit: int = 8192) -> list[str]:
    events = TelnetCodec(limit).receive(data)
    assert all(isinstance(event, Line) for event in events)
    return [event.text for event in events if isinstance(event, Line)]


class TestLines:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"look\n", ["look"]),
            (b"look\r\n", ["look"]),
            (b"look\r\0", ["look"]),
            (b"look\r", ["look"]),
            (b"a\rb\n", ["a", "b"]),
            (b"\r\n\r\n", ["", ""]),
            (b"\r\r\n\n", ["", "", ""]),
            (b"\n\r\n", ["", ""]),
            (b"a\r\0\nb\n", ["a", "", "b"]),
            (b"a\r" + IAC + b"\xf1" + b"\nb\n", ["a", "b"]),
            (b"no end", []),
        ],
    )
    def test_line_ends(self, data: bytes, expected: list[str]) -> None:
        assert lines(data) == expected

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ("grüß dich ☃\n".encode(), "grüß dich ☃"),
            ("grüß dich\n".encode("latin-1"), "grüß dich"),
            (b"hel\x08\x08\x08\x08jello\n", "jello"),
            ("caf\u00e9\x7fe\n".encode(), "cafe"),
            (b"a\x00\x1b\x08b\n", "b"),
            (b"one\ttwo\n", "one two"),
            (b"\x1b[31mred\x07\n", "[31mred"),
            ("forged\u2028line\x85\n".encode(), "forgedline"),
            (b"\xff\xff\n", "\u00ff"),
            ("\u00a0\u3000\u00ad\n".encode(), "\u00a0\u3000\u00ad"),
        ],
    )
    def test_decoding_and_editing(self, data: bytes, expected: str) -> None:
        assert lines(data) == [expected]

    def test_a_line_at_the_limit_is_kept_and_one_past_it_is_thrown_away_once(self) -> None:
        codec = TelnetCodec(10)
        assert codec.receive(b"x" * 10 + b"\n") == [Line("x" * 10)]
        assert codec.receive(b"x" * 11) == [LineTooLong(10)]
        assert codec.receive(b"x" * 1000) == []
        assert codec.receive(b"tail\nnext\n") == [Line("next")]
        assert codec.receive(b"y" * 30 + b"\nz\n") == [LineTooLong(10), Line("z")]

    @given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200))
    def test_what_we_send_a_codec_reads_back(self, text: str) -> None:
        assert lines(encode_text(text + "\n")) == [text]


class TestNegotiation:
    def test_opening(self) -> None:
        codec = TelnetCodec()
        codec.start()
        codec.start()
        assert codec.bytes_to_send() == IAC + DO + TTYPE + IAC + DO + NAWS
        assert codec.bytes_to_send() == b""
        assert codec.receive(IAC + WILL + NAWS + NAWS_80_24 + b"hi\n") == [WindowSize(80, 24), Line("hi")]
        assert codec.bytes_to_send() == b""

    def test_a_client_may_offer_its_window_size_first(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + WILL + NAWS + NAWS_80_24) == [WindowSize(80, 24)]
        assert codec.bytes_to_send() == IAC + DO + NAWS

    def test_window_size_with_a_doubled_255_inside(self) -> None:
        codec = TelnetCodec()
        data = IAC + WILL + NAWS + IAC + SB + NAWS + b"\x00" + IAC + IAC + b"\x00\x18" + IAC + SE
        assert codec.receive(data) == [WindowSize(255, 24)]

    @pytest.mark.parametrize("payload", [b"", b"\x00\x50\x00", b"\x00\x50\x00\x18\x00"])
    def test_a_window_size_of_the_wrong_length_is_ignored(self, payload: bytes) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + WILL + NAWS + IAC + SB + NAWS + payload + IAC + SE) == []

    def test_a_window_size_that_was_not_agreed_on_is_ignored(self) -> None:
        assert TelnetCodec().receive(NAWS_80_24) == []

    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            (DO + TTYPE, WONT + TTYPE),
            (WILL + GMCP, DONT + GMCP),
            (WILL + ECHO, DONT + ECHO),
            (DO + ECHO, WONT + ECHO),
            (DO + NAWS, WONT + NAWS),
            (DO + SGA, WILL + SGA),
            (WILL + SGA, DO + SGA),
        ],
    )
    def test_requests_are_answered_once(self, asked: bytes, answer: bytes) -> None:
        codec = TelnetCodec()
        codec.receive((IAC + asked) * 1000)
        assert codec.bytes_to_send() == IAC + answer

    @pytest.mark.parametrize("asked", [DONT + TTYPE, WONT + TTYPE, DONT + ECHO, WONT + NAWS])
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
            codec.receive(IAC + b"\xf4" + IAC + DO + TIMING_MARK)
            assert codec.bytes_to_send() == IAC + WONT + TIMING_MARK

    def test_are_you_there(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(b"lo" + IAC + b"\xf6" + b"ok\n") == [Line("look")]
        assert codec.bytes_to_send() == b"[Yes]\r\n"

    @pytest.mark.parametrize("command", [b"\xf1", b"\xf4", b"\xf9", b"\xef", b"\xf7", b"\x00"])
    def test_other_commands_are_ignored(self, command: bytes) -> None:
        codec = TelnetCodec()
        assert codec.receive(b"lo" + IAC + command + b"ok\n") == [Line("look")]
        assert codec.bytes_to_send() == b""


class TestHidingInput:
    def test_with_a_client_that_agrees(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.hide_input()
        assert codec.bytes_to_send() == IAC + WILL + ECHO
        codec.receive(IAC + DO + ECHO)
        codec.show_input()
        codec.show_input()
        assert codec.bytes_to_send() == IAC + WONT + ECHO
        codec.receive(IAC + DONT + ECHO)
        codec.hide_input()
        assert codec.bytes_to_send() == IAC + WILL + ECHO

    def test_a_client_that_never_answers_still_gets_its_echo_back(self) -> None:
        codec = TelnetCodec()
        for _ in range(3):
            codec.hide_input()
            codec.show_input()
            assert codec.bytes_to_send() == IAC + WILL + ECHO + IAC + WONT + ECHO

    def test_late_answers_do_not_show_the_second_password(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.show_input()
        codec.hide_input()
        codec.bytes_to_send()
        codec.receive(IAC + DO + ECHO + IAC + DONT + ECHO + IAC + DO + ECHO)
        assert codec.bytes_to_send() == b""
        codec.receive(IAC + DONT + ECHO)  # agreed on at the end, so this one is a real request
        assert codec.bytes_to_send() == IAC + WONT + ECHO

    def test_a_client_that_refuses_late_is_believed(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.show_input()
        codec.receive(IAC + DONT + ECHO)
        codec.bytes_to_send()
        codec.hide_input()
        codec.receive(IAC + DO + ECHO + IAC + DONT + ECHO)
        assert codec.bytes_to_send() == IAC + WILL + ECHO + IAC + WONT + ECHO


class TestTerminalType:
    """RFC 1091, and the Mud Terminal Type Standard on top of it."""

    def opened(self) -> TelnetCodec:
        codec = TelnetCodec()
        codec.start()
        codec.bytes_to_send()
        assert codec.receive(IAC + WILL + TTYPE) == []
        assert codec.bytes_to_send() == SEND_TTYPE
        return codec

    def test_a_client_that_tells_all_three(self) -> None:
        codec = self.opened()
        assert codec.receive(is_type(b"TINTIN++")) == [TerminalType(("TINTIN++",))]
        assert codec.bytes_to_send() == SEND_TTYPE
        assert codec.receive(is_type(b"XTERM-256COLOR")) == [TerminalType(("TINTIN++", "XTERM-256COLOR"))]
        assert codec.bytes_to_send() == SEND_TTYPE
        assert codec.receive(is_type(b"MTTS 2831")) == [TerminalType(("TINTIN++", "XTERM-256COLOR"), 2831)]
        assert codec.bytes_to_send() == b""
        assert codec.receive(is_type(b"MTTS 1")) == []
        assert codec.bytes_to_send() == b""

    def test_a_client_with_one_name_says_it_twice(self) -> None:
        codec = self.opened()
        assert codec.receive(is_type(b"XTERM") * 5) == [TerminalType(("XTERM",))]
        assert codec.bytes_to_send() == SEND_TTYPE

    def test_a_client_that_goes_round_in_circles(self) -> None:
        codec = self.opened()
        assert codec.receive((is_type(b"A") + is_type(b"B")) * 5)[-1] == TerminalType(("A", "B", "A"))
        assert codec.bytes_to_send() == SEND_TTYPE * 2

    def test_a_client_may_offer_it_first(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + WILL + TTYPE + is_type(b"ANSI")) == [TerminalType(("ANSI",))]
        assert codec.bytes_to_send() == IAC + DO + TTYPE + SEND_TTYPE * 2

    def test_a_client_that_refuses_or_is_silent_loses_nothing(self) -> None:
        codec = TelnetCodec()
        codec.start()
        codec.bytes_to_send()
        assert codec.receive(IAC + WONT + TTYPE + is_type(b"ANSI") + b"look\n") == [Line("look")]
        assert codec.bytes_to_send() == b""

    def test_what_was_not_asked_for_is_ignored(self) -> None:
        codec = TelnetCodec()
        codec.start()
        codec.bytes_to_send()
        assert codec.receive(is_type(b"ANSI") + SEND_TTYPE) == []
        assert codec.bytes_to_send() == b""

    @pytest.mark.parametrize(
        ("sent", "name"),
        [
            (b"x" * 1000, "x" * 40),
            (b"x\x1b[31m\x00y\xc3\xa9" + IAC + IAC, "x[31my"),
            (b"  mud client  ", "mud client"),
            (b"MTTS", "MTTS"),
            (b"MTTS 1234567890", "MTTS 1234567890"),
            (b"MTTS -1", "MTTS -1"),
        ],
    )
    def test_names_are_short_and_printable(self, sent: bytes, name: str) -> None:
        assert self.opened().receive(is_type(sent)) == [TerminalType((name,))]

    @pytest.mark.parametrize("sent", [b"", b" ", b"\x1b\x00", "\u2603".encode()])
    def test_a_client_without_a_name_is_asked_no_more(self, sent: bytes) -> None:
        codec = self.opened()
        assert codec.receive(is_type(sent) + is_type(b"ANSI")) == []
        assert codec.bytes_to_send() == b""

    def test_an_overlong_answer_is_thrown_away(self) -> None:
        assert self.opened().receive(is_type(b"x" * SUBNEGOTIATION_LIMIT)) == []

    def test_an_answer_of_another_kind_is_ignored(self) -> None:
        assert self.opened().receive(IAC + SB + TTYPE + IAC + SE + IAC + SB + TTYPE + b"\x02ANSI" + IAC + SE) == []

    def test_a_client_that_changes_its_mind_is_asked_anew(self) -> None:
        codec = self.opened()
        codec.receive(is_type(b"A") + is_type(b"MTTS 1"))
        codec.bytes_to_send()
        assert codec.receive(IAC + WONT + TTYPE + is_type(b"B")) == []
        assert codec.bytes_to_send() == IAC + DONT + TTYPE
        assert codec.receive(IAC + WILL + TTYPE + is_type(b"A") + is_type(b"MTTS 65")) == [
            TerminalType(("A",)),
            TerminalType(("A",), 65),
        ]
        assert codec.bytes_to_send() == IAC + DO + TTYPE + SEND_TTYPE * 3

    def test_the_small_letters_of_a_client_do_not_matter(self) -> None:
        assert self.opened().receive(is_type(b"mtts 137")) == [TerminalType((), 137)]


class TestSubnegotiation:
    def test_240_inside_is_data(self) -> None:
        codec = TelnetCodec()
        gmcp = IAC + SB + GMCP + "Core.Hello {\U0001f600}".encode() + SE + IAC + SE
        assert codec.receive(gmcp + b"look\n") == [Line("look")]

    def test_an_overlong_one_is_thrown_away_to_its_end(self) -> None:
        codec = TelnetCodec()
        codec.receive(IAC + WILL + NAWS)
        data = IAC + SB + NAWS + b"\x00\x50\x00\x18" * SUBNEGOTIATION_LIMIT + IAC + SE
        assert codec.receive(data + NAWS_80_24 + b"look\n") == [WindowSize(80, 24), Line("look")]

    def test_one_that_lost_its_end_does_not_mute_the_client(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + SB + TTYPE + b"lost" + IAC + DO + SGA + b"look\n") == [Line("look")]
        assert codec.bytes_to_send() == IAC + WILL + SGA

    def test_a_lone_end_is_ignored(self) -> None:
        assert lines(b"lo" + IAC + SE + b"ok\n") == ["look"]


PIECES = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\0", b"\r\n", b"\r\0", b"\x08", b"\t", b"look", "é☃".encode(), b"\xe9", IAC, SB, SE]),
    st.sampled_from(
        [IAC + IAC, IAC + SE, IAC + SB, IAC + b"\xf6", IAC + b"\xf9", NAWS_80_24, IAC + WILL + NAWS, IAC + WILL + TTYPE]
    ),
    st.sampled_from([is_type(b"XTERM"), is_type(b"MTTS 1"), is_type(b""), is_type(b"\xff\xff"), SEND_TTYPE]),
    st.builds(
        lambda verb, option: IAC + verb + option,
        st.sampled_from([DO, DONT, WILL, WONT]),
        st.sampled_from([ECHO, SGA, NAWS, TTYPE, TIMING_MARK, IAC]),
    ),
    st.builds(
        lambda option, data, end: IAC + SB + option + data + end,
        st.sampled_from([NAWS, TTYPE, TTYPE + b"\0", GMCP]),
        st.one_of(st.binary(max_size=8), st.just(b"g" * (SUBNEGOTIATION_LIMIT + 1))),
        st.sampled_from([IAC + SE, b""]),
    ),
    st.binary(max_size=30),
)
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


@given(STREAMS, st.data())
def test_chunking_changes_nothing(stream: bytes, data: st.DataObject) -> None:
    whole, cut = TelnetCodec(12), TelnetCodec(12)
    for codec in (whole, cut):
        codec.start()
        codec.hide_input()
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


@given(STREAMS)
def test_byte_by_byte_is_the_same_too(stream: bytes) -> None:
    whole, cut = TelnetCodec(12), TelnetCodec(12)
    events = [event for byte in stream for event in cut.receive(bytes((byte,)))]
    assert events == whole.receive(stream)
    assert cut.bytes_to_send() == whole.bytes_to_send()


@given(STREAMS)
def test_lines_are_clean(stream: bytes) -> None:
    for event in TelnetCodec().receive(stream):
        if isinstance(event, Line):
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in event.text)


@given(STREAMS)
def test_names_of_terminals_are_bounded(stream: bytes) -> None:
    for event in TelnetCodec().receive(IAC + WILL + TTYPE + stream):
        if isinstance(event, TerminalType):
            assert len(event.names) <= 3
            assert all(0 < len(name) <= 40 and name.isascii() and name.isprintable() for name in event.names)
            assert event.mtts is None or 0 <= event.mtts < 10**9


@given(st.lists(st.sampled_from(["hide a", "show a", "hide b", "show b", "start a", "start b", "exchange"]), max_size=30))
def test_two_codecs_never_loop(steps: list[str]) -> None:
    """Each plays the other's client. Whatever both want, and whenever, they fall silent."""
    pair = {"a": TelnetCodec(), "b": TelnetCodec()}
    for step in [*steps, "exchange"]:
        what, _, who = step.partition(" ")
        if what == "hide":
            pair[who].hide_input()
        elif what == "show":
            pair[who].show_input()
        elif what == "start":
            pair[who].start()
        else:
            for _ in range(6):
                to_b, to_a = pair["a"].bytes_to_send(), pair["b"].bytes_to_send()
                pair["b"].receive(to_b)
                pair["a"].receive(to_a)
            assert (pair["a"].bytes_to_send(), pair["b"].bytes_to_send()) == (b"", b"")


@given(st.lists(st.tuples(st.sampled_from([DO, DONT, WILL, WONT]), st.binary(min_size=1, max_size=1)), min_size=1))
def test_replies_are_bounded_however_long_a_client_asks(requests: list[tuple[bytes, bytes]]) -> None:
    codec = TelnetCodec()
    codec.receive(b"".join(IAC + verb + option for verb, option in requests) * 200)
    assert len(codec.bytes_to_send()) < 4096


def test_replies_are_bounded_at_the_worst() -> None:
    codec = TelnetCodec()
    every = b"".join(IAC + verb + bytes((option,)) for option in range(256) for verb in (DO, DONT, WILL, WONT))
    names = b"".join(IAC + WILL + TTYPE + is_type(b"%d" % number) for number in range(5))
    codec.receive((every + names + IAC + b"\xf6") * 200)
    sent = codec.bytes_to_send()
    assert 1500 < len(sent) < 4096
    codec.receive(every + names)
    assert codec.bytes_to_send() == b""


@pytest.mark.parametrize(
    "flood",
    [IAC + SB + GMCP + b"x" * 60_000, b"x" * 60_000, b"\x08" * 60_000, (IAC + IAC) * 3_000, (IAC + SB) * 3_000],
    ids=["endless subnegotiation", "endless line", "backspaces", "doubled 255", "subnegotiations in each other"],
)
def test_a_flood_grows_nothing(flood: bytes) -> None:
    codec = TelnetCodec()
    codec.receive(flood)
    tracemalloc.start()
    try:
        for _ in range(50):
            assert len(codec.receive(flood)) <= 1
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 20_000

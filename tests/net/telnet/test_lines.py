"""Lines: their ends, their decoding, their editing by characters and by commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.codec import TelnetCodec
from holomush.net.telnet.events import Line, LineTooLong, TelnetEvent
from holomush.net.telnet.lines import LineReader, edit
from holomush.text.colours import Colours
from holomush.text.encoding import markup_encoder
from holomush.text.markup import escape

from .wire import AO, BRK, CHARSET, COMMAND_EOR, DM, DO, EC, EL, GA, IAC, IP, NOP, STREAMS, WILL, agreed, sub


def lines(data: bytes, limit: int = 8192) -> list[str]:
    events = TelnetCodec(limit).receive(data)
    assert all(isinstance(event, Line) for event in events)
    return [event.text for event in events if isinstance(event, Line)]


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
        (b"a\r" + IAC + NOP + b"\nb\n", ["a", "b"]),
        (b"no end", []),
    ],
)
def test_line_ends(data: bytes, expected: list[str]) -> None:
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
def test_decoding_and_editing(data: bytes, expected: str) -> None:
    assert lines(data) == [expected]


def test_a_line_at_the_limit_is_kept_and_one_past_it_is_thrown_away_once() -> None:
    codec = TelnetCodec(10)
    assert codec.receive(b"x" * 10 + b"\n") == [Line("x" * 10)]
    assert codec.receive(b"x" * 11) == [LineTooLong(10)]
    assert codec.receive(b"x" * 1000) == []
    assert codec.receive(b"tail\nnext\n") == [Line("next")]
    assert codec.receive(b"y" * 30 + b"\nz\n") == [LineTooLong(10), Line("z")]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200))
def test_what_we_send_a_codec_reads_back(text: str) -> None:
    assert lines(markup_encoder(Colours.NONE)(escape(text) + "\n")) == [text]


@given(STREAMS)
def test_lines_are_clean(stream: bytes) -> None:
    for event in TelnetCodec().receive(stream):
        if isinstance(event, Line):
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in event.text)


def test_reading_nothing_changes_nothing() -> None:
    reader, events = LineReader(), list[TelnetEvent]()
    for run in (b"", b"a\r", b"", b"\nb", b"", b"\n"):
        reader.receive(run, events)
    assert events == [Line("a"), Line("b")]


@given(st.text())
def test_editing_leaves_no_controls_and_nothing_to_edit(text: str) -> None:
    edited = edit(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in edited)
    assert edit(edited) == edited


class TestCommandsInsideOfLines:
    @pytest.mark.parametrize("command", [NOP, GA, COMMAND_EOR, DM, AO, b"\xec", b"\x00", b"A"])
    def test_most_are_swallowed(self, command: bytes) -> None:
        codec = TelnetCodec()
        assert codec.receive(b"lo" + IAC + command + b"ok\n") == [Line("look")]
        assert codec.bytes_to_send() == b""

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"loop" + IAC + EC + b"k\n", ["look"]),
            ("caf\u00e9".encode() + IAC + EC + b"e\n", ["cafe"]),
            (b"caf\xe9" + IAC + EC + b"e\n", ["cafe"]),
            (b"a\n" + IAC + EC + b"b\n", ["a", "b"]),
            (b"a\r" + IAC + EC + b"\nb\n", ["a", "b"]),
            ((b"x" + IAC + EC) * 3 + b"y\n", ["y"]),
        ],
    )
    def test_erase_character(self, data: bytes, expected: list[str]) -> None:
        assert lines(data) == expected

    @pytest.mark.parametrize("command", [EL, IP, BRK])
    def test_erase_line_interrupt_and_break_throw_the_partial_line_away(self, command: bytes) -> None:
        assert lines(b"look\nquit" + IAC + command + b"who\n") == ["look", "who"]
        assert lines(b"look\r" + IAC + command + b"\nwho\n") == ["look", "who"]

    def test_after_an_erased_line_that_was_too_long_comes_a_new_one(self) -> None:
        codec = TelnetCodec(10)
        assert codec.receive(b"x" * 20 + IAC + EC + b"y" + IAC + EL + b"look\n") == [LineTooLong(10), Line("look")]

    def test_erased_characters_count(self) -> None:
        codec = TelnetCodec(10)
        assert codec.receive(b"12345" + (IAC + EC) * 5 + b"look\n") == [LineTooLong(10)]


class TestCharsets:
    """What was agreed on holds for the lines that end after it."""

    def test_utf_8_still_falls_back(self) -> None:
        codec = agreed(IAC + DO + CHARSET + sub(CHARSET, b"\x02UTF-8"))
        assert codec.receive("grüß ☃\n".encode() + "grüß\n".encode("latin-1")) == [Line("grüß ☃"), Line("grüß")]

    def test_latin_1_is_never_taken_for_utf_8(self) -> None:
        codec = agreed(IAC + DO + CHARSET)
        asked = codec.receive("Ã¼".encode("latin-1") + sub(CHARSET, b"\x02ISO-8859-1") + b"\nplain\n\xc3\xbc \xff\xff\nx\n")
        assert asked[1:] == [Line("Ã¼"), Line("plain"), Line("Ã¼ \u00ff"), Line("x")]

    def test_somebody_who_asked_for_ascii_and_sends_more_is_understood_all_the_same(self) -> None:
        codec = agreed(IAC + WILL + CHARSET + sub(CHARSET, b"\x01 US-ASCII"))
        assert codec.receive("grüß\n".encode() + b"gr\xfc\n") == [Line("grüß"), Line("grü")]

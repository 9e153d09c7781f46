"""Terminal types: RFC 1091, and the Mud Terminal Type Standard on top of it."""

import pytest
from hypothesis import given

from holomush.net.telnet.codec import SUBNEGOTIATION_LIMIT, TelnetCodec
from holomush.net.telnet.events import Line, TerminalType

from .wire import DO, DONT, IAC, SEND_TTYPE, STREAMS, TTYPE, WILL, WONT, is_type, opened, sub


def asked() -> TelnetCodec:
    codec = opened()
    assert codec.receive(IAC + WILL + TTYPE) == []
    assert codec.bytes_to_send() == SEND_TTYPE
    return codec


def test_a_client_that_tells_all_three() -> None:
    codec = asked()
    assert codec.receive(is_type(b"TINTIN++")) == [TerminalType(("TINTIN++",))]
    assert codec.bytes_to_send() == SEND_TTYPE
    assert codec.receive(is_type(b"XTERM-256COLOR")) == [TerminalType(("TINTIN++", "XTERM-256COLOR"))]
    assert codec.bytes_to_send() == SEND_TTYPE
    assert codec.receive(is_type(b"MTTS 2831")) == [TerminalType(("TINTIN++", "XTERM-256COLOR"), 2831)]
    assert codec.bytes_to_send() == b""
    assert codec.receive(is_type(b"MTTS 1")) == []
    assert codec.bytes_to_send() == b""


def test_a_client_with_one_name_says_it_twice() -> None:
    codec = asked()
    assert codec.receive(is_type(b"XTERM") * 5) == [TerminalType(("XTERM",))]
    assert codec.bytes_to_send() == SEND_TTYPE


def test_a_client_that_goes_round_in_circles() -> None:
    codec = asked()
    assert codec.receive((is_type(b"A") + is_type(b"B")) * 5)[-1] == TerminalType(("A", "B", "A"))
    assert codec.bytes_to_send() == SEND_TTYPE * 2


def test_a_client_may_offer_it_first() -> None:
    codec = TelnetCodec()
    assert codec.receive(IAC + WILL + TTYPE + is_type(b"ANSI")) == [TerminalType(("ANSI",))]
    assert codec.bytes_to_send() == IAC + DO + TTYPE + SEND_TTYPE * 2


def test_a_client_that_refuses_or_is_silent_loses_nothing() -> None:
    codec = opened()
    assert codec.receive(IAC + WONT + TTYPE + is_type(b"ANSI") + b"look\n") == [Line("look")]
    assert codec.bytes_to_send() == b""


def test_what_was_not_asked_for_is_ignored() -> None:
    codec = opened()
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
def test_names_are_short_and_printable(sent: bytes, name: str) -> None:
    assert asked().receive(is_type(sent)) == [TerminalType((name,))]


@pytest.mark.parametrize("sent", [b"", b" ", b"\x1b\x00", "\u2603".encode()])
def test_a_client_without_a_name_is_asked_no_more(sent: bytes) -> None:
    codec = asked()
    assert codec.receive(is_type(sent) + is_type(b"ANSI")) == []
    assert codec.bytes_to_send() == b""


def test_an_overlong_answer_is_thrown_away() -> None:
    assert asked().receive(is_type(b"x" * SUBNEGOTIATION_LIMIT)) == []


def test_an_answer_of_another_kind_is_ignored() -> None:
    assert asked().receive(sub(TTYPE, b"") + sub(TTYPE, b"\x02ANSI")) == []


def test_a_client_that_changes_its_mind_is_asked_anew() -> None:
    codec = asked()
    codec.receive(is_type(b"A") + is_type(b"MTTS 1"))
    codec.bytes_to_send()
    assert codec.receive(IAC + WONT + TTYPE + is_type(b"B")) == []
    assert codec.bytes_to_send() == IAC + DONT + TTYPE
    assert codec.receive(IAC + WILL + TTYPE + is_type(b"A") + is_type(b"MTTS 65")) == [
        TerminalType(("A",)),
        TerminalType(("A",), 65),
    ]
    assert codec.bytes_to_send() == IAC + DO + TTYPE + SEND_TTYPE * 3


def test_the_small_letters_of_a_client_do_not_matter() -> None:
    assert asked().receive(is_type(b"mtts 137")) == [TerminalType((), 137)]


@given(STREAMS)
def test_names_are_bounded(stream: bytes) -> None:
    for event in TelnetCodec().receive(IAC + WILL + TTYPE + stream):
        if isinstance(event, TerminalType):
            assert len(event.names) <= 3
            assert all(0 < len(name) <= 40 and name.isascii() and name.isprintable() for name in event.names)
            assert event.mtts is None or 0 <= event.mtts < 10**9

"""Variables of a client: RFC 1572, and the Mud New-Environ Standard on top of it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.codec import SUBNEGOTIATION_LIMIT, TelnetCodec
from holomush.net.telnet.events import Environment, Line, TelnetEvent
from holomush.net.telnet.subnegotiations import merge_environment, parse_environment

from .wire import DO, DONT, IAC, NEW_ENVIRON, SEND_ENVIRON, STREAMS, WILL, WONT, environ, opened, sub


def asked() -> TelnetCodec:
    codec = opened()
    assert codec.receive(IAC + WILL + NEW_ENVIRON) == []
    assert codec.bytes_to_send() == SEND_ENVIRON
    return codec


def test_an_answer() -> None:
    codec = asked()
    told = environ((b"CLIENT_NAME", b"Mudlet"), (b"MTTS", b"2349"), (b"SCREEN_READER", b"1"), var=b"\x03")
    assert codec.receive(told) == [Environment({"CLIENT_NAME": "Mudlet", "MTTS": "2349", "SCREEN_READER": "1"})]
    assert codec.receive(told) == []
    assert codec.bytes_to_send() == b""


def test_changes_are_told_with_all_that_was_known() -> None:
    codec = asked()
    codec.receive(environ((b"USER", b"ann"), (b"CHARSET", b"ASCII"), (b"LANG", b"")))
    assert codec.receive(environ((b"CHARSET", b"UTF-8"), (b"USER", None), kind=b"\x02")) == [
        Environment({"CHARSET": "UTF-8", "LANG": ""})
    ]


def test_what_an_event_holds_never_changes() -> None:
    codec = asked()
    (first,) = codec.receive(environ((b"A", b"1")))
    (second,) = codec.receive(environ((b"B", b"2")))
    assert (first, second) == (Environment({"A": "1"}), Environment({"A": "1", "B": "2"}))
    assert isinstance(first, Environment)
    with pytest.raises(TypeError):
        first.variables["A"] = "2"  # type: ignore[index]


@pytest.mark.parametrize(
    ("payload", "variables"),
    [
        (b"\x00\x00A\x01one\x03B\x01two", {"A": "one", "B": "two"}),
        (b"\x00\x00\x02\x01A\x02\x02\x01\x02\x00x\x02\x03", {"A": "x"}),  # escaped, so they are no marks; nor do they print
        (b"\x00\x00A\x02B\x01\x02c", {"AB": "c"}),
        (b"\x00\x00A\x01x\x02", {"A": "x"}),
        (b"\x00\x00A\x01x\x01y", {"A": "y"}),
        (b"\x00\x00\x00A\x01x\x00\x00B\x01y ", {"A": "x", "B": "y"}),  # as one client writes them
        (b"\x00junk\x00A\x01x", {"A": "x"}),
        (b"\x00\x01x\x00A\x01x", {"A": "x"}),
        (b"\x00\x00\x01x", None),
        (b"\x00\x00A", None),
        (b"\x00", None),
        (b"", None),
        (b"\x01\x00A\x01x", None),  # a SEND
        (b"\x03\x00A\x01x", None),
        ("\x00\x00N\u00e4me\x01☃\x1b\u2028".encode(), {"Näme": "☃"}),
        (b"\x00\x00A\x01\xe9", {"A": "é"}),
        (b"\x00\x00" + b"n" * 64 + b"\x01" + b"v" * 300, {"n" * 64: "v" * 256}),
        (b"\x00\x00" + b"n" * 65 + b"\x01v\x00A\x01x", {"A": "x"}),
    ],
)
def test_shapes(payload: bytes, variables: Mapping[str, str] | None) -> None:
    expected: list[TelnetEvent] = [] if variables is None else [Environment(variables)]
    assert asked().receive(sub(NEW_ENVIRON, payload) + b"look\n") == [*expected, Line("look")]


def test_a_255_in_a_value() -> None:
    assert asked().receive(environ((b"A", b"y" + IAC + IAC))) == [Environment({"A": "yÿ"})]


def test_there_are_at_most_32() -> None:
    codec = asked()
    for start in range(0, 40, 10):
        codec.receive(environ(*((b"V%d" % number, b"x") for number in range(start, start + 10))))
    (event,) = codec.receive(environ((b"V0", b"new"), (b"V1", None), (b"V38", b"y"), (b"V39", b"z")))
    assert isinstance(event, Environment)
    assert len(event.variables) == 32
    assert event.variables["V0"] == "new"
    assert event.variables["V38"] == "y"
    assert "V39" not in event.variables


def test_what_is_too_long_as_a_whole_is_thrown_away() -> None:
    assert asked().receive(environ((b"A", b"x" * SUBNEGOTIATION_LIMIT))) == []


def test_not_agreed_on_it_is_ignored() -> None:
    assert opened().receive(environ((b"A", b"x"))) == []


def test_a_client_may_offer_it_first_and_end_it() -> None:
    codec = TelnetCodec()
    assert codec.receive(IAC + WILL + NEW_ENVIRON + environ((b"A", b"x"))) == [Environment({"A": "x"})]
    assert codec.bytes_to_send() == IAC + DO + NEW_ENVIRON + SEND_ENVIRON
    assert codec.receive(IAC + WONT + NEW_ENVIRON + environ((b"A", b"y"))) == []
    assert codec.bytes_to_send() == IAC + DONT + NEW_ENVIRON


def escaped(text: str) -> bytes:
    return b"".join(b"\x02" + bytes((byte,)) if byte < 4 else bytes((byte,)) for byte in text.encode())


TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), max_size=60)


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=32), st.sampled_from([b"\x00", b"\x03"]))
def test_what_a_client_writes_is_read(variables: dict[str, str], var: bytes) -> None:
    payload = b"\x00" + b"".join(var + escaped(name) + b"\x01" + escaped(value) for name, value in variables.items())
    assert merge_environment({}, parse_environment(payload)) == variables


@given(st.lists(st.sampled_from([b"\0", b"\1", b"\2", b"\3", b"n", b"n" * 70, b"\xc3\xbc", b"\xff"]), max_size=200).map(b"".join))
def test_any_payload_keeps_within_the_limits(payload: bytes) -> None:
    for name, value in merge_environment({}, parse_environment(b"\0" + payload)).items():
        assert name.isprintable()
        assert value.isprintable()
        assert 0 < len(name) <= 64
        assert len(value) <= 256


@given(STREAMS)
def test_variables_are_bounded(stream: bytes) -> None:
    for event in TelnetCodec().receive(IAC + WILL + NEW_ENVIRON + stream):
        assert not isinstance(event, Environment) or len(event.variables) <= 32

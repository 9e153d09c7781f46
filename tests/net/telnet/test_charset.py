"""Charsets: RFC 2066, with the server asking, the client asking, and both at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.codec import TelnetCodec
from holomush.net.telnet.events import Charset, TelnetEvent
from holomush.net.telnet.subnegotiations import choose_charset

from .wire import CHARSET, CHARSET_REQUEST, DO, DONT, IAC, STREAMS, WILL, WONT, agreed, opened, sub

REJECTED = sub(CHARSET, b"\x03")


class TestWeAsk:
    def asked(self) -> TelnetCodec:
        codec = opened()
        assert codec.receive(IAC + DO + CHARSET) == []
        assert codec.bytes_to_send() == CHARSET_REQUEST
        return codec

    @pytest.mark.parametrize(
        ("answer", "events"),
        [
            (b"\x02UTF-8", [Charset("utf-8")]),
            (b"\x02utf8", [Charset("utf-8")]),
            (b"\x02ISO-8859-1", [Charset("latin-1")]),
            (b"\x02iso_8859-1", [Charset("latin-1")]),
            (b"\x03", []),
            (b"\x02US-ASCII", []),  # which we did not offer
            (b"\x02KOI8-R", []),
            (b"\x02", []),
            (b"", []),
            (b"\x06", []),
        ],
    )
    def test_answers(self, answer: bytes, events: list[TelnetEvent]) -> None:
        codec = self.asked()
        assert codec.receive(sub(CHARSET, answer)) == events
        assert codec.bytes_to_send() == b""

    def test_only_the_first_answer_counts(self) -> None:
        codec = self.asked()
        assert codec.receive(sub(CHARSET, b"\x02UTF-8") + sub(CHARSET, b"\x02ISO-8859-1")) == [Charset("utf-8")]

    def test_a_table_that_we_did_not_ask_for_is_rejected(self) -> None:
        codec = self.asked()
        assert codec.receive(sub(CHARSET, b"\x04\x01;UTF-8;x") + sub(CHARSET, b"\x02UTF-8")) == [Charset("utf-8")]
        assert codec.bytes_to_send() == sub(CHARSET, b"\x05")

    def test_a_client_that_ends_it_owes_no_answer(self) -> None:
        codec = self.asked()
        assert codec.receive(IAC + DONT + CHARSET + sub(CHARSET, b"\x02UTF-8")) == []
        assert codec.bytes_to_send() == IAC + WONT + CHARSET
        assert codec.receive(IAC + WILL + CHARSET + sub(CHARSET, b"\x01 UTF-8")) == [Charset("utf-8")]


class TestTheClientAsks:
    def open(self) -> TelnetCodec:
        codec = opened()
        assert codec.receive(IAC + DONT + CHARSET + IAC + WILL + CHARSET) == []
        assert codec.bytes_to_send() == IAC + DO + CHARSET
        return codec

    @pytest.mark.parametrize(
        ("asked", "accepted", "name"),
        [
            (b";UTF-8", b"UTF-8", "utf-8"),
            (b" utf8", b"utf8", "utf-8"),
            (b";US-ASCII;LATIN1;UTF-8;ISO-8859-1", b"UTF-8", "utf-8"),
            (b",ascii,ISO_8859-1,latin1,x", b"ISO_8859-1", "latin-1"),
            (b" KOI8-R ASCII", b"ASCII", "ascii"),
            (b"[TTABLE]\x01;UTF-8", b"UTF-8", "utf-8"),
            (b"[TTABLE ]\x01;ISO_8859-1:1987", b"ISO_8859-1:1987", "latin-1"),
            (b"[TTABLE]\n\x00US-ASCII", b"US-ASCII", "ascii"),
            (b"UUTF-8UUTF-8Uascii", b"ascii", "ascii"),
        ],
    )
    def test_the_best_of_its_list_is_taken_as_it_spells_it(self, asked: bytes, accepted: bytes, name: str) -> None:
        codec = self.open()
        assert codec.receive(sub(CHARSET, b"\x01" + asked)) == [Charset(name)]
        assert codec.bytes_to_send() == sub(CHARSET, b"\x02" + accepted)

    @pytest.mark.parametrize(
        "asked",
        [b"", b";", b";;", b";KOI8-R", b"UTF-8", b"[TTABLE]", b"[TTABLE]\x01", b"[TTABLE]UTF-8", b";" + b"-" * 20 + b"UTF8"],
    )
    def test_if_it_has_none_of_ours_it_is_told(self, asked: bytes) -> None:
        codec = self.open()
        assert codec.receive(sub(CHARSET, b"\x01" + asked)) == []
        assert codec.bytes_to_send() == REJECTED

    def test_it_may_change_its_mind_but_not_for_ever(self) -> None:
        codec = self.open()
        asked = sub(CHARSET, b"\x01 UTF-8") + sub(CHARSET, b"\x01 LATIN1")
        assert codec.receive(asked * 100) == [Charset("utf-8"), Charset("latin-1")] * 4
        assert codec.bytes_to_send() == (sub(CHARSET, b"\x02UTF-8") + sub(CHARSET, b"\x02LATIN1")) * 4

    def test_not_agreed_on_it_is_ignored(self) -> None:
        codec = opened()
        assert codec.receive(sub(CHARSET, b"\x01 UTF-8")) == []
        assert codec.bytes_to_send() == b""

    def test_a_client_that_forgot_to_say_will_is_answered_too(self) -> None:
        codec = agreed(IAC + DO + CHARSET + sub(CHARSET, b"\x03"))
        assert codec.receive(sub(CHARSET, b"\x01 UTF-8")) == [Charset("utf-8")]


def test_when_both_ask_at_once_ours_stands() -> None:
    codec = opened()
    assert codec.receive(IAC + DO + CHARSET + IAC + WILL + CHARSET + sub(CHARSET, b"\x01 ISO-8859-1")) == []
    assert codec.bytes_to_send() == CHARSET_REQUEST + IAC + DO + CHARSET + REJECTED
    assert codec.receive(sub(CHARSET, b"\x02UTF-8")) == [Charset("utf-8")]
    assert codec.receive(sub(CHARSET, b"\x01 ISO-8859-1")) == [Charset("latin-1")]


@given(
    st.lists(st.from_regex(rb"[A-Za-z0-9.:_-]{1,24}", fullmatch=True), max_size=10),
    st.sampled_from([b" ", b";", b","]),
    st.sampled_from([b"", b"[TTABLE]\x01", b"[TTABLE ]\x01"]),
)
def test_utf_8_is_found_wherever_it_stands(others: list[bytes], separator: bytes, table: bytes) -> None:
    for place in range(len(others) + 1):
        names = [*others[:place], b"Utf-8", *others[place:]]
        chosen = choose_charset(table + separator + separator.join(names))
        assert chosen is not None
        assert chosen[0] == "utf-8"
        assert chosen[1].lower() in (sub(CHARSET, b"\x02utf-8"), *(sub(CHARSET, b"\x02" + other.lower()) for other in others))


@given(STREAMS)
def test_only_known_charsets_come_out(stream: bytes) -> None:
    for event in TelnetCodec().receive(IAC + DO + CHARSET + IAC + WILL + CHARSET + stream):
        assert not isinstance(event, Charset) or event.name in ("utf-8", "latin-1", "ascii")

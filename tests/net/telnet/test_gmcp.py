"""GMCP: when it is on, what is a message, and that what we build is what is read."""

import json
import time
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.events.event import JSON
from holomush.net.telnet.codec import TelnetCodec
from holomush.net.telnet.events import Gmcp, GmcpEnabled, Line
from holomush.net.telnet.gmcp import GMCP_DEPTH, GMCP_LIMIT, gmcp_bytes, parse_gmcp

from .wire import DO, DONT, GMCP, IAC, SB, SE, STREAMS, WILL, WONT, agreed, gmcp, opened, sub


class TestAgreement:
    def test_offered_and_taken(self) -> None:
        codec = opened()
        assert codec.receive(IAC + DO + GMCP + gmcp("Core.Ping")) == [GmcpEnabled(on=True), Gmcp("Core.Ping", None)]
        assert codec.bytes_to_send() == b""
        assert codec.receive(IAC + DONT + GMCP + gmcp("Core.Ping")) == [GmcpEnabled(on=False)]
        assert codec.bytes_to_send() == IAC + WONT + GMCP

    def test_asked_for_first(self) -> None:
        codec = TelnetCodec()
        assert codec.receive(IAC + DO + GMCP) == [GmcpEnabled(on=True)]
        assert codec.bytes_to_send() == IAC + WILL + GMCP

    def test_the_wrong_way_round(self) -> None:
        codec = opened()
        assert codec.receive(IAC + WILL + GMCP + gmcp("Core.Ping")) == [GmcpEnabled(on=True), Gmcp("Core.Ping", None)]
        assert codec.bytes_to_send() == IAC + DO + GMCP

    def test_both_ways_at_once_are_one(self) -> None:
        codec = opened()
        assert codec.receive(IAC + DO + GMCP + IAC + WILL + GMCP) == [GmcpEnabled(on=True)]
        assert codec.receive(IAC + WONT + GMCP + gmcp("A")) == [Gmcp("A", None)]
        assert codec.receive(IAC + DONT + GMCP) == [GmcpEnabled(on=False)]

    def test_before_it_nothing_is_taken(self) -> None:
        codec = opened()
        assert codec.receive(gmcp("Core.Ping") + b"look\n") == [Line("look")]
        assert codec.bytes_to_send() == b""


class TestMessages:
    @pytest.mark.parametrize(
        ("message", "package", "data"),
        [
            ("Core.Ping", "Core.Ping", None),
            ("Core.Ping ", "Core.Ping", None),
            ("Core.Ping   120", "Core.Ping", 120),
            ('Core.Hello {"client": "Mudlet", "version": "4.17"}', "Core.Hello", {"client": "Mudlet", "version": "4.17"}),
            ('Core.Supports.Set [ "Char 1", "Room 1" ]\n', "Core.Supports.Set", ["Char 1", "Room 1"]),
            ('a-b_c.D9 "gr\u00fc\u00df \U0001f600"', "a-b_c.D9", "gr\u00fc\u00df \U0001f600"),
            ("x null", "x", None),
            ("x -1.5e3", "x", -1500.0),
            ('x "\\ud83d\\ude00"', "x", "\U0001f600"),
            ("n" * 64 + " []", "n" * 64, []),
            ("x " + "[" * GMCP_DEPTH + "]" * GMCP_DEPTH, "x", json.loads("[" * GMCP_DEPTH + "]" * GMCP_DEPTH)),
            ('x "' + "[" * 100 + '\\""', "x", "[" * 100 + '"'),
            ("x [" + "[]," * 100 + "0]", "x", [*([[]] * 100), 0]),
            ("x [" + "{}," * 100 + "0]", "x", [*([{}] * 100), 0]),
            ('x "' + "y" * (GMCP_LIMIT - 4) + '"', "x", "y" * (GMCP_LIMIT - 4)),
        ],
    )
    def test_taken(self, message: str, package: str, data: JSON) -> None:
        assert agreed(IAC + DO + GMCP).receive(gmcp(message)) == [Gmcp(package, data)]

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b" ",
            b" Core.Ping",
            b"n" * 65,
            b"Core/Hello {}",
            b"Core.Hello{}",
            "C\u00f6re".encode(),
            b"x {",
            b"x {'a': 1}",
            b"x 1 2",
            b"x\t1",
            b"x nan",
            b"x NaN",
            b"x [Infinity]",
            b"x -Infinity",
            b"x 1e999",
            b"x " + b"9" * 5000,
            b'x "\\ud83d"',
            b'x {"\\uDE00": 1}',
            b'x "\x00"',
            b'x "\xe9"',
            b'x "\xf0"',
            "\ufeffx".encode(),
            "x \ufeff1".encode(),
            b"x " + b"[" * 17 + b"]" * 17,
            b"x " + b'{"a":' * 17 + b"1" + b"}" * 17,
            b"x " + b"[" * 8000,
            b'x "' + b"y" * (GMCP_LIMIT - 3) + b'"',
        ],
    )
    def test_dropped(self, message: bytes) -> None:
        codec = agreed(IAC + DO + GMCP)
        assert codec.receive(sub(GMCP, message) + gmcp("Core.Ping")) == [Gmcp("Core.Ping", None)]
        assert parse_gmcp(message) is None

    def test_240_inside_is_data_and_255_is_doubled(self) -> None:
        codec = agreed(IAC + DO + GMCP)
        assert codec.receive(sub(GMCP, b'x "' + SE + b'"') + sub(GMCP, b'x "' + IAC + IAC + b'"')) == []
        assert codec.receive(gmcp('x "\U0001f600"')) == [Gmcp("x", "\U0001f600")]

    def test_one_that_lost_its_end(self) -> None:
        codec = agreed(IAC + DO + GMCP)
        assert codec.receive(IAC + SB + GMCP + b"lost " + gmcp("x 1") + b"look\n") == [Gmcp("x", 1), Line("look")]

    @pytest.mark.parametrize(
        "message", [b'\\"', b'"\\', b'"', b"[{", b"\\u", b'"\\ud800"', b"[]", b"{}", b"1", b"1e", b" "], ids=repr
    )
    def test_none_takes_long(self, message: bytes) -> None:
        """Quadratic work would take half a minute."""
        payload = b"x " + message * ((GMCP_LIMIT - 2) // len(message))
        begun = time.process_time()
        for _ in range(100):
            parse_gmcp(payload)
            parse_gmcp(payload[:2] + b'"' + payload[3:])
        assert time.process_time() - begun < 5


class TestBuilding:
    @pytest.mark.parametrize(
        ("package", "data", "sent"),
        [
            ("Core.Ping", None, "Core.Ping"),
            (
                "Char.Name",
                {"name": "Bj\u00f6rn", "n": [1, 2.5, True, None]},
                'Char.Name {"name":"Bj\u00f6rn","n":[1,2.5,true,null]}',
            ),
            ("x", "text", 'x "text"'),
            ("x", 0, "x 0"),
            ("x", (1, MappingProxyType({"a": range(2)})), 'x [1,{"a":[0,1]}]'),
            ("x", "\ud800", 'x "?"'),
        ],
    )
    def test_compact(self, package: str, data: JSON, sent: str) -> None:
        assert gmcp_bytes(package, data) == gmcp(sent)

    @pytest.mark.parametrize("package", ["", "a b", "n" * 65, "\u00e9", "a\n", 'a"'])
    def test_names(self, package: str) -> None:
        with pytest.raises(ValueError, match=r"cannot name a GMCP package: 1 to 64 of A-Z, a-z, 0-9, _ \. and -"):
            gmcp_bytes(package)

    def test_what_json_cannot_say(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            gmcp_bytes("x", float("nan"))
        with pytest.raises(TypeError, match="bytes is not JSON"):
            gmcp_bytes("x", b"raw")


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=10)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True), DATA)
def test_what_is_built_is_read(package: str, data: JSON) -> None:
    assert agreed(IAC + DO + GMCP).receive(gmcp_bytes(package, data)) == [Gmcp(package, data)]


@given(st.binary(max_size=60), st.sampled_from([b"", b"x ", b'x "', b"x [", b'x {"a": ']))
def test_any_payload_is_a_message_that_can_be_built_or_none(payload: bytes, start: bytes) -> None:
    message = parse_gmcp(start + payload)
    if message is not None:
        assert agreed(IAC + DO + GMCP).receive(gmcp_bytes(message.package, message.data)) == [message]


@given(STREAMS)
def test_what_comes_out_can_be_sent_to_others(stream: bytes) -> None:
    for event in TelnetCodec().receive(IAC + DO + GMCP + stream):
        if isinstance(event, Gmcp):
            json.dumps(event.data, ensure_ascii=False, allow_nan=False).encode()

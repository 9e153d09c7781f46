"""The PROXY protocol and X-Forwarded-For, from well-formed to hostile; and streams that bytes are given back to."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from holomush.net.proxy import (
    NO_HEADER,
    V2_START,
    ProxyHeader,
    ProxyHeaderError,
    forwarded_address,
    is_among,
    parse_proxy_header,
    read_proxy_header,
)
from holomush.net.streams import HalfCloseablePrefixed, Prefixed, normal_address, peer_address, prefixed

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def version_2(command: int, family: int, body: bytes) -> bytes:
    return V2_START + bytes([command, family]) + len(body).to_bytes(2) + body


def tcp4(source: str, extensions: bytes = b"") -> bytes:
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address("10.0.0.1").packed
    return version_2(0x21, 0x11, addresses + b"\x30\x39\x00\x50" + extensions)


def tcp6(source: str) -> bytes:
    addresses = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address("fd00::1").packed
    return version_2(0x21, 0x21, addresses + b"\x30\x39\x00\x50")


GOOD = [
    (b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n", "192.0.2.1"),
    (b"PROXY TCP6 2001:db8::1 fd00::1 0 65535\r\n", "2001:db8::1"),
    (b"PROXY TCP6 ::ffff:192.0.2.1 fd00::1 1 2\r\n", "192.0.2.1"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f whatever 1 2\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),
    (tcp4("192.0.2.1"), "192.0.2.1"),
    (tcp4("192.0.2.1", b"\x04\x00\x03abc"), "192.0.2.1"),
    (tcp6("2001:db8::1"), "2001:db8::1"),
    (tcp6("::ffff:192.0.2.1"), "192.0.2.1"),
    (version_2(0x20, 0x00, b""), None),
    (version_2(0x20, 0x11, b"\xff"), None),
    (version_2(0x21, 0x00, b"anything"), None),
    (version_2(0x21, 0x31, b"\0" * 216), None),
    (version_2(0x21, 0x00, b"\0" * 1024), None),
]


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_a_header_is_read_up_to_its_end(header: bytes, address: str | None) -> None:
    assert parse_proxy_header(header) == ProxyHeader(len(header), address)
    assert parse_proxy_header(header + b"GET / HTTP/1.1\r\n\r\n") == ProxyHeader(len(header), address)


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_more_bytes_are_needed_until_it_is_whole(header: bytes, address: str | None) -> None:
    assert [size for size in range(len(header)) if parse_proxy_header(header[:size]) is not None] == []


FORM = "a PROXY header is not of the form PROXY TCP4 SOURCE DESTINATION PORT PORT"
PORT = "a PROXY header has a port that is not a number up to 65535"
ADDRESS = "a PROXY header has an address that is none"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"PROXY \r\n", FORM),
        (b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", FORM),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", FORM),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", FORM),
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", FORM),
        (b"PROXY unknown\r\n", FORM),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", PORT),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", PORT),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1_0 2\r\n", PORT),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", PORT),
        (b"PROXY TCP4 ::1 1.2.3.4 1 2\r\n", ADDRESS),
        (b"PROXY TCP4 1.2.3.4 example 1 2\r\n", ADDRESS),
        (b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", ADDRESS),
        (b"PROXY TCP4 \xff.2.3.4 1.2.3.4 1 2\r\n", ADDRESS),
        (b"PROXY TCP4 " + b"1" * 96, "a PROXY header is longer than 107 bytes"),
        (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "a PROXY header is longer than 107 bytes"),
        (version_2(0x11, 0x11, b"\0" * 12), "a PROXY header has the version and command 0x11"),
        (version_2(0x22, 0x11, b"\0" * 12), "a PROXY header has the version and command 0x22"),
        (version_2(0x21, 0x11, b"\0" * 11), "a PROXY header is too short for its addresses"),
        (version_2(0x21, 0x21, b"\0" * 35), "a PROXY header is too short for its addresses"),
        (V2_START + b"\x21\x11\x04\x01", "a PROXY header is longer than 1040 bytes"),
    ],
)
def test_nonsense_is_named_in_one_line(data: bytes, error: str) -> None:
    with pytest.raises(ProxyHeaderError) as caught:
        parse_proxy_header(data)
    assert str(caught.value) == error


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"POST /", b"PROXX", b"\x16\x03\x01", b"\r\n\r\nGET", b"connect Bob"])
def test_what_is_no_header_is_left_alone(data: bytes) -> None:
    assert parse_proxy_header(data) == NO_HEADER


@given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", V2_START, V2_START + b"\x21\x11\0\x0c"]), st.binary(max_size=2000))
def test_nothing_but_its_own_error_comes_out(start: bytes, rest: bytes) -> None:
    data = start + rest
    with suppress(ProxyHeaderError):
        header = parse_proxy_header(data)
        assert header is None or 0 <= header.size <= min(len(data), 1040)
        assert header is not None or len(data) < 1040


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_stream_goes_on_behind_its_header(size: int) -> None:
    for header, address in GOOD:
        client, server = memory_stream_pair()
        data = header + b"hello"
        for at in range(0, len(data), size):
            await client.send_all(data[at : at + size])
        await client.send_eof()
        found, stream = await read_proxy_header(server)
        assert found == address
        assert await read_all(stream) == b"hello"


@pytest.mark.parametrize("data", [b"", b"P", b"PROX", b"GET / HTTP/1.1\r\n\r\n"])
async def test_without_a_header_nothing_is_lost(data: bytes) -> None:
    client, server = memory_stream_pair()
    if data:
        await client.send_all(data)
    await client.send_eof()
    found, stream = await read_proxy_header(server)
    assert found is None
    assert await read_all(stream) == data


async def test_a_header_that_is_cut_off_is_an_error() -> None:
    client, server = memory_stream_pair()
    await client.send_all(tcp4("192.0.2.1")[:20])
    await client.send_eof()
    with pytest.raises(ProxyHeaderError, match=r"^a PROXY header was cut off$"):
        await read_proxy_header(server)


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


async def test_bytes_given_back_come_in_pieces() -> None:
    client, server = memory_stream_pair()
    await client.send_all(b"later")
    await client.send_eof()
    stream = prefixed(server, b"first")
    assert await stream.receive_some(2) == b"fi"
    assert await stream.receive_some() == b"rst"
    assert await stream.receive_some(3) == b"lat"
    with pytest.raises(ValueError, match="max_bytes must be 1 or more"):
        await stream.receive_some(0)
    await stream.send_all(b"back")
    await stream.wait_send_all_might_not_block()
    assert isinstance(stream, HalfCloseablePrefixed)
    await stream.send_eof()
    assert await read_all(client) == b"back"
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


async def test_a_stream_that_cannot_be_half_closed_cannot_be_so_with_bytes_before_it() -> None:
    _, server = memory_stream_pair()
    outer = prefixed(Prefixed(server, b""), b"x")
    assert not isinstance(outer, trio.abc.HalfCloseableStream)
    assert peer_address(outer) == "memory"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("192.0.2.01", None),
        ("example", None),
        ("", None),
    ],
)
def test_an_address_is_always_written_the_same(text: str, address: str | None) -> None:
    assert normal_address(text) == address


@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.2, fd00::2", "192.0.2.1"),
        ("192.0.2.1:4711,10.0.0.2", "192.0.2.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.2", None),
        ("192.0.2.1, unknown", None),
        ("192.0.2.1, [10.0.0.2", None),
        ("10.0.0.2", None),
        ("192.0.2.1,", None),
        ("", None),
    ],
)
def test_the_last_stranger_is_the_client(forwarded_for: str, address: str | None) -> None:
    assert forwarded_address(forwarded_for, PROXIES) == address


@given(st.text(max_size=200))
def test_any_text_is_some_address_or_none(text: str) -> None:
    found = forwarded_address(text, PROXIES)
    assert found is None or normal_address(found) == found


def test_only_addresses_are_in_networks() -> None:
    assert is_among("10.1.2.3", PROXIES)
    assert is_among("fd00::7", PROXIES)
    assert not is_among("192.0.2.1", PROXIES)
    assert not is_among("memory", PROXIES)

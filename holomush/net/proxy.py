"""Whom a trusted proxy speaks for: haproxy's PROXY protocol, versions 1 and 2, and X-Forwarded-For.

Pure functions over bytes and text, and one reader for streams. Who is trusted is the operator's to say; nobody else may be
asked these questions, for anybody can write such a header. Source: haproxy, "The PROXY protocol", versions 1 and 2.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

import attrs
import trio

from holomush.errors import HolomushError
from holomush.net.streams import Prefixed, normal_address, prefixed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

V1_START = b"PROXY "
V1_LIMIT = 107
"""Bytes of a header of version 1 with its line end."""
V2_START = b"\r\n\r\n\0\r\nQUIT\n"
V2_FIXED = 16
V2_LIMIT = 1_024
"""Bytes of addresses and extensions in a header of version 2. The extensions are read away."""

_READ_SIZE = 2_048
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}", re.ASCII)
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]*)\](:\d{1,5})?|(?P<four>[\d.]+):\d{1,5}", re.ASCII)


class ProxyHeaderError(HolomushError):
    """A header of the PROXY protocol that makes no sense."""


@attrs.frozen
class ProxyHeader:
    """``size`` is in bytes, 0 if there is no header. ``address`` is the client's; None if the proxy speaks for itself."""

    size: int
    address: str | None


NO_HEADER = ProxyHeader(0, None)


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that ``data`` begins with, or None if more bytes are needed to tell. Raises ``ProxyHeaderError``."""
    if data.startswith(V1_START):
        return _parse_v1(data)
    if data.startswith(V2_START):
        return _parse_v2(data)
    if V1_START.startswith(data) or V2_START.startswith(data):
        return None
    return NO_HEADER


def _parse_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, V1_LIMIT)
    if end < 0:
        if len(data) >= V1_LIMIT:
            raise ProxyHeaderError(f"a PROXY header is longer than {V1_LIMIT} bytes")
        return None
    size = end + 2
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(size, None)
    kinds = {b"TCP4": ipaddress.IPv4Address, b"TCP6": ipaddress.IPv6Address}
    if len(words) != 6 or words[1] not in kinds:
        raise ProxyHeaderError("a PROXY header is not of the form PROXY TCP4 SOURCE DESTINATION PORT PORT")
    _, kind, source, destination, *ports = words
    for port in ports:
        if not _PORT.fullmatch(port) or int(port) > 65_535:
            raise ProxyHeaderError("a PROXY header has a port that is not a number up to 65535")
    try:
        kinds[kind](destination.decode("ascii"))
        address = str(kinds[kind](source.decode("ascii")))
    except ValueError:
        raise ProxyHeaderError("a PROXY header has an address that is none") from None
    return ProxyHeader(size, normal_address(address))


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < V2_FIXED:
        return None
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:V2_FIXED])
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError(f"a PROXY header has the version and command {command:#04x}")
    if length > V2_LIMIT:
        raise ProxyHeaderError(f"a PROXY header is longer than {V2_FIXED + V2_LIMIT} bytes")
    size = V2_FIXED + length
    if len(data) < size:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return ProxyHeader(size, None)
    address_size = 4 if family == _TCP4 else 16
    # Two addresses, then two ports of two bytes.
    if length < 2 * address_size + 4:
        raise ProxyHeaderError("a PROXY header is too short for its addresses")
    packed = data[V2_FIXED : V2_FIXED + address_size]
    return ProxyHeader(size, normal_address(str(ipaddress.ip_address(packed))))


async def read_proxy_header(stream: trio.abc.Stream) -> tuple[str | None, Prefixed]:
    """The address in the header that a stream begins with, and the stream behind it.

    Waits until it can tell, so the caller sets a timeout. None if there is no header, nothing being lost then, or if the
    proxy speaks for itself (LOCAL, UNKNOWN). Raises ``ProxyHeaderError``, and what the stream raises.
    """
    data = b""
    while (header := parse_proxy_header(data)) is None:
        more = await stream.receive_some(_READ_SIZE)
        if not more:
            if V1_START.startswith(data):  # not one byte that only a proxy would send
                return None, prefixed(stream, data)
            raise ProxyHeaderError("a PROXY header was cut off")
        data += more
    return header.address, prefixed(stream, data[header.size :])


def is_among(address: str, networks: Collection[Network]) -> bool:
    """Whether an address is in one of the networks. What is no address is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def forwarded_address(forwarded_for: str, proxies: Collection[Network]) -> str | None:
    """The client in X-Forwarded-For: the last entry that is not a trusted proxy; None if there is none.

    Each proxy adds whom it heard at the end. So whatever stands before an entry that is no address, or before a stranger, is
    that stranger's own word and worth nothing.
    """
    for entry in reversed(forwarded_for.split(",")):
        text = entry.strip()
        with_port = _WITH_PORT.fullmatch(text)
        address = normal_address((with_port["six"] or with_port["four"] or "") if with_port else text)
        if address is None:
            return None
        if not is_among(address, proxies):
            return address
    return None

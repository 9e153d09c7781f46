"""Where a plugin's request may go: from the text of a URL to one server's name, from the name to public network addresses.

Opens no connection. Whether a plugin may talk to a server is a capability, and not asked here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TypeAlias

import attrs
import httpx
import trio

from holomush.plugins.functions.refusal import HostCallError

URL_LIMIT = 2048
"""Characters of a URL."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a name and a port to the IP addresses of the name, best first. Raises ``OSError`` if there are none."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last part of what some system would take for an IPv4 address: 127.0.0.1, 127.1, 2130706433, 0x7f.1."""

# Written out, because what `ipaddress` calls global differs between releases of Python. Sources: the IANA registries of
# special-purpose addresses; multicast and the reserved blocks beside them.
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind a carrier's address translation
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and the metadata of cloud providers
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
"""All that has been given out in IPv6: what is outside is local, multicast or nobody's."""
_NOT_PUBLIC_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo tunnels and benchmarks among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which leads to any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
_HOLDS_IPV4 = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
"""Mapped addresses, and those translated by NAT64: as public as the IPv4 address in their last 32 bits."""


@attrs.frozen(kw_only=True)
class Target:
    """A URL that a request may be made for. ``host`` is in lower case and ASCII; ``local`` if the operator listed host and port."""

    url: httpx.URL
    host: str
    port: int
    is_address: bool
    """Whether ``host`` is an IP address, which only a local one may be."""
    local: bool

    @classmethod
    def parse(cls, text: str, local_hosts: Collection[str], base: httpx.URL | None = None) -> Target:
        """A URL: relative to ``base``, and without that ``https`` if it names no scheme.

        Raises ``HostCallError`` for any that must not or cannot be asked for.
        """
        _check_length(text, text)
        try:
            whole = text if base is not None or _SCHEME.match(text) else f"https://{text}"
            url = (httpx.URL(whole) if base is None else base.join(whole)).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError) as exc:
            raise _bad(text, "write a URL such as https://api.example.com/path") from exc
        _check_length(text, str(url))
        if url.scheme not in _DEFAULT_PORTS:
            raise _bad(text, f"write https:// in place of {url.scheme}://")
        if url.userinfo:
            raise _bad(text, "a URL may not hold a user name or password")
        host = url.raw_host.decode("ascii")
        port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
        if not 1 <= port <= 65535:
            raise _bad(text, f"a port is a number from 1 to 65535, not {port}")
        is_address = ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
        if not is_address and not _NAME.fullmatch(host):
            raise _bad(text, f"a server's name is such as api.example.com, not {host[:80]!r}")
        local = f"{_bracketed(host)}:{port}" in {entry.lower() for entry in local_hosts}
        if is_address and not local:
            raise _bad(text, "name the server by its domain, not by an IP address")
        if url.scheme != "https" and not local:
            raise _bad(text, "write https://: without encryption no server can be asked")
        return cls(url=url, host=host, port=port, is_address=is_address, local=local)

    @property
    def domain(self) -> str:
        """The server as capabilities and the Host header name it: the port only if it is not the scheme's own."""
        name = _bracketed(self.host)
        return name if self.port == _DEFAULT_PORTS[self.url.scheme] else f"{name}:{self.port}"

    async def find_addresses(self, resolve: Resolve) -> tuple[str, ...]:
        """IP addresses to connect to, all of them safe. Raises ``HostCallError`` if there is none, or only one that is not safe."""
        if self.is_address:
            return (self.host,)
        try:
            addresses = tuple(dict.fromkeys(await resolve(self.host, self.port)))
        except OSError as exc:
            raise HostCallError("unavailable", f"there is no server called {self.host}: {exc.strerror or 'unknown name'}") from exc
        if not addresses:
            raise HostCallError("unavailable", f"there is no server called {self.host}: it has no address")
        # One bad address among good ones is no accident. Which it is stays untold: the names of a private network are its own.
        if not self.local and not all(map(is_public, addresses)):
            raise HostCallError("unavailable", f"{self.host} is not on the public internet: plugins can ask no other server")
        return addresses


class Resolver:
    """Asks the operating system for addresses: a ``Resolve``. In threads of its own, so that slow names hold up nothing else."""

    def __init__(self, threads: int = 16) -> None:
        """``threads`` is how many names can be looked up at once; further ones wait."""
        self._threads = trio.CapacityLimiter(threads)

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of ``host`` in the order to try them. Raises ``OSError``."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await trio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=self._threads)
        return tuple(str(socket_address[0]) for *_, socket_address in found)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to one machine on the public internet. What is no address does not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if not any(ip in network for network in _HOLDS_IPV4):
            return ip in _UNICAST_6 and not any(ip in network for network in _NOT_PUBLIC_6)
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return not any(ip in network for network in _NOT_PUBLIC_4)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_length(text: str, url: str) -> None:
    if len(url) > URL_LIMIT:
        raise _bad(text, f"a URL may have {URL_LIMIT} characters, not {len(url)}")


def _bad(text: str, what_is_right: str) -> HostCallError:
    return HostCallError("invalid_argument", f"{text[:80]!r}: {what_is_right}")

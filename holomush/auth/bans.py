"""Addresses and networks that nobody may come from."""

from __future__ import annotations

import ipaddress
from collections import Counter

import attrs

from holomush.clock import now
from holomush.database.register import Register
from holomush.errors import HolomushError

SHORTEST_PREFIX = {4: 8, 6: 16}
"""Of a banned network, by IP version: a slip of the pen does not lock out the world."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadAddress(HolomushError):
    """Text that is neither an address nor a network. ``str()`` says what would be right."""


@attrs.frozen
class AddressBan:
    """``address`` in its one spelling: ``192.0.2.7`` or ``192.0.2.0/24``. ``created_at`` in milliseconds since 1970."""

    address: str
    reason: str
    created_at: int = attrs.field(factory=now)

    @property
    def network(self) -> Network:
        """What is banned; a single address is a network of one."""
        return ipaddress.ip_network(self.address)


class AddressBans(Register[str, AddressBan]):
    """Every banned address and network."""

    def __init__(self) -> None:
        super().__init__("address_bans", lambda ban: ban.address, attrs.asdict, AddressBan)
        self._networks: dict[Network, str] = {}
        self._lengths: Counter[tuple[int, int]] = Counter()
        """How many networks there are of each IP version and length of prefix."""

    def noted(self, before: AddressBan | None, after: AddressBan | None) -> None:
        """Networks are taken apart once."""
        if before is not None:
            self._follow(before.network, -1)
            self._networks.pop(before.network, None)
        if after is not None:
            self._follow(after.network, 1)
            self._networks[after.network] = after.address

    def _follow(self, network: Network, step: int) -> None:
        length = (network.version, network.prefixlen)
        self._lengths[length] += step
        if not self._lengths[length]:
            del self._lengths[length]

    def covering(self, address: str) -> AddressBan | None:
        """A ban that the address falls under. Text that is no address, such as that of a connection in memory, falls under none."""
        if not self._networks:
            return None
        try:
            asked = ipaddress.ip_address(address)
        except ValueError:
            return None
        asked = _unmapped(asked)
        # Looked up once for each length: there may be thousands of networks, and a flood of strangers.
        lengths = (length for version, length in self._lengths if version == asked.version)
        around = (self._networks.get(ipaddress.ip_network((asked, length), strict=False)) for length in lengths)
        return next((self.get(banned) for banned in around if banned is not None), None)


def clean_address(text: str) -> str:
    """The one spelling of an address or network; bits beyond a network's length are taken off. Raises ``BadAddress``."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as exc:
        raise BadAddress(f"{text[:60]!r} is no address; use one such as 192.0.2.7, or a network such as 192.0.2.0/24") from exc
    if network.prefixlen < SHORTEST_PREFIX[network.version]:
        raise BadAddress(f"{network} is too large a network; the shortest prefix is /{SHORTEST_PREFIX[network.version]}")
    return str(_unmapped(network.network_address)) if network.num_addresses == 1 else str(network)


def _unmapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address as itself, also if it is written as an IPv6 one."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped

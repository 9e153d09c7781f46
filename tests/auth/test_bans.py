"""Addresses that nobody may come from: one spelling, what falls under what, and what is no address."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.auth.bans import SHORTEST_PREFIX, AddressBan, AddressBans, BadAddress, clean_address
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store


def make_bans(*addresses: str) -> AddressBans:
    bans = AddressBans()
    bans.replace(AddressBan(clean_address(address), f"about {address}") for address in addresses)
    return bans


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
    ],
)
def test_one_spelling(text: str, clean: str) -> None:
    assert clean_address(text) == clean == clean_address(clean)


@pytest.mark.parametrize(
    "text", ["", "localhost", "192.0.2", "192.0.2.256", "192.0.2.7/33", "1.2.3.4/", "::g", "192.0.2.07", "7" * 80]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        clean_address(text)
    told = f"{text[:60]!r} is no address; use one such as 192.0.2.7, or a network such as 192.0.2.0/24"
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("banned", "address", "covered"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
        ("::ffff:192.0.2.9", "::ffff:192.0.2.9", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "192.0.2.1", False),
        ("fe80::/16", "fe80::1%eth0", True),
        ("192.0.0.0/8", "192.0.2.1", True),
        ("192.0.0.0/8", "memory", False),
        ("192.0.0.0/8", "gone", False),
        ("192.0.0.0/8", "", False),
    ],
)
def test_what_falls_under_a_ban(banned: str, address: str, *, covered: bool) -> None:
    ban = make_bans(banned).covering(address)
    assert (ban is not None) is covered
    assert ban is None or ban.reason == f"about {banned}"


def test_without_bans_everybody_may_come() -> None:
    assert AddressBans().covering("192.0.2.1") is None


def test_a_ban_that_is_taken_back_covers_nothing() -> None:
    bans = make_bans("192.0.2.0/24", "192.0.2.7")
    bans.apply({"192.0.2.0/24": None})
    assert bans.covering("192.0.2.1") is None
    assert bans.covering("192.0.2.7") == bans.get("192.0.2.7")


def test_a_new_reason_takes_the_place_of_the_old() -> None:
    bans = make_bans("192.0.2.7")
    new = AddressBan("192.0.2.7", "new", 5)
    bans.apply({"192.0.2.7": new})
    assert bans.covering("192.0.2.7") is new


@given(st.ip_addresses(), st.integers(0, 128))
def test_every_address_falls_under_its_own_networks(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    network = f"{address}/{max(SHORTEST_PREFIX[address.version], min(length, address.max_prefixlen))}"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        network = str(address)
    clean = clean_address(network)
    assert clean_address(clean) == clean
    assert make_bans(network).covering(str(address)) is not None


@given(st.text())
def test_any_text_is_an_address_or_says_what_would_be_one(text: str) -> None:
    problem = ""
    try:
        assert make_bans(text).values()
    except BadAddress as exc:
        problem = str(exc)
    assert not problem or "such as 192.0.2.7" in problem or "too large" in problem


@pytest.mark.parametrize(
    ("network", "shortest"), [("0.0.0.0/0", "/8"), ("10.0.0.0/7", "/8"), ("::/0", "/16"), ("2001::/15", "/16")]
)
def test_nobody_bans_the_world_by_a_slip_of_the_pen(network: str, shortest: str) -> None:
    with pytest.raises(BadAddress, match=f"is too large a network; the shortest prefix is {shortest}$"):
        clean_address(network)


async def test_bans_are_kept(data: Path) -> None:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        bans = AddressBans()
        await store.write(bans.statements({"a": AddressBan("192.0.2.7", "Too loud.", 5), "b": AddressBan("2001:db8::/32", "", 6)}))
        await bans.load(store)
        assert bans.values() == (AddressBan("192.0.2.7", "Too loud.", 5), AddressBan("2001:db8::/32", "", 6))
        assert bans.covering("192.0.2.7") is not None

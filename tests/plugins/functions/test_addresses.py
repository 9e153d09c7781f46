"""Which URLs may be asked for, and which addresses are public."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.functions.addresses import Resolver, Target, is_public
from holomush.plugins.functions.refusal import HostCallError


async def test_the_operating_system_is_asked() -> None:
    assert set(await Resolver()("localhost", 80)) & {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r"."):
        await Resolver()("name.invalid", 80)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("0.0.0.0", False),
        ("10.255.255.255", False),
        ("100.64.0.1", False),
        ("127.1.2.3", False),
        ("169.254.169.254", False),
        ("172.31.0.1", False),
        ("172.32.0.1", True),
        ("192.0.0.9", False),
        ("192.168.0.1", False),
        ("198.19.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::808:808", False),
        ("100::1", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2001:db8::1", False),
        ("2002:a00:1::1", False),
        ("2002:808:808::1", False),
        ("fc00::1", False),
        ("fd12::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("2606:4700::1111%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("api.example.com", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_public_addresses(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@given(st.ip_addresses())
def test_what_is_public_is_so_by_the_standard_library_too(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        flags = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified)
        assert not any(flags)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert is_public(f"{prefix}{address}") is is_public(str(address))


@pytest.mark.parametrize(
    ("text", "url", "domain"),
    [
        ("api.example.com", "https://api.example.com", "api.example.com"),
        ("API.Example.COM/Path?Q#f", "https://api.example.com/Path?Q", "api.example.com"),
        ("HTTPS://api.example.com:443/", "https://api.example.com/", "api.example.com"),
        ("https://api.example.com:8443/", "https://api.example.com:8443/", "api.example.com:8443"),
        ("api.example.com:8443", "https://api.example.com:8443", "api.example.com:8443"),
        ("api.example.com/?u=http://x", "https://api.example.com/?u=http://x", "api.example.com"),
        ("https://b\u00fccher.example/\u00fc", "https://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example"),
        ("https://a\u3002example", "https://a.example", "a.example"),
        ("http://127.0.0.1:80/", "http://127.0.0.1/", "127.0.0.1"),
        ("http://[::1]:8080/", "http://[::1]:8080/", "[::1]:8080"),
        ("https://localhost:8443/", "https://localhost:8443/", "localhost:8443"),
    ],
)
def test_good_urls(text: str, url: str, domain: str) -> None:
    target = Target.parse(text, ("127.0.0.1:80", "[::1]:8080", "LOCALHOST:8443"))
    assert target.url == url
    assert target.domain == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "https://",
        "https:///path",
        "//api.example.com/",
        "http://api.example.com/",
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "data:text/html,x",
        "https://user@api.example.com/",
        "https://user:password@api.example.com/",
        "https://:@api.example.com/",
        "https://api.example.com./",
        "https://.example.com/",
        "https://api..example.com/",
        "https://-a.example.com/",
        "https://*.example.com/",
        "https://exa%6dple.com/",
        "https://api.example.com%00.evil.com/",
        "https://api.example.com\\.evil.com/",
        "https://api.example.com\\@evil.com/",
        "https://a b.example.com/",
        "https://api.example.com/\r\nX: y",
        "https://api.example.com/\x00",
        "https://api.example.com\t/",
        "https://api.example.com:0/",
        "https://api.example.com:65536/",
        "https://api.example.com:-1/",
        "https://api.example.com:x/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 127 + "com/",
        "https://api.example.com/" + "x" * 2048,
        "https://api.example.com/" + "\u00fc" * 1000,
        "https://127.0.0.1/",
        "https://127.0.0.1:8080/",
        "https://8.8.8.8/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://1.2.3.0x/",
        "https://example.1/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1]evil.com/",
        "https://[v1.x]/",
        "https://\ud800.com/",
        "https://\u200d.com/",
    ],
)
def test_bad_urls(text: str) -> None:
    with pytest.raises(HostCallError) as caught:
        Target.parse(text, ("127.0.0.1:80",))
    assert caught.value.code == "invalid_argument"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300

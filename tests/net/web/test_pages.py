"""Pages in memory: their kinds, their forms, and when they need not be sent."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.web import pages as pages_module
from holomush.net.web.http import Answer, Request
from holomush.net.web.pages import Pages, PagesError, policy

LONG = b"<!doctype html>" + b"<p>Hello</p>" * 100
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src 'self'{}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "js").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "index.html").write_bytes(LONG)
    (folder / "js" / "client.js").write_bytes(b"go()")
    (folder / "manifest.webmanifest").write_bytes(b"{}")
    (folder / "icon.svg").write_bytes(b"<svg/>")
    (folder / "thing.bin").write_bytes(b"\0")
    (folder / ".hidden").write_bytes(b"secret")
    (folder / ".git" / "config").write_bytes(b"secret")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def ask(pages: Pages, path: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pages.answer(Request(method="GET", path=path, headers={"host": "mush.example", **named}))


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/", "text/html; charset=utf-8", LONG),
        ("/index.html", "text/html; charset=utf-8", LONG),
        ("/js/client.js", "text/javascript; charset=utf-8", b"go()"),
        ("/manifest.webmanifest", "application/manifest+json", b"{}"),
        ("/icon.svg", "image/svg+xml", b"<svg/>"),
        ("/thing.bin", "application/octet-stream", b"\0"),
    ],
)
def test_a_file_is_served_as_what_it_is(site: Path, path: str, content_type: str, body: bytes) -> None:
    answer = ask(Pages.load(site), path)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, content_type, body)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"] == POLICY.format(" ws://mush.example wss://mush.example")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/js/../../secret",
        "/%2e%2e/secret",
        "//secret",
        "/js",
        "/js/",
        "/.hidden",
        "/.git/config",
        "/INDEX.html",
        "/x",
    ],
)
def test_nothing_else_exists(site: Path, path: str) -> None:
    answer = ask(Pages.load(site), path)
    assert (answer.status, answer.body) == (404, b"There is no such page.\n")


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("identity, *;q=0", False),
    ],
)
def test_a_page_is_packed_for_who_can_unpack_it(site: Path, accepted: str, is_packed: bool) -> None:  # noqa: FBT001
    answer = ask(Pages.load(site), "/", accept_encoding=accepted)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_packed
    assert (gzip.decompress(answer.body) if is_packed else answer.body) == LONG


def test_what_packing_does_not_make_smaller_is_not_packed(site: Path) -> None:
    answer = ask(Pages.load(site), "/icon.svg", accept_encoding="gzip")
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


def test_who_has_the_page_need_not_get_it(site: Path) -> None:
    pages = Pages.load(site)
    plain = ask(pages, "/").headers["ETag"]
    packed = ask(pages, "/", accept_encoding="gzip").headers["ETag"]
    assert plain != packed
    assert ask(pages, "/icon.svg").headers["ETag"] != plain
    for known in (plain, f'"other", {plain}', f"W/{plain}", "*"):
        answer = ask(pages, "/", if_none_match=known)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == plain
        assert "Content-Type" not in answer.headers
    for known in ("", '"other"', packed, plain.strip('"')):
        assert ask(pages, "/", if_none_match=known).status == 200
    assert ask(pages, "/", if_none_match=packed, accept_encoding="gzip").status == 304


def test_a_tag_follows_the_contents(site: Path) -> None:
    before = ask(Pages.load(site), "/").headers["ETag"]
    assert ask(Pages.load(site), "/").headers["ETag"] == before
    (site / "index.html").write_bytes(LONG + b"!")
    assert ask(Pages.load(site), "/").headers["ETag"] != before


@pytest.mark.parametrize("host", ["mush.example", "mush.example:8080", "localhost", "127.0.0.1:4202"])
def test_the_policy_names_the_socket(host: str) -> None:
    assert policy(host) == POLICY.format(f" ws://{host} wss://{host}")


@pytest.mark.parametrize(
    "host", ["", "x;script-src *", "x y", "x,y", "x:", "x:123456", "[::1]:80", "a..b", "*", "é", "x" * 256, "x\n"]
)
def test_the_policy_takes_no_other_word_for_it(host: str) -> None:
    assert policy(host) == POLICY.format("")


@given(st.text())
def test_no_host_adds_to_the_policy(host: str) -> None:
    assert policy(host).count(";") == 9
    assert policy(host).isascii()


def test_a_folder_without_pages_is_named(tmp_path: Path) -> None:
    with pytest.raises(PagesError) as caught:
        Pages.load(tmp_path / "missing")
    assert str(caught.value) == f"there is no index.html in {tmp_path / 'missing'}"


def test_pages_have_room_up_to_a_limit(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "TOTAL_LIMIT", 1_048_576)
    (site / "big").write_bytes(b"x" * 1_048_576)
    with pytest.raises(PagesError) as caught:
        Pages.load(site)
    assert str(caught.value) == f"the pages in {site} are more than 1 MiB"

"""The page runs nothing and asks nobody but the game. Every test in a browser fails on a complaint; here is what makes one."""

from __future__ import annotations

import re
import socket

import pytest

from browser.conftest import Visit
from browser.serving import GameServer

BLOCKED = re.compile("Content Security Policy|This document requires 'Trusted")
ATTACKS = {
    "script": "const e = document.createElement('script'); e.append('window.taken = true'); document.body.append(e)",
    "foreign script": "const e = document.createElement('script'); e.src = 'http://OUTSIDE/x.js'; document.body.append(e)",
    "markup": "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.taken = true\">')",
    "text as code": "setTimeout('window.taken = true', 0)",
    "image": "new Image().src = 'http://OUTSIDE/pixel.gif'",
    "frame": "const e = document.createElement('iframe'); e.src = 'data:text/html,x'; document.body.append(e)",
    "fetch": "fetch('http://OUTSIDE/').catch(() => {})",
    "socket": "new WebSocket('ws://OUTSIDE/')",
}
"""What somebody might do who has found a way in. Chromium connects to the address of a frame before it forbids the frame, though it
asks nothing there; so that one has none."""


def test_the_policy_stops_what_gets_in(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.expect_complaints(BLOCKED)
    with socket.create_server(("127.0.0.1", 0)) as outside:
        address = f"127.0.0.1:{outside.getsockname()[1]}"
        page.expect_complaints(re.compile(f"^asked for http://{address}/"))  # and was not let
        for attack in ATTACKS.values():
            with page.page.expect_event("console", lambda said: BLOCKED.search(said.text) is not None):
                page.page.evaluate(f"() => {{ try {{ {attack.replace('OUTSIDE', address)} }} catch {{}} }}")
        assert page.page.evaluate("() => window.taken") is None
        outside.setblocking(False)
        with pytest.raises(BlockingIOError):
            outside.accept()


def test_the_policy_has_no_hole(game: GameServer, visit: Visit) -> None:
    answer = visit(game.url).page.request.get(game.url)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert not re.search(r"unsafe|\*|https?:|data:", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"

"""One browser and one server for all tests in a browser; each test has visitors of its own, who come with nothing remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from support.game import PATIENCE

from browser import tools
from browser.game_page import GamePage
from browser.serving import GameServer, serving


class Visit(Protocol):
    """Opens the page in a browser of its own. ``options`` are those of Playwright's ``new_context``."""

    def __call__(self, url: str, **options: Any) -> GamePage: ...


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    chromium = tools.needed(tools.chromium)
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium) as browser:
        yield browser


@pytest.fixture(scope="package")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """A server. Characters of other tests are about, asleep."""
    with serving(tmp_path_factory.mktemp("game")) as game:
        yield game


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens pages, and closes them after the test. Whatever the browser complained about is a failure."""
    contexts: list[BrowserContext] = []
    pages: list[GamePage] = []

    def visit(url: str, **options: Any) -> GamePage:
        context = browser.new_context(**options)
        contexts.append(context)
        pages.append(GamePage(context, url))
        return pages[-1]

    yield visit
    for context in contexts:
        context.close()
    assert [page.complaints for page in pages] == [[]] * len(pages)

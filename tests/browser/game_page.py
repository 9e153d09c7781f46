"""The page as a player meets it: by its labels and roles. Keeps what the browser complains about while the page is open.

With ``HOLOMUSH_SCREENSHOTS`` set to a folder tests leave pictures there for whoever wants to look.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, expect

from browser.telnet import PASSWORD

PICTURES = "HOLOMUSH_SCREENSHOTS"
NO_NETWORK = re.compile(r"WebSocket connection to|net::ERR_")
"""What the browser says of a server that cannot be reached."""


class GamePage:
    """One tab with the page. ``page`` is Playwright's own."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Opens the page at ``url``."""
        self.page = context.new_page()
        self._url = url
        self._complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self.page.on("console", lambda said: self._complain(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("request", lambda request: None if self._is_own(request.url) else self._complain(f"asked for {request.url}"))
        self.page.goto(url)
        self.log = self.page.get_by_role("log", name="Game")
        self.line = self.page.get_by_role("textbox", name="Command")
        self.secret = self.page.locator("#secret")
        self.form = self.page.get_by_role("form", name="Come in")
        self.name = self.page.get_by_label("Name", exact=True)
        self.password = self.page.get_by_label("Password", exact=True)
        self.character = self.page.locator("#character")
        self.place = self.page.locator("#place")
        self.exits = self.page.get_by_role("navigation", name="Exits").get_by_role("button")
        self.people = self.page.get_by_role("region", name="People").get_by_role("listitem")
        self.things = self.page.get_by_role("region", name="Things").get_by_role("listitem")
        self.status = self.page.locator("#status")

    @property
    def complaints(self) -> list[str]:
        """What the browser complained about: errors, what the security policy forbade, requests to anybody else."""
        return [text for text in self._complaints if not any(pattern.search(text) for pattern in self._expected)]

    def expect_complaints(self, pattern: re.Pattern[str]) -> None:
        """These belong to the test."""
        self._expected.append(pattern)

    def create(self, name: str) -> None:
        """Come in as a new character, by the form."""
        self._fill(name)
        self.page.get_by_role("button", name="Create a new character").click()
        self._is_in(name)

    def connect(self, name: str) -> None:
        """Come in as a character that there is, by the form."""
        self._fill(name)
        self.page.get_by_role("button", name="Connect", exact=True).click()
        self._is_in(name)

    def type(self, text: str) -> None:
        """Type a line and send it."""
        self.line.fill(text)
        self.line.press("Enter")

    def network_is_back(self) -> None:
        """What the browser tells a page whose device is on line again: it need not wait any longer."""
        self.page.evaluate("window.dispatchEvent(new Event('online'))")

    def message(self, text: str) -> None:
        """Wait until a message is in the log, exactly so and once."""
        expect(self.messages(text)).to_have_count(1)

    def messages(self, text: str) -> Locator:
        """The messages in the log that are exactly ``text``."""
        return self.log.locator(".message").filter(has_text=re.compile(rf"^{re.escape(text)}$"))

    def texts(self) -> list[str]:
        """All messages in the log, as they are now."""
        return self.log.locator(".message").all_inner_texts()

    def picture(self, name: str) -> None:
        """Keep a picture of the page as it is now, if anybody wants one."""
        if folder := os.environ.get(PICTURES):
            self.page.screenshot(path=Path(folder, f"{name}.png"))

    def _fill(self, name: str) -> None:
        self.name.fill(name)
        self.password.fill(PASSWORD)

    def _is_in(self, name: str) -> None:
        expect(self.character).to_have_text(name)
        expect(self.line).to_be_focused()
        expect(self.form).to_be_hidden()

    def _is_own(self, url: str) -> bool:
        return url.startswith((self._url, self._url.replace("http", "ws", 1)))

    def _complain(self, text: str) -> None:
        self._complaints.append(text)

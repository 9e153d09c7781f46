"""What a screen reader is given: news as it comes, politely, and nothing twice."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from browser.conftest import Visit
from browser.game_page import NO_NETWORK
from browser.serving import GameServer
from browser.telnet import TelnetPlayer
from browser.wire import Wire


def is_read(message: Locator) -> bool:
    """Whether a screen reader reads a message aloud when it is added: what the nearest live region says counts."""
    return bool(message.evaluate("element => element.closest('[aria-live]').getAttribute('aria-live') === 'polite'"))


def test_news_are_read_and_ones_own_words_are_not(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Zora") as zora:
        page = visit(game.url)
        page.create("Zeno")
        expect(page.log).to_have_attribute("aria-live", "polite")
        expect(page.log).to_have_attribute("aria-relevant", "additions")
        zora.type("say hello")
        page.message('Zora says, "hello"')
        assert is_read(page.messages('Zora says, "hello"'))
        page.type("think aloud")
        page.message("think aloud")
        assert not is_read(page.messages("think aloud"))
        zora.quit()


def test_a_replay_is_told_in_one_sentence(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Abel") as abel, Wire(game.web) as wire:
        page = visit(wire.url)
        page.expect_complaints(NO_NETWORK)
        page.create("Alma")
        abel.type("say before")
        page.message('Abel says, "before"')
        wire.cut()
        expect(page.status).to_contain_text("Connection lost.")
        for word in ("one", "two"):
            abel.type(f"say {word}")
            abel.read_until(f'You say, "{word}"\n')
        wire.mend()
        page.message('Abel says, "two"')
        expect(page.page.locator("#announcer")).to_have_text("You missed 2 events.")
        abel.type("say after")
        page.message('Abel says, "after"')
        read = [text for text in ("before", "one", "two", "after") if is_read(page.messages(f'Abel says, "{text}"'))]
        assert read == ["before", "after"]
        page.page.reload()
        page.message('Abel says, "after"')
        assert not is_read(page.messages('Abel says, "after"')), "what was read before the reload is not read again"
        abel.quit()


def test_it_can_be_told_to_be_silent(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.create("Bela")
    page.page.get_by_role("button", name="Settings").click()
    page.page.get_by_label("Have new lines read aloud").uncheck()
    page.page.get_by_role("button", name="Done").click()
    expect(page.log).to_have_attribute("aria-live", "off")
    page.page.reload()
    expect(page.character).to_have_text("Bela")
    expect(page.log).to_have_attribute("aria-live", "off")

"""Everything can be done without a mouse."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.conftest import Visit
from browser.serving import GameServer
from browser.telnet import PASSWORD, TelnetPlayer


def test_coming_in_playing_and_leaving_by_the_keyboard_alone(game: GameServer, visit: Visit) -> None:
    player = visit(game.url)
    keys = player.page.keyboard
    expect(player.name).to_be_focused()
    keys.type("Vera")
    keys.press("Tab")
    expect(player.password).to_be_focused()
    keys.type(PASSWORD)
    keys.press("Tab")
    expect(player.page.get_by_role("button", name="Connect", exact=True)).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")  # a new character
    expect(player.line).to_be_focused()

    keys.type("say one")
    keys.press("Shift+Enter")
    keys.type("say two")
    expect(player.line).to_have_value("say one\nsay two")
    keys.press("Enter")
    player.message('You say, "one"')
    player.message('You say, "two"')
    expect(player.line).to_have_value("")

    keys.press("Shift+Tab")
    expect(player.log).to_be_focused()
    keys.type("lo")  # whoever types while reading wants to say something
    expect(player.line).to_be_focused()
    expect(player.line).to_have_value("lo")
    keys.press("Control+a")
    keys.press("Delete")

    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    expect(player.exits.last).not_to_be_focused()  # people and things are between
    player.exits.first.focus()
    keys.press("Enter")
    expect(player.place).to_have_text("The Walled Garden")

    player.page.get_by_role("button", name="Settings").focus()
    keys.press("Enter")
    expect(player.page.get_by_role("dialog", name="Settings")).to_be_visible()
    keys.press("Escape")
    expect(player.page.get_by_role("button", name="Settings")).to_be_focused()

    player.line.focus()
    keys.type("QUIT")
    keys.press("Enter")
    expect(player.form).to_be_visible()
    player.connect("Vera")
    expect(player.place).to_have_text("The Walled Garden")


def test_what_was_typed_comes_back_with_the_arrows(game: GameServer, visit: Visit) -> None:
    player = visit(game.url)
    player.create("Wim")
    keys = player.page.keyboard
    for text in ("say one", "say two", "say two"):
        player.type(text)
    keys.type("a draft")
    for key, shown in (
        ("ArrowUp", "say two"),
        ("ArrowUp", "say one"),
        ("ArrowUp", "say one"),
        ("ArrowDown", "say two"),
        ("ArrowDown", "a draft"),
    ):
        keys.press(key)
        expect(player.line).to_have_value(shown)
    player.line.fill("")
    player.page.reload()
    expect(player.line).to_be_focused()
    keys.press("ArrowUp")
    expect(player.line).to_have_value("say two")


def test_tab_completes_and_escape_lets_it_leave(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Xaverius"):
        player = visit(game.url)
        player.create("Xenia")
        expect(player.people.filter(has_text="Xaverius")).to_have_count(1)
        keys = player.page.keyboard
        for typed, completed in (
            ("whis", "whisper"),
            ("look a st", "look a stone fountain"),
            ("look foun", "look a stone fountain"),
            ("whisper xav", "whisper Xaverius"),
            ("nor", "north"),
        ):
            player.line.fill(typed)
            keys.press("Tab")
            expect(player.line).to_have_value(completed)
            expect(player.line).to_be_focused()
        player.line.fill("whis")
        keys.press("Escape")
        keys.press("Tab")
        expect(player.page.get_by_role("button", name="Send")).to_be_focused()
        expect(player.line).to_have_value("whis")
        player.line.fill("")
        player.line.focus()
        keys.press("Tab")  # there is nothing to complete
        expect(player.page.get_by_role("button", name="Send")).to_be_focused()


def test_a_long_log_is_paged_from_the_line(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Yann") as yann:
        player = visit(game.url, viewport={"width": 800, "height": 400})
        player.create("Yara")
        for number in range(40):
            yann.type(f"say {number}")
        player.message('Yann says, "39"')
        expect(player.messages('Yann says, "39"')).to_be_in_viewport()
        player.page.keyboard.press("PageUp")
        player.page.keyboard.press("PageUp")
        expect(player.messages('Yann says, "39"')).not_to_be_in_viewport()
        yann.type("say news")
        expect(player.page.get_by_role("button", name="1 new line")).to_be_visible()
        expect(player.messages('Yann says, "news"')).not_to_be_in_viewport()  # whoever reads is not disturbed
        player.page.get_by_role("button", name="1 new line").press("Enter")
        expect(player.messages('Yann says, "news"')).to_be_in_viewport()
        yann.quit()

"""Losing the connection costs nothing: the page comes back by itself, and what was missed is there once, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.game import ADMIN_PASSWORD

from browser.conftest import Visit
from browser.game_page import NO_NETWORK, GamePage
from browser.serving import GameServer, serving
from browser.telnet import PASSWORD, TelnetPlayer
from browser.wire import Wire

SHUT_DOWN = re.compile(r"^The server is shutting down\. Goodbye\. (Trying again in \d+ s\.|Connecting …)$")
TOO_LATE = "That cannot be resumed any more. Please connect with your name and password."
WAITING = re.compile(r"Trying again in \d+ s\.$")


@pytest.fixture
def wire(game: GameServer) -> Iterator[Wire]:
    """The network between a page and the server of all tests."""
    with Wire(game.web) as wire:
        yield wire


def lines(speaker: str, words: str) -> list[str]:
    return [f'{speaker} says, "{word}"' for word in words.split()]


def say(speaker: TelnetPlayer, words: str) -> None:
    """Say each word, and wait until all of them are in the game."""
    for word in words.split():
        speaker.type(f"say {word}")
        speaker.read_until(f'You say, "{word}"\n')


def texts_since(page: GamePage, first: str) -> list[str]:
    texts = page.texts()
    return texts[texts.index(first) :]


def test_a_cut_network_is_made_good_by_a_replay(game: GameServer, visit: Visit, wire: Wire) -> None:
    with TelnetPlayer(game.telnet, "Mia") as mia:
        page = visit(wire.url)
        page.expect_complaints(NO_NETWORK)
        page.create("Max")
        say(mia, "before")
        page.message('Mia says, "before"')
        page.line.fill("say half a sen")

        wire.cut()
        expect(page.status).to_have_text(re.compile(r"^Connection lost\. Trying again in \d+ s\.$"))
        say(mia, "one two three four five")
        page.line.press("End")
        page.line.press_sequentially("tence")
        page.line.press("Enter")
        expect(page.status).to_contain_text("There is no connection. What you typed is kept.")
        page.picture("desktop-lost")

        wire.mend()
        page.message('Mia says, "five"')
        expect(page.status).to_have_text("")
        say(mia, "after")
        page.message('Mia says, "after"')
        assert texts_since(page, 'Mia says, "before"') == [
            'Mia says, "before"',
            "You missed 5 events",
            *lines("Mia", "one two three four five"),
            "now",
            'Mia says, "after"',
        ]
        page.picture("desktop-replay")
        expect(page.line).to_have_value("say half a sentence")
        page.line.press("Enter")
        mia.read_until('Max says, "half a sentence"\n')
        mia.quit()


def test_a_network_that_dies_without_a_word_is_found_out(game: GameServer, visit: Visit, wire: Wire) -> None:
    """Neither end is told. The server believes that what it sends arrives."""
    with TelnetPlayer(game.telnet, "Nia") as nia:
        page = visit(wire.url)
        page.expect_complaints(NO_NETWORK)
        page.page.clock.install()
        page.page.reload()
        page.create("Ned")
        say(nia, "before")
        page.message('Nia says, "before"')

        wire.stall()
        wire.close()
        say(nia, "one two three four five")
        page.page.clock.run_for(25_000)  # the page asks whether anybody is there
        page.page.clock.run_for(10_000)  # and nobody answers
        expect(page.status).to_have_text(re.compile(r"^Connection lost\. Trying again in \d+ s\.$"))
        wire.mend()
        page.network_is_back()

        page.message('Nia says, "five"')
        say(nia, "after")
        page.message('Nia says, "after"')
        assert texts_since(page, 'Nia says, "before"') == [
            'Nia says, "before"',
            "You missed 5 events",
            *lines("Nia", "one two three four five"),
            "now",
            'Nia says, "after"',
        ]
        nia.quit()


def test_again_and_again(game: GameServer, visit: Visit, wire: Wire) -> None:
    """A bad evening: each time a few lines are missed, and each comes once."""
    with TelnetPlayer(game.telnet, "Ona") as ona:
        page = visit(wire.url)
        page.expect_complaints(NO_NETWORK)
        page.create("Odo")
        said = []
        for number in range(5):
            words = f"live{number} missed{number} also{number}"
            live, *missed = words.split()
            say(ona, live)
            page.message(f'Ona says, "{live}"')
            wire.cut()
            expect(page.status).to_have_text(WAITING)
            say(ona, " ".join(missed))
            wire.mend()
            page.network_is_back()
            page.message(f'Ona says, "{missed[-1]}"')
            said += lines("Ona", words)
        assert [text for text in page.texts() if text.startswith("Ona says")] == said
        ona.quit()


def test_a_restart_of_the_server_is_one_more_interruption(visit: Visit, tmp_path: Path) -> None:
    with Wire() as wire:
        with serving(tmp_path) as before:
            wire.target = before.web
            page = visit(wire.url)
            page.expect_complaints(NO_NETWORK)
            page.create("Paul")
            with TelnetPlayer(before.telnet, "Pia") as pia:
                say(pia, "before")
                page.message('Pia says, "before"')
                pia.quit()
            page.message("Pia has disconnected.")
            wire.close()  # Pia is to be back first
        expect(page.status).to_have_text(SHUT_DOWN)
        expect(page.place).to_have_text("The Lantern Square")
        page.line.fill("say Where were we?")
        with serving(tmp_path, telnet=before.telnet, web=before.web) as after, TelnetPlayer(after.telnet, "Pia", new=False) as pia:
            say(pia, "one two")
            wire.mend()
            page.network_is_back()
            page.message('Pia says, "two"')
            page.line.press("Enter")
            pia.read_until('Paul says, "Where were we?"\n')
            page.message('You say, "Where were we?"')
            assert texts_since(page, "Pia has disconnected.") == [
                "Pia has disconnected.",
                "The server is shutting down. Goodbye.",
                "You missed 3 events",
                "Pia has connected.",
                *lines("Pia", "one two"),
                "now",
                "say Where were we?",
                'You say, "Where were we?"',
            ]
            pia.quit()


def test_a_reload_needs_no_password(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Quin") as quin:
        page = visit(game.url)
        page.create("Rita")
        say(quin, "before")
        page.message('Quin says, "before"')
        page.page.reload()
        expect(page.character).to_have_text("Rita")
        expect(page.line).to_be_focused()
        expect(page.form).to_be_hidden()
        page.message('Quin says, "before"')  # it is still there, once
        expect(page.place).to_have_text("The Lantern Square")
        say(quin, "after")
        page.message('Quin says, "after"')
        quin.quit()


def test_a_token_that_is_worth_nothing_leads_to_the_form(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.create("Tess")
    page.page.evaluate("() => sessionStorage.setItem('holomush.token', JSON.stringify('0'.repeat(32)))")
    page.page.reload()
    expect(page.form).to_be_visible()
    expect(page.page.get_by_role("alert")).to_have_text(TOO_LATE)
    expect(page.name).to_be_focused()
    page.connect("Tess")
    assert TOO_LATE not in "\n".join(page.texts())


def test_quit_is_the_end_and_shows_the_form(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.create("Sam")
    page.type("QUIT")
    expect(page.form).to_be_visible()
    page.message("Goodbye.")
    expect(page.status).to_have_text("You are not connected. Come in again whenever you like.")
    page.page.reload()
    expect(page.form).to_be_visible()  # nothing is left to come back with
    expect(page.character).to_be_hidden()
    page.connect("Sam")


def test_a_wrong_password_is_told_by_the_form(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.name.fill("Admin")
    page.password.fill("not this")
    page.password.press("Enter")
    expect(page.page.get_by_role("alert")).to_have_text("Either there is no such player, or the password is wrong.")
    expect(page.password).to_be_focused()
    expect(page.password).to_have_attribute("aria-invalid", "true")
    page.page.keyboard.type(ADMIN_PASSWORD)
    page.page.keyboard.press("Enter")
    expect(page.character).to_have_text("Admin")
    assert ADMIN_PASSWORD not in page.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")


def test_a_password_typed_as_a_line_is_shown_nowhere(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.type(f"create Tom {PASSWORD}")
    expect(page.character).to_have_text("Tom")
    page.message("create …")
    page.line.press("ArrowUp")
    expect(page.line).to_have_value("")
    assert PASSWORD not in "\n".join(page.texts())
    assert PASSWORD not in page.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")


def test_a_password_that_is_asked_for_is_typed_unseen(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.type("connect Admin")
    expect(page.secret).to_be_focused()
    expect(page.secret).to_have_attribute("type", "password")
    expect(page.line).to_be_hidden()
    page.page.keyboard.type(ADMIN_PASSWORD)
    page.page.keyboard.press("Enter")
    expect(page.character).to_have_text("Admin")
    expect(page.line).to_be_focused()
    assert ADMIN_PASSWORD not in "\n".join(page.texts())


def test_a_second_tab_is_a_second_visitor(game: GameServer, visit: Visit) -> None:
    page = visit(game.url)
    page.create("Uma")
    second = GamePage(page.page.context, game.url)
    expect(second.form).to_be_visible()
    second.create("Una")
    expect(page.character).to_have_text("Uma")
    page.type("say Hello, Una.")
    second.message('Uma says, "Hello, Una."')
    assert second.complaints == []

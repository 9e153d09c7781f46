"""A player with only a browser plays with one at a telnet client."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from browser.conftest import Visit
from browser.serving import GameServer
from browser.telnet import TelnetPlayer


def test_a_scene_with_a_telnet_player(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Ada") as ada:
        bob = visit(game.url)
        ada_there = bob.people.filter(has_text="Ada")
        bob.create("Bob")
        expect(bob.place).to_have_text("The Lantern Square")
        expect(bob.log).to_contain_text("Strings of paper lanterns sway between the houses around a worn stone fountain.")
        expect(bob.exits).to_have_text(["north", "up", "east"])
        expect(bob.things).to_have_text(["a stone fountain"])
        expect(ada_there).to_have_text("Ada")
        expect(bob.people.filter(has_text="Bob")).to_have_count(0)
        ada.read_until("Bob has connected.\n")

        ada.type("say Hello, Bob!")
        bob.message('Ada says, "Hello, Bob!"')
        bob.type("say Hello, Ada!")
        bob.message('You say, "Hello, Ada!"')
        ada.read_until('Bob says, "Hello, Ada!"\n')

        bob.exits.filter(has_text="north").click()
        expect(bob.place).to_have_text("The Walled Garden")
        expect(bob.exits).to_have_text(["south"])
        expect(ada_there).to_have_count(0)
        ada.read_until("Bob leaves north.\n")

        ada.type("north")
        bob.message("Ada arrives from the south.")
        expect(ada_there).to_have_text("Ada")

        bob.type("south")
        expect(bob.place).to_have_text("The Lantern Square")
        expect(ada_there).to_have_count(0)
        ada.read_until("Bob leaves south.\n")
        ada.type("south")
        expect(ada_there).to_have_text("Ada")
        ada.quit()
        bob.message("Ada has disconnected.")
        expect(ada_there).to_have_text("Adaasleep")


def test_a_guest_looks_around_and_leaves(game: GameServer, visit: Visit) -> None:
    guest = visit(game.url)
    guest.page.get_by_role("button", name="Look around as a guest").click()
    expect(guest.place).to_have_text("The Lantern Square")
    expect(guest.character).to_have_text(re.compile("Guest"))
    name = guest.character.inner_text()
    guest.page.reload()
    expect(guest.character).to_have_text(name)
    guest.type("QUIT")
    expect(guest.form).to_be_visible()

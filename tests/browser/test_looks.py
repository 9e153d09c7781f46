"""On a phone and on a desk, light and dark: everything fits, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from browser import tools
from browser.conftest import Visit
from browser.game_page import GamePage
from browser.serving import GameServer, serving
from browser.telnet import TelnetPlayer

SIZES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
PLAYERS = {
    ("phone", "light"): ("Ada", "Bob"),
    ("phone", "dark"): ("Cleo", "Dan"),
    ("desktop", "light"): ("Eve", "Finn"),
    ("desktop", "dark"): ("Gwen", "Hugo"),
}
"""Who talks, and who plays on the page."""
SCENE = (
    "pose lights a [yellow]lantern[/] and hangs it on the fountain.",
    "say Have you read [bold]the notice[/]? https://example.com/notices/lantern-festival",
    "say [red]Red[/], [#ff8800]orange[/], [green]green[/], [blue]blue[/], [#ffffa0]pale[/], [#101040]deep[/].",
    "say [on-yellow]Noon[/], [on-#402060]dusk[/], [on-#402060][red]ember[/][/], [on-#ffe0a0][#ff8800]dawn[/][/].",
    "say <b>not bold</b> &amp; " + "Donaudampfschifffahrtsgesellschaft" * 5,
)


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """A server of its own: nobody is about who does not belong in the picture."""
    with serving(tmp_path_factory.mktemp("square")) as server:
        yield server


def audit(page: GamePage, script: str) -> list[str]:
    """What axe finds wrong with the page as it is now."""
    page.page.evaluate(script)
    violations = page.page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['id']} ({one['impact']}): {[node['html'] for node in one['nodes']]}" for one in violations]


def fits(page: GamePage) -> None:
    """Nothing is cut off at the side."""
    wide = "element => element.scrollWidth - element.clientWidth"
    assert page.page.locator("html").evaluate(wide) <= 0
    assert page.log.evaluate(wide) <= 0


@pytest.mark.parametrize(("size", "scheme"), list(PLAYERS))
def test_it_fits_and_axe_is_content(square: GameServer, visit: Visit, size: str, scheme: str) -> None:
    axe = tools.needed(tools.axe).read_text()
    name = f"{size}-{scheme}"
    page = visit(square.url, color_scheme=scheme, reduced_motion="reduce", **SIZES[size])  # axe sees no colour half way
    expect(page.form).to_be_visible()
    page.picture(f"{name}-login")
    fits(page)
    assert audit(page, axe) == []
    page.name.fill("Nobody")
    page.password.fill("wrong")
    page.password.press("Enter")
    expect(page.page.get_by_role("alert")).not_to_be_empty()
    assert audit(page, axe) == []

    other, own = PLAYERS[size, scheme]
    with TelnetPlayer(square.telnet, other) as talker:
        page.create(own)
        for line in SCENE:
            talker.type(line)
        expect(page.log).to_contain_text("<b>not bold</b> &amp; Donau")
        page.type("say What a beautiful evening!")
        page.message('You say, "What a beautiful evening!"')
        expect(page.line).to_be_in_viewport(ratio=1)
        fits(page)
        page.picture(f"{name}-playing")
        assert audit(page, axe) == []

        if size == "phone":
            page.page.get_by_role("button", name="The Lantern Square").tap()
            expect(page.people.filter(has_text=other)).to_be_visible()
            fits(page)
            page.picture(f"{name}-place")
            assert audit(page, axe) == []

        page.page.get_by_role("button", name="Settings").click()
        expect(page.page.get_by_role("dialog", name="Settings")).to_be_visible()
        page.picture(f"{name}-settings")
        fits(page)
        assert audit(page, axe) == []
        page.page.get_by_role("button", name="Done").click()
        page.type("QUIT")
        expect(page.form).to_be_visible()
        talker.quit()


def test_the_line_stays_above_the_keyboard_of_a_phone(square: GameServer, visit: Visit) -> None:
    page = visit(square.url, **SIZES["phone"])
    page.create("Ivy")
    page.page.set_viewport_size({"width": 390, "height": 420})
    expect(page.line).to_be_in_viewport(ratio=1)
    expect(page.log.locator(".message").last).to_be_in_viewport()
    page.picture("phone-keyboard")
    fits(page)

"""What others write is text, whatever it looks like; colours are spans, and addresses are links."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.conftest import Visit
from browser.serving import GameServer
from browser.telnet import TelnetPlayer

AS_WRITTEN = {
    "<img src=x onerror=alert(1)><script>alert(2)</script>": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "&lt;b&gt; &amp; <b>bold</b>": "&lt;b&gt; &amp; <b>bold</b>",
    "[[red] and [blink] and [/b]": "[red] and [blink] and [/b]",
    "\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07": "[31mred[0m ]0;title",
    "javascript:alert(1) data:text/html,x": "javascript:alert(1) data:text/html,x",
}
"""What is typed, and what there is to read."""


def test_what_looks_like_code_is_shown_as_it_was_written(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Ida") as ida:
        reader = visit(game.url)
        reader.create("Ivo")
        for typed, shown in AS_WRITTEN.items():
            ida.type(f"say {typed}")
            reader.message(f'Ida says, "{shown}"')
            said = reader.messages(f'Ida says, "{shown}"')
            assert said.evaluate("element => element.children.length") == 0, "nothing of it has become an element"
        assert reader.page.title() == "Ivo - HoloMUSH"
        ida.quit()


def test_names_and_descriptions_are_text_in_the_panels_too(game: GameServer, visit: Visit) -> None:
    admin = visit(game.url)
    admin.type("connect Admin the admin's own")
    expect(admin.character).to_have_text("Admin")
    admin.type("create <i>lamp</i>")
    admin.type("drop <i>lamp</i>")
    expect(admin.things.filter(has_text="lamp")).to_have_text("<i>lamp</i>")
    assert admin.things.locator("i").count() == 0
    admin.type("destroy <i>lamp</i>")
    expect(admin.things.filter(has_text="lamp")).to_have_count(0)


def test_colours_are_spans_in_both_themes(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Kai") as kai:
        reader = visit(game.url, color_scheme="light")
        reader.create("Kim")
        kai.type("say [red]red[/] [bold]bold[/] [on-#102030]night[/] plain")
        reader.message('Kai says, "red bold night plain"')
        styled = reader.messages('Kai says, "red bold night plain"').locator("span")
        expect(styled).to_have_text(["red", "bold", "night"])
        red, bold, night = styled.all()
        expect(bold).to_have_css("font-weight", "700")
        expect(night).to_have_css("background-color", "rgb(16, 32, 48)")
        light = red.evaluate("element => getComputedStyle(element).color")
        reader.page.emulate_media(color_scheme="dark")
        expect(red).not_to_have_css("color", light)  # one red is not legible on both grounds
        kai.quit()


def test_an_address_is_a_link_that_tells_nothing(game: GameServer, visit: Visit) -> None:
    with TelnetPlayer(game.telnet, "Leo") as leo:
        reader = visit(game.url)
        reader.create("Lea")
        leo.type("say See (https://example.com/a_(b)?x=1&y=<2>), or not.")
        said = reader.log.locator(".message", has_text="Leo says,")
        expect(said).to_have_text('Leo says, "See (https://example.com/a_(b)?x=1&y=<2>), or not."')
        link = said.get_by_role("link")
        expect(link).to_have_attribute("href", "https://example.com/a_(b)?x=1&y=")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("target", "_blank")
        leo.quit()

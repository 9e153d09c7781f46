"""What one client is shown: what it said of itself, what its player chose, and the encoder and the pages for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from holomush.text.colours import Colours
from holomush.text.display import Abilities, Display, display_for, encoder_for, paged
from holomush.text.markup import strip
from holomush.text.preferences import Preferences
from holomush.text.wrapping import wrap_line

NONE, ANSI16, ANSI256, TRUE = Colours


@pytest.mark.parametrize(
    ("names", "mtts", "colours"),
    [
        ((), None, NONE),
        (("UNKNOWN",), None, NONE),
        (("dumb",), None, NONE),
        (("NETWORK-VIRTUAL-TERMINAL",), None, NONE),
        (("ANSI",), None, ANSI16),
        (("XTERM",), None, ANSI16),
        (("xterm-color",), None, ANSI16),
        (("VT100",), None, ANSI16),
        (("vt1000",), None, NONE),
        (("LINUX",), None, ANSI16),
        (("screen.xterm-new",), None, ANSI16),
        (("tmux",), None, ANSI16),
        (("tinyfugue 5.0",), None, ANSI16),
        (("XTERM-256COLOR",), None, ANSI256),
        (("tmux-256color",), None, ANSI256),
        (("mushclient", "xterm"), None, ANSI256),
        (("MUDLET 4.17",), None, ANSI256),
        (("MUDLET", "ANSI-TRUECOLOR"), None, TRUE),
        (("xterm-direct",), None, TRUE),
        (("xterm-kitty",), None, TRUE),
        (("TINTIN++", "XTERM"), 0, NONE),
        (("TINTIN++", "XTERM"), 1, ANSI16),
        (("TINTIN++", "XTERM"), 1 + 4 + 8, ANSI256),
        (("TINTIN++", "DUMB"), 1 + 8 + 256, TRUE),
        (("TINTIN++", "XTERM-TRUECOLOR"), 2 + 4, NONE),
    ],
)
def test_colours_by_what_the_client_says(names: tuple[str, ...], mtts: int | None, colours: Colours) -> None:
    assert display_for(Abilities(names, mtts), Preferences()).colours is colours


@pytest.mark.parametrize(("choice", "colours"), [("none", NONE), ("16", ANSI16), ("256", ANSI256), ("true", TRUE)])
def test_colours_by_hand(choice: str, colours: Colours) -> None:
    for abilities in (Abilities(), Abilities(("xterm",), 1 + 8 + 64)):
        assert display_for(abilities, Preferences(colour=choice)).colours is colours


@pytest.mark.parametrize(
    ("columns", "preference", "width", "wrap"),
    [
        (0, "auto", 80, False),
        (120, "auto", 120, False),
        (3, "auto", 20, False),
        (65_535, "auto", 250, False),
        (120, 60, 60, True),
        (0, 60, 60, True),
    ],
)
def test_width(columns: int, preference: int | str, width: int, *, wrap: bool) -> None:
    display = display_for(Abilities(columns=columns, rows=24), Preferences(width=preference))
    assert (display.width, display.wrap) == (width, wrap)


@pytest.mark.parametrize(
    ("mtts", "preference", "screen_reader"),
    [(None, "auto", False), (1, "auto", False), (65, "auto", True), (65, "off", False), (None, "on", True), (1, "on", True)],
)
def test_screen_reader(mtts: int | None, preference: str, *, screen_reader: bool) -> None:
    display = display_for(Abilities(("ansi",), mtts), Preferences(screen_reader=preference, width=60))
    assert display.screen_reader is screen_reader
    assert display.wrap is not screen_reader
    assert display.width == 60
    assert display.colours is (NONE if screen_reader else ANSI16)


def test_page_length() -> None:
    assert display_for(Abilities(rows=24), Preferences()).page_length is None
    assert display_for(Abilities(rows=24), Preferences(page_length=20)).page_length == 20


def test_equal_displays_share_an_encoder() -> None:
    makes = [(colours, width, wrap) for colours in Colours for width in range(20, 251) for wrap in (False, True)]
    first = {make: encoder_for(Display(*make)) for make in makes}
    for make in makes:
        assert encoder_for(Display(*make)) is first[make]
    assert len(set(first.values())) == len(Colours) * (1 + 231)
    assert encoder_for(Display(page_length=20, width=100)) is encoder_for(Display(screen_reader=True))


def test_an_encoder_wraps_and_colours() -> None:
    text = "The [red]quick brown fox jumps[/] over the lazy dog.\nIt [[is].\n"
    plain = b"The quick brown fox jumps over the lazy dog.\r\nIt [is].\r\n"
    assert encoder_for(Display())(text) == plain
    wrapped = b"The \x1b[31mquick brown fox\x1b[0m\r\n\x1b[31mjumps\x1b[0m over the lazy\r\ndog.\r\nIt [is].\r\n"
    assert encoder_for(Display(ANSI16, 20, wrap=True))(text) == wrapped
    assert encoder_for(Display(ANSI16, 250, wrap=True))("a\x1b[0m\tb") == b"a[0m\tb"


@given(st.text(), st.sampled_from(Colours), st.integers(20, 40))
def test_encoders_take_any_text(text: str, colours: Colours, width: int) -> None:
    data = encoder_for(Display(colours, width, wrap=True))(text)
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert b"\x1b" not in data or "[" in text


LONG = " ".join(["word"] * 20)  # five rows of twenty columns
ROW = "word word word word"


@pytest.mark.parametrize(
    ("lines", "length", "pages"),
    [
        ([""], 5, [[""]]),
        (["1", "2", "3", "4", "5"], 5, [["1", "2", "3", "4", "5"]]),
        (["1", "2", "3", "4", "5", "6"], 5, [["1", "2", "3", "4", "5"], ["6"]]),
        (["1", "", LONG, "4"], 5, [["1", ""], [LONG], ["4"]]),
        (["1", LONG, "2"], 8, [["1", LONG, "2"]]),
        (["1", LONG], 3, [["1", ROW, ROW], [ROW, ROW, ROW]]),
        (["1", LONG], None, [["1", LONG]]),
    ],
)
def test_pages(lines: list[str], length: int | None, pages: list[list[str]]) -> None:
    assert paged("\n".join(lines), length, 20) == pages


@given(st.lists(st.text("ab [red]/世", max_size=120), min_size=1, max_size=20), st.integers(5, 20), st.integers(20, 40))
def test_every_page_fits_and_nothing_is_lost(lines: list[str], length: int, width: int) -> None:
    pages = paged("\n".join(lines), length, width)
    for page in pages:
        assert 0 < sum(len(wrap_line(line, width)) for line in page) <= length
    shown = "".join(strip(line) for page in pages for line in page)
    assert "".join(shown.split()) == "".join("".join(map(strip, lines)).split())
    assert wcswidth(shown) >= 0

"""What one client is shown: what it said of itself, what its player chose, and the encoder and the pages for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from holomush.text.colours import Colours
from holomush.text.display import Abilities, Display, display_for, encoder_for, paged
from holomush.text.markup import strip
from holomush.text.preferences import CHARSETS, Preferences
from holomush.text.wrapping import wrap_line

NONE, ANSI16, ANSI256, TRUE = Colours
IAC = b"\xff"
ANY_WIDTH = "ab  \n\xe9\xff\xdf\u2026\u201c\u2014\xab\u0151e\u0301\u4e16\u200d\ufe0f\U0001f469\u2260\xa0"


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


@pytest.mark.parametrize(
    ("said", "preference", "screen_reader"),
    [(False, "auto", False), (True, "auto", True), (True, "off", False), (False, "on", True), (True, "on", True)],
)
def test_a_client_says_that_it_is_a_screen_reader_other_than_by_mtts(preference: str, *, said: bool, screen_reader: bool) -> None:
    for mtts in (None, 1):
        display = display_for(Abilities(("ansi",), mtts, screen_reader=said), Preferences(screen_reader=preference))
        assert display.screen_reader is screen_reader
        assert display.colours is (NONE if screen_reader else ANSI16)
    # Neither way of saying so takes the other back.
    assert display_for(Abilities(mtts=64, screen_reader=False), Preferences()).screen_reader


@pytest.mark.parametrize(
    ("said", "preference", "charset"),
    [
        (None, "auto", "utf-8"),
        ("utf-8", "auto", "utf-8"),
        ("latin-1", "auto", "latin-1"),
        ("ascii", "auto", "ascii"),
        (None, "latin-1", "latin-1"),
        ("utf-8", "ascii", "ascii"),
        ("ascii", "utf-8", "utf-8"),
    ],
)
def test_charset(said: str | None, preference: str, charset: str) -> None:
    display = display_for(Abilities(charset=said), Preferences(charset=preference))
    assert display == Display(charset=charset)


def test_prompts_and_keepalives_change_nothing_of_what_is_shown() -> None:
    assert display_for(Abilities(), Preferences(prompt="on", keepalive="off")) == Display()


def test_page_length() -> None:
    assert display_for(Abilities(rows=24), Preferences()).page_length is None
    assert display_for(Abilities(rows=24), Preferences(page_length=20)).page_length == 20


def test_equal_displays_share_an_encoder() -> None:
    makes = [
        Display(colours, width, wrap, charset=charset)
        for charset in CHARSETS
        for colours in Colours
        for width in range(20, 251)
        for wrap in (False, True)
    ]
    first = {make: encoder_for(make) for make in makes}
    for make in makes:
        assert encoder_for(make) is first[make]
    assert len(set(first.values())) == len(CHARSETS) * len(Colours) * (1 + 231)
    assert encoder_for(Display(page_length=20, width=100)) is encoder_for(Display(screen_reader=True))
    latin = encoder_for(Display(charset="latin-1"))
    assert encoder_for(Display(page_length=20, width=100, charset="latin-1")) is latin


def test_an_encoder_wraps_and_colours() -> None:
    text = "The [red]quick brown fox jumps[/] over the lazy dog.\nIt [[is].\n"
    plain = b"The quick brown fox jumps over the lazy dog.\r\nIt [is].\r\n"
    assert encoder_for(Display())(text) == plain
    wrapped = b"The \x1b[31mquick brown fox\x1b[0m\r\n\x1b[31mjumps\x1b[0m over the lazy\r\ndog.\r\nIt [is].\r\n"
    assert encoder_for(Display(ANSI16, 20, wrap=True))(text) == wrapped
    assert encoder_for(Display(ANSI16, 250, wrap=True))("a\x1b[0m\tb") == b"a[0m\tb"


def test_an_encoder_wraps_and_colours_in_its_charset() -> None:
    text = "[red]Ihr Stra\xdfenschild \u201eZur Br\xfccke\u201c \xff[/] \u2013 \xe9.\n"
    latin = b'\x1b[31mIhr Stra\xdfenschild\x1b[0m\r\n\x1b[31m"Zur Br\xfccke" \xff\xff\x1b[0m - \xe9.\r\n'
    assert encoder_for(Display(ANSI16, 20, wrap=True, charset="latin-1"))(text) == latin
    assert encoder_for(Display(width=20, wrap=True, charset="ascii"))(text) == (b'Ihr Stra?enschild\r\n"Zur Brucke" y - e.\r\n')
    assert encoder_for(Display(charset="ascii"))(text) == b'Ihr Stra?enschild "Zur Brucke" y - e.\r\n'


def test_the_dots_of_an_ellipsis_count() -> None:
    text = "one two three four\u2026 [bold]five\u2026[/]\n"
    assert encoder_for(Display(width=20, wrap=True))(text) == "one two three four\u2026\r\nfive\u2026\r\n".encode()
    for charset in ("latin-1", "ascii"):
        data = encoder_for(Display(ANSI16, 20, wrap=True, charset=charset))(text)
        assert data == b"one two three\r\nfour... \x1b[1mfive...\x1b[0m\r\n"


@given(st.text(), st.sampled_from(Colours), st.integers(20, 40), st.sampled_from(CHARSETS))
def test_encoders_take_any_text(text: str, colours: Colours, width: int, charset: str) -> None:
    data = encoder_for(Display(colours, width, wrap=True, charset=charset))(text)
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert b"\x1b" not in data or "[" in text


@given(st.text(ANY_WIDTH, max_size=120), st.integers(20, 40), st.sampled_from(["latin-1", "ascii"]))
def test_no_line_is_wider_than_wanted_in_any_charset(text: str, width: int, charset: str) -> None:
    data = encoder_for(Display(width=width, wrap=True, charset=charset))(text)
    for line in data.replace(IAC + IAC, IAC).decode(charset).split("\r\n"):
        assert len(line) <= width


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

"""Markup: what is a tag and what is not, what terminals are sent for it, and that nothing leaks or grows."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.text.colours import COLOUR_NAMES, STYLES, Colours
from holomush.text.markup import DEPTH, LONGEST_TAG, clean, close, cut, escape, has_markup, pieces, render, settle, strip

NAMES = st.sampled_from([*STYLES, *COLOUR_NAMES, "on-red", "on-bright-blue", "#ff8800", "on-#202020", "/", "/all"])
ODD_ONES = st.sampled_from(
    ["[[", "[", "]", "[re", "d]", "[o", "[#ff", "8800]", "[/al", "[Red]", "[ok]", "[]", "\n", "\x1b[31m", "\0"]
)
TAGS = NAMES.map("[{}]".format) | ODD_ONES
TEXTS = st.lists(TAGS | st.text(max_size=5), max_size=20).map("".join)
SGR = re.compile(r"\x1b\[[0-9;]*m")
ESC = "\x1b"


def seen(terminal: str) -> list[tuple[str, frozenset[str]]]:
    """What stands on a terminal: each character with what is set for it. Colours are kept apart from styles by number."""
    shown: list[tuple[str, frozenset[str]]] = []
    state: dict[str, str] = {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", terminal):
        if part.startswith(ESC):
            for number in part[2:-1].split(";"):
                if number == "0":
                    state = {}
                else:
                    slot = "letters" if number[0] in "39" and len(number) == 2 else "ground" if len(number) > 1 else number
                    state[slot] = number
        else:
            shown += [(character, frozenset(state.values())) for character in part]
    return shown


def look(markup: str) -> list[tuple[str, frozenset[str]]]:
    return seen(render(markup, Colours.ANSI16))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a [red]b[/] c", "a \x1b[31mb\x1b[0m c"),
        ("[bold]a[red]b[/]c[/]d", "\x1b[1ma\x1b[0;1;31mb\x1b[0;1mc\x1b[0md"),
        ("[red]a[on-blue]b[green]c[/all]d", "\x1b[31ma\x1b[0;31;44mb\x1b[0;32;44mc\x1b[0md"),
        ("[red]one\ntwo", "\x1b[31mone\x1b[0m\ntwo"),
        ("[red]one[/]\n[/]two", "\x1b[31mone\x1b[0m\ntwo"),
        ("[dim][italic][underline][reverse]x", "\x1b[2;3;4;7mx\x1b[0m"),
        ("[#ff0000]x", "\x1b[91mx\x1b[0m"),
        ("[black]x", "\x1b[30mx\x1b[0m"),
        ("[grey]x[bright-red]y", "\x1b[90mx\x1b[0;91my\x1b[0m"),
        ("[[red] [[[red]x", "[red] [\x1b[31mx\x1b[0m"),
        ("[[[[", "[["),
        ("[red][/][bold][/all]", ""),
        ("[/]a[/all]b[/]", "ab"),
        ("[Red] [ok] [] [red [re\nd] [on-bold] [on-on-red] [#ff] [#gggggg] [/red] [bright-grey]", None),
        ("\x1b[31m[red]x\x1b\x07\x9b\r\u2028y", "[31m\x1b[31mxy\x1b[0m"),
        ("[re\x1bd]x", "[red]x"),
        ("tab\t\ud83d[red]é☃😀", "tab\t\x1b[31mé☃😀\x1b[0m"),
    ],
)
def test_rendering(text: str, expected: str | None) -> None:
    assert render(text, Colours.ANSI16) == (text if expected is None else expected)


def test_the_same_for_more_and_for_fewer_colours() -> None:
    text = "[#ff8800]fire[/] [red]and[/] [bold]ice[/]"
    assert render(text, Colours.TRUE) == "\x1b[38;2;255;136;0mfire\x1b[0m \x1b[31mand\x1b[0m \x1b[1mice\x1b[0m"
    assert render(text, Colours.ANSI256) == "\x1b[38;5;208mfire\x1b[0m \x1b[31mand\x1b[0m \x1b[1mice\x1b[0m"
    assert render(text, Colours.NONE) == "fire and ice"


def test_too_deep_a_tag_changes_nothing_but_is_closed_all_the_same() -> None:
    text = "[red]" + "[bold]" * (DEPTH - 1) + "[blue]deep[/]still" + "[/]" * (DEPTH - 1) + "red[/]plain"
    assert render(text, Colours.ANSI16) == "\x1b[1;31mdeepstill\x1b[0;31mred\x1b[0mplain"
    assert render("[red]" * 1000 + "[/all]plain", Colours.ANSI16) == "plain"


@given(TEXTS, st.sampled_from(Colours))
def test_only_our_own_sequences_leave(text: str, colours: Colours) -> None:
    shown = render(text, colours)
    plain = SGR.sub("", shown)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in plain if c not in "\t\n")
    assert colours is not Colours.NONE or shown == plain
    assert plain == clean(strip(text)) == render(text, Colours.NONE)
    shown.encode()
    for line in shown.split("\n"):
        assert ESC not in line or SGR.findall(line)[-1] == "\x1b[0m"


@given(TEXTS)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    assert strip(escape(text)) == text
    assert render(escape(text), Colours.TRUE) == clean(text)


@given(TEXTS)
def test_what_has_no_markup_is_shown_as_it_is(text: str) -> None:
    assert "".join(pieces(text)) == text
    if not has_markup(text):
        assert strip(text) == text
        assert len(pieces(text)) == 1
    if strip(text) != text:
        assert has_markup(text)


@pytest.mark.parametrize(("text", "expected"), [("a [ok]", False), ("[red", False), ("[[x", True), ("[/]", True), ("a", False)])
def test_has_markup(text: str, *, expected: bool) -> None:
    assert has_markup(text) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("[red]hot", "[red]hot[/]"),
        ("[red][bold]hot[/]", "[red][bold]hot[/][/]"),
        ("[red]a\n[bold]b", "[red]a[/]\n[bold]b[/]"),
        ("a[/][/all]b", "ab"),
        ("[red][bold]x[/all]y[/]", "[red][bold]x[/][/]y"),
        ("[[red] [ok]", "[[red] [ok]"),
        ("[", "[["),
        ("[[", "[["),
        ("[[[", "[[[["),
        ("see [re", "see [[re"),
        ("[red]see [on-bright-magent", "[red]see [[on-bright-magent[/]"),
        ("an array[0", "an array[[0"),
        ("an array[0] ", "an array[0] "),
    ],
)
def test_closing(value: str, expected: str) -> None:
    assert close(value) == expected


@given(TEXTS, TEXTS, TEXTS)
def test_a_closed_value_leaks_into_nothing(before: str, value: str, after: str) -> None:
    """What stands before and after it looks as if the value were not there, however the three are cut out of tags."""
    start = settle(before.replace("\n", ""))
    value, after = value.replace("\n", ""), after.replace("\n", "")
    whole = look(start + close(value) + after)
    alone, without = look(start), look(start + after)
    assert whole[: len(alone)] == alone
    assert strip(start + close(value)) == strip(start) + strip(value)
    if not (start.count("[") and after):
        rest = without[len(alone) :]
        assert whole[len(whole) - len(rest) :] == rest


@given(TEXTS, TEXTS)
def test_a_closed_value_ends_what_it_begins(value: str, after: str) -> None:
    assert look(close(value) + after)[len(look(value)) :] == look(after)
    assert look(close(value)) == look(value)
    assert close(close(value)) == close(value)


@given(TEXTS, TEXTS)
def test_a_settled_text_looks_the_same_and_makes_no_tag_with_what_follows(text: str, after: str) -> None:
    assert look(settle(text)) == look(text)
    assert strip(settle(text) + after) == strip(text) + strip(after)


@given(TEXTS, st.integers(0, 60))
def test_a_cut_text_is_a_beginning_of_the_whole(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert len(kept.encode(errors="ignore")) <= limit
    assert clean(strip(text)).startswith(clean(strip(kept)))
    if len(text.encode(errors="ignore")) <= limit:
        assert kept == text


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, ""), (3, "abc"), (4, "abc"), (7, "abc"), (8, "abc[red]"), (10, "abc[red]ü"), (11, "abc[red]ü")]
)
def test_no_tag_is_cut_in_two(limit: int, expected: str) -> None:
    assert cut("abc[red]üü", limit) == expected


def test_doubled_brackets_are_not_cut_in_two() -> None:
    assert [cut("[[[[red]x", limit) for limit in range(6)] == ["", "", "[[", "[[", "[[[[", "[[[[r"]


def test_the_longest_tag_is_known() -> None:
    longest = max((f"[on-{name}]" for name in (*COLOUR_NAMES, "#123456")), key=len)
    assert len(longest) == LONGEST_TAG
    assert has_markup(longest)


HOSTILE = {
    "brackets": "[" * 100_000,
    "torn tags": "[on-bright-magent" * 6_000,
    "open tags": "[#123456]" * 11_000,
    "closing tags": "[/]" * 33_000,
    "many colours": "[#123456]x[/]y" * 7_000,
    "deep and shallow": ("[on-#123456][#123456][bold][dim][italic][underline][reverse]" + "x[/]" * 7) * 1_100,
    "deep for ever": "[on-#123456]" * DEPTH + "[bold]x[/]y" * 9_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_neither_long_nor_much(text: str) -> None:
    """Quadratic work on these would take minutes."""
    before = time.process_time()
    for made in (render(text, Colours.TRUE), render(text, Colours.ANSI16), close(text), settle(text), cut(text, 50_000)):
        assert len(made) <= 8 * len(text)
    assert time.process_time() - before < 5

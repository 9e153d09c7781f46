"""Markup as data: what is read, and how it looks, is the same as on a terminal."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.text.colours import COLOUR_NAMES, STYLES, Colours
from holomush.text.markup import DEPTH, render
from holomush.text.spans import Style, spans


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", []),
        ("plain", [("plain", {})]),
        ("[red]", []),
        ("a [[bracket]", [("a ", {}), ("[bracket]", {})]),
        ("[bold]a[/]b", [("a", {"bold": True}), ("b", {})]),
        ("[bold][red]a[/]b[/]c", [("a", {"bold": True, "color": "red"}), ("b", {"bold": True}), ("c", {})]),
        ("[red][blue]a[/all]b", [("a", {"color": "blue"}), ("b", {})]),
        ("[#Ff8800][on-bright-black]a", [("a", {"color": "#Ff8800", "background": "bright-black"})]),
        ("[grey]a", [("a", {"color": "grey"})]),
        ("[dim][italic][underline][reverse]a", [("a", {"dim": True, "italic": True, "underline": True, "reverse": True})]),
        ("[red]a\nb", [("a\n", {"color": "red"}), ("b", {})]),
        ("a\n[red]b", [("a\n", {}), ("b", {"color": "red"})]),
        ("[/]a[/all]", [("a", {})]),
        ("[nonsense]a", [("[nonsense]a", {})]),
        ("[re\x00d]a", [("[red]a", {})]),  # no tag with a control character inside becomes one without
        ("a\x1b[31mb\x07", [("a[31mb", {})]),
        ("<b>&amp;</b>", [("<b>&amp;</b>", {})]),
        ("half \ud83d\t.", [("half \t.", {})]),
    ],
)
def test_runs(text: str, runs: list[tuple[str, Style]]) -> None:
    found = spans(text)
    merged = "".join(run for run, _ in found)
    assert merged == "".join(run for run, _ in runs)
    assert by_character(found) == by_character(runs)


def test_runs_that_look_alike_are_one() -> None:
    assert spans("[red]a[/][red]b[/] c[[d") == [("ab", {"color": "red"}), (" c[d", {})]


def test_what_is_too_deep_changes_nothing() -> None:
    text = "[bold]" * DEPTH + "[red]a" + "[/]" * DEPTH + "b[/]c"
    assert by_character(spans(text)) == by_character([("ab", {"bold": True}), ("c", {})])


def by_character(runs: list[tuple[str, Style]]) -> list[tuple[str, Style]]:
    return [(character, dict(style)) for text, style in runs for character in text if character != "\n"]


TAGS = st.sampled_from([*(f"[{name}]" for name in (*STYLES, *COLOUR_NAMES)), "[on-red]", "[on-#102030]", "[#ABCDEF]"])
TEXTS = st.lists(
    TAGS | st.sampled_from(["[/]", "[/all]", "[[", "[", "]", "\n", "\0", "\x1b[0m", "\ud800", "\u2028", "\t"]) | st.text(max_size=5)
).map("".join)

SGR = re.compile("\x1b\\[([0-9;]*)m")
NUMBERS = {number: name for name, number in STYLES.items()}
NAMES = [name for name in COLOUR_NAMES if name != "grey"]


@given(TEXTS)
def test_the_texts_together_are_what_is_read_without_colours(text: str) -> None:
    runs = spans(text)
    assert "".join(run for run, _ in runs) == render(text, Colours.NONE)
    assert all(run for run, _ in runs)
    assert all(one[1] != other[1] for one, other in pairwise(runs))


@given(TEXTS)
def test_it_looks_as_it_would_on_a_terminal(text: str) -> None:
    assert [(one, canonical(style)) for one, style in by_character(spans(text))] == drawn(render(text, Colours.TRUE))


def canonical(style: Style) -> dict[str, object]:
    """As a terminal is told: grey has a number of its own, and digits of colours no case."""
    return {key: value if value is True else str(value).replace("grey", "bright-black").lower() for key, value in style.items()}


def drawn(rendered: str) -> list[tuple[str, dict[str, object]]]:
    """A terminal: each character as it looks there."""
    seen: list[tuple[str, dict[str, object]]] = []
    style: dict[str, object] = {}
    pieces = SGR.split(rendered)
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            seen += [(character, dict(style)) for character in piece if character != "\n"]
            continue
        codes = piece.split(";")
        while codes:
            code = codes.pop(0)
            if code in ("", "0"):
                style = {}
            elif code in NUMBERS:
                style[NUMBERS[code]] = True
            elif code in ("38", "48"):
                assert codes.pop(0) == "2"
                rgb = [int(codes.pop(0)) for _ in range(3)]
                style["color" if code == "38" else "background"] = "#{:02x}{:02x}{:02x}".format(*rgb)
            else:
                number = int(code)
                ground = number in range(40, 48) or number >= 100
                number -= 10 if ground else 0
                name = NAMES[number - 30 if number < 90 else number - 82]
                style["background" if ground else "color"] = name
    return seen

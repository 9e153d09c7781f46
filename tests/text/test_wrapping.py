"""Wrapping: words, wide characters, and tags that go on in the next row."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from holomush.text.markup import clean, has_markup, strip
from holomush.text.wrapping import wrap, wrap_line

WORDS = st.text("abcdefgh 世界。é\u0301👩\u200d", max_size=60)
TAGS = st.sampled_from(["[red]", "[bold]", "[/]", "[/all]", "[[", "[", "]", "\n", " ", "   ", "[ok]"])
TEXTS = st.lists(WORDS | TAGS, max_size=20).map("".join)


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", [""]),
        ("the quick brown fox", ["the quick", "brown fox"]),
        ("the quick ", ["the quick "]),
        ("the quick      brown", ["the quick", "brown"]),
        ("the quickly brown", ["the", "quickly", "brown"]),
        ("abcdefghijklmnopqrstuvwxyz", ["abcdefghij", "klmnopqrst", "uvwxyz"]),
        ("  abcdefghijklmnop", ["  abcdefgh", "ijklmnop"]),
        ("a  abcdefghijkl", ["a", "abcdefghij", "kl"]),
        ("          end", ["          ", "end"]),
        ("a" * 10 + " " * 30, ["a" * 10]),
        (" " * 30, [" " * 10]),
        ("exactly10! and", ["exactly10!", "and"]),
        ("grüße an ürsüla", ["grüße an", "ürsüla"]),
        ("e\u0301" * 12, ["e\u0301" * 10, "e\u0301" * 2]),
        ("世界世界世界世界", ["世界世界世", "界世界"]),
        ("a世界世界世界世界", ["a世界世界", "世界世界"]),
        ("世界世界世。世界", ["世界世界", "世。世界"]),
        ("世界世界「世界」", ["世界世界", "「世界」"]),
        ("👩\u200d👩\u200d👧" * 6, ["👩\u200d👩\u200d👧" * 5, "👩\u200d👩\u200d👧"]),
        ("no\u00a0break here", ["no\u00a0break", "here"]),
        ("a\tb\tc", ["a\tb", "\tc"]),
        ("[red]the quick[/] brown fox", ["[red]the quick", "brown fox"]),
        ("[red]the quick brown[/] fox", ["[red]the quick", "[red]brown[/] fox"]),
        ("[red]the [bold]quick brown[/all] fox", ["[red]the [bold]quick", "[red][bold]brown[/all] fox"]),
        ("the quick [red]brown fox", ["the quick", "[red]brown fox"]),
        ("the [red]quick", ["the [red]quick"]),
        ("[[1] [[2] [[3] [[4]", ["[[1] [[2]", "[[3] [[4]"]),
        ("[red]the [ok] and brown", ["[red]the [[ok]", "[red]and brown"]),
    ],
)
def test_a_line(line: str, rows: list[str]) -> None:
    assert wrap_line(line, 10) == rows


def test_lines_are_wrapped_one_by_one() -> None:
    assert wrap("one two three\n\nfour [red]five six\nseven", 8) == "one two\nthree\n\nfour\n[red]five six\nseven"


def test_a_line_that_fits_is_left_alone() -> None:
    assert wrap("[red]short[/] ", 10) == "[red]short[/] "
    assert wrap("世界", 4) == "世界"


def test_the_deepest_tags_are_left_out_in_every_row() -> None:
    text = "[red]" * 16 + "[blue]aaaa[/] bbbb[/]!"
    assert wrap_line(text, 5) == ["[red]" * 16 + "aaaa", "[red]" * 16 + "bbbb[/]!"]


@given(TEXTS, st.integers(20, 40))
def test_nothing_is_lost_and_every_row_fits(text: str, width: int) -> None:
    for line in text.split("\n"):
        rows = wrap_line(line, width)
        plain = [strip(row) for row in rows]
        assert all(wcswidth(row) <= width for row in plain)
        assert "".join("".join(plain).split()) == "".join(strip(line).split())
        # A row is as full as it can be: its successor's first word would not have fitted, or there was no need to break.
        assert all(row for row in plain[1:])
    assert wrap(wrap(text, width), width) == wrap(text, width) or "\t" in text


@given(st.text(), st.integers(20, 40))
def test_any_text_at_all(text: str, width: int) -> None:
    wrapped = wrap(text, width)
    assert "".join(strip(wrapped).split()) == "".join(strip(text).split())
    assert has_markup(text) or not has_markup(clean(wrapped).replace("\n", ""))


HOSTILE = {
    "one word": "x" * 100_000,
    "spaces": " " * 100_000,
    "spaces and a word": " " * 100_000 + "x",
    "letters and spaces": "x " * 50_000,
    "marks": "e" + "\u0301" * 100_000,
    "marked words": ("e" + "\u0301" * 500 + " ") * 200,
    "joined": "👩\u200d" * 50_000,
    "no width": "\u200b" * 100_000,
    "wide": "世" * 50_000,
    "tags": "[red]" * 20_000 + "x" * 100,
    "tagged": "[red]x[/] " * 10_000,
    "controls": "\0" * 50_000 + "x" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_neither_long_nor_much(text: str) -> None:
    """Quadratic work on these would take minutes."""
    before = time.process_time()
    assert len(wrap(text, 20)) <= 8 * len(text)
    assert time.process_time() - before < 5

"""Long text in pages: what is shown at once, what waits, and how one is told of it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.sessions.pager import Pager
from holomush.text.display import Display


@attrs.define(eq=False)
class Reader:
    """Keeps what it is sent as plain text."""

    display: Display = attrs.Factory(lambda: Display(page_length=3))
    sent: list[str] = attrs.Factory(list)

    def tell(self, text: str) -> None:
        self.sent.append(f"{text}\n")


def lines(first: int, last: int) -> str:
    return "".join(f"{n}\n" for n in range(first, last + 1))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_fits_is_shown_whole(count: int) -> None:
    reader = Reader()
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show(lines(1, count).removesuffix("\n"))
    assert reader.sent == [lines(1, count)]
    assert not pager.is_waiting


def test_nothing_is_an_empty_line() -> None:
    reader = Reader()
    Pager(lambda: reader.display, reader.tell).show("")
    assert reader.sent == ["\n"]


def test_page_by_page() -> None:
    reader = Reader()
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show(lines(1, 7).removesuffix("\n"))
    for _ in range(2):
        pager.turn()
    assert not pager.is_waiting
    assert reader.sent == [
        lines(1, 3) + "(4 more lines. Type more to go on.)\n",
        lines(4, 6) + "(1 more line. Type more to go on.)\n",
        lines(7, 7),
    ]


def test_another_text_takes_the_place_of_the_rest() -> None:
    reader = Reader()
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show(lines(1, 9))
    pager.show("short")
    assert reader.sent[1] == "short\n"
    assert not pager.is_waiting


def test_the_rest_can_be_forgotten() -> None:
    reader = Reader()
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show(lines(1, 9))
    pager.forget()
    assert not pager.is_waiting


def test_long_lines_take_several_rows() -> None:
    reader = Reader(Display(page_length=3, width=20))
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show("\n".join(["word " * 7, "word " * 7]))
    assert pager.is_waiting
    assert reader.sent[0].endswith("\n(1 more line. Type more to go on.)\n")


def test_what_is_changed_meanwhile_holds_for_the_next_text() -> None:
    reader = Reader()
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show(lines(1, 7))
    reader.display = Display(page_length=None)
    pager.turn()
    assert reader.sent[1].startswith(lines(4, 6))
    pager.show(lines(1, 99).removesuffix("\n"))
    assert reader.sent[2] == lines(1, 99)


@given(st.lists(st.text("ab ", max_size=10), min_size=1), st.integers(5, 200))
def test_every_line_is_shown_once_in_order(texts: list[str], page_length: int) -> None:
    reader = Reader(Display(page_length=page_length))
    pager = Pager(lambda: reader.display, reader.tell)
    pager.show("\n".join(texts))
    while pager.is_waiting:
        pager.turn()
    shown = "".join(reader.sent).splitlines()
    assert [line for line in shown if not line.startswith("(")] == texts
    assert len(reader.sent) == -(-len(texts) // page_length)

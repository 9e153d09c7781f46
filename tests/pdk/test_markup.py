"""holomush_pdk.markup, against the markup that the server reads."""

from __future__ import annotations

from holomush_pdk.markup import closed, typed
from hypothesis import given
from hypothesis import strategies as st

from holomush.text.colours import Colours
from holomush.text.markup import render, strip

TEXTS = st.text(alphabet="[]/ab#-1 ", max_size=40) | st.lists(
    st.sampled_from(["[red]", "[/]", "[/all]", "[[", "[", "]", "x", "[bold]", "[#ff8800]", "[on-blue]"])
).map("".join)


@given(TEXTS)
def test_what_is_typed_is_shown_as_it_is(text: str) -> None:
    assert strip(typed(text)) == text
    assert render(typed(text), Colours.TRUE) == text


@given(TEXTS)
def test_what_is_closed_colours_nothing_behind_it(text: str) -> None:
    shown = render(f"{closed(text)}after", Colours.TRUE)
    assert shown.endswith("after")
    assert strip(f"{closed(text)}after") == f"{strip(text)}after"


def test_plain_text_stays_the_same() -> None:
    assert closed("hello") == typed("hello") == "hello"

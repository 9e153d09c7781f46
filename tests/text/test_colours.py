"""Colours: what becomes of one where there are fewer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.text.colours import COLOUR_NAMES, PLAIN, Colours, Paint

HEX = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("name", "colours", "letters", "ground"),
    [
        ("red", Colours.ANSI16, ";31", ";41"),
        ("red", Colours.TRUE, ";31", ";41"),
        ("black", Colours.ANSI256, ";30", ";40"),
        ("grey", Colours.ANSI16, ";90", ";100"),
        ("bright-white", Colours.ANSI16, ";97", ";107"),
        ("#ff8800", Colours.TRUE, ";38;2;255;136;0", ";48;2;255;136;0"),
        ("#FF8800", Colours.ANSI256, ";38;5;208", ";48;5;208"),
        ("#ff8800", Colours.ANSI16, ";33", ";43"),
        ("#000000", Colours.ANSI256, ";38;5;16", ";48;5;16"),
        ("#ffffff", Colours.ANSI256, ";38;5;231", ";48;5;231"),
        ("#808080", Colours.ANSI256, ";38;5;244", ";48;5;244"),
        ("#5f87af", Colours.ANSI256, ";38;5;67", ";48;5;67"),
        ("#000000", Colours.ANSI16, ";30", ";40"),
        ("#ffffff", Colours.ANSI16, ";97", ";107"),
        ("#ff0000", Colours.ANSI16, ";91", ";101"),
        ("#808080", Colours.ANSI16, ";90", ";100"),
    ],
)
def test_the_nearest_colour(name: str, colours: Colours, letters: str, ground: str) -> None:
    assert PLAIN.with_(name, colours) == Paint("", letters, "")
    assert PLAIN.with_(f"on-{name}", colours) == Paint("", "", ground)


@pytest.mark.parametrize("colours", [Colours.ANSI16, Colours.ANSI256])
@given(colour=HEX)
def test_every_colour_has_a_nearest(colours: Colours, colour: str) -> None:
    parameters = PLAIN.with_(colour, colours).letters.split(";")
    if colours is Colours.ANSI256:
        assert parameters[:3] == ["", "38", "5"]
        assert 16 <= int(parameters[3]) <= 255
    else:
        assert int(parameters[1]) in {*range(30, 38), *range(90, 98)}


def test_a_colour_of_the_256_is_its_own_nearest() -> None:
    steps = (0, 95, 135, 175, 215, 255)
    for number in range(16, 256):
        rest = number - 16
        rgb = (steps[rest // 36], steps[rest // 6 % 6], steps[rest % 6]) if number < 232 else (8 + 10 * (number - 232),) * 3
        assert PLAIN.with_("#{:02x}{:02x}{:02x}".format(*rgb), Colours.ANSI256).letters == f";38;5;{number}"


def test_sequences_say_as_much_as_is_needed() -> None:
    red = PLAIN.with_("red", Colours.ANSI16)
    bold_red = red.with_("bold", Colours.ANSI16)
    assert red.sgr(PLAIN) == "\x1b[31m"
    assert bold_red.sgr(red) == "\x1b[0;1;31m"
    assert red.sgr(bold_red) == "\x1b[0;31m"
    assert PLAIN.sgr(red) == "\x1b[0m"
    assert bold_red.with_("bold", Colours.ANSI16) == bold_red
    assert bold_red.with_("green", Colours.ANSI16).with_("on-blue", Colours.ANSI16).sgr(PLAIN) == "\x1b[1;32;44m"


@pytest.mark.parametrize("name", ["", "pink", "#fff", "#gggggg", "on-", "on-on-red", "on-bold", "bright-grey", "#12345\n"])
def test_what_is_no_colour(name: str) -> None:
    assert name not in COLOUR_NAMES
    with pytest.raises(ValueError, match="is no colour"):
        PLAIN.with_(name, Colours.TRUE)

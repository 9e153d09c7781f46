"""What players may choose of how text is shown."""

import attrs
import pytest

from holomush.text.preferences import BadPreference, Preferences, check_preferences

COLOUR = "colour is auto, none, 16, 256 or true."
SCREEN_READER = "screen_reader is auto, on or off."
WIDTH = "width is auto or a number from 20 to 250."
PAGE_LENGTH = "page_length is off or a number from 5 to 200."
CHARSET = "charset is auto, utf-8, latin-1 or ascii."
PROMPT = "prompt is off or on."
KEEPALIVE = "keepalive is on or off."
DEFAULTS = {
    "colour": "auto",
    "width": "auto",
    "screen_reader": "auto",
    "page_length": "off",
    "charset": "auto",
    "prompt": "off",
    "keepalive": "on",
}


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        dict.fromkeys(DEFAULTS),
        DEFAULTS,
    ],
)
def test_defaults(chosen: dict[str, object]) -> None:
    assert check_preferences(chosen) == Preferences()
    assert attrs.asdict(Preferences()) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("colour", "none"), ("colour", "16"), ("colour", "256"), ("colour", "true"), ("screen_reader", "on")],
        *[("screen_reader", "off"), ("width", 20), ("width", 250), ("page_length", 5), ("page_length", 200)],
        *[("charset", "utf-8"), ("charset", "latin-1"), ("charset", "ascii"), ("prompt", "on"), ("keepalive", "off")],
    ],
)
def test_what_may_be_chosen(name: str, value: object) -> None:
    assert attrs.asdict(check_preferences({name: value})) == DEFAULTS | {name: value}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("colour", "red", COLOUR),
        ("colour", "", COLOUR),
        ("colour", 16, COLOUR),
        ("colour", True, COLOUR),
        ("colour", [], COLOUR),
        ("screen_reader", "yes", SCREEN_READER),
        ("screen_reader", True, SCREEN_READER),
        ("width", 19, WIDTH),
        ("width", 251, WIDTH),
        ("width", 80.0, WIDTH),
        ("width", "80", WIDTH),
        ("width", True, WIDTH),
        ("width", "off", WIDTH),
        ("page_length", 4, PAGE_LENGTH),
        ("page_length", 201, PAGE_LENGTH),
        ("page_length", False, PAGE_LENGTH),
        ("page_length", "auto", PAGE_LENGTH),
        ("charset", "klingon", CHARSET),
        ("charset", "UTF-8", CHARSET),
        ("charset", 1, CHARSET),
        ("prompt", "auto", PROMPT),
        ("prompt", True, PROMPT),
        ("prompt", "> ", PROMPT),
        ("keepalive", "auto", KEEPALIVE),
        ("keepalive", False, KEEPALIVE),
        ("keepalive", 60, KEEPALIVE),
        (
            "color",
            "none",
            'There is no preference "color". There are colour, width, screen_reader, page_length, charset, prompt and keepalive.',
        ),
    ],
)
def test_what_may_not(name: str, value: object, message: str) -> None:
    with pytest.raises(BadPreference) as caught:
        check_preferences({name: value})
    assert str(caught.value) == message

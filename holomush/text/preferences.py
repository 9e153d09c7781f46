"""What players choose of how text is shown to them. Owns the names and the values that there are."""

from collections.abc import Mapping
from typing import Final

import attrs

from holomush.errors import HolomushError

MIN_WIDTH, MAX_WIDTH = 20, 250
MIN_PAGE, MAX_PAGE = 5, 200

_COLOURS: Final = ("auto", "none", "16", "256", "true")
_SCREEN_READER: Final = ("auto", "on", "off")
CHARSETS: Final = ("utf-8", "latin-1", "ascii")
_PROMPT: Final = ("off", "on")
_KEEPALIVE: Final = ("on", "off")


class BadPreference(HolomushError):
    """A preference that there is not, or a value that it cannot have. ``str()`` is one line for the player."""


@attrs.frozen(kw_only=True)
class Preferences:
    """How one player wants text. Make one with ``check_preferences``; ``attrs.asdict`` gives what it was made of."""

    colour: str = "auto"
    width: int | str = "auto"
    screen_reader: str = "auto"
    page_length: int | str = "off"
    charset: str = "auto"
    prompt: str = "off"
    """Whether a prompt stands below all that is shown."""
    keepalive: str = "on"
    """Whether a connection on which nothing happens is kept alive; some old clients show that as garbage."""


def check_preferences(mapping: Mapping[str, object]) -> Preferences:
    """Preferences of what came from outside. What is missing or null is as it is by default. Raises BadPreference."""
    known = [field.name for field in attrs.fields(Preferences)]
    for name in mapping:
        if name not in known:
            raise BadPreference(f'There is no preference "{name}". There are {", ".join(known[:-1])} and {known[-1]}.')
    return Preferences(
        colour=_one_of("colour", mapping.get("colour"), _COLOURS),
        width=_number("width", mapping.get("width"), "auto", MIN_WIDTH, MAX_WIDTH),
        screen_reader=_one_of("screen_reader", mapping.get("screen_reader"), _SCREEN_READER),
        page_length=_number("page_length", mapping.get("page_length"), "off", MIN_PAGE, MAX_PAGE),
        charset=_one_of("charset", mapping.get("charset"), ("auto", *CHARSETS)),
        prompt=_one_of("prompt", mapping.get("prompt"), _PROMPT),
        keepalive=_one_of("keepalive", mapping.get("keepalive"), _KEEPALIVE),
    )


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """One of the words; the first if there is none."""
    if value is None:
        return allowed[0]
    if isinstance(value, str) and value in allowed:
        return value
    raise BadPreference(f"{name} is {', '.join(allowed[:-1])} or {allowed[-1]}.")


def _number(name: str, value: object, word: str, least: int, most: int) -> int | str:
    """A number of the range, or the one word that may stand in its place; the word if there is nothing."""
    if value is None or value == word:
        return word
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise BadPreference(f"{name} is {word} or a number from {least} to {most}.")

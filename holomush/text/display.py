"""How one client is shown text: what it can do, and what its player wants.

Owns the rules that make one of both, one encoder for each kind of client, and pages.
"""

from functools import lru_cache
from typing import Final

import attrs

from holomush.text.colours import Colours
from holomush.text.encoding import ELLIPSIS, Encoder, markup_encoder
from holomush.text.preferences import CHARSETS, MAX_WIDTH, MIN_WIDTH, Preferences
from holomush.text.wrapping import wrap, wrap_line

DEFAULT_WIDTH: Final = 80

# Bits of MTTS, the Mud Terminal Type Standard.
_MTTS_ANSI, _MTTS_256, _MTTS_SCREEN_READER, _MTTS_TRUE = 1, 8, 64, 256

_BY_HAND: Final = {"none": Colours.NONE, "16": Colours.ANSI16, "256": Colours.ANSI256, "true": Colours.TRUE}

# Names, in small letters, of terminals and of clients that do not say what they can. A name may go on with a version or
# a variant after something that is no letter: "xterm-color", "tinyfugue 5.0".
_KNOWN_TERMINALS: Final = {
    **dict.fromkeys(("xterm-kitty", "alacritty", "foot", "wezterm", "ghostty", "beip"), Colours.TRUE),
    **dict.fromkeys(("tintin++", "mudlet", "mushclient", "cmud", "blightmud", "kildclient", "potato"), Colours.ANSI256),
    **dict.fromkeys(("ansi", "xterm", "linux", "screen", "tmux", "rxvt", "putty", "cygwin", "konsole", "gnome"), Colours.ANSI16),
    **dict.fromkeys(("vt100", "vt102", "vt220", "vt320", "vt420", "eterm", "zmud", "tinyfugue", "atlantis"), Colours.ANSI16),
}


@attrs.frozen
class Abilities:
    """What a client said of itself. ``columns`` and ``rows`` are 0, and ``mtts`` is None, if it did not."""

    terminal_types: tuple[str, ...] = ()
    mtts: int | None = None
    columns: int = 0
    rows: int = 0
    charset: str | None = None
    """``utf-8``, ``latin-1`` or ``ascii``."""
    screen_reader: bool = False


@attrs.frozen
class Display:
    """What one client is shown. ``width`` is in columns; the server wraps at it only if ``wrap``, else the client does."""

    colours: Colours = Colours.NONE
    width: int = DEFAULT_WIDTH
    wrap: bool = False
    screen_reader: bool = False
    page_length: int | None = None
    """Rows of a page, None for everything at once."""
    charset: str = "utf-8"


def display_for(abilities: Abilities, preferences: Preferences) -> Display:
    """What is chosen by hand, else what fits the client. Who has a screen reader gets whole lines, in colour only by hand."""
    mtts = abilities.mtts or 0
    choice = preferences.screen_reader
    screen_reader = abilities.screen_reader or bool(mtts & _MTTS_SCREEN_READER) if choice == "auto" else choice == "on"
    colours = _BY_HAND.get(preferences.colour)
    if colours is None:
        colours = Colours.NONE if screen_reader else _colours_of(abilities)
    width, page = preferences.width, preferences.page_length
    return Display(
        colours=colours,
        width=width if isinstance(width, int) else _fitting(abilities.columns),
        wrap=isinstance(width, int) and not screen_reader,
        screen_reader=screen_reader,
        page_length=page if isinstance(page, int) else None,
        charset=(abilities.charset or "utf-8") if preferences.charset == "auto" else preferences.charset,
    )


def _fitting(columns: int) -> int:
    """A window may be narrower or wider than anything that can be laid out well."""
    return min(MAX_WIDTH, max(MIN_WIDTH, columns)) if columns else DEFAULT_WIDTH


def encoder_for(display: Display) -> Encoder:
    """Makes telnet bytes of markup for such a client: the same object for all that are shown the same.

    So whoever talks to many makes the bytes of a line once for each kind of client.
    """
    return _encoder(display.colours, display.width if display.wrap else None, display.charset)


def paged(text: str, page_length: int | None, width: int) -> list[list[str]]:
    """The lines of markup page by page. A page takes at most ``page_length`` rows of a window ``width`` columns wide.

    A line that no longer fits goes to the next page as a whole. Only one that no page could take is broken: its rows
    fill one page after the other. Without a length there is one page.
    """
    lines = text.split("\n")
    if page_length is None:
        return [lines]
    pages: list[list[str]] = [[]]
    left = page_length
    for line in lines:
        rows = wrap_line(line, width)
        # Parts that stay together, and how many rows each takes.
        parts, height = ([line], len(rows)) if len(rows) <= page_length else (rows, 1)
        for part in parts:
            if height > left:
                pages.append([])
                left = page_length
            pages[-1].append(part)
            left -= height
    return pages


@lru_cache(maxsize=(1 + MAX_WIDTH) * len(Colours) * len(CHARSETS))  # all that there can be: none is ever made twice
def _encoder(colours: Colours, wrap_at: int | None, charset: str) -> Encoder:
    encode = markup_encoder(colours, charset)
    if wrap_at is None:
        return encode
    if charset == "utf-8":
        return lambda text: encode(wrap(text, wrap_at))
    # Its dots take three columns in such a charset.
    return lambda text: encode(wrap(text.replace(ELLIPSIS, "..."), wrap_at))


def _colours_of(abilities: Abilities) -> Colours:
    if abilities.mtts is not None:
        for bit, colours in ((_MTTS_TRUE, Colours.TRUE), (_MTTS_256, Colours.ANSI256), (_MTTS_ANSI, Colours.ANSI16)):
            if abilities.mtts & bit:
                return colours
        return Colours.NONE
    return max(map(_colours_of_terminal, abilities.terminal_types), default=Colours.NONE)


def _colours_of_terminal(name: str) -> Colours:
    name = name.lower()
    if name.endswith(("truecolor", "-direct")):
        return Colours.TRUE
    if "256color" in name:
        return Colours.ANSI256
    known = [colours for terminal, colours in _KNOWN_TERMINALS.items() if _is_variant(name, terminal)]
    return max(known, default=Colours.NONE)


def _is_variant(name: str, terminal: str) -> bool:
    return name.startswith(terminal) and not name[len(terminal) : len(terminal) + 1].isalnum()

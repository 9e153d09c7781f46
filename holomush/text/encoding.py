"""Markup into the bytes of a telnet client. Owns the ends of lines, and what a client that has no UTF-8 gets instead."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final
from unicodedata import normalize

from wcwidth import wcwidth

from holomush.text.colours import Colours
from holomush.text.markup import render

ELLIPSIS: Final = "\u2026"
"""The only character for which more than one may be shown: three dots."""

Encoder = Callable[[str], bytes]

_IAC: Final = b"\xff"

# What stands for punctuation that a charset lacks.
_PLAIN: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u2039\u203a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\xab\xbb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\xa0\u2002\u2003\u2009\u202f", " "),
        **dict.fromkeys("\u2022\xb7", "*"),
        ELLIPSIS: "...",
    }
)


def markup_encoder(colours: Colours, charset: str = "utf-8") -> Encoder:
    """Makes bytes of markup, fit for telnet clients with these colours. Each call gives a new function.

    Lines end in CR LF. No other control character comes out but the tab and the sequences of colours, so nobody can send
    another player terminal sequences. A byte 255 is doubled. ``charset`` is one of ``preferences.CHARSETS``: for what it
    lacks stands punctuation that looks like it, the letter without its accent, or ``?``.
    """
    if charset != "utf-8":
        return lambda text: _narrowed(render(text, colours).replace("\n", "\r\n"), charset)

    def encode(text: str) -> bytes:
        # One line of ordinary characters, which is what almost everything is: nothing to take out, nothing to colour.
        line = text[:-1]
        if line.isprintable() and "[" not in line and text.endswith("\n"):
            return line.encode() + b"\r\n"
        # What is rendered has no halves of characters, and UTF-8 no byte 255.
        return render(text, colours).replace("\n", "\r\n").encode()

    return encode


def _narrowed(text: str, charset: str) -> bytes:
    try:
        data = text.encode(charset)
    except UnicodeEncodeError:
        data = "".join(map(partial(_likeness, charset), text)).encode(charset)
    return data.replace(_IAC, _IAC + _IAC)


@lru_cache(maxsize=4_096)
def _likeness(charset: str, character: str) -> str:
    """The character, or what the charset has for it. Nothing but an ellipsis becomes wider by it."""
    accentless = normalize("NFD", character)[0]
    for likeness in (character, _PLAIN.get(character, character), accentless):
        if likeness.encode(charset, "ignore"):
            return likeness
    # Accents that stand alone, and what joins the parts of a picture, are lost with what they belong to.
    return "?" if wcwidth(character) > 0 else ""
